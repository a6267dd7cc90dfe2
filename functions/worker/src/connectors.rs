//! The clients of the providers. A new provider is a field, an accessor and a line in [`Connectors::refresh`].

use jiff::Timestamp;
use secrecy::SecretString;
use zixly_connectors::{
    RefreshTokens, asana::Asana, hubspot::HubSpot, ses::Ses, shopify::Shopify, slack::Slack,
    trading::TradingApi, xero::Xero,
};
use zixly_domain::{Provider, TokenSet};

use crate::error::StepError;

/// A client for each provider that the function's secret has credentials for.
pub(crate) struct Connectors {
    pub(crate) xero: Option<Xero>,
    pub(crate) hubspot: Option<HubSpot>,
    pub(crate) shopify: Option<Shopify>,
    pub(crate) asana: Option<Asana>,
    pub(crate) trading: Option<Trading>,
    pub(crate) slack: Slack,
    pub(crate) email: Option<Mailer>,
}

/// Amazon SES, and who this installation writes as.
pub(crate) struct Mailer {
    pub(crate) ses: Ses,
    /// The address that mails come from.
    pub(crate) sender: String,
}

/// The trading API as this installation knows it.
pub(crate) struct Trading {
    pub(crate) api: TradingApi,
    /// What opens it, and what callback tokens are made from.
    pub(crate) key: SecretString,
    /// Where it calls back.
    pub(crate) callback_url: String,
}

impl Connectors {
    pub(crate) fn xero(&self) -> Result<&Xero, StepError> {
        self.xero.as_ref().ok_or(StepError::NoCredentials(Provider::Xero))
    }

    pub(crate) fn hubspot(&self) -> Result<&HubSpot, StepError> {
        self.hubspot.as_ref().ok_or(StepError::NoCredentials(Provider::HubSpot))
    }

    pub(crate) fn shopify(&self) -> Result<&Shopify, StepError> {
        self.shopify.as_ref().ok_or(StepError::NoCredentials(Provider::Shopify))
    }

    pub(crate) fn asana(&self) -> Result<&Asana, StepError> {
        self.asana.as_ref().ok_or(StepError::NoCredentials(Provider::Asana))
    }

    pub(crate) fn trading(&self) -> Result<&Trading, StepError> {
        self.trading.as_ref().ok_or(StepError::NoTradingApi)
    }

    pub(crate) fn email(&self) -> Result<&Mailer, StepError> {
        self.email.as_ref().ok_or(StepError::NoSender)
    }

    /// Buys the next token set with the refresh token of this one.
    pub(crate) async fn refresh(
        &self,
        provider: Provider,
        account_id: &str,
        token_set: &TokenSet,
        now: Timestamp,
    ) -> Result<TokenSet, StepError> {
        Ok(match provider {
            Provider::Xero => self.xero()?.refresh(account_id, token_set, now).await?,
            Provider::HubSpot => self.hubspot()?.refresh(account_id, token_set, now).await?,
            Provider::Shopify => self.shopify()?.refresh(account_id, token_set, now).await?,
            Provider::Asana => self.asana()?.refresh(account_id, token_set, now).await?,
            // Their keys do not expire: one that is refused has to be replaced by a person.
            Provider::Slack | Provider::Ses | Provider::Trading => {
                return Err(StepError::NeedsAuthorisation(provider));
            }
        })
    }
}
