//! Our apps at the providers, and what can be done with any of them.

use jiff::Timestamp;
use reqwest::Url;
use secrecy::SecretString;
use zixly_connectors::{
    ConnectorError,
    consent::{AsanaApp, Consent, HubSpotApp, OAuthApp, Question, ShopifyApp, XeroApp},
};
use zixly_domain::{Provider, TokenSet};

use crate::{App, answers::Refused};

/// The providers at which an owner consents.
pub(crate) const PROVIDERS: [Provider; 4] =
    [Provider::Xero, Provider::HubSpot, Provider::Shopify, Provider::Asana];

/// Our app at one of them.
pub(crate) enum AnyApp {
    Xero(XeroApp),
    HubSpot(HubSpotApp),
    Shopify(ShopifyApp),
    Asana(AsanaApp),
}

/// Does the same with whichever it is.
macro_rules! with {
    ($any:expr, $app:ident => $does:expr) => {
        match $any {
            AnyApp::Xero($app) => $does,
            AnyApp::HubSpot($app) => $does,
            AnyApp::Shopify($app) => $does,
            AnyApp::Asana($app) => $does,
        }
    };
}

impl App {
    /// Our app at the provider; none where this installation has none there, or nobody consents there.
    pub(crate) async fn oauth_app(&self, provider: Provider) -> Result<Option<AnyApp>, Refused> {
        if !PROVIDERS.contains(&provider) {
            return Ok(None);
        }
        let Some(credentials) = self.credentials(provider).await? else { return Ok(None) };
        let (http, config) = (self.http.clone(), &self.config);
        Ok(match provider {
            Provider::Xero => Some(AnyApp::Xero(XeroApp::new(http, config.xero.clone(), credentials))),
            Provider::HubSpot => {
                Some(AnyApp::HubSpot(HubSpotApp::new(http, config.hubspot.clone(), credentials)))
            }
            Provider::Shopify => {
                Some(AnyApp::Shopify(ShopifyApp::new(http, config.shopify.clone(), credentials)))
            }
            Provider::Asana => Some(AnyApp::Asana(AsanaApp::new(http, config.asana.clone(), credentials))),
            Provider::Slack | Provider::Ses | Provider::Trading => None,
        })
    }
}

impl AnyApp {
    pub(crate) fn authorize_url(&self, question: &Question) -> Result<Url, ConnectorError> {
        with!(self, app => app.authorize_url(question))
    }

    pub(crate) async fn redeem(
        &self,
        question: &Question,
        code: &SecretString,
    ) -> Result<Consent, ConnectorError> {
        with!(self, app => app.redeem(question, code, Timestamp::now()).await)
    }

    pub(crate) async fn refresh(
        &self,
        account_id: &str,
        token_set: &TokenSet,
    ) -> Result<TokenSet, ConnectorError> {
        with!(self, app => app.refresh(account_id, token_set, Timestamp::now()).await)
    }

    pub(crate) async fn revoke(
        &self,
        token_set: &TokenSet,
        account_id: &str,
        is_last: bool,
    ) -> Result<(), ConnectorError> {
        with!(self, app => app.revoke(token_set, account_id, is_last).await)
    }
}
