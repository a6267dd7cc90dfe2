//! Which request goes where.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lambda_http::{
    Body, Request, RequestExt, Response,
    http::{HeaderValue, Method, StatusCode, header},
};
use zixly_domain::Provider;
use zixly_lambda_kit::{problem::Problem, requests};
use zixly_store::StoreError;

use crate::{
    App, callback,
    callers::{Need, admit},
    deliveries, dry_runs, headers, health, jobs,
    measurements::{self, save_soon},
    replay,
    steering::{Wish, steer},
    triggers,
};

/// What the function answers at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Deliveries of a provider that has one address.
    Delivery(Provider),
    /// Deliveries of a provider that has one address for each webhook.
    EndpointDelivery(Provider),
    /// Starts a trading sweep.
    TradingSweep,
    /// Starts a job of any workflow.
    GenericJob,
    /// Starts a job that writes nothing.
    DryRun,
    /// An external API calls back.
    SweepCallback,
    /// How a job is getting on.
    JobStatus,
    /// Ends a job.
    CancelJob,
    /// Has a job tried again.
    RetryJob,
    /// Has a delivery read again.
    ReplayDelivery,
    /// Which dependency answers.
    Health,
    /// What is measured.
    Metrics,
}

/// Longer than a delivery takes at the most, and shorter than Lambda and the gateway wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(6);

/// Stands for one segment of a path.
const ANY: &str = "{id}";
const ENDPOINT: &str = "{endpoint}";

/// An endpoint that could be ours: unguessable, and no longer than that needs.
const ENDPOINT_LENGTHS: std::ops::RangeInclusive<usize> = 32..=80;

impl Route {
    /// Every route.
    pub const ALL: &[Self] = &[
        Self::Delivery(Provider::Xero),
        Self::Delivery(Provider::HubSpot),
        Self::Delivery(Provider::Shopify),
        Self::EndpointDelivery(Provider::Asana),
        Self::TradingSweep,
        Self::GenericJob,
        Self::DryRun,
        Self::SweepCallback,
        Self::JobStatus,
        Self::CancelJob,
        Self::RetryJob,
        Self::ReplayDelivery,
        Self::Health,
        Self::Metrics,
    ];

    /// The path, with names in braces for what varies.
    pub fn template(self) -> &'static str {
        match self {
            Self::Delivery(Provider::Xero) => "/webhook/xero",
            Self::Delivery(Provider::HubSpot) => "/webhook/hubspot",
            Self::Delivery(Provider::Shopify) => "/webhook/shopify",
            Self::Delivery(Provider::Asana) => "/webhook/asana",
            Self::Delivery(Provider::Slack) => "/webhook/slack",
            Self::Delivery(Provider::Ses) => "/webhook/ses",
            Self::Delivery(Provider::Trading) => "/webhook/trading",
            Self::EndpointDelivery(Provider::Xero) => "/webhook/xero/{endpoint}",
            Self::EndpointDelivery(Provider::HubSpot) => "/webhook/hubspot/{endpoint}",
            Self::EndpointDelivery(Provider::Shopify) => "/webhook/shopify/{endpoint}",
            Self::EndpointDelivery(Provider::Asana) => "/webhook/asana/{endpoint}",
            Self::EndpointDelivery(Provider::Slack) => "/webhook/slack/{endpoint}",
            Self::EndpointDelivery(Provider::Ses) => "/webhook/ses/{endpoint}",
            Self::EndpointDelivery(Provider::Trading) => "/webhook/trading/{endpoint}",
            Self::TradingSweep => "/webhook/trading-sweep",
            Self::GenericJob => "/webhook/generic-job",
            Self::DryRun => "/webhook/dry-runs",
            Self::SweepCallback => "/webhook/sweep-callback",
            Self::JobStatus => "/webhook/jobs/{id}",
            Self::CancelJob => "/webhook/jobs/{id}/cancel",
            Self::RetryJob => "/webhook/jobs/{id}/retry",
            Self::ReplayDelivery => "/webhook/deliveries/{id}/replay",
            Self::Health => "/health",
            Self::Metrics => "/metrics",
        }
    }

    /// The one method.
    pub fn method(self) -> Method {
        match self {
            Self::JobStatus | Self::Health | Self::Metrics => Method::GET,
            _ => Method::POST,
        }
    }

    /// The route of a path, and what stands in the place of its name in braces.
    fn find(path: &str) -> Option<(Self, &str)> {
        Self::ALL.iter().find_map(|route| Some((*route, matched(route.template(), path)?)))
    }
}

