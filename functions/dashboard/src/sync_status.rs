//! `GET /api/sync-status`: connections with their rate budgets, and workflows.

use jiff::Timestamp;
use serde_json::{Value, json};
use zixly_access::Viewing;
use zixly_budgets::Standing;
use zixly_domain::Provider;
use zixly_store::views::sync_status;

use crate::{
    App,
    answers::{self, Answer},
};

pub(crate) async fn show(app: &App, viewing: &Viewing) -> Answer {
    let mut status =
        app.read(viewing.tenant_id, async |tx| sync_status::load(tx, viewing.tenant_id).await).await?;
    let now = Timestamp::now();
    for connection in status["connections"].as_array_mut().into_iter().flatten() {
        let standing = standing(app, connection, now).await;
        add_standing(connection, standing, now);
    }
    Ok(answers::json(&status))
}

/// Asana counts calls by token, the others by account.
async fn standing(app: &App, connection: &Value, now: Timestamp) -> Option<Standing> {
    let provider: Provider = connection["provider"].as_str()?.parse().ok()?;
    let account = match provider {
        Provider::Asana => &connection["token_set_id"],
        _ => &connection["account_id"],
    };
    app.budgets.standing(provider, account.as_str()?, now).await
}

fn add_standing(connection: &mut Value, standing: Option<Standing>, now: Timestamp) {
    let limited_until = standing.and_then(|standing| standing.closed_until).filter(|until| *until > now);
    if limited_until.is_some() && connection["state"] == "HEALTHY" {
        connection["state"] = "RATE_LIMITED".into();
    }
    connection["limited_until"] = json!(limited_until);
    connection["budget"] = standing.map_or(Value::Null, |standing| {
        json!({
            "limit": standing.limit,
            "left": standing.left,
            "window_ms": u64::try_from(standing.window.as_millis()).unwrap_or(u64::MAX),
        })
    });
    if let Some(connection) = connection.as_object_mut() {
        connection.remove("token_set_id");
    }
}
