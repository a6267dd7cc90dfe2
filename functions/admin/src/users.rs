//! `/api/admin/users`: who belongs to the tenant, and what he may do. Passwords and sessions are Supabase Auth's.

use garde::Validate;
use lambda_http::{Request, http::StatusCode};
use serde::Deserialize;
use serde_json::json;
use zixly_connectors::supabase_auth::AuthAdminError;
use zixly_domain::{Role, TenantId, UserId};
use zixly_lambda_kit::{Chain, fields};
use zixly_store::{
    StoreError, TenantTx, tenants,
    users::{self, ShownUser},
};

use crate::{
    App,
    answers::{self, Answer, Refused, conflict, not_theirs, unknown},
    deeds::{Change, Doer},
};

/// Who is to come in.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    #[garde(custom(is_email))]
    pub(crate) email: String,
    #[garde(skip)]
    #[serde(deserialize_with = "role")]
    pub(crate) role: Role,
    /// Where no invitations are sent, whoever runs Supabase Auth knows it.
    #[garde(skip)]
    #[serde(default)]
    pub(crate) user_id: Option<UserId>,
}

#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct RoleChange {
    #[garde(skip)]
    #[serde(deserialize_with = "role")]
    role: Role,
}

pub(crate) async fn list(app: &App, tenant_id: TenantId) -> Answer {
    let sends_invitations = app.auth_admin().await?.is_some();
    let found = app.behind.in_tenant::<_, Refused>(tenant_id, async |tx| Ok(users::list(tx).await?)).await?;
    let body = json!({ "users": found, "sends_invitations": sends_invitations });
    Ok(answers::json(StatusCode::OK, &body))
}

pub(crate) async fn invite(app: &App, tenant_id: TenantId, doer: &Doer, request: &Request) -> Answer {
    let new: NewUser = fields::read(&answers::object(request)?, "")?;
    let user_id = invite_with(app, tenant_id, doer, &new, "user_id", async |_| Ok(())).await?;
    let shown = app
        .behind
        .in_tenant::<_, Refused>(tenant_id, async |tx| Ok(users::find_own(tx, user_id).await?))
        .await?;
    let user = shown.ok_or_else(|| unknown("user", &user_id.to_string()))?;
    Ok(answers::json(StatusCode::CREATED, &user.shown))
}

