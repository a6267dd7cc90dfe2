use jiff::Timestamp;
use lambda_http::{
    Body, Request, RequestExt, Response,
    http::{HeaderValue, StatusCode, header},
    request::RequestContext,
};
use zixly_auth::{TokenRefusal, bearer};
use zixly_domain::{Role, TenantId, UserId};
use zixly_lambda_kit::{fields, problem::Problem, requests};
use zixly_store::views::viewers::{self, Viewer};

use crate::{BehindSecret, OpenError};

/// A signed-in user, and the tenant that he looks at.
pub struct Viewing {
    /// Who it is.
    pub user_id: UserId,
    /// What our tables say of him.
    pub viewer: Viewer,
    /// Whose rows he sees: his own tenant's, or the one that a platform admin has chosen by `?tenant=`.
    pub tenant_id: TenantId,
}

impl Viewing {
    /// The role that counts for what he sees and may do.
    pub fn role(&self) -> Role {
        if self.viewer.is_platform_admin { Role::Admin } else { self.viewer.role }
    }
}

const WANTED: &str =
    "Sign in first: this needs the token of a signed-in user, as the header Authorization: Bearer ….";

/// Finds out who looks, and whether he may look at what he asks for. The answer otherwise.
pub async fn admit(behind: &BehindSecret, request: &Request) -> Result<Viewing, Response<Body>> {
    match identify(behind, request).await {
        Ok(Ok(viewing)) => {
            requests::note_caller(viewing.tenant_id, format_args!("user/{}", viewing.user_id));
            Ok(viewing)
        }
        Ok(Err(answer)) => Err(answer),
        Err(error) => {
            let detail = "It cannot be found out at the moment who is signed in. Try again.";
            Err(Problem::unavailable(detail, 5, error).into_response())
        }
    }
}

/// Where a request came from, as API Gateway saw it; a header could say anything.
pub fn address(request: &Request) -> Option<String> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.clone(),
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.clone(),
        _ => None,
    }
}

async fn identify(
    behind: &BehindSecret,
    request: &Request,
) -> Result<Result<Viewing, Response<Body>>, OpenError> {
    let authorization = request.headers().get(header::AUTHORIZATION);
    let Some(token) = authorization.and_then(|value| bearer(value.to_str().ok()?)) else {
        return Ok(Err(unauthorised(WANTED)));
    };
    let user_id = match behind.user_tokens().await?.verify(token, Timestamp::now()) {
        Ok(user_id) => user_id,
        Err(refusal) => {
            tracing::info!(reason = %refusal, "token.refused");
            return Ok(Err(unauthorised(refusal_for_the_caller(refusal))));
        }
    };
    let store = behind.store().await?;
    let mut session = store.session().await?;
    let Some(viewer) = viewers::find(&mut session, user_id).await? else {
        return Ok(Err(unauthorised(
            "This user belongs to no tenant. An ADMIN of the tenant has to invite him.",
        )));
    };
    let own = viewer.tenant.tenant_id;
    Ok(match chosen_tenant(request) {
        Err(problem) => Err(problem.into_response()),
        Ok(None) => Ok(Viewing { user_id, tenant_id: own, viewer }),
        Ok(Some(tenant_id)) if tenant_id == own => Ok(Viewing { user_id, tenant_id, viewer }),
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

fn chosen_tenant(request: &Request) -> Result<Option<TenantId>, Problem> {
    let parameters = request.query_string_parameters_ref();
    let chosen = parameters.and_then(|all| all.first("tenant")).map(str::trim).filter(|id| !id.is_empty());
    chosen
        .map(|id| id.parse().map_err(|_| fields::invalid("tenant", "It must be a tenant's id.")))
        .transpose()
}

fn no_tenant(tenant_id: TenantId) -> Response<Body> {
    Problem::new(StatusCode::NOT_FOUND, format!("There is no tenant {tenant_id}.")).into_response()
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
