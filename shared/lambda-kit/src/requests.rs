//! The line of a request that somebody made, and what is said about it on the way.

use std::{fmt::Display, pin::Pin, time::Instant};

use lambda_http::{Body, Response, http::Method};
use tracing::{
    Instrument, Span,
    field::{Empty, display},
    info_span,
};

/// What `work` answers, with one line about it. `route` is a template: the path and the query of a request may hold anything.
///
/// The work is boxed, since it holds the futures of all routes, and moving those from one to the next costs a debug build
/// its stack.
pub async fn logged(
    method: &Method,
    route: &'static str,
    work: Pin<Box<impl Future<Output = Response<Body>>>>,
) -> Response<Body> {
    let span = info_span!(
        "request",
        http.method = known(method),
        http.route = route,
        tenant.id = Empty,
        caller = Empty
    );
    let answer = async {
        let began = Instant::now();
        let answer = work.await;
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(http.status = answer.status().as_u16(), duration_ms, "request.answered");
        answer
    };
    answer.instrument(span).await
}

/// Says for whom the request is answered and who makes it, on all lines that are still to come.
pub fn note_caller(tenant_id: impl Display, caller: impl Display) {
    Span::current().record("tenant.id", display(tenant_id)).record("caller", display(caller));
}

/// A method that somebody makes up is none that is worth a name.
pub fn known(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS") => known,
        _ => "other",
    }
}
