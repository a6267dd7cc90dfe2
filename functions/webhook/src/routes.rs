//! Which request goes where.

use lambda_http::{
    Body, Request, RequestExt, Response,
    http::{Method, StatusCode},
};
use zixly_lambda_kit::problem::Problem;

use crate::{App, health, jobs, xero};

/// Answers a request. What goes wrong is an answer, too.
pub async fn answer(app: &App, request: Request) -> Response<Body> {
    let path = request.raw_http_path().to_owned();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    match (request.method(), segments.as_slice()) {
        (&Method::POST, ["webhook", "xero"]) => xero::receive(app, &request).await,
        (&Method::GET, ["webhook", "jobs", job_id]) => jobs::status(app, &request, job_id).await,
        (&Method::GET, ["health"]) => health::report(app).await,
        (method, _) => Problem::new(
            StatusCode::NOT_FOUND,
            format!("There is nothing at {method} {path}. See the README for the routes."),
        )
        .into_response(),
    }
}
