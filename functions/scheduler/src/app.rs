use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use futures_util::{FutureExt, future::BoxFuture};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;
use zixly_lambda_kit::{
    Chain,
    aws::SdkConfig,
    metrics::{JOB_LAG, Metrics, report},
};
use zixly_payload_store::{PayloadError, PayloadStore};
use zixly_queues::{JobQueue, QueueError};
use zixly_secrets::{FromSecret, FunctionSecret, SecretsError};
use zixly_store::{
    Store, StoreError, jobs,
    metric_shards::{self, Shard},
};

use crate::SchedulerConfig;

/// What is left of an invocation to say what was done.
const ANSWERING: Duration = Duration::from_secs(2);

/// How long a duty may take at the most, so that those after it have their turn. The last one takes what is left.
const SHARE: Duration = Duration::from_secs(8);

/// How many idle instances' numbers are added up in one go.
const FOLDED_AT_ONCE: i64 = 500;

/// Everything that the function reaches. Nothing is opened before it is needed.
pub struct App {
    pub(crate) config: SchedulerConfig,
    pub(crate) queue: JobQueue,
    pub(crate) payloads: PayloadStore,
    /// What this instance has measured.
    pub(crate) metrics: Metrics,
    shard: Mutex<Shard>,
    secret: FunctionSecret,
    store: FromSecret<Store>,
}

/// Why a duty was not done, or not all of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DutyError {
    #[error("the store did not do its part")]
    Store(#[from] StoreError),
    #[error("the workers could not be rung")]
    Queue(#[from] QueueError),
    #[error("deliveries could not be archived")]
    Payloads(#[from] PayloadError),
    #[error("it is not known where the database is")]
    Secrets(#[from] SecretsError),
    #[error("the function's secret has no database_url")]
    NoAddress,
    #[error("it was not done in {0:?}")]
    TooSlow(Duration),
    #[error("it panicked, which is a defect of Zixly")]
    Panicked,
}

impl App {
    /// An app over these settings.
    pub fn new(config: SchedulerConfig, sdk_config: &SdkConfig) -> Self {
        Self {
            queue: JobQueue::new(sdk_config, config.job_queue_url.clone()),
            payloads: PayloadStore::new(sdk_config, config.payload_bucket.clone()),
            metrics: Metrics::default(),
            shard: Mutex::new(Shard::new("scheduler")),
            secret: FunctionSecret::new(sdk_config, config.function_secret_arn.clone()),
            store: FromSecret::new(),
            config,
        }
    }

    /// Does every duty once, one after the other, and is done before `deadline`. The answer says of each duty what it
    /// did, or why not.
    pub async fn run(&self, deadline: SystemTime) -> Value {
        let time_left =
            || deadline.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(ANSWERING);
        let share = || time_left().min(SHARE);
        let mut answer = Map::new();
        let mut note = |duty: &str, outcome| answer.insert(duty.to_owned(), outcome);
        note("doorbells", self.duty("doorbells", share(), self.ring_again().boxed()).await);
        note("dead_leases", self.duty("dead_leases", share(), self.ring_for_dead_leases().boxed()).await);
        note("lag", self.duty("lag", share(), self.report_lag().boxed()).await);
        note("polls", self.duty("polls", share(), self.start_polls().boxed()).await);
        note("partitions", self.duty("partitions", share(), self.make_partitions().boxed()).await);
        note("metrics", self.duty("metrics", share(), self.see_to_metrics().boxed()).await);
        note("archive", self.duty("archive", time_left(), self.archive().boxed()).await);
        Value::Object(answer)
    }

    /// One duty, whose end is told whatever it is. Boxed: the compiler gives up on what holds all of them.
    async fn duty(
        &self,
        name: &'static str,
        limit: Duration,
        work: BoxFuture<'_, Result<Value, DutyError>>,
    ) -> Value {
        let begun = Instant::now();
        let work = AssertUnwindSafe(work).catch_unwind();
        let outcome = match tokio::time::timeout(limit, work).await {
            Ok(outcome) => outcome.unwrap_or(Err(DutyError::Panicked)),
            Err(_) => Err(DutyError::TooSlow(limit)),
        };
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        match outcome {
            Ok(done) => {
                tracing::info!(duty = name, outcome = "done", duration_ms, done = %done, "duty.finished");
                done
            }
            Err(error) => {
                // The server may still be at a statement that nobody waits for any more.
                if matches!(error, DutyError::TooSlow(_) | DutyError::Panicked)
                    && let Ok(store) = self.store().boxed().await
                {
                    store.disconnect();
                }
                let error = Chain(&error).to_string();
                tracing::error!(duty = name, outcome = "failed", duration_ms, error, "duty.finished");
                json!({ "error": error })
            }
        }
    }

    /// Tells CloudWatch how late the workers are.
    async fn report_lag(&self) -> Result<Value, DutyError> {
        let store = self.store().await?;
        let lag_seconds = jobs::lag_seconds(&mut store.session().await?).await?;
        report(&JOB_LAG, lag_seconds);
        Ok(json!({ "seconds": lag_seconds }))
    }

    /// Saves what this instance has measured, and adds up what instances have that are gone.
    async fn see_to_metrics(&self) -> Result<Value, DutyError> {
        let store = self.store().await?;
        let save =
            async |series: &Value| self.shard.lock().await.save(&mut store.session().await?, series).await;
        self.metrics.save_with(save).await?;
        let folded = metric_shards::fold_idle(&mut store.session().await?, FOLDED_AT_ONCE).await?;
        Ok(json!({ "folded": folded }))
    }

    /// The store, whose address is in the function's secret.
    pub(crate) async fn store(&self) -> Result<Arc<Store>, DutyError> {
        self.store
            .get(&self.secret, async || {
                let url = self.secret.get("database_url").await?.ok_or(DutyError::NoAddress)?;
                let certificate = self.secret.get("database_ca_certificate").await?;
                Ok(Store::new(&url, certificate.as_ref().map(ExposeSecret::expose_secret))?)
            })
            .await
    }
}
