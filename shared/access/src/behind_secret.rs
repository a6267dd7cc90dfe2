use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use zixly_auth::{TokenRules, TokenRulesError, UserTokens};
use zixly_domain::TenantId;
use zixly_lambda_kit::aws::SdkConfig;
use zixly_secrets::{FromSecret, FunctionSecret, SecretsError};
use zixly_store::{Store, StoreError, TenantTx};

/// What the function's secret opens. Nothing is opened before it is needed, so a dependency that is down costs only the
/// requests that need it.
pub struct BehindSecret {
    secret: FunctionSecret,
    /// Who makes users' tokens; without it no token is good.
    issuer: Option<String>,
    audience: String,
    store: FromSecret<Store>,
    user_tokens: FromSecret<UserTokens>,
}

/// What a request needs cannot be had, or it is not even known where it is.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The function's secret cannot be read.
    #[error("it is not known where the database is")]
    Secrets(#[from] SecretsError),
    /// The operator has not put it into the function's secret.
    #[error("the function's secret has no {0}")]
    NotConfigured(&'static str),
    /// PostgreSQL does not answer, or refuses.
    #[error("the store does not do what it should")]
    Store(#[from] StoreError),
    /// The keys in the function's secret cannot be read.
    #[error("users' tokens cannot be checked")]
    TokenRules(#[from] TokenRulesError),
}

impl BehindSecret {
    /// What the secret at `arn` opens, for users whose tokens `issuer` makes for `audience`.
    pub fn new(sdk_config: &SdkConfig, arn: String, issuer: Option<String>, audience: String) -> Self {
        Self {
            secret: FunctionSecret::new(sdk_config, arn),
            issuer,
            audience,
            store: FromSecret::new(),
            user_tokens: FromSecret::new(),
        }
    }

    /// The function's own secret.
    pub fn secret(&self) -> &FunctionSecret {
        &self.secret
    }

    /// A field of the secret without which the request cannot be answered.
    pub async fn needed(&self, name: &'static str) -> Result<SecretString, OpenError> {
        self.secret.get(name).await?.ok_or(OpenError::NotConfigured(name))
    }

    /// The store, whose address is in the secret.
    pub async fn store(&self) -> Result<Arc<Store>, OpenError> {
        self.store
            .get(&self.secret, async || {
                let url = self.needed("database_url").await?;
                let certificate = self.secret.get("database_ca_certificate").await?;
                Ok(Store::new(&url, certificate.as_ref().map(ExposeSecret::expose_secret))?)
            })
            .await
    }

    /// What `work` gives, in a transaction of the tenant's, which is committed when it has gone well.
    pub async fn in_tenant<T, E: From<OpenError> + From<StoreError>>(
        &self,
        tenant_id: TenantId,
        work: impl AsyncFnOnce(&TenantTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let store = self.store().await?;
        let mut session = store.session().await?;
        let tx = session.begin(tenant_id)?;
        let done = work(&tx).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// What users' tokens are checked with; without an issuer in the settings, no token is good.
    pub async fn user_tokens(&self) -> Result<Arc<UserTokens>, OpenError> {
        self.user_tokens
            .get(&self.secret, async || {
                let jwks = self.secret.get("auth_jwks").await?;
                let legacy_secret = self.secret.get("auth_jwt_secret").await?;
                let is_configured = self.issuer.is_some();
                Ok(UserTokens::new(TokenRules {
                    issuer: self.issuer.clone().unwrap_or_default(),
                    audience: self.audience.clone(),
                    jwks: jwks.as_ref().map(ExposeSecret::expose_secret).filter(|_| is_configured),
                    legacy_secret: legacy_secret.filter(|_| is_configured),
                })?)
            })
            .await
    }
}
