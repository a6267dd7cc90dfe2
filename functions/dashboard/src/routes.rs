//! Which request goes where.

use std::time::Duration;

use lambda_http::{
    Body, Request, RequestExt, Response,
    http::{HeaderValue, Method, StatusCode, header},
};
use zixly_access::Viewing;
use zixly_lambda_kit::{problem::Problem, requests};
use zixly_store::StoreError;

use crate::{
    App, answers, audit, deliveries, errors, health, job, jobs, me, overview, pages, results,
    service_metrics, stream, sync_status, ticket,
};

/// What the API answers at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// What the pages need before anybody is signed in.
    Config,
    /// Which dependency answers.
    Health,
    /// Who is signed in.
    Me,
    /// Numbers, timeline and durations.
    Overview,
    /// Jobs.
    Jobs,
    /// One job.
    Job,
    /// Deliveries.
    Deliveries,
    /// One delivery.
    Delivery,
    /// Where a job's results can be fetched.
    Results,
    /// Failed jobs by what they have in common.
    Errors,
    /// Connections and workflows.
    SyncStatus,
    /// How the service does.
    ServiceMetrics,
    /// Who did what.
    Audit,
    /// A ticket for the WebSocket.
    Ticket,
    /// What has changed.
    Stream,
}

/// Shorter than the gateway waits.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

impl Route {
    /// Every route.
    pub const ALL: &[Self] = &[
        Self::Config,
        Self::Health,
        Self::Me,
        Self::Overview,
        Self::Jobs,
        Self::Job,
        Self::Deliveries,
        Self::Delivery,
        Self::Results,
        Self::Errors,
        Self::SyncStatus,
        Self::ServiceMetrics,
        Self::Audit,
        Self::Ticket,
        Self::Stream,
    ];

    /// The path, with names in braces for what varies.
    pub fn template(self) -> &'static str {
        match self {
            Self::Config => "/api/config",
            Self::Health => "/api/health",
            Self::Me => "/api/me",
            Self::Overview => "/api/dashboards",
            Self::Jobs => "/api/pipelines/jobs",
            Self::Job => "/api/pipelines/jobs/{id}",
            Self::Deliveries => "/api/pipelines/deliveries",
            Self::Delivery => "/api/pipelines/deliveries/{id}",
            Self::Results => "/api/pipelines/results/{id}",
            Self::Errors => "/api/pipelines/errors",
            Self::SyncStatus => "/api/sync-status",
            Self::ServiceMetrics => "/api/service-metrics",
            Self::Audit => "/api/audit",
            Self::Ticket => "/api/realtime-ticket",
            Self::Stream => "/api/jobs/stream",
        }
    }

    /// The route of a path, and what stands in the place of its name in braces.
    fn find(path: &str) -> Option<(Self, &str)> {
        Self::ALL.iter().find_map(|route| match route.template().strip_suffix("{id}") {
            None => (route.template() == path).then_some((*route, "")),
            Some(folder) => {
                let id = path.strip_prefix(folder).filter(|id| !id.is_empty() && !id.contains('/'))?;
                Some((*route, id))
            }
        })
    }
}

/// Answers a request. What goes wrong is an answer, too.
pub async fn answer(app: &App, request: Request) -> Response<Body> {
    let path = request.raw_http_path().to_owned();
    let found = Route::find(&path);
    let template = match found {
        Some((route, _)) => route.template(),
        None if path.starts_with("/api/") => "none",
        None => "page",
    };
    let work = Box::pin(answer_in_time(app, &request, &path, found));
    let mut answer = requests::logged(request.method(), template, work).await;
    answers::complete(&mut answer, &request, &app.policy);
    answer
}

async fn answer_in_time(
    app: &App,
    request: &Request,
    path: &str,
    found: Option<(Route, &str)>,
) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        wrong_method(request, path)
    } else if !path.starts_with("/api/") {
        pages::find(path, request)
    } else {
        match tokio::time::timeout(ANSWER_WITHIN, api(app, request, path, found)).await {
            Ok(answer) => answer,
            Err(_) => overdue(app).await,
        }
    }
}

async fn api(app: &App, request: &Request, path: &str, found: Option<(Route, &str)>) -> Response<Body> {
    match found {
        None => nothing_here(path),
        Some((Route::Config, _)) => me::config(app),
        Some((Route::Health, _)) => health::report(app).await,
        Some((route, id)) => match zixly_access::admit(&app.behind, request).await {
            Ok(viewing) => for_viewer(app, request, &viewing, route, id).await,
            Err(answer) => answer,
        },
    }
}

/// The routes for which it has to be known who looks.
async fn for_viewer(
    app: &App,
    request: &Request,
    viewing: &Viewing,
    route: Route,
    id: &str,
) -> Response<Body> {
    let answer = match route {
        Route::Config | Route::Health => unreachable!("they are for everybody"),
        Route::Me => me::who(app, viewing).await,
        Route::Overview => overview::show(app, viewing, request).await,
        Route::Jobs => jobs::list(app, viewing, request).await,
        Route::Job => job::show(app, viewing, id).await,
        Route::Deliveries => deliveries::list(app, viewing, request).await,
        Route::Delivery => deliveries::show(app, viewing, id).await,
        Route::Results => results::list(app, viewing, id).await,
        Route::Errors => errors::list(app, viewing, request).await,
        Route::SyncStatus => sync_status::show(app, viewing).await,
        Route::ServiceMetrics => service_metrics::show(app, viewing).await,
        Route::Audit => audit::list(app, viewing, request).await,
        Route::Ticket => ticket::issue(app, viewing).await,
        Route::Stream => stream::send(app, viewing, request).await,
    };
    answer.unwrap_or_else(answers::refused)
}

async fn overdue(app: &App) -> Response<Body> {
    if let Ok(store) = app.store().await {
        store.disconnect();
    }
    Problem::unavailable("This took too long. Try again, or ask for less.", 5, StoreError::TimedOut)
        .into_response()
}

fn wrong_method(request: &Request, path: &str) -> Response<Body> {
    let detail = format!(
        "{path} takes GET, not {}: nothing can be changed here. What can be wanted of a job is the pipeline API's.",
        request.method()
    );
    let mut answer = Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).into_response();
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

fn nothing_here(path: &str) -> Response<Body> {
    Problem::new(StatusCode::NOT_FOUND, format!("There is nothing at {path}.")).into_response()
}
