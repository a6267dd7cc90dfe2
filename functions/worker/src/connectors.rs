//! The clients of the providers. A new provider is a field and a line in [`Connectors::refresh`].

use jiff::Timestamp;
use zixly_connectors::{Connector, ConnectorError, hubspot::HubSpot, xero::Xero};
use zixly_domain::{Provider, TokenSet};

/// A client for each provider.
pub(crate) struct Connectors {
    pub(crate) xero: Xero,
    pub(crate) hubspot: HubSpot,
}

impl Connectors {
    /// Buys the next token set with the refresh token of this one.
    pub(crate) async fn refresh(
        &self,
        provider: Provider,
        token_set: &TokenSet,
        now: Timestamp,
    ) -> Result<TokenSet, ConnectorError> {
        match provider {
            Provider::Xero => self.xero.refresh(token_set, now).await,
            Provider::HubSpot => self.hubspot.refresh(token_set, now).await,
        }
    }
}
