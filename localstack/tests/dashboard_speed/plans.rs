//! The plans that make the lists quick, as PostgreSQL makes them for the parameters that are sent.

use zixly_domain::TenantId;
use zixly_testkit::{TestDatabase, query};

use crate::say;

/// The statements, and their parameters after the tenant's.
const SHOWN: &[(&str, &str)] = &[
    ("views::jobs::LIST", "null, null, null, null, null, false, 51"),
    ("views::jobs::LIST_BY_STATUS", "null, null, null, '{FAILED}', null, false, 51"),
    ("views::jobs::LIST_BY_JOB_TYPE", "null, null, null, null, '{hubspot-deal-to-asana}', false, 51"),
    ("views::jobs::LIST_BY_RECORD", "null, null, null, null, null, false, 51, 'inv-000001', 'inv-000002'"),
    ("views::jobs::SEARCH", "null, null, null, null, null, false, 51, '%validation%', 5000, null, null"),
];

/// Prints what the planner does with each.
pub async fn print(database: &TestDatabase, tenant_id: TenantId) {
    let url = database.url_as("zixly", database.name());
    for (name, parameters) in SHOWN {
        let (_, sql) = zixly_store::statements().find(|(known, _)| known == name).expect("it is one of ours");
        say(&format!("\n{name}"));
        let explain = format!(
            "set plan_cache_mode = force_custom_plan; prepare shown as {sql};
             set role zixly_dashboard; set app.tenant_id = '{tenant_id}';
             explain (analyze, costs off, timing off, buffers) execute shown('{tenant_id}', {parameters})"
        );
        for line in query(&url, &explain).await {
            say(&format!("    {}", line[0]));
        }
    }
}
