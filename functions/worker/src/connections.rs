//! Calls over a tenant's connection, with a token that is good.

use secrecy::SecretString;
use zixly_connectors::ConnectorError;
use zixly_domain::Provider;
use zixly_store::connections::{self, Connection};

use crate::{error::StepError, steps::StepContext};

impl StepContext<'_> {
    /// The tenant's connection to `provider`: to `account_id`, or, without one, the only one there is.
    pub(crate) async fn connection(
        &self,
        provider: Provider,
        account_id: Option<&str>,
    ) -> Result<Connection, StepError> {
        let mut session = self.store.session().await?;
        let tx = session.begin(self.claim.tenant_id).await?;
        let mut found = connections::list(&tx, provider, account_id).await?;
        tx.commit().await?;
        match (found.pop(), found.is_empty()) {
            (None, _) => Err(StepError::NotConnected(provider)),
            (Some(_), false) => Err(StepError::SeveralConnected(provider)),
            (Some(connection), true) if connection.healthy => Ok(connection),
            // Known to be dead: nobody is called in vain.
            (Some(_), true) => Err(StepError::NeedsAuthorisation(provider)),
        }
    }

    /// Makes a call with the connection's token; once more with a new token if that one is refused. What the
    /// provider says about the authorisation is noted on the connection.
    pub(crate) async fn call<T>(
        &self,
        provider: Provider,
        connection: &Connection,
        call: impl AsyncFn(&SecretString) -> Result<T, ConnectorError>,
    ) -> Result<T, StepError> {
        let outcome = self.call_with_token(provider, connection, call).await;
        let is_dead = matches!(
            outcome,
            Err(StepError::NeedsAuthorisation(_)
                | StepError::Connector(
                    ConnectorError::Unauthorised { .. } | ConnectorError::ReauthorisationNeeded { .. }
                ))
        );
        if is_dead {
            tracing::warn!(
                tenant.id = %self.claim.tenant_id,
                connection.id = %connection.connection_id,
                %provider,
                "connection.needs_authorisation"
            );
            let mut session = self.store.session().await?;
            let tx = session.begin(self.claim.tenant_id).await?;
            connections::needs_authorisation(&tx, connection).await?;
            tx.commit().await?;
        }
        outcome
    }

    async fn call_with_token<T>(
        &self,
        provider: Provider,
        connection: &Connection,
        call: impl AsyncFn(&SecretString) -> Result<T, ConnectorError>,
    ) -> Result<T, StepError> {
        let tokens = &self.app.tokens;
        let token = tokens.current(self.store, self.connectors, provider, connection).await?;
        match call(&token).await {
            Err(ConnectorError::Unauthorised { .. }) => {
                let token = tokens.refresh(self.store, self.connectors, provider, connection, &token).await?;
                Ok(call(&token).await?)
            }
            outcome => Ok(outcome?),
        }
    }
}
