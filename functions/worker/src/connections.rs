//! Calls over a tenant's connection, with a token that is good and within what the provider allows.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use secrecy::SecretString;
use tracing::Span;
use zixly_budgets::Heard;
use zixly_connectors::{ConnectorError, with_limits};
use zixly_domain::{Provider, TenantId};
use zixly_store::{
    Store,
    connections::{self, Connection},
};

use crate::{App, connectors::Connectors, error::StepError, steps::StepContext};

/// The least that a call waits which a provider has refused without a time; at most it is twice as long.
const SHORTLY: Duration = Duration::from_secs(2);

/// What it takes to reach a tenant's accounts, inside of a job or outside of any.
#[derive(Clone, Copy)]
pub(crate) struct Access<'a> {
    pub(crate) app: &'a App,
    pub(crate) store: &'a Arc<Store>,
    pub(crate) connectors: &'a Arc<Connectors>,
    pub(crate) tenant_id: TenantId,
}

impl StepContext<'_> {
    /// The tenant's connection to `provider`: to `account_id`, or, without one, the only one there is.
    pub(crate) fn connection(
        &self,
        provider: Provider,
        account_id: Option<&str>,
    ) -> Result<&Connection, StepError> {
        let is_meant = |connection: &&Connection| {
            connection.provider == provider && account_id.is_none_or(|id| connection.account_id == id)
        };
        let mut found = self.connections.iter().filter(is_meant);
        match (found.next(), found.next()) {
            (None, _) => Err(StepError::NotConnected(provider)),
            (Some(_), Some(_)) => Err(StepError::SeveralConnected(provider)),
            (Some(connection), None) if connection.healthy => Ok(connection),
            // Known to be dead: nobody is called in vain.
            (Some(_), None) => Err(StepError::NeedsAuthorisation(provider)),
        }
    }

    /// Makes a call over the tenant's connection, as [`Access::call`] does.
    pub(crate) async fn call<T>(
        &self,
        provider: Provider,
        connection: &Connection,
        call: impl AsyncFn(&SecretString) -> Result<T, ConnectorError>,
    ) -> Result<T, StepError> {
        self.access().call(provider, connection, call).await
    }

    pub(crate) fn access(&self) -> Access<'_> {
        let Self { app, store, connectors, claim, .. } = *self;
        Access { app, store, connectors, tenant_id: claim.tenant_id }
    }
}

impl Access<'_> {
    /// Makes a call with the connection's token; once more with a new token if that one is refused. What the
    /// provider says about the authorisation is noted on the connection.
    pub(crate) async fn call<T>(
        &self,
        provider: Provider,
        connection: &Connection,
        call: impl AsyncFn(&SecretString) -> Result<T, ConnectorError>,
    ) -> Result<T, StepError> {
        let outcome = self.call_with_token(provider, connection, call).await;
        // A token set that has ended is noted by whoever finds out, on all the connections that it opened.
        let is_dead = matches!(
            outcome,
            Err(StepError::Connector(
                ConnectorError::Unauthorised { .. } | ConnectorError::ReauthorisationNeeded { .. }
            ))
        );
        if is_dead {
            tracing::warn!(
                tenant.id = %self.tenant_id,
                connection.id = %connection.connection_id,
                %provider,
                "connection.needs_authorisation"
            );
            let mut session = self.store.session().await?;
            let tx = session.begin(self.tenant_id)?;
            connections::needs_authorisation(&tx, connection).await?;
            tx.commit().await?;
        }
        outcome
    }

    /// As [`Self::call`], and nothing is noted on the connection.
    pub(crate) async fn call_with_token<T>(
        &self,
        provider: Provider,
        connection: &Connection,
        call: impl AsyncFn(&SecretString) -> Result<T, ConnectorError>,
    ) -> Result<T, StepError> {
        let (tokens, account) = (&self.app.tokens, counted_by(provider, connection));
        let token = tokens.current(self.store, self.connectors, provider, connection).await?;
        match self.within_budget(provider, &account, async || call(&token).await).await {
            Err(ConnectorError::Unauthorised { .. }) => {
                let other =
                    tokens.instead_of(self.store, self.connectors, provider, connection, token).await?;
                Ok(self.within_budget(provider, &account, async || call(&other).await).await?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// Makes a call if the account's budget has one, which all workers share. A call that is refused, by the budget or
    /// by the provider, comes with the time when it is its turn.
    pub(crate) async fn within_budget<T>(
        &self,
        provider: Provider,
        account: &str,
        call: impl AsyncFnOnce() -> Result<T, ConnectorError>,
    ) -> Result<T, ConnectorError> {
        let budgets = &self.app.budgets;
        let limited = |wait| ConnectorError::RateLimited { provider, retry_after: Some(wait) };
        Span::current().record("provider", provider.as_str());
        let place = budgets.take(provider, account, Timestamp::now()).await.map_err(limited)?;
        let (outcome, said) = with_limits(call()).await;
        drop(place);
        let heard = Heard { limit: said.limit.zip(said.window), remaining: said.remaining, cost: said.cost };
        budgets.heard(provider, account, heard, Timestamp::now()).await;
        match outcome {
            Err(ConnectorError::RateLimited { retry_after: Some(wait), .. }) => {
                Err(limited(budgets.refused(provider, account, wait, Timestamp::now()).await))
            }
            // Too many calls at once, as Xero says it: others are being answered, so it is soon this one's turn.
            Err(ConnectorError::RateLimited { retry_after: None, .. }) => {
                Err(limited(SHORTLY.mul_f64(1.0 + rand::random::<f64>())))
            }
            outcome => outcome,
        }
    }
}

/// What a provider counts calls by: the account, whichever tenants are connected to it. Asana counts by token.
fn counted_by(provider: Provider, connection: &Connection) -> String {
    match provider {
        Provider::Asana => connection.token_set_id.to_string(),
        _ => connection.account_id.clone(),
    }
}
