use std::sync::Arc;

use secrecy::ExposeSecret;
use zixly_budgets::Counters;
use zixly_lambda_kit::aws::SdkConfig;
use zixly_queues::JobQueue;
use zixly_secrets::{FromSecret, FunctionSecret, SecretsError};
use zixly_store::{Store, StoreError};
use zixly_webhooks::SigningKeys;

use crate::WebhookConfig;

/// Everything that the function reaches. Nothing is opened before it is needed, so a dependency that is down costs
/// only the requests that need it.
pub struct App {
    /// Where the worker is rung.
    pub(crate) queue: JobQueue,
    /// What counts refusals.
    pub(crate) counters: Counters,
    secret: FunctionSecret,
    store: FromSecret<Store>,
}

/// The store cannot be reached, or it is not even known where it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("it is not known where the database is")]
    Secrets(#[from] SecretsError),
    #[error("the function's secret has no database_url")]
    NoAddress,
    #[error("the store cannot be opened")]
    Store(#[from] StoreError),
}

impl App {
    /// An app over these settings.
    pub fn new(config: WebhookConfig, sdk_config: &SdkConfig) -> Self {
        Self {
            queue: JobQueue::new(sdk_config, config.job_queue_url),
            counters: Counters::new(sdk_config, config.counter_table),
            secret: FunctionSecret::new(sdk_config, config.function_secret_arn),
            store: FromSecret::new(),
        }
    }

    /// The keys that Xero may have signed with; none configured means that nothing verifies.
    pub(crate) async fn xero_keys(&self) -> Result<SigningKeys, SecretsError> {
        Ok(SigningKeys::new(self.secret.get("xero_webhook_key").await?))
    }

    /// The store, whose address is in the function's secret.
    pub(crate) async fn store(&self) -> Result<Arc<Store>, OpenError> {
        self.store
            .get(&self.secret, async || {
                let url = self.secret.get("database_url").await?.ok_or(OpenError::NoAddress)?;
                let certificate = self.secret.get("database_ca_certificate").await?;
                Ok(Store::new(&url, certificate.as_ref().map(ExposeSecret::expose_secret))?)
            })
            .await
    }
}
