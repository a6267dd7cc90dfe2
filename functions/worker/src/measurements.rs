//! What this instance measures, saved after each batch for the door, which is what Prometheus scrapes.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use zixly_domain::JobStatus;
use zixly_lambda_kit::{
    Chain,
    metrics::{JOB_DURATION, JOBS_PROCESSED, Labels, Metrics, TRADING_API_LATENCY},
};
use zixly_store::metric_shards::Shard;

use crate::app::{App, Unrecorded};

/// A batch does not wait longer for its numbers; they are saved with the next one then.
const SAVE_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) struct Measurements {
    pub(crate) metrics: Metrics,
    shard: Mutex<Shard>,
}

impl Measurements {
    pub(crate) fn new() -> Self {
        Self { metrics: Metrics::default(), shard: Mutex::new(Shard::new("worker")) }
    }

    /// Takes note of a job that has ended, so long after it was first claimed.
    pub(crate) fn observe_end(&self, job_type: &str, status: JobStatus, took: Duration) {
        let status = status.as_str().to_lowercase();
        let labels: Labels<'_> = &[("job_type", job_type), ("status", &status)];
        self.metrics.count(&JOBS_PROCESSED, labels);
        self.metrics.observe(&JOB_DURATION, labels, took.as_secs_f64());
    }

    /// Takes note of a call to the trading API, whatever came of it.
    pub(crate) fn observe_trading_call(&self, endpoint: &'static str, took: Duration) {
        self.metrics.observe(&TRADING_API_LATENCY, &[("endpoint", endpoint)], took.as_secs_f64());
    }
}

impl App {
    pub(crate) async fn save_measurements(&self) {
        match tokio::time::timeout(SAVE_TIMEOUT, self.try_save()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(error = %Chain(&error), "the numbers are saved with the next batch")
            }
            Err(_) => tracing::debug!("the numbers are saved with the next batch: no answer"),
        }
    }

    async fn try_save(&self) -> Result<(), Unrecorded> {
        let Measurements { metrics, shard } = &self.measurements;
        let save = async |series: &Value| {
            let store = self.store().await?;
            let mut session = store.session().await?;
            Ok(shard.lock().await.save(&mut session, series).await?)
        };
        metrics.save_with(save).await
    }
}
