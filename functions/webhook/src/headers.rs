//! The headers of every answer: what a browser must not do with it, and which pages may read it.

use lambda_http::{
    Body, Response,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
};

const SECURITY: [(HeaderName, &str); 8] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-site"),
    (HeaderName::from_static("permissions-policy"), "interest-cohort=()"),
];

/// What a page may read of an answer besides its body.
const EXPOSED: &str =
    "idempotent-replayed, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after";

/// Adds the headers of every answer, and those for the page at `origin` if it is one of the `allowed`.
pub(crate) fn complete(answer: &mut Response<Body>, allowed: &[String], origin: Option<&HeaderValue>) {
    let headers = answer.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !allowed.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    if let Some(origin) = allowed_origin(allowed, origin) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

/// The answer to a browser that asks whether a page may call with `method`.
pub(crate) fn preflight(allowed: &[String], request: &HeaderMap, method: &Method) -> Response<Body> {
    let mut answer = Response::new(Body::Empty);
    *answer.status_mut() = StatusCode::NO_CONTENT;
    if allowed_origin(allowed, request.get(header::ORIGIN)).is_some() {
        let headers = answer.headers_mut();
        if let Ok(method) = HeaderValue::from_str(method.as_str()) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method);
        }
        let allowed = HeaderValue::from_static("authorization, content-type, idempotency-key");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    answer
}

fn allowed_origin<'a>(allowed: &[String], origin: Option<&'a HeaderValue>) -> Option<&'a HeaderValue> {
    origin.filter(|origin| allowed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()))
}
