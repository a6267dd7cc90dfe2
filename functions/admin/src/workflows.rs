//! `/api/admin/workflows`: which workflows the tenant runs, and how it wants them.

use std::collections::HashMap;

use garde::Validate;
use lambda_http::{Request, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use zixly_domain::{Provider, TenantId, Workflow, check_settings};
use zixly_lambda_kit::{fields, problem::Problem};
use zixly_store::{TenantTx, connections, workflow_settings};

use crate::{
    App,
    answers::{self, Answer, Refused, unknown},
    deeds::{Change, Doer},
};

#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct WorkflowChange {
    #[garde(skip)]
    is_enabled: bool,
    #[garde(skip)]
    settings: Value,
}

pub(crate) async fn list(app: &App, tenant_id: TenantId) -> Answer {
    let found = app.behind.in_tenant::<_, Refused>(tenant_id, async |tx| shown(tx).await).await?;
    let workflows: Value = optional().filter_map(|workflow| found.get(workflow.as_str()).cloned()).collect();
    Ok(answers::json(StatusCode::OK, &json!({ "workflows": workflows })))
}

pub(crate) async fn set(
    app: &App,
    tenant_id: TenantId,
    doer: &Doer,
    job_type: &str,
    request: &Request,
) -> Answer {
    let workflow = optional().find(|workflow| workflow.as_str() == job_type);
    let workflow = workflow.ok_or_else(|| unknown("workflow", job_type))?;
    let new: WorkflowChange = fields::read(&answers::object(request)?, "")?;
    check(workflow, &new.settings)?;
    let shown = app
        .behind
        .in_tenant::<_, Refused>(tenant_id, async |tx| {
            check_connected(tx, &new.settings).await?;
            let before = shown(tx).await?.remove(job_type).unwrap_or_default();
            workflow_settings::set(tx, tenant_id, workflow, new.is_enabled, &new.settings).await?;
            // What is watched at a provider may be something else now.
            if let Some(provider) = workflow.source() {
                for connection in connections::list(tx, provider, None).await? {
                    connections::poll_now(tx, connection.connection_id).await?;
                }
            }
            let change = Change {
                action: "workflow.set",
                subject: format!("workflow/{job_type}"),
                before: Some(json!({ "is_enabled": before["is_enabled"], "settings": before["settings"] })),
                after: Some(json!({ "is_enabled": new.is_enabled, "settings": new.settings })),
            };
            doer.record(tx, tenant_id, change).await?;
            Ok(shown(tx).await?.remove(job_type).unwrap_or_default())
        })
        .await?;
    Ok(answers::json(StatusCode::OK, &shown))
}

/// Every workflow that a tenant may switch on, by name and in the words of `Workflow`.
async fn shown(tx: &TenantTx<'_>) -> Result<HashMap<String, Value>, Refused> {
    let set: HashMap<String, Value> = workflow_settings::list(tx).await?.into_iter().collect();
    let connected = connections::list_shown(tx).await?;
    let is_healthy = |provider: &Provider| {
        connected.as_array().is_some_and(|all| {
            all.iter().any(|it| it["provider"] == provider.as_str() && it["state"] == "HEALTHY")
        })
    };
    Ok(optional()
        .map(|workflow| {
            let name = workflow.as_str();
            let needs = workflow.needs();
            let missing: Vec<&str> =
                needs.iter().filter(|it| !is_healthy(it)).map(|provider| provider.as_str()).collect();
            let needs: Vec<&str> = needs.iter().map(|provider| provider.as_str()).collect();
            let set = set.get(name);
            let field = |field: &str| set.map(|set| set[field].clone());
            let shown = json!({
                "job_type": name,
                "is_enabled": field("is_enabled").unwrap_or(json!(false)),
                "settings": field("settings").unwrap_or(json!({})),
                "needs": needs,
                "missing": missing,
                "updated_at": field("updated_at"),
            });
            (name.to_owned(), shown)
        })
        .collect())
}

fn check(workflow: Workflow, settings: &Value) -> Result<(), Problem> {
    check_settings(workflow, settings).map_err(|problems| {
        fields::all_invalid("settings", problems.into_iter().map(|it| (it.field, it.rule)))
    })
}

/// What the settings name has to be connected.
async fn check_connected(tx: &TenantTx<'_>, settings: &Value) -> Result<(), Refused> {
    let connected = connections::list_shown(tx).await?;
    let is_there = |provider: Provider, account: &str| {
        connected.as_array().is_some_and(|all| {
            all.iter().any(|it| it["provider"] == provider.as_str() && it["account_id"] == account)
        })
    };
    let problems = named_accounts(settings)
        .filter(|(_, provider, account)| !is_there(*provider, account))
        .map(|(field, provider, account)| {
            (field, format!("{account} is not connected at {}. Connect it first.", provider.name()))
        });
    let problems: Vec<(String, String)> = problems.collect();
    if problems.is_empty() { Ok(()) } else { Err(fields::all_invalid("settings", problems).into()) }
}

/// The accounts that settings name, with the field that does.
fn named_accounts(settings: &Value) -> impl Iterator<Item = (String, Provider, &str)> {
    let workspace = settings["workspace"].as_str();
    let workspace = workspace.map(|gid| ("workspace".to_owned(), Provider::Asana, gid));
    let channels = settings["notifications"].as_array().map(Vec::as_slice).unwrap_or_default();
    let channels = channels.iter().enumerate().filter_map(|(index, channel)| {
        let (field, account) =
            ["team", "webhook"].into_iter().find_map(|field| Some((field, channel[field].as_str()?)))?;
        Some((format!("notifications[{index}].{field}"), Provider::Slack, account))
    });
    workspace.into_iter().chain(channels)
}

fn optional() -> impl Iterator<Item = Workflow> {
    Workflow::ALL.iter().copied().filter(|workflow| workflow.is_optional())
}