/// Answers a request. What goes wrong is an answer, too.
pub async fn answer(app: &Arc<App>, request: Request) -> Response<Body> {
    let began = Instant::now();
    let path = request.raw_http_path().to_owned();
    let found = Route::find(&path);
    let template = found.map_or("none", |(route, _)| route.template());
    let work = Box::pin(answer_in_time(app, &request, &path, found));
    let mut answer = match found {
        // It has a line of its own, which says more.
        Some((Route::Delivery(_) | Route::EndpointDelivery(_), _)) => work.await,
        _ => requests::logged(request.method(), template, work).await,
    };
    headers::complete(&mut answer);
    app.measurements.observe_request(
        requests::known(request.method()),
        template,
        answer.status(),
        began.elapsed(),
    );
    save_soon(app);
    answer
}

async fn answer_in_time(
    app: &App,
    request: &Request,
    path: &str,
    found: Option<(Route, &str)>,
) -> Response<Body> {
    match found {
        Some((route, id)) if request.method() == route.method() => {
            match tokio::time::timeout(ANSWER_WITHIN, dispatch(app, request, route, id)).await {
                Ok(answer) => answer,
                Err(_) => overdue(app).await,
            }
        }
        Some((route, _)) => wrong_method(request, route),
        None => nothing_here(request, path),
    }
}

async fn dispatch(app: &App, request: &Request, route: Route, id: &str) -> Response<Body> {
    match route {
        Route::Delivery(provider) => deliveries::receive(app, request, provider, None).await,
        Route::EndpointDelivery(provider) => deliveries::receive(app, request, provider, Some(id)).await,
        Route::SweepCallback => callback::receive(app, request).await,
        Route::Health => health::report(app).await,
        Route::Metrics => measurements::answer(app, request).await,
        Route::TradingSweep
        | Route::GenericJob
        | Route::DryRun
        | Route::JobStatus
        | Route::CancelJob
        | Route::RetryJob
        | Route::ReplayDelivery => for_caller(app, request, route, id).await,
    }
}

/// The routes for which it has to be known who calls.
async fn for_caller(app: &App, request: &Request, route: Route, id: &str) -> Response<Body> {
    let need = match route {
        Route::JobStatus => Need::Read,
        Route::TradingSweep | Route::GenericJob => Need::Trigger,
        _ => Need::Steer,
    };
    let admitted = match admit(app, request, need).await {
        Ok(admitted) => admitted,
        Err(answer) => return answer,
    };
    let caller = &admitted.caller;
    let mut answer = match route {
        Route::TradingSweep => triggers::trading_sweep(app, caller, request).await,
        Route::GenericJob => triggers::generic_job(app, caller, request).await,
        Route::DryRun => dry_runs::start(app, caller, request).await,
        Route::CancelJob => steer(app, caller, id, Wish::Cancel).await,
        Route::RetryJob => steer(app, caller, id, Wish::Retry).await,
        Route::ReplayDelivery => replay::replay(app, caller, id).await,
        _ => jobs::status(app, caller, id).await,
    };
    admitted.note_on(&mut answer);
    answer
}

/// The database is silent, and so is whoever waits for it.
async fn overdue(app: &App) -> Response<Body> {
    if let Ok(store) = app.store().await {
        store.disconnect();
    }
    let detail =
        "This took too long, and may or may not have been done. Try again, with the same Idempotency-Key.";
    Problem::unavailable(detail, 5, StoreError::TimedOut).into_response()
}

/// What stands in the path where the template has a name in braces, or an empty text if it has none.
fn matched<'a>(template: &str, path: &'a str) -> Option<&'a str> {
    let mut found = "";
    // An empty segment is one, too: whoever reads the last of them later must find what was found here.
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        match expected {
            ANY => found = segment,
            ENDPOINT if could_be_endpoint(segment) => found = segment,
            literal if literal == segment => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(found)
}

fn could_be_endpoint(segment: &str) -> bool {
    ENDPOINT_LENGTHS.contains(&segment.len())
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn wrong_method(request: &Request, route: Route) -> Response<Body> {
    let detail = format!("{} takes {}, not {}.", route.template(), route.method(), request.method());
    let mut answer = Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).into_response();
    let allow = HeaderValue::from_str(route.method().as_str()).expect("methods are ASCII");
    answer.headers_mut().insert(header::ALLOW, allow);
    answer
}

fn nothing_here(request: &Request, path: &str) -> Response<Body> {
    let detail = format!("There is nothing at {} {path}. See the README for the routes.", request.method());
    Problem::new(StatusCode::NOT_FOUND, detail).into_response()
}
