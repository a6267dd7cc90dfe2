//! `GET /health`: whether each thing that the function needs answers within a second.

use std::time::Duration;

use lambda_http::{Body, Response, http::StatusCode};
use serde_json::{Map, Value, json};
use zixly_lambda_kit::Chain;

use crate::{App, app::OpenError, jobs::json_answer};

const DEADLINE: Duration = Duration::from_secs(1);

/// 200 if everything answers and 503 otherwise; the body says what does not.
pub(crate) async fn report(app: &App) -> Response<Body> {
    let (secrets, postgres, queue, counters, payloads) = tokio::join!(
        check("secrets", app.behind.secret().get("database_url")),
        check("postgres", ping_postgres(app)),
        check("queue", app.queue.ping()),
        check("counters", app.counters.ping()),
        check("payloads", app.payloads.ping()),
    );
    let checks = [secrets, postgres, queue, counters, payloads];
    let is_up = checks.iter().all(|(_, is_up)| *is_up);
    let word = |up| if up { "up" } else { "down" };
    let checks: Map<String, Value> =
        checks.into_iter().map(|(name, is_up)| (name.to_owned(), word(is_up).into())).collect();
    let status = if is_up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json_answer(status, &json!({ "status": word(is_up), "checks": checks }))
}

async fn ping_postgres(app: &App) -> Result<(), OpenError> {
    Ok(app.store().await?.session().await?.ping().await?)
}

async fn check<T, E: std::error::Error>(
    name: &'static str,
    call: impl Future<Output = Result<T, E>>,
) -> (&'static str, bool) {
    match tokio::time::timeout(DEADLINE, call).await {
        Ok(Ok(_)) => return (name, true),
        Ok(Err(error)) => tracing::warn!(dependency = name, error = %Chain(&error), "{name} is down"),
        Err(_) => tracing::warn!(dependency = name, "{name} did not answer within a second"),
    }
    (name, false)
}
