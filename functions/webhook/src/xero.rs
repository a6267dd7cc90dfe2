//! `POST /webhook/xero`. Xero wants an empty answer without cookies: 200 for a good signature and 401 for a bad one,
//! the intent-to-receive requests included.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use lambda_http::{
    Body, Request, Response,
    http::{StatusCode, header},
};
use zixly_domain::Provider;
use zixly_lambda_kit::Chain;
use zixly_webhooks::{Refusal, xero};

use crate::{
    App,
    accept::{NotAccepted, accept},
};

/// Xero waits five seconds; the rest is for the way.
const ANSWER_WITHIN: Duration = Duration::from_millis(4200);
const KEY_TIMEOUT: Duration = Duration::from_millis(1200);

/// A refusal does not wait for being counted.
const COUNT_TIMEOUT: Duration = Duration::from_millis(500);

/// Verifies a delivery and accepts it, or refuses it and keeps a count.
pub(crate) async fn receive(app: &App, request: &Request) -> Response<Body> {
    let deadline = Instant::now() + ANSWER_WITHIN;
    let keys = match tokio::time::timeout(KEY_TIMEOUT, app.xero_keys()).await {
        Ok(Ok(keys)) => keys,
        // Neither accepted unseen nor refused for good: Xero sends it again.
        Ok(Err(error)) => {
            tracing::error!(error = %Chain(&error), "the Xero webhook key cannot be read, so nothing can be verified");
            return try_again();
        }
        Err(_) => {
            tracing::error!("the Xero webhook key cannot be read in time, so nothing can be verified");
            return try_again();
        }
    };
    let signed = zixly_webhooks::Request {
        method: request.method().as_str(),
        uri: &request.uri().to_string(),
        headers: request.headers(),
        body: request.body().as_ref(),
    };
    let verified = match xero::verify(&keys, &signed) {
        Ok(verified) => verified,
        Err(refusal) => return refuse(app, refusal).await,
    };
    match accept(app, deadline, &verified, request.headers(), xero::parse(&verified)).await {
        Ok(()) => empty(StatusCode::OK),
        Err(NotAccepted) => try_again(),
    }
}

async fn refuse(app: &App, refusal: Refusal) -> Response<Body> {
    tracing::info!(provider = "xero", reason = %refusal, "delivery.refused");
    let count = app.counters.count_refusal(Provider::Xero, refusal.word(), Timestamp::now());
    // The refusal stands, counted or not.
    match tokio::time::timeout(COUNT_TIMEOUT, count).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = %Chain(&error), "a refused delivery was not counted"),
        Err(_) => tracing::warn!("a refused delivery was not counted in time"),
    }
    empty(StatusCode::UNAUTHORIZED)
}

fn try_again() -> Response<Body> {
    let mut answer = empty(StatusCode::SERVICE_UNAVAILABLE);
    answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("30"));
    answer
}

fn empty(status: StatusCode) -> Response<Body> {
    Response::builder().status(status).body(Body::Empty).expect("a status alone is valid")
}
