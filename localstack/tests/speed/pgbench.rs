//! What PostgreSQL can do at the most: pgbench with the statement that files a delivery, and with a row inserted.

use std::process::Command;

use zixly_testkit::Role;

use crate::scene::Scene;

/// What pgbench reaches, in transactions a second.
pub struct Pgbench {
    pub deliveries: f64,
    pub rows: f64,
}

impl Pgbench {
    pub async fn measure(scene: &Scene, clients: usize, seconds: u64) -> Self {
        let table = "create table if not exists rows (id bigint generated always as identity primary key, text text); \
                     grant insert on rows to zixly_webhook";
        scene.execute(table).await;
        let deliveries = pgbench(scene, clients, seconds, &file(&scene.organisations));
        let rows = pgbench(scene, clients, seconds, "insert into rows (text) values ('one');");
        Self { deliveries, rows }
    }
}

fn pgbench(scene: &Scene, clients: usize, seconds: u64, script: &str) -> f64 {
    let file = std::env::temp_dir().join(format!("zixly-speed-{:016x}.sql", rand::random::<u64>()));
    std::fs::write(&file, script).expect("the folder for temporary files can be written to");
    // As the functions ask: each statement is parsed anew, since a pooler keeps none.
    let output = Command::new(scene.postgres.programs().join("pgbench"))
        .args(["--no-vacuum", "--protocol=extended", "--jobs=2"])
        .args([format!("--client={clients}"), format!("--time={seconds}")])
        .arg("--file")
        .arg(&file)
        .arg(scene.url(Role::Webhook))
        .output()
        .expect("pgbench is beside PostgreSQL");
    let _ = std::fs::remove_file(&file);
    let said = String::from_utf8_lossy(&output.stdout);
    // tps = 3877.627420 (without initial connection time)
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.unwrap_or_else(|| panic!("pgbench failed: {said}{}", String::from_utf8_lossy(&output.stderr)))
}

/// A delivery as the door files it, about a number that pgbench makes up.
fn file(organisations: &[String]) -> String {
    let last = organisations.len();
    let organisations = organisations.join(",");
    let payload = r#"{"resourceUrl":"https://api.xero.com/api.xro/2.0/Invoices/11111111-2222-4333-0000-000000000001","resourceId":"11111111-2222-4333-0000-000000000001","tenantId":"44444444-5555-4666-0000-000000000001","tenantType":"ORGANISATION","eventCategory":"INVOICE","eventType":"UPDATE","eventDateUtc":"2026-10-01T09:12:44.917"}"#;
    let words = "No tenant has connected the Xero account, so its events start nothing.";
    format!(
        "\\set organisation random(1, {last})
\\set invoice random(1, 9000000000000000000)
select file_delivery(uuid_v7(), 'xero', now(), '{{\"content-type\":\"application/json\"}}', '{{\"events\":[{payload}]}}', 'EMPTY', '{{}}',
    array[account],
    jsonb_build_array(jsonb_build_object('account', account, 'category', 'INVOICE', 'action', 'UPDATE',
        'resource_id', :invoice::text, 'occurred_at', '2026-10-01T09:12:44.917Z', 'dedupe_key', 'xero/' || :invoice::text,
        'payload', '{payload}'::jsonb, 'unhandled', '{words}', 'unknown', '{words}',
        'jobs', jsonb_build_array(jsonb_build_object('job_type', 'xero-invoice-to-hubspot', 'is_optional', true,
            'workflow_version', 1, 'parameters', jsonb_build_object('invoice_id', :invoice::text),
            'account_parameter', 'organisation_id')))),
    null)
  from (select (string_to_array('{organisations}', ','))[:organisation] as account) as asked;
"
    )
}
