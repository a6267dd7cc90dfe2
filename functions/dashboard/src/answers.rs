//! What every answer has: its headers, and a name for its content, so that a page that has it already is told so.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use lambda_http::{
    Body, Request, Response,
    http::{HeaderValue, StatusCode, header},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use zixly_lambda_kit::{page_headers, problem::Problem};

use crate::app::OpenError;

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

impl<E: Into<OpenError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Open(error.into())
    }
}

/// The answer of a route.
pub(crate) type Answer = Result<Response<Body>, Refused>;

/// 200 with `body`, which a browser keeps and asks about before it uses it again.
pub(crate) fn json(body: &Value) -> Response<Body> {
    let text = body.to_string();
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&text)[..12]));
    Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "private, no-cache")
        .header(header::VARY, "authorization")
        .header(header::ETAG, tag)
        .body(Body::from(text))
        .expect("the headers are valid")
}

/// 200 with `body`, which is good for a while only, so that nobody may keep it.
pub(crate) fn passing_json(body: &Value) -> Response<Body> {
    let mut answer = json(body);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.headers_mut().remove(header::ETAG);
    answer
}

/// What a caller is told who gets no answer of the route's own.
pub(crate) fn refused(refused: Refused) -> Response<Body> {
    match refused {
        Refused::Problem(problem) => problem.into_response(),
        Refused::Open(error) => {
            Problem::unavailable("This cannot be shown at the moment. Try again.", 5, error).into_response()
        }
    }
}

/// The tenant has no such thing; another tenant's is as unknown as one that never was.
pub(crate) fn unknown(what: &str, id: &str) -> Refused {
    Problem::new(StatusCode::NOT_FOUND, format!("There is no {what} {id}.")).into()
}

/// What is smaller goes into the first packet anyway.
const WORTH_COMPRESSING: usize = 1400;

/// Adds the headers of every answer, and takes away what the caller has already.
pub(crate) fn complete(answer: &mut Response<Body>, request: &Request, policy: &HeaderValue) {
    page_headers::secure(answer.headers_mut(), policy);
    if answer.status() == StatusCode::OK && is_known(answer, request) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        *answer.body_mut() = Body::Empty;
        answer.headers_mut().remove(header::CONTENT_TYPE);
    }
    compress(answer, request);
}

/// Whether the caller takes an answer in this form.
pub(crate) fn takes(request: &Request, encoding: &str) -> bool {
    let accepted = request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let mut accepted = accepted.unwrap_or_default().split(',');
    accepted.any(|one| one.split(';').next().map(str::trim) == Some(encoding))
}

/// JSON repeats its names, so it becomes a fifth and less. Files have been compressed by the build.
fn compress(answer: &mut Response<Body>, request: &Request) {
    let Body::Text(text) = answer.body() else { return };
    if text.len() < WORTH_COMPRESSING || !takes(request, "gzip") {
        return;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let compressed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    *answer.body_mut() = Body::Binary(compressed.expect("memory takes everything"));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
}

fn is_known(answer: &Response<Body>, request: &Request) -> bool {
    let Some(tag) = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok()) else {
        return false;
    };
    let known = request.headers().get_all(header::IF_NONE_MATCH);
    known
        .iter()
        .filter_map(|tags| tags.to_str().ok())
        .flat_map(|tags| tags.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag)
}
