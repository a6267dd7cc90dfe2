//! `/api/admin/api-keys`: what the tenant's own programs call with. A key is shown once; only its hash is kept.

use garde::Validate;
use lambda_http::{Request, http::StatusCode};
use serde::Deserialize;
use serde_json::json;
use zixly_auth::ApiKey;
use zixly_domain::{ApiKeyId, TenantId, Workflow};
use zixly_lambda_kit::fields;
use zixly_store::api_keys::{self, NewKey};

use crate::{
    App,
    answers::{self, Answer, Refused, unknown},
    deeds::{Change, Doer},
    users,
};

#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct NewApiKey {
    #[garde(custom(users::is_name))]
    name: String,
    #[garde(inner(custom(are_triggers)))]
    #[serde(default)]
    job_types: Option<Vec<String>>,
}

pub(crate) async fn list(app: &App, tenant_id: TenantId) -> Answer {
    let found =
        app.behind.in_tenant::<_, Refused>(tenant_id, async |tx| Ok(api_keys::list(tx).await?)).await?;
    Ok(answers::json(StatusCode::OK, &json!({ "api_keys": found })))
}

pub(crate) async fn create(app: &App, tenant_id: TenantId, doer: &Doer, request: &Request) -> Answer {
    let new: NewApiKey = fields::read(&answers::object(request)?, "")?;
    let key = ApiKey::generate();
    let shown = app
        .behind
        .in_tenant::<_, Refused>(tenant_id, async |tx| {
            let filed = NewKey {
                tenant_id,
                name: new.name.trim(),
                key_hash: &key.hash(),
                job_types: new.job_types.as_deref(),
                created_by: Some(&doer.name),
            };
            let api_key_id = api_keys::insert(tx, &filed).await?;
            let change = Change {
                action: "key.make",
                subject: format!("api-key/{api_key_id}"),
                before: None,
                after: Some(json!({ "name": filed.name, "job_types": new.job_types })),
            };
            doer.record(tx, tenant_id, change).await?;
            let shown = api_keys::find_own(tx, api_key_id).await?;
            Ok(shown.ok_or_else(|| unknown("API key", &api_key_id.to_string()))?)
        })
        .await?;
    Ok(answers::json(StatusCode::CREATED, &json!({ "api_key": shown, "key": key.expose() })))
}

pub(crate) async fn revoke(app: &App, tenant_id: TenantId, doer: &Doer, id: &str) -> Answer {
    let api_key_id: ApiKeyId = id.parse().map_err(|_| unknown("API key", id))?;
    app.behind
        .in_tenant::<_, Refused>(tenant_id, async |tx| {
            let shown = api_keys::find_own(tx, api_key_id).await?.ok_or_else(|| unknown("API key", id))?;
            if api_keys::revoke(tx, api_key_id).await? {
                let change = Change {
                    action: "key.revoke",
                    subject: format!("api-key/{api_key_id}"),
                    before: Some(json!({ "name": shown["name"] })),
                    after: None,
                };
                doer.record(tx, tenant_id, change).await?;
            }
            Ok(())
        })
        .await?;
    Ok(answers::done())
}

fn are_triggers(names: &[String], _: &()) -> garde::Result {
    let known: Vec<&str> = Workflow::ALL.iter().filter(|it| it.is_optional()).map(|it| it.as_str()).collect();
    if !names.is_empty() && names.iter().all(|name| known.contains(&name.as_str())) {
        return Ok(());
    }
    Err(garde::Error::new(format!("it must be some of {}, or null for all", known.join(", "))))
}
