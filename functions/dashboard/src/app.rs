use std::sync::Arc;

use lambda_http::http::HeaderValue;
use secrecy::SecretString;
use zixly_access::BehindSecret;
use zixly_budgets::CallBudgets;
use zixly_domain::TenantId;
use zixly_lambda_kit::aws::SdkConfig;
use zixly_payload_store::{PayloadError, PayloadStore};
use zixly_queues::DeadLetterQueue;
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
    pub(crate) behind: BehindSecret,
}

/// What a request needs cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Behind(#[from] zixly_access::OpenError),
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    #[error("no address can be made for a result")]
    Payloads(#[from] PayloadError),
}

impl App {
    /// An app over these settings.
    pub fn new(config: DashboardConfig, sdk_config: &SdkConfig) -> Self {
        Self {
            payloads: PayloadStore::new(sdk_config, config.payload_bucket.clone()),
            budgets: CallBudgets::new(sdk_config, config.counter_table.clone()),
            dead_letters: DeadLetterQueue::new(sdk_config, config.dead_letter_queue_url.clone()),
            policy: pages::policy(&config),
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
        Ok(self.behind.store().await?)
    }

    /// What `query` finds, in a transaction that sees the tenant's rows only.
    pub(crate) async fn read<T>(
        &self,
        tenant_id: TenantId,
        query: impl AsyncFnOnce(&TenantTx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, OpenError> {
        self.behind.in_tenant(tenant_id, async |tx| Ok(query(tx).await?)).await
    }

    /// A field of the function's secret without which the request cannot be answered.
    pub(crate) async fn needed(&self, name: &'static str) -> Result<SecretString, OpenError> {
        Ok(self.behind.needed(name).await?)
    }
}
