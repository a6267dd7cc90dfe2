//! `GET /api/service-metrics`: how the service does for the tenant, beside the thresholds of its alarms.

use jiff::Timestamp;
use serde_json::{Value, json};
use zixly_access::Viewing;
use zixly_lambda_kit::Chain;
use zixly_store::{
    TenantTx,
    views::service_metrics::{self, Minute},
};

use crate::{
    App,
    answers::{self, Answer},
};

/// Where the alarms are: SlowExecution, HighErrorRate, the age at which a message should have been taken, and one dead
/// letter.
const P95_MS: f64 = 300_000.0;
const ERROR_PERCENT: f64 = 10.0;
const QUEUE_AGE_SECONDS: f64 = 60.0;
const DEAD_LETTERS: f64 = 0.0;

pub(crate) async fn show(app: &App, viewing: &Viewing) -> Answer {
    let now = Timestamp::now();
    let read = async |tx: &TenantTx<'_>| {
        let minutes = service_metrics::minutes(tx, viewing.tenant_id, now).await?;
        let oldest = service_metrics::oldest_ring(tx, viewing.tenant_id, now).await?;
        Ok((minutes, oldest))
    };
    let (minutes, oldest) = app.read(viewing.tenant_id, read).await?;
    let age = oldest.map_or(0.0, |at| now.duration_since(at).as_secs_f64().max(0.0));
    let metrics = json!([
        metric(
            "throughput",
            "Jobs a minute",
            "per_minute",
            last(&minutes, |minute| Some(minute.ended as f64)),
            None,
            points(&minutes, |minute| Some(minute.ended as f64))
        ),
        metric(
            "duration_p95",
            "Duration, 95 of 100 below",
            "ms",
            last(&minutes, |minute| minute.p95_ms),
            Some(P95_MS),
            points(&minutes, |minute| minute.p95_ms)
        ),
        metric(
            "error_rate",
            "Failed",
            "percent",
            error_rate_of(&minutes),
            Some(ERROR_PERCENT),
            points(&minutes, error_rate)
        ),
        metric(
            "queue_age",
            "Oldest job that no worker has taken",
            "seconds",
            Some(age),
            Some(QUEUE_AGE_SECONDS),
            json!([])
        ),
        metric(
            "dead_letters",
            "Dead letters of the installation",
            "count",
            dead_letters(app).await,
            Some(DEAD_LETTERS),
            json!([])
        ),
    ]);
    Ok(answers::json(&json!({ "at": now, "metrics": metrics })))
}

fn metric(
    name: &str,
    label: &str,
    unit: &str,
    value: Option<f64>,
    threshold: Option<f64>,
    points: Value,
) -> Value {
    let is_alarming = value.zip(threshold).is_some_and(|(value, threshold)| value > threshold);
    json!({
        "name": name, "label": label, "unit": unit, "value": value, "threshold": threshold,
        "is_alarming": is_alarming, "points": points,
    })
}

/// The last minute that has one.
fn last(minutes: &[Minute], value: impl Fn(&Minute) -> Option<f64>) -> Option<f64> {
    minutes.iter().rev().find_map(value)
}

fn points(minutes: &[Minute], value: impl Fn(&Minute) -> Option<f64>) -> Value {
    minutes.iter().map(|minute| json!({ "at": minute.at, "value": value(minute) })).collect()
}

fn error_rate(minute: &Minute) -> Option<f64> {
    (minute.ended > 0).then(|| minute.failed as f64 * 100.0 / minute.ended as f64)
}

/// Over the last five minutes, as the alarm has it.
fn error_rate_of(minutes: &[Minute]) -> Option<f64> {
    let last = &minutes[minutes.len().saturating_sub(5)..];
    let (ended, failed) =
        last.iter().fold((0, 0), |(ended, failed), minute| (ended + minute.ended, failed + minute.failed));
    (ended > 0).then(|| failed as f64 * 100.0 / ended as f64)
}

async fn dead_letters(app: &App) -> Option<f64> {
    match app.dead_letters.count().await {
        Ok(count) => Some(count as f64),
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "the dead letters cannot be counted");
            None
        }
    }
}