/// Invites somebody after `first`, in one transaction. The invitation is sent before: it is better to be invited to
/// something that is not there yet, and to be invited again, than to be in without knowing it.
pub(crate) async fn invite_with(
    app: &App,
    tenant_id: TenantId,
    doer: &Doer,
    new: &NewUser,
    id_field: &str,
    first: impl AsyncFnOnce(&TenantTx<'_>) -> Result<(), StoreError>,
) -> Result<UserId, Refused> {
    let email = new.email.trim().to_lowercase();
    let user_id = auth_user(app, &email, new.user_id, id_field).await?;
    app.behind
        .in_tenant::<_, Refused>(tenant_id, async |tx| {
            first(tx).await?;
            if !users::invite(tx, tenant_id, user_id, &email, new.role).await? {
                return Err(in_use(&email).into());
            }
            let change = Change {
                action: "user.invite",
                subject: format!("user/{user_id}"),
                before: None,
                after: Some(json!({ "email": email, "role": new.role.as_str() })),
            };
            doer.record(tx, tenant_id, change).await?;
            Ok(user_id)
        })
        .await
}

/// Who will sign in with this address.
async fn auth_user(app: &App, email: &str, given: Option<UserId>, id_field: &str) -> Result<UserId, Refused> {
    let Some(auth) = app.auth_admin().await? else {
        let rule = "It is required here: this installation sends no invitations. It is the id that Supabase Auth shows for \
                    the user.";
        return given.ok_or_else(|| fields::invalid(id_field, rule).into());
    };
    if given.is_some() {
        let rule = "It must be left out: this installation sends invitations.";
        return Err(fields::invalid(id_field, rule).into());
    }
    auth.invite(email, &app.config.page("/")).await.map_err(|error| match error {
        AuthAdminError::InUse => in_use(email).into(),
        AuthAdminError::Unusable => {
            fields::invalid("email", "It must be an address that mail can be sent to.").into()
        }
        error => {
            not_theirs("The invitation could not be sent, so nobody was added. Try again.", &error).into()
        }
    })
}

pub(crate) async fn change_role(
    app: &App,
    tenant_id: TenantId,
    doer: &Doer,
    id: &str,
    request: &Request,
) -> Answer {
    let RoleChange { role } = fields::read(&answers::object(request)?, "")?;
    let user_id: UserId = id.parse().map_err(|_| unknown("user", id))?;
    let shown = app
        .behind
        .in_tenant::<_, Refused>(tenant_id, async |tx| {
            let before = hold_user(tx, tenant_id, user_id).await?.role;
            if role != Role::Admin {
                keep_an_admin(tx, user_id, before).await?;
            }
            users::set_role(tx, user_id, role).await?;
            let change = Change {
                action: "user.role",
                subject: format!("user/{user_id}"),
                before: Some(json!({ "role": before.as_str() })),
                after: Some(json!({ "role": role.as_str() })),
            };
            doer.record(tx, tenant_id, change).await?;
            Ok(users::find_own(tx, user_id).await?)
        })
        .await?;
    let user = shown.ok_or_else(|| unknown("user", id))?;
    Ok(answers::json(StatusCode::OK, &user.shown))
}

/// Removes a user here first, since from then on nobody answers him, and then at Supabase Auth.
pub(crate) async fn remove(app: &App, tenant_id: TenantId, doer: &Doer, id: &str) -> Answer {
    let user_id: UserId = id.parse().map_err(|_| unknown("user", id))?;
    app.behind
        .in_tenant::<_, Refused>(tenant_id, async |tx| {
            let ShownUser { role, is_platform_admin, shown } = hold_user(tx, tenant_id, user_id).await?;
            if is_platform_admin {
                return Err(
                    conflict("This user runs the installation, so nobody can remove him here.").into()
                );
            }
            keep_an_admin(tx, user_id, role).await?;
            users::remove(tx, user_id).await?;
            let change = Change {
                action: "user.remove",
                subject: format!("user/{user_id}"),
                before: Some(json!({ "email": shown["email"], "role": role.as_str() })),
                after: None,
            };
            Ok(doer.record(tx, tenant_id, change).await?)
        })
        .await?;
    if let Err(error) = app.job_events.end_sessions(tenant_id).await {
        // A WebSocket ends by itself after two hours.
        tracing::warn!(error = %Chain(&error), "sessions.not_ended");
    }
    if let Some(auth) = app.auth_admin().await? {
        auth.remove(user_id).await.map_err(|error| {
            let detail = "The user is removed here and gets no answer any more, but Supabase Auth did not end his sessions. \
                          Remove him there.";
            not_theirs(detail, &error)
        })?;
    }
    Ok(answers::done())
}

async fn hold_user(tx: &TenantTx<'_>, tenant_id: TenantId, user_id: UserId) -> Result<ShownUser, Refused> {
    tenants::hold(tx, tenant_id).await?;
    Ok(users::find_own(tx, user_id).await?.ok_or_else(|| unknown("user", &user_id.to_string()))?)
}

async fn keep_an_admin(tx: &TenantTx<'_>, user_id: UserId, role: Role) -> Result<(), Refused> {
    if role == Role::Admin && !users::has_other_admin(tx, user_id).await? {
        let detail = "This is the last ADMIN, and somebody has to be. Make another user ADMIN first.";
        return Err(conflict(detail).into());
    }
    Ok(())
}

/// Whose address it is, and where, is nobody's business.
fn in_use(email: &str) -> zixly_lambda_kit::problem::Problem {
    conflict(format!("{email} cannot be invited: somebody signs in with it already. Take another address."))
}

fn role<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom("it must be ADMIN, EDITOR or VIEWER"))
}

pub(crate) fn is_email(text: &str, _: &()) -> garde::Result {
    let text = text.trim();
    let is_plausible = text.len() <= 254
        && text.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && host.contains('.') && !host.starts_with('.') && !host.ends_with('.')
        })
        && text.matches('@').count() == 1
        && text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    if is_plausible { Ok(()) } else { Err(garde::Error::new("it must be an e-mail address")) }
}

pub(crate) fn is_name(text: &str, _: &()) -> garde::Result {
    let text = text.trim();
    if (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(garde::Error::new("it must have 1 to 100 characters"))
}
