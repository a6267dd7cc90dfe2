//! Which request goes where.

use std::time::Duration;

use lambda_http::{
    Body, Request, RequestExt, Response,
    http::{HeaderValue, Method, StatusCode, header},
};
use zixly_access::{Viewing, address, admit};
use zixly_lambda_kit::{page_headers, problem::Problem, requests};
use zixly_store::StoreError;

use crate::{
    App,
    answers::{self, Answer},
    api_keys, connections, consent,
    deeds::Doer,
    tenants, users, workflows,
};

/// What the function answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// All tenants.
    ListTenants,
    /// A new tenant.
    CreateTenant,
    /// The tenant's users.
    ListUsers,
    /// A new user.
    InviteUser,
    /// Another role for a user.
    ChangeRole,
    /// The end of a user.
    RemoveUser,
    /// The tenant's API keys.
    ListApiKeys,
    /// A new API key.
    CreateApiKey,
    /// The end of an API key.
    RevokeApiKey,
    /// The tenant's workflows.
    ListWorkflows,
    /// A workflow, on or off and set up.
    SetWorkflow,
    /// The tenant's connections, and what can be connected.
    ListConnections,
    /// A connection that a key opens.
    ConnectByKey,
    /// The end of a connection.
    Disconnect,
    /// The beginning of a consent.
    StartConsent,
    /// Its end.
    EndConsent,
}

/// A little shorter than the gateway waits: a provider may take its ten seconds twice.
const ANSWER_WITHIN: Duration = Duration::from_secs(25);

impl Route {
    /// Every route.
    pub const ALL: &[Self] = &[
        Self::ListTenants,
        Self::CreateTenant,
        Self::ListUsers,
        Self::InviteUser,
        Self::ChangeRole,
        Self::RemoveUser,
        Self::ListApiKeys,
        Self::CreateApiKey,
        Self::RevokeApiKey,
        Self::ListWorkflows,
        Self::SetWorkflow,
        Self::ListConnections,
        Self::ConnectByKey,
        Self::Disconnect,
        Self::StartConsent,
        Self::EndConsent,
    ];

    /// The method, and the path with a name in braces for what varies.
    pub fn template(self) -> (Method, &'static str) {
        match self {
            Self::ListTenants => (Method::GET, "/api/admin/tenants"),
            Self::CreateTenant => (Method::POST, "/api/admin/tenants"),
            Self::ListUsers => (Method::GET, "/api/admin/users"),
            Self::InviteUser => (Method::POST, "/api/admin/users"),
            Self::ChangeRole => (Method::PATCH, "/api/admin/users/{id}"),
            Self::RemoveUser => (Method::DELETE, "/api/admin/users/{id}"),
            Self::ListApiKeys => (Method::GET, "/api/admin/api-keys"),
            Self::CreateApiKey => (Method::POST, "/api/admin/api-keys"),
            Self::RevokeApiKey => (Method::DELETE, "/api/admin/api-keys/{id}"),
            Self::ListWorkflows => (Method::GET, "/api/admin/workflows"),
            Self::SetWorkflow => (Method::PUT, "/api/admin/workflows/{job_type}"),
            Self::ListConnections => (Method::GET, "/api/admin/connections"),
            Self::ConnectByKey => (Method::POST, "/api/admin/connections"),
            Self::Disconnect => (Method::DELETE, "/api/admin/connections/{id}"),
            Self::StartConsent => (Method::POST, "/oauth/{provider}/start"),
            Self::EndConsent => (Method::GET, "/oauth/{provider}/callback"),
        }
    }

    /// What stands at the place in braces, if the path is this route's.
    fn matched(self, path: &str) -> Option<&str> {
        let (_, template) = self.template();
        let Some((before, rest)) = template.split_once('{') else {
            return (path == template).then_some("");
        };
        let after = rest.split_once('}').map_or("", |(_, after)| after);
        let id = path.strip_prefix(before)?.strip_suffix(after)?;
        (!id.is_empty() && !id.contains('/')).then_some(id)
    }
}

