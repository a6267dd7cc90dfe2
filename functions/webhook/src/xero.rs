//! `POST /webhook/xero`. Xero wants an empty answer without cookies: 200 for a good signature and 401 for a bad one,
//! the intent-to-receive requests included.

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

/// Verifies a delivery and accepts it, or refuses it and keeps a count.
pub(crate) async fn receive(app: &App, request: &Request) -> Response<Body> {
    let keys = match app.xero_keys().await {
        Ok(keys) => keys,
        // Neither accepted unseen nor refused for good: Xero sends it again.
        Err(error) => {
            tracing::error!(error = %Chain(&error), "the Xero webhook key cannot be read, so nothing can be verified");
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
    match accept(app, &verified, request.headers(), xero::parse(&verified)).await {
        Ok(()) => empty(StatusCode::OK),
        Err(NotAccepted) => try_again(),
    }
}

async fn refuse(app: &App, refusal: Refusal) -> Response<Body> {
    tracing::info!(provider = "xero", reason = %refusal, "delivery.refused");
    if let Err(error) = app.counters.count_refusal(Provider::Xero, refusal.word(), Timestamp::now()).await {
        // The refusal stands, counted or not.
        tracing::warn!(error = %Chain(&error), "a refused delivery was not counted");
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
