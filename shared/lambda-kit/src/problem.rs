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
    fields: Vec<FieldProblem>,
    retry_after_s: Option<u64>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// Which one: `fast_range[1]`; empty for the body as a whole.
    pub field: String,
    /// The rule that it breaks, as a sentence.
    pub rule: String,
}

impl Problem {
    /// An answer with `status`; `detail` tells the caller what happened, to which thing, and what to do.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), fields: Vec::new(), retry_after_s: None, cause: None }
    }

    /// Something that we need is down; the caller may try again after `retry_after_s` seconds.
    pub fn unavailable(
        detail: impl Into<String>,
        retry_after_s: u64,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            cause: Some(cause.into()),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(retry_after_s)
        }
    }

    /// The request is understood, but these fields of it break a rule.
    pub fn invalid(fields: Vec<FieldProblem>) -> Self {
        let named: Vec<String> = fields
            .iter()
            .map(|problem| match problem.field.as_str() {
                "" => problem.rule.clone(),
                field => format!("{field}: {}", problem.rule),
            })
            .collect();
        Self { fields, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, named.join(" ")) }
    }

    /// The caller may try again after so many seconds.
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// The answer. The cause, if there is one, is logged here and nowhere else.
    pub fn into_response(self) -> Response<Body> {
        if let Some(cause) = &self.cause {
            let status = self.status.as_u16();
            tracing::error!(http.status = status, error = %Chain(cause.as_ref()), "answered {status}");
        }
        let mut document = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if !self.fields.is_empty() {
            let error = |problem: &FieldProblem| json!({ "field": problem.field, "rule": problem.rule });
            document["errors"] = self.fields.iter().map(error).collect();
        }
        let mut answer =
            Response::builder().status(self.status).header(header::CONTENT_TYPE, "application/problem+json");
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
        assert_eq!(
            text(response),
            r#"{"detail":"the store is down, try again","status":503,"title":"Service Unavailable","type":"about:blank"}"#
        );
    }

    #[test]
    fn a_field_is_named_with_its_rule() {
        let problem = FieldProblem { field: "step".into(), rule: "It must be at least 1.".into() };
        assert_eq!(
            text(Problem::invalid(vec![problem]).into_response()),
            r#"{"detail":"step: It must be at least 1.","errors":[{"field":"step","rule":"It must be at least 1."}],"status":422,"title":"Unprocessable Entity","type":"about:blank"}"#
        );
    }

    fn text(response: Response<Body>) -> String {
        let Body::Text(body) = response.into_body() else { panic!("a problem document is text") };
        body
    }
}
