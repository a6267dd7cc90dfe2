use std::sync::Arc;

use lambda_http::http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use zixly_auth::{TokenRules, TokenRulesError, UserTokens};
use zixly_budgets::CallBudgets;
use zixly_domain::TenantId;
use zixly_lambda_kit::aws::SdkConfig;
use zixly_payload_store::{PayloadError, PayloadStore};
use zixly_queues::DeadLetterQueue;
use zixly_secrets::{FromSecret, FunctionSecret, SecretsError};
use zixly_store::{Store, StoreError, TenantTx};

use crate::{DashboardConfig, pages};

/// Everything that the function reads. Nothing is opened before it is needed, so a dependency that is down costs only
/// the requests that need it.
pub struct App {
    pub(crate) config: DashboardConfig,
    /// What pages may do, as every answer says.
    pub(crate) policy: HeaderValue,
    pub(crate) payloads: PayloadStore,
    pub(crate) budgets: CallBudgets,
    pub(crate) dead_letters: DeadLetterQueue,
    pub(crate) secret: FunctionSecret,
    store: FromSecret<Store>,
    user_tokens: FromSecret<UserTokens>,
}

/// What a request needs cannot be had, or it is not even known where it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("it is not known where the database is")]
    Secrets(#[from] SecretsError),
    #[error("the function's secret has no {0}")]
    NotConfigured(&'static str),
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    #[error("no address can be made for a result")]
    Payloads(#[from] PayloadError),
    #[error("users' tokens cannot be checked")]
    TokenRules(#[from] TokenRulesError),
}

impl App {
    /// An app over these settings.
    pub fn new(config: DashboardConfig, sdk_config: &SdkConfig) -> Self {
        Self {
            payloads: PayloadStore::new(sdk_config, config.payload_bucket.clone()),
            budgets: CallBudgets::new(sdk_config, config.counter_table.clone()),
            dead_letters: DeadLetterQueue::new(sdk_config, config.dead_letter_queue_url.clone()),
            policy: pages::policy(&config),
            secret: FunctionSecret::new(sdk_config, config.function_secret_arn.clone()),
            store: FromSecret::new(),
            user_tokens: FromSecret::new(),
            config,
        }
    }

    /// The store, whose address is in the function's secret.
    pub(crate) async fn store(&self) -> Result<Arc<Store>, OpenError> {
        self.store
            .get(&self.secret, async || {
                let url = self.needed("database_url").await?;
                let certificate = self.secret.get("database_ca_certificate").await?;
                Ok(Store::new(&url, certificate.as_ref().map(ExposeSecret::expose_secret))?)
            })
            .await
    }

    /// What `query` finds, in a transaction that sees the tenant's rows only.
    pub(crate) async fn read<T>(
        &self,
        tenant_id: TenantId,
        query: impl AsyncFnOnce(&TenantTx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, OpenError> {
        let store = self.store().await?;
        let mut session = store.session().await?;
        let tx = session.begin(tenant_id).await?;
        let found = query(&tx).await?;
        tx.commit().await?;
        Ok(found)
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

    /// A field of the function's secret without which the request cannot be answered.
    pub(crate) async fn needed(&self, name: &'static str) -> Result<SecretString, OpenError> {
        self.secret.get(name).await?.ok_or(OpenError::NotConfigured(name))
    }
}
