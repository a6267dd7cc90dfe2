//! Who looks, and at whose rows.

use jiff::Timestamp;
use lambda_http::{
    Body, Request, Response,
    http::{HeaderValue, StatusCode, header},
};
use zixly_auth::{TokenRefusal, bearer};
use zixly_domain::{Role, TenantId, UserId};
use zixly_lambda_kit::problem::Problem;
use zixly_store::views::viewers::{self, Viewer};

use crate::{App, answers, app::OpenError, query};

/// A signed-in user, and the tenant that he looks at.
pub(crate) struct Viewing {
    pub(crate) user_id: UserId,
    pub(crate) viewer: Viewer,
    /// Whose rows are shown: his own tenant's, or the one that a platform admin has chosen.
    pub(crate) tenant_id: TenantId,
}

impl Viewing {
    /// The role that counts for what is shown.
    pub(crate) fn role(&self) -> Role {
        if self.viewer.is_platform_admin { Role::Admin } else { self.viewer.role }
    }
}

const WANTED: &str =
    "Sign in first: this needs the token of a signed-in user, as the header Authorization: Bearer ….";

/// Finds out who looks, and whether he may look at what he asks for. The answer otherwise.
pub(crate) async fn admit(app: &App, request: &Request) -> Result<Viewing, Response<Body>> {
    match identify(app, request).await {
        Ok(Ok(viewing)) => Ok(viewing),
        Ok(Err(answer)) => Err(answer),
        Err(error) => {
            let detail = "It cannot be found out at the moment who is signed in. Try again.";
            Err(Problem::unavailable(detail, 5, error).into_response())
        }
    }
}

async fn identify(app: &App, request: &Request) -> Result<Result<Viewing, Response<Body>>, OpenError> {
    let authorization = request.headers().get(header::AUTHORIZATION);
    let Some(token) = authorization.and_then(|value| bearer(value.to_str().ok()?)) else {
        return Ok(Err(unauthorised(WANTED)));
    };
    let user_id = match app.user_tokens().await?.verify(token, Timestamp::now()) {
        Ok(user_id) => user_id,
        Err(refusal) => {
            tracing::info!(reason = %refusal, "token.refused");
            return Ok(Err(unauthorised(refusal_for_the_caller(refusal))));
        }
    };
    let store = app.store().await?;
    let mut session = store.session().await?;
    let Some(viewer) = viewers::find(&mut session, user_id).await? else {
        return Ok(Err(unauthorised(
            "This user belongs to no tenant. An ADMIN of the tenant has to invite him.",
        )));
    };
    Ok(match query::tenant(request) {
        Err(problem) => Err(problem.into_response()),
        Ok(None) => Ok(Viewing { user_id, tenant_id: viewer.tenant.tenant_id, viewer }),
        Ok(Some(tenant_id)) if tenant_id == viewer.tenant.tenant_id => {
            Ok(Viewing { user_id, tenant_id, viewer })
        }
        Ok(Some(tenant_id)) if viewer.is_platform_admin => {
            let tenants = viewers::list_tenants(&mut session, user_id).await?;
            if tenants.iter().any(|tenant| tenant.tenant_id == tenant_id) {
                Ok(Viewing { user_id, tenant_id, viewer })
            } else {
                Err(no_tenant(tenant_id))
            }
        }
        // As if it did not exist.
        Ok(Some(tenant_id)) => Err(no_tenant(tenant_id)),
    })
}

fn no_tenant(tenant_id: TenantId) -> Response<Body> {
    answers::refused(answers::unknown("tenant", &tenant_id.to_string()))
}

fn unauthorised(detail: &str) -> Response<Body> {
    let mut answer = Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

/// Whoever holds a token that ran out should know; of any other, only that it is none.
fn refusal_for_the_caller(refusal: TokenRefusal) -> &'static str {
    match refusal {
        TokenRefusal::Expired => "The session has ended. Sign in again.",
        _ => WANTED,
    }
}
