use std::sync::Arc;

use zixly_access::BehindSecret;
use zixly_auth::UserTokens;
use zixly_budgets::Counters;
use zixly_lambda_kit::aws::SdkConfig;
use zixly_payload_store::PayloadStore;
use zixly_queues::JobQueue;
use zixly_secrets::HookSecrets;
use zixly_store::Store;

pub(crate) use zixly_access::OpenError;

use crate::{WebhookConfig, measurements::Measurements};

/// Everything that the function reaches. Nothing is opened before it is needed, so a dependency that is down costs
/// only the requests that need it.
pub struct App {
    pub(crate) config: WebhookConfig,
    /// Where the worker is rung.
    pub(crate) queue: JobQueue,
    /// Where a delivery waits that is too large for the queue.
    pub(crate) payloads: PayloadStore,
    /// What counts refusals and requests.
    pub(crate) counters: Counters,
    /// What was agreed in handshakes.
    pub(crate) hook_secrets: HookSecrets,
    /// What this instance has measured.
    pub(crate) measurements: Measurements,
    /// What the function's own secret opens.
    pub(crate) behind: BehindSecret,
}

impl App {
    /// An app over these settings.
    pub fn new(config: WebhookConfig, sdk_config: &SdkConfig) -> Self {
        Self {
            queue: JobQueue::new(sdk_config, config.job_queue_url.clone()),
            payloads: PayloadStore::new(sdk_config, config.payload_bucket.clone()),
            counters: Counters::new(sdk_config, config.counter_table.clone()),
            hook_secrets: HookSecrets::new(sdk_config, config.hook_secret_prefix.clone())
                .encrypted_with(config.secret_key_arn.clone()),
            measurements: Measurements::new(),
            behind: BehindSecret::new(
                sdk_config,
                config.function_secret_arn.clone(),
                config.auth_issuer.clone(),
                config.auth_audience.clone(),
            ),
            config,
        }
    }

    /// The store, whose address is in the function's secret.
    pub(crate) async fn store(&self) -> Result<Arc<Store>, OpenError> {
        self.behind.store().await
    }

    /// What users' tokens are checked with.
    pub(crate) async fn user_tokens(&self) -> Result<Arc<UserTokens>, OpenError> {
        self.behind.user_tokens().await
    }
}
