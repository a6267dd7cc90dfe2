//! Access tokens for connections: taken from Secrets Manager, refreshed when due by one worker at a time, and the
//! new pair stored before it is used.
//!
//! Where a provider replaces the refresh token at each use, a worker that dies between the provider's answer and our
//! storing it leaves the spent one behind. That is the provider's previous one, which goes on working for a while
//! (half an hour at Xero), so the next worker simply spends it once more. The previous version that Secrets Manager
//! keeps is older still, and never worth a try.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OwnedMutexGuard;
use tracing::Instrument;
use zixly_connectors::{ConnectorError, ReauthorisationReason};
use zixly_domain::{Provider, TokenSet, TokenSetId};
use zixly_lambda_kit::Chain;
use zixly_secrets::{SecretsError, StoredTokenSet, TokenSets};
use zixly_store::{
    Store,
    connections::Connection,
    token_sets::{self, RefreshLease},
};

use crate::{await_points::await_point, connectors::Connectors, error::StepError};

/// How long a job stands by while another one of this worker sees to the same token set.
const STAND_BY: Duration = Duration::from_secs(5);

/// The token sets that this worker has seen.
pub(crate) struct Tokens {
    stored: TokenSets,
    seen: Mutex<HashMap<TokenSetId, Seen>>,
}

/// Whoever holds the lock sees to the token set for all jobs of this worker.
type Seen = Arc<tokio::sync::Mutex<LastSeen>>;

/// A token set as it was last seen.
#[derive(Default)]
struct LastSeen {
    /// None before it is first fetched, and once the provider has refused it.
    token_set: Option<TokenSet>,
    /// The access token that the provider has refused last: nobody calls with it again.
    refused: Option<SecretString>,
}

impl Tokens {
    pub(crate) fn new(stored: TokenSets) -> Self {
        Self { stored, seen: Mutex::new(HashMap::new()) }
    }

    /// An access token that is good for at least the next call.
    pub(crate) async fn current(
        &self,
        store: &Arc<Store>,
        connectors: &Arc<Connectors>,
        provider: Provider,
        connection: &Connection,
    ) -> Result<SecretString, StepError> {
        let mut seen = self.seen(provider, connection.token_set_id).await?;
        let now = Timestamp::now();
        if let Some(token_set) = seen.token_set.as_ref().filter(|token_set| !token_set.is_due(now)) {
            return Ok(token_set.access_token.clone());
        }
        let token_set = self.stored.fetch(connection.token_set_id).await?.token_set;
        let is_refused =
            seen.refused.as_ref().is_some_and(|refused| is_same(refused, &token_set.access_token));
        if is_refused || token_set.is_due(now) {
            let refresh = self.refresh(store, connectors, provider, connection, token_set.access_token);
            return refresh.run(seen).await;
        }
        Ok(seen.token_set.insert(token_set).access_token.clone())
    }

    /// Another access token instead of `refused`, which the provider does not take.
    pub(crate) async fn instead_of(
        &self,
        store: &Arc<Store>,
        connectors: &Arc<Connectors>,
        provider: Provider,
        connection: &Connection,
        refused: SecretString,
    ) -> Result<SecretString, StepError> {
        let mut seen = self.seen(provider, connection.token_set_id).await?;
        // Another job of this worker, or another worker, may have seen to it.
        if let Some(token_set) = seen.token_set.as_ref().filter(|token_set| is_other(token_set, &refused)) {
            return Ok(token_set.access_token.clone());
        }
        *seen = LastSeen { token_set: None, refused: Some(refused.clone()) };
        let token_set = self.stored.fetch(connection.token_set_id).await?.token_set;
        if is_other(&token_set, &refused) {
            return Ok(seen.token_set.insert(token_set).access_token.clone());
        }
        self.refresh(store, connectors, provider, connection, refused).run(seen).await
    }

    /// Forgets a token set and removes it from Secrets Manager, for good. It is no error when it is gone already.
    pub(crate) async fn remove(&self, token_set_id: TokenSetId) -> Result<(), StepError> {
        self.all_seen().remove(&token_set_id);
        Ok(self.stored.remove(token_set_id).await?)
    }

    /// Waits for refreshes that go on although their step has given up: a frozen instance would sit on a new pair that
    /// nobody else knows of.
    pub(crate) async fn finish(&self, deadline: SystemTime) {
        let all: Vec<Seen> = self.all_seen().values().cloned().collect();
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        let finish = async {
            for seen in all {
                drop(seen.lock().await);
            }
        };
        if tokio::time::timeout(left.saturating_sub(Duration::from_secs(1)), finish).await.is_err() {
            tracing::warn!("a refresh of tokens is cut off with the invocation");
        }
    }

    fn refresh(
        &self,
        store: &Arc<Store>,
        connectors: &Arc<Connectors>,
        provider: Provider,
        connection: &Connection,
        refused: SecretString,
    ) -> Refresh {
        Refresh {
            stored: self.stored.clone(),
            store: store.clone(),
            connectors: connectors.clone(),
            provider,
            account_id: connection.account_id.clone(),
            token_set_id: connection.token_set_id,
            refused,
        }
    }

