//! Error answers as problem documents (RFC 9457). The public half goes into the body, the private cause into the
//! log, and nothing can get from the second into the first.

use std::error::Error;

use lambda_http::{
    Body, Response,
    http::{StatusCode, header},
};
use serde_json::json;

use crate::Chain;

/// An error answer for whoever called.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    retry_after_s: Option<u32>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    /// An answer with `status`; `detail` tells the caller what happened, to which thing, and what to do.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after_s: None, cause: None }
    }

    /// Something that we need is down; the caller may try again after `retry_after_s` seconds.
    pub fn unavailable(
        detail: impl Into<String>,
        retry_after_s: u32,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            detail: detail.into(),
            retry_after_s: Some(retry_after_s),
            cause: Some(cause.into()),
        }
    }

    /// The answer. The cause, if there is one, is logged here and nowhere else.
    pub fn into_response(self) -> Response<Body> {
        if let Some(cause) = &self.cause {
            let status = self.status.as_u16();
            tracing::error!(http.status = status, error = %Chain(cause.as_ref()), "answered {status}");
        }
        let document = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut answer = Response::builder()
            .status(self.status)
            .header(header::CONTENT_TYPE, "application/problem+json")
            .header(header::CACHE_CONTROL, "no-store")
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        if let Some(seconds) = self.retry_after_s {
            answer = answer.header(header::RETRY_AFTER, seconds);
        }
        answer.body(Body::from(document.to_string())).expect("status and headers are valid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_never_reaches_the_body() {
        let cause = std::io::Error::other("password=hunter2");
        let response = Problem::unavailable("the store is down, try again", 5, cause).into_response();
        assert_eq!(response.headers()["retry-after"], "5");
        let Body::Text(body) = response.into_body() else { panic!("a problem document is text") };
        assert_eq!(
            body,
            r#"{"detail":"the store is down, try again","status":503,"title":"Service Unavailable","type":"about:blank"}"#
        );
    }
}
