//! Access tokens for connections: taken from Secrets Manager, refreshed when due by one worker at a time, and the
//! new pair stored before it is used.

use std::collections::HashMap;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use zixly_connectors::{ConnectorError, ReauthorisationReason};
use zixly_domain::{Provider, TokenSet, TokenSetId};
use zixly_secrets::TokenSets;
use zixly_store::{Store, connections::Connection, token_sets};

use crate::{connectors::Connectors, error::StepError};

/// The token sets that this worker has seen.
pub(crate) struct Tokens {
    stored: TokenSets,
    seen: Mutex<HashMap<TokenSetId, TokenSet>>,
}

impl Tokens {
    pub(crate) fn new(stored: TokenSets) -> Self {
        Self { stored, seen: Mutex::new(HashMap::new()) }
    }

    /// An access token that is good for at least the next call.
    pub(crate) async fn current(
        &self,
        store: &Store,
        connectors: &Connectors,
        provider: Provider,
        connection: &Connection,
    ) -> Result<SecretString, StepError> {
        let token_set_id = connection.token_set_id;
        let now = Timestamp::now();
        let seen = self.seen.lock().await.get(&token_set_id).cloned();
        if let Some(token_set) = seen.filter(|token_set| !token_set.is_due(now)) {
            return Ok(token_set.access_token);
        }
        let token_set = self.stored.fetch(token_set_id).await?;
        if token_set.is_due(now) {
            return self.refresh(store, connectors, provider, connection, &token_set.access_token).await;
        }
        Ok(self.remember(token_set_id, token_set).await)
    }

    /// A new access token instead of `refused`, which the provider does not take or which is due.
    pub(crate) async fn refresh(
        &self,
        store: &Store,
        connectors: &Connectors,
        provider: Provider,
        connection: &Connection,
        refused: &SecretString,
    ) -> Result<SecretString, StepError> {
        let token_set_id = connection.token_set_id;
        let lease = token_sets::lease_refresh(&mut store.session().await?, token_set_id).await?;
        let lease = lease.ok_or(StepError::BeingRefreshed(provider))?;
        let refreshed = self.refresh_leased(connectors, provider, connection, refused).await;
        token_sets::end_refresh(&mut store.session().await?, lease).await?;
        Ok(self.remember(token_set_id, refreshed?).await)
    }

    async fn refresh_leased(
        &self,
        connectors: &Connectors,
        provider: Provider,
        connection: &Connection,
        refused: &SecretString,
    ) -> Result<TokenSet, StepError> {
        let token_set_id = connection.token_set_id;
        // Read under the lease: whoever held it before may have refreshed already.
        let token_set = self.stored.fetch(token_set_id).await?;
        if is_other(&token_set, refused) {
            return Ok(token_set);
        }
        let refreshed =
            connectors.refresh(provider, &connection.account_id, &token_set, Timestamp::now()).await;
        match refreshed {
            Ok(refreshed) => {
                self.stored.store(token_set_id, &refreshed).await?;
                tracing::info!(%provider, token_set.id = %token_set_id, "token_set.refreshed");
                Ok(refreshed)
            }
            // A refresh token that is refused may have been spent by a worker that was slower than its lease.
            Err(StepError::Connector(ConnectorError::ReauthorisationNeeded {
                reason: ReauthorisationReason::RefreshTokenRefused,
                ..
            })) => {
                let latest = self.stored.fetch(token_set_id).await?;
                if is_other(&latest, refused) {
                    Ok(latest)
                } else {
                    Err(StepError::NeedsAuthorisation(provider))
                }
            }
            Err(StepError::Connector(ConnectorError::Rejected { status: 401, .. })) => {
                Err(StepError::OurCredentials(provider))
            }
            Err(error) => Err(error),
        }
    }

    /// Forgets a token set and removes it from Secrets Manager, for good. It is no error when it is gone already.
    pub(crate) async fn remove(&self, token_set_id: TokenSetId) -> Result<(), StepError> {
        self.seen.lock().await.remove(&token_set_id);
        Ok(self.stored.remove(token_set_id).await?)
    }

    async fn remember(&self, token_set_id: TokenSetId, token_set: TokenSet) -> SecretString {
        let access_token = token_set.access_token.clone();
        self.seen.lock().await.insert(token_set_id, token_set);
        access_token
    }
}

fn is_other(token_set: &TokenSet, refused: &SecretString) -> bool {
    token_set.access_token.expose_secret() != refused.expose_secret() && !token_set.is_due(Timestamp::now())
}
