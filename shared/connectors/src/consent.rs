//! An owner's consent: where his browser is sent to give it, what the code that comes back is exchanged for, and how it is
//! taken back. One app of ours at each provider.
//!
//! A provider's scopes are those that its workflows need, and no more.

mod asana;
mod hubspot;
mod shopify;
mod xero;

use std::future::Future;

use jiff::Timestamp;
use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zixly_domain::{Provider, TokenSet};

use crate::http::{self, Answer};
use crate::{ConnectorError, oauth};

pub use asana::{AsanaApp, AsanaAppEndpoints};
pub use hubspot::{HubSpotApp, HubSpotAppEndpoints};
pub use shopify::ShopifyApp;
pub use xero::{XeroApp, XeroAppEndpoints};

/// A question to an owner, as it is asked and as it is ended.
#[derive(Debug, Clone)]
pub struct Question {
    /// Where the provider sends the browser back to; registered at the provider.
    pub redirect_url: Url,
    /// Comes back unchanged.
    pub state: SecretString,
    /// What only whoever asked knows (RFC 7636): 43 to 128 of `A-Z a-z 0-9 - . _ ~`.
    pub pkce_verifier: SecretString,
    /// Which shop is asked; Shopify only.
    pub shop: Option<String>,
}

/// What a consent gave.
#[derive(Debug, Clone)]
pub struct Consent {
    /// The tokens.
    pub token_set: TokenSet,
    /// What they open; at least one.
    pub accounts: Vec<Account>,
}

/// An account at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The provider's id of it, as its deliveries and calls name it.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
}

/// Our app at a provider.
pub trait OAuthApp {
    /// Where the browser goes to be asked.
    fn authorize_url(&self, question: &Question) -> Result<Url, ConnectorError>;

    /// Exchanges the code that came back. A code that was used, has expired or is somebody else's is
    /// [`ConnectorError::ReauthorisationNeeded`].
    fn redeem(
        &self,
        question: &Question,
        code: &SecretString,
        now: Timestamp,
    ) -> impl Future<Output = Result<Consent, ConnectorError>>;

    /// Buys a new token set with the refresh token of the given one, as [`crate::RefreshTokens`] does.
    fn refresh(
        &self,
        account_id: &str,
        token_set: &TokenSet,
        now: Timestamp,
    ) -> impl Future<Output = Result<TokenSet, ConnectorError>>;

    /// Takes back what was consented to for `account_id`. `is_last` says that no other account needs these tokens, so that
    /// the whole consent can end.
    fn revoke(
        &self,
        token_set: &TokenSet,
        account_id: &str,
        is_last: bool,
    ) -> impl Future<Output = Result<(), ConnectorError>>;
}

/// The question's parameters that every provider reads.
fn authorize_url(mut url: Url, client_id: &str, scope: &str, question: &Question) -> Url {
    url.query_pairs_mut()
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", question.redirect_url.as_str())
        .append_pair("scope", scope)
        .append_pair("state", question.state.expose_secret());
    url
}

/// The challenge that goes with the question (S256).
fn challenge(question: &Question) -> PkceCodeChallenge {
    let verifier = PkceCodeVerifier::new(question.pkce_verifier.expose_secret().to_owned());
    PkceCodeChallenge::from_code_verifier_sha256(&verifier)
}

/// Posts a form that carries secrets to one of a provider's OAuth endpoints.
async fn post_form(
    provider: Provider,
    http: &Client,
    url: Url,
    form: &impl Serialize,
    secrets: &[SecretString],
) -> Result<Answer, ConnectorError> {
    let answer = http::send(provider, http.post(url).form(form)).await?;
    if answer.status.is_success() { Ok(answer) } else { Err(oauth::failure(provider, &answer, secrets)) }
}

/// Reads something with an access token.
async fn get<T: DeserializeOwned>(
    provider: Provider,
    http: &Client,
    url: Url,
    token: &SecretString,
) -> Result<T, ConnectorError> {
    let answer = http::send(provider, http.get(url).bearer_auth(token.expose_secret())).await?;
    if !answer.status.is_success() {
        return Err(answer.failure(provider, answer.text(), std::slice::from_ref(token)));
    }
    answer.parse(provider)
}

/// A consent without an account is of no use to anybody.
fn with_accounts(
    provider: Provider,
    token_set: TokenSet,
    accounts: Vec<Account>,
) -> Result<Consent, ConnectorError> {
    if accounts.is_empty() {
        return Err(ConnectorError::NoSuchAccount { provider });
    }
    Ok(Consent { token_set, accounts })
}
