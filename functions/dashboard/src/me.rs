//! `GET /api/config` and `GET /api/me`: what the pages have to know about the installation and about who is signed in.

use lambda_http::{Body, Response};
use serde_json::{Value, json};
use zixly_access::Viewing;
use zixly_store::views::viewers::{self, Tenant};

use crate::{
    App,
    answers::{self, Answer},
};

pub(crate) fn config(app: &App) -> Response<Body> {
    answers::json(&json!({
        "auth_url": app.config.auth_issuer,
        "auth_key": app.config.auth_key,
        "webhook_url": app.config.webhook_url,
        "has_realtime": app.config.websocket_url.is_some(),
    }))
}

pub(crate) async fn who(app: &App, viewing: &Viewing) -> Answer {
    let viewer = &viewing.viewer;
    let tenants = if viewer.is_platform_admin {
        let store = app.store().await?;
        viewers::list_tenants(&mut store.session().await?, viewing.user_id).await?
    } else {
        vec![viewer.tenant.clone()]
    };
    let shown = tenants.iter().find(|tenant| tenant.tenant_id == viewing.tenant_id).unwrap_or(&viewer.tenant);
    Ok(answers::json(&json!({
        "user_id": viewing.user_id.to_string(),
        "email": viewer.email,
        "role": viewing.role().as_str(),
        "is_platform_admin": viewer.is_platform_admin,
        "own_tenant_id": viewer.tenant.tenant_id.to_string(),
        "tenant": tenant(shown),
        "tenants": tenants.iter().map(tenant).collect::<Value>(),
    })))
}

fn tenant(tenant: &Tenant) -> Value {
    json!({ "tenant_id": tenant.tenant_id.to_string(), "name": tenant.name })
}
