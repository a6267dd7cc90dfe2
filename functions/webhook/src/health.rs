//! `GET /health`: whether each thing that the function needs answers within a second.

use std::time::Duration;

use lambda_http::{
    Body, Response,
    http::{StatusCode, header},
};
use serde_json::json;
use zixly_lambda_kit::Chain;

use crate::{App, app::OpenError};

const DEADLINE: Duration = Duration::from_secs(1);

/// 200 if everything answers and 503 otherwise; the body says what does not.
pub(crate) async fn report(app: &App) -> Response<Body> {
    let (secrets, postgres, queue, counters) = tokio::join!(
        check("secrets", app.xero_keys()),
        check("postgres", ping_postgres(app)),
        check("queue", app.queue.ping()),
        check("counters", app.counters.ping()),
    );
    let is_up = secrets && postgres && queue && counters;
    let word = |up| if up { "up" } else { "down" };
    let body = json!({
        "status": word(is_up),
        "checks": {
            "secrets": word(secrets), "postgres": word(postgres), "queue": word(queue), "counters": word(counters),
        },
    });
    Response::builder()
        .status(if is_up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE })
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(Body::from(body.to_string()))
        .expect("the headers are valid")
}

async fn ping_postgres(app: &App) -> Result<(), OpenError> {
    Ok(app.store().await?.session().await?.ping().await?)
}

async fn check<T, E: std::error::Error>(name: &str, call: impl Future<Output = Result<T, E>>) -> bool {
    match tokio::time::timeout(DEADLINE, call).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::warn!(dependency = name, error = %Chain(&error), "{name} is down");
            false
        }
        Err(_) => {
            tracing::warn!(dependency = name, "{name} did not answer within a second");
            false
        }
    }
}
