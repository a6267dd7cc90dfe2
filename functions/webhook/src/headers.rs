//! The headers of every answer: what a browser must not do with it. Which pages may call is the gateway's to say.

use lambda_http::{
    Body, Response,
    http::{HeaderName, HeaderValue, header},
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

/// Adds the headers of every answer.
pub(crate) fn complete(answer: &mut Response<Body>) {
    for (name, value) in SECURITY {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}
