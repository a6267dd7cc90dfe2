//! `/api/admin/tenants`: a new customer business, with its first ADMIN. For whoever runs the installation.

use garde::Validate;
use lambda_http::{Request, http::StatusCode};
use serde::Deserialize;
use serde_json::json;
use zixly_domain::{Role, TenantId, UserId};
use zixly_lambda_kit::fields;
use zixly_store::tenants;

use crate::{
    App,
    answers::{self, Answer},
    deeds::{Change, Doer},
    users::{self, NewUser},
};

#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct NewTenant {
    #[garde(custom(users::is_name))]
    name: String,
    #[garde(custom(users::is_email))]
    admin_email: String,
    #[garde(skip)]
    admin_user_id: Option<UserId>,
}

pub(crate) async fn list(app: &App, user_id: UserId) -> Answer {
    let store = app.behind.store().await?;
    let found = tenants::list_for(&mut store.session().await?, user_id).await?;
    Ok(answers::json(StatusCode::OK, &json!({ "tenants": found })))
}

pub(crate) async fn create(app: &App, doer: &Doer, request: &Request) -> Answer {
    let new: NewTenant = fields::read(&answers::object(request)?, "")?;
    let (tenant_id, name) = (TenantId::new(), new.name.trim());
    let admin = NewUser { email: new.admin_email, role: Role::Admin, user_id: new.admin_user_id };
    users::invite_with(app, tenant_id, doer, &admin, "admin_user_id", async |tx| {
        tenants::insert(tx, tenant_id, name).await?;
        let change = Change {
            action: "tenant.make",
            subject: format!("tenant/{tenant_id}"),
            before: None,
            after: Some(json!({ "name": name })),
        };
        doer.record(tx, tenant_id, change).await
    })
    .await?;
    let now = jiff::Timestamp::now();
    let made = json!({
        "tenant_id": tenant_id.to_string(), "name": name, "created_at": now, "users": 1, "connections": 0,
    });
    Ok(answers::json(StatusCode::CREATED, &made))
}