    async fn seen(
        &self,
        provider: Provider,
        token_set_id: TokenSetId,
    ) -> Result<OwnedMutexGuard<LastSeen>, StepError> {
        let seen = self.all_seen().entry(token_set_id).or_default().clone();
        let locked = tokio::time::timeout(STAND_BY, seen.lock_owned()).await;
        locked.map_err(|_| StepError::BeingRefreshed(provider))
    }

    fn all_seen(&self) -> std::sync::MutexGuard<'_, HashMap<TokenSetId, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All that a refresh needs, since it may outlive the step that wants it.
struct Refresh {
    stored: TokenSets,
    store: Arc<Store>,
    connectors: Arc<Connectors>,
    provider: Provider,
    /// Any account that the token set is for.
    account_id: String,
    token_set_id: TokenSetId,
    /// The access token that is not good any more.
    refused: SecretString,
}

impl Refresh {
    /// Buys the next token set. Once begun this goes on to the end, even if the step runs out of time in between:
    /// otherwise the new pair would be lost between the provider's answer and our storing it.
    async fn run(self, mut seen: OwnedMutexGuard<LastSeen>) -> Result<SecretString, StepError> {
        let work = async move { Ok(seen.token_set.insert(self.run_once().await?).access_token.clone()) };
        tokio::spawn(work.in_current_span()).await.map_err(|_| StepError::Panicked)?
    }

    async fn run_once(self) -> Result<TokenSet, StepError> {
        let lease = token_sets::lease_refresh(&mut self.store.session().await?, self.token_set_id).await?;
        let lease = lease.ok_or(StepError::BeingRefreshed(self.provider))?;
        await_point!("refresh:leased");
        let refreshed = self.run_leased(&lease).await;
        if let Err(error) = self.give_back(lease).await {
            tracing::warn!(error = %Chain(&error), "the lease on a token set ends by itself");
        }
        refreshed
    }

    async fn give_back(&self, lease: RefreshLease) -> Result<(), StepError> {
        Ok(token_sets::end_refresh(&mut self.store.session().await?, lease).await?)
    }

    async fn run_leased(&self, lease: &RefreshLease) -> Result<TokenSet, StepError> {
        let Self { stored, provider, token_set_id, .. } = self;
        // Read under the lease: whoever held it before may have refreshed already.
        let mut old = stored.fetch(*token_set_id).await?;
        for _ in 0..2 {
            if is_other(&old.token_set, &self.refused) {
                return Ok(old.token_set);
            }
            if lease.refused_version.as_ref() == Some(&old.version) {
                return self.needs_authorisation(lease, &old).await;
            }
            let now = Timestamp::now();
            match self.connectors.refresh(*provider, &self.account_id, &old.token_set, now).await {
                Ok(new) => return self.keep(&old, &new).await,
                // Somebody else may have replaced it: a worker that outlived its lease, or its owner with a new
                // consent. What is refused then is an old one, and the new one deserves a try.
                Err(StepError::Connector(ConnectorError::ReauthorisationNeeded {
                    reason: ReauthorisationReason::RefreshTokenRefused,
                    ..
                })) => {
                    let latest = stored.fetch(*token_set_id).await?;
                    if latest.version == old.version {
                        return self.needs_authorisation(lease, &old).await;
                    }
                    old = latest;
                }
                Err(StepError::Connector(ConnectorError::Rejected { status: 401, .. })) => {
                    return Err(StepError::OurCredentials(*provider));
                }
                Err(error) => return Err(error),
            }
        }
        // It changes hands at this very moment.
        Err(StepError::BeingRefreshed(*provider))
    }

    async fn keep(&self, old: &StoredTokenSet, new: &TokenSet) -> Result<TokenSet, StepError> {
        await_point!("refresh:answered");
        let in_force = match self.stored.replace(self.token_set_id, old, new).await {
            // There is no third chance: the lease would end.
            Err(SecretsError::Unreachable { .. }) => self.stored.replace(self.token_set_id, old, new).await?,
            outcome => outcome?,
        };
        await_point!("refresh:stored");
        tracing::info!(provider = %self.provider, token_set.id = %self.token_set_id, "token_set.refreshed");
        Ok(in_force.token_set)
    }

    /// Says so on every connection that the token set opened, so that no job calls with it any more.
    async fn needs_authorisation(
        &self,
        lease: &RefreshLease,
        refused: &StoredTokenSet,
    ) -> Result<TokenSet, StepError> {
        let ended = token_sets::refused(&mut self.store.session().await?, lease, &refused.version).await?;
        if ended > 0 {
            tracing::warn!(
                provider = %self.provider,
                token_set.id = %self.token_set_id,
                connections = ended,
                "token_set.needs_authorisation"
            );
        }
        Err(StepError::NeedsAuthorisation(self.provider))
    }
}

/// Whether this is a token set to go on with, now that one is refused.
fn is_other(token_set: &TokenSet, refused: &SecretString) -> bool {
    !is_same(&token_set.access_token, refused) && !token_set.is_due(Timestamp::now())
}

fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}