/// Answers a request. What goes wrong is an answer, too.
pub async fn answer(app: &App, request: Request) -> Response<Body> {
    let path = request.raw_http_path().to_owned();
    let template = Route::ALL.iter().find(|route| route.matched(&path).is_some());
    let work = Box::pin(async {
        match tokio::time::timeout(ANSWER_WITHIN, dispatch(app, &request, &path)).await {
            Ok(answer) => answer,
            Err(_) => overdue(app).await,
        }
    });
    let mut answer =
        requests::logged(request.method(), template.map_or("none", |route| route.template().1), work).await;
    page_headers::secure(answer.headers_mut(), &app.policy);
    answer
}

async fn dispatch(app: &App, request: &Request, path: &str) -> Response<Body> {
    let here: Vec<(Route, &str)> =
        Route::ALL.iter().filter_map(|route| Some((*route, route.matched(path)?))).collect();
    let found = here.iter().find(|(route, _)| route.template().0 == *request.method());
    match found {
        None if here.is_empty() => {
            Problem::new(StatusCode::NOT_FOUND, format!("There is nothing at {path}.")).into_response()
        }
        None => wrong_method(request, path, &here),
        Some((Route::EndConsent, provider)) => consent::end(app, request, provider).await,
        Some((route, id)) => match admit(&app.behind, request).await {
            Ok(viewing) => {
                for_viewer(app, request, &viewing, *route, id).await.unwrap_or_else(answers::refused)
            }
            Err(answer) => answer,
        },
    }
}

/// The routes for which it has to be known who asks.
async fn for_viewer(app: &App, request: &Request, viewing: &Viewing, route: Route, id: &str) -> Answer {
    match route {
        Route::ListTenants | Route::CreateTenant => answers::platform_admins_only(viewing)?,
        _ => answers::admins_only(viewing)?,
    }
    let (tenant_id, doer) = (viewing.tenant_id, Doer::new(viewing, address(request)));
    match route {
        Route::ListTenants => tenants::list(app, viewing.user_id).await,
        Route::CreateTenant => tenants::create(app, &doer, request).await,
        Route::ListUsers => users::list(app, tenant_id).await,
        Route::InviteUser => users::invite(app, tenant_id, &doer, request).await,
        Route::ChangeRole => users::change_role(app, tenant_id, &doer, id, request).await,
        Route::RemoveUser => users::remove(app, tenant_id, &doer, id).await,
        Route::ListApiKeys => api_keys::list(app, tenant_id).await,
        Route::CreateApiKey => api_keys::create(app, tenant_id, &doer, request).await,
        Route::RevokeApiKey => api_keys::revoke(app, tenant_id, &doer, id).await,
        Route::ListWorkflows => workflows::list(app, tenant_id).await,
        Route::SetWorkflow => workflows::set(app, tenant_id, &doer, id, request).await,
        Route::ListConnections => connections::list(app, tenant_id).await,
        Route::ConnectByKey => connections::connect_by_key(app, tenant_id, &doer, request).await,
        Route::Disconnect => connections::disconnect(app, tenant_id, &doer, id).await,
        Route::StartConsent => consent::start(app, viewing, id, request).await,
        Route::EndConsent => unreachable!("whoever comes back from a provider has no token"),
    }
}

async fn overdue(app: &App) -> Response<Body> {
    if let Ok(store) = app.behind.store().await {
        store.disconnect();
    }
    Problem::unavailable(
        "This took too long. Look whether it was done, then try again.",
        5,
        StoreError::TimedOut,
    )
    .into_response()
}

fn wrong_method(request: &Request, path: &str, here: &[(Route, &str)]) -> Response<Body> {
    let methods: Vec<String> = here.iter().map(|(route, _)| route.template().0.to_string()).collect();
    let allowed = methods.join(", ");
    let detail = format!("{path} takes {allowed}, not {}.", request.method());
    let mut answer = Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).into_response();
    let allowed = HeaderValue::from_str(&allowed).expect("methods are plain text");
    answer.headers_mut().insert(header::ALLOW, allowed);
    answer
}
