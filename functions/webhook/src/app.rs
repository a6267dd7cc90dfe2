use std::sync::Arc;

use secrecy::ExposeSecret;
use zixly_auth::{TokenRules, TokenRulesError, UserTokens};
use zixly_budgets::Counters;
use zixly_lambda_kit::aws::SdkConfig;
use zixly_payload_store::PayloadStore;
use zixly_queues::JobQueue;
use zixly_secrets::{FromSecret, FunctionSecret, HookSecrets, SecretsError};
use zixly_store::{Store, StoreError};

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
    /// The function's own secret.
    pub(crate) secret: FunctionSecret,
    /// What was agreed in handshakes.
    pub(crate) hook_secrets: HookSecrets,
    /// What this instance has measured.
    pub(crate) measurements: Measurements,
    store: FromSecret<Store>,
    user_tokens: FromSecret<UserTokens>,
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
    #[error("users' tokens cannot be checked")]
    TokenRules(#[from] TokenRulesError),
}

impl App {
    /// An app over these settings.
    pub fn new(config: WebhookConfig, sdk_config: &SdkConfig) -> Self {
        Self {
            queue: JobQueue::new(sdk_config, config.job_queue_url.clone()),
            payloads: PayloadStore::new(sdk_config, config.payload_bucket.clone()),
            counters: Counters::new(sdk_config, config.counter_table.clone()),
            secret: FunctionSecret::new(sdk_config, config.function_secret_arn.clone()),
            hook_secrets: HookSecrets::new(sdk_config, config.hook_secret_prefix.clone()),
            measurements: Measurements::new(),
            store: FromSecret::new(),
            user_tokens: FromSecret::new(),
            config,
        }
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

    /// What users' tokens are checked with; without an issuer in the settings, no token is good.
    pub(crate) async fn user_tokens(&self) -> Result<Arc<UserTokens>, OpenError> {
        self.user_tokens
            .get(&self.secret, async || {
                let jwks = self.secret.get("auth_jwks").await?;
                let legacy_secret = self.secret.get("auth_jwt_secret").await?;
                let is_configured = self.config.auth_issuer.is_some();
                Ok(UserTokens::new(TokenRules {
                    issuer: self.config.auth_issuer.clone().unwrap_or_default(),
                    audience: self.config.auth_audience.clone(),
                    jwks: jwks.as_ref().map(ExposeSecret::expose_secret).filter(|_| is_configured),
                    legacy_secret: legacy_secret.filter(|_| is_configured),
                })?)
            })
            .await
    }
}
