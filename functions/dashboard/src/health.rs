//! `GET /api/health`: whether each thing that the function needs answers within a second.

use std::time::Duration;

use lambda_http::{Body, Response, http::StatusCode};
use serde_json::{Value, json};
use zixly_lambda_kit::Chain;

use crate::{App, answers, app::OpenError};

const DEADLINE: Duration = Duration::from_secs(1);

pub(crate) async fn report(app: &App) -> Response<Body> {
    let (secrets, postgres) =
        tokio::join!(check("secrets", app.needed("database_url")), check("postgres", ping_postgres(app)));
    let dependencies = [secrets, postgres];
    let is_healthy = dependencies.iter().all(|(_, detail)| detail.is_none());
    let shown: Value = dependencies
        .iter()
        .map(|(name, detail)| json!({ "name": name, "is_healthy": detail.is_none(), "detail": detail }))
        .collect();
    let mut answer = answers::json(&json!({ "is_healthy": is_healthy, "dependencies": shown }));
    if !is_healthy {
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    answer
}

async fn ping_postgres(app: &App) -> Result<(), OpenError> {
    Ok(app.store().await?.session().await?.ping().await?)
}

/// Why is for the log: anybody can ask.
async fn check<T>(
    name: &'static str,
    call: impl Future<Output = Result<T, OpenError>>,
) -> (&'static str, Option<&'static str>) {
    match tokio::time::timeout(DEADLINE, call).await {
        Ok(Ok(_)) => (name, None),
        Ok(Err(error)) => {
            tracing::warn!(dependency = name, error = %Chain(&error), "{name} is down");
            (name, Some("it does not answer as it should"))
        }
        Err(_) => {
            tracing::warn!(dependency = name, "{name} did not answer within a second");
            (name, Some("it did not answer within a second"))
        }
    }
}
