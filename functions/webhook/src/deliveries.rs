//! `POST /webhook/{provider}`. An empty answer without cookies, as Xero wants it and the others take it: 200 for a good
//! signature, whatever the body says, and 401 for a bad one.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use lambda_http::{
    Body, Request, RequestExt, Response,
    http::{StatusCode, header},
};
use zixly_domain::Provider;
use zixly_lambda_kit::{Chain, problem::Problem};
use zixly_webhooks::{Refusal, SigningKeys, parse, verify};

use crate::{
    App,
    accept::{NotAccepted, accept},
    handshake, signing_keys,
};

/// The most impatient providers wait five seconds; the rest is for the way.
const ANSWER_WITHIN: Duration = Duration::from_millis(4200);
const KEY_TIMEOUT: Duration = Duration::from_millis(1200);

/// A refusal does not wait for being counted.
const COUNT_TIMEOUT: Duration = Duration::from_millis(500);

/// Above what any provider sends, and below what Lambda passes on.
pub(crate) const LARGEST_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Verifies a delivery and accepts it, or refuses it and keeps a count.
pub(crate) async fn receive(
    app: &App,
    request: &Request,
    provider: Provider,
    endpoint: Option<&str>,
) -> Response<Body> {
    let deadline = Instant::now() + ANSWER_WITHIN;
    let body = request.body().as_ref();
    if body.len() > LARGEST_BODY_BYTES {
        tracing::info!(%provider, reason = "the body is too large", "delivery.refused");
        return too_large(body.len());
    }
    let url = public_url(app, request);
    let signed = zixly_webhooks::Request {
        method: request.method().as_str(),
        uri: &url,
        headers: request.headers(),
        body,
    };
    if let (Provider::Asana, Some(endpoint)) = (provider, endpoint) {
        match handshake::answer(app, &signed, endpoint, deadline).await {
            Ok(Some(answer)) => return answer,
            Ok(None) => {}
            Err(handshake::NotTaken) => return try_again(),
        }
    }
    if endpoint.is_some()
        && let Err(refusal) = verify(provider, &SigningKeys::new([]), &signed, Timestamp::now())
        && refusal != Refusal::NoKey
    {
        // No key could have made such a signature, so none is looked up: anybody can make up an endpoint.
        return refuse(app, provider, refusal).await;
    }
    let Some(keys) = keys_in_time(app, provider, endpoint).await else { return try_again() };
    let verified = match verify(provider, &keys, &signed, Timestamp::now()) {
        Ok(verified) => verified,
        Err(refusal) => return refuse(app, provider, refusal).await,
    };
    match accept(app, deadline, &verified, request.raw_http_path(), parse(&verified)).await {
        Ok(()) => empty(StatusCode::OK),
        Err(NotAccepted) => try_again(),
    }
}

/// The URL that the provider called. By configuration: a request's own headers say what the last proxy called.
fn public_url(app: &App, request: &Request) -> String {
    let mut url = format!("{}{}", app.config.public_base_url, request.raw_http_path());
    if let Some(query) = request.uri().query().filter(|query| !query.is_empty()) {
        url.push('?');
        url.push_str(query);
    }
    url
}

/// Without keys the delivery is neither accepted unseen nor refused for good: the provider sends it again.
async fn keys_in_time(app: &App, provider: Provider, endpoint: Option<&str>) -> Option<SigningKeys> {
    let error = match tokio::time::timeout(KEY_TIMEOUT, signing_keys::of(app, provider, endpoint)).await {
        Ok(Ok(keys)) => return Some(keys),
        Ok(Err(error)) => Chain(&error).to_string(),
        Err(_) => "there was no answer in time".to_owned(),
    };
    tracing::error!(%provider, error, "the signing key of {provider} cannot be read, so nothing can be verified");
    None
}

async fn refuse(app: &App, provider: Provider, refusal: Refusal) -> Response<Body> {
    tracing::info!(%provider, reason = %refusal, "delivery.refused");
    let count = app.counters.count_refusal(provider, refusal.word(), Timestamp::now());
    // The refusal stands, counted or not.
    match tokio::time::timeout(COUNT_TIMEOUT, count).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%provider, error = %Chain(&error), "a refused delivery was not counted")
        }
        Err(_) => tracing::warn!(%provider, "a refused delivery was not counted in time"),
    }
    empty(StatusCode::UNAUTHORIZED)
}

fn too_large(size_bytes: usize) -> Response<Body> {
    let detail =
        format!("The body has {size_bytes} bytes; a delivery may have {LARGEST_BODY_BYTES} at the most.");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response()
}

fn try_again() -> Response<Body> {
    let mut answer = empty(StatusCode::SERVICE_UNAVAILABLE);
    answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("30"));
    answer
}

fn empty(status: StatusCode) -> Response<Body> {
    Response::builder().status(status).body(Body::Empty).expect("a status alone is valid")
}
