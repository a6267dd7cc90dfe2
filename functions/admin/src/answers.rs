//! What every answer of the API is made of.

use lambda_http::{
    Body, Request, Response,
    http::{StatusCode, header},
};
use serde_json::Value;
use zixly_access::{OpenError, Viewing};
use zixly_connectors::ConnectorError;
use zixly_domain::Role;
use zixly_lambda_kit::{Chain, fields, problem::Problem};
use zixly_queues::QueueError;
use zixly_secrets::SecretsError;
use zixly_store::StoreError;

/// The most that a call may say.
const LARGEST_BODY_BYTES: usize = 64 * 1024;

/// Why a request gets no answer of its own.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The caller can do something about it.
    Problem(Problem),
    /// Nobody can but us.
    Open(OpenError),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<OpenError> for Refused {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Open(error.into())
    }
}

impl From<SecretsError> for Refused {
    fn from(error: SecretsError) -> Self {
        Self::Open(error.into())
    }
}

/// The answer of a route.
pub(crate) type Answer = Result<Response<Body>, Refused>;

/// `body`, with a status that says that all went well.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .expect("the headers are valid")
}

/// Done, and there is nothing to say.
pub(crate) fn done() -> Response<Body> {
    Response::builder().status(StatusCode::NO_CONTENT).body(Body::Empty).expect("the status is valid")
}

/// What a caller is told who gets no answer of the route's own.
pub(crate) fn refused(refused: Refused) -> Response<Body> {
    match refused {
        Refused::Problem(problem) => problem.into_response(),
        Refused::Open(error) => {
            Problem::unavailable("This cannot be done at the moment. Try again.", 5, error).into_response()
        }
    }
}

/// The tenant has no such thing; another tenant's is as unknown as one that never was.
pub(crate) fn unknown(what: &str, id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("There is no {what} {id}."))
}

/// It cannot be, beside what is there.
pub(crate) fn conflict(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::CONFLICT, detail)
}

/// Somebody whom we had to ask has not done his part.
pub(crate) fn not_theirs(detail: impl Into<String>, cause: &dyn std::error::Error) -> Problem {
    tracing::warn!(error = %Chain(cause), "somebody whom we had to ask has not done his part");
    Problem::new(StatusCode::BAD_GATEWAY, detail)
}

/// The body as a JSON object, if it says that it is one: what a form of another site sends, does not.
pub(crate) fn object(request: &Request) -> Result<Value, Problem> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    if !media_type.is_some_and(|it| it.eq_ignore_ascii_case("application/json")) {
        let detail = "The body must be JSON, and say so: Content-Type: application/json.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    fields::object(request, LARGEST_BODY_BYTES)
}

/// Refuses whoever may not set the tenant up.
pub(crate) fn admins_only(viewing: &Viewing) -> Result<(), Problem> {
    if viewing.role() == Role::Admin {
        return Ok(());
    }
    let detail = format!("Your role is {}; this is for ADMIN. An ADMIN can change it.", viewing.role());
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// Refuses whoever does not run the installation.
pub(crate) fn platform_admins_only(viewing: &Viewing) -> Result<(), Problem> {
    if viewing.viewer.is_platform_admin {
        return Ok(());
    }
    let detail = "This is for whoever runs this installation of Zixly.";
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// What the provider did not do, in a sentence.
pub(crate) fn provider_failed(error: &ConnectorError, consequence: &str) -> Problem {
    not_theirs(format!("{error}, so {consequence}. Try again."), error)
}

/// A ring that is lost is made up for by the scheduler.
pub(crate) fn log_lost_ring(error: &QueueError) {
    tracing::warn!(error = %Chain(error), "jobs are rung for by the scheduler instead");
}
