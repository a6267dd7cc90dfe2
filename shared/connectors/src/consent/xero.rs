//! Xero: one consent may be for several organisations, which the user chooses.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use oauth2::AuthType;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use zixly_domain::{Provider, TokenSet};

use super::{Account, Consent, OAuthApp, Question, get, with_accounts};
use crate::http;
use crate::oauth::{Code, TokenEndpoint};
use crate::{ClientCredentials, ConnectorError, MalformedAnswer, ProviderUrl};

const PROVIDER: Provider = Provider::Xero;

/// The granular ones: apps that are made today get no others.
const SCOPE: &str =
    "offline_access accounting.invoices accounting.contacts accounting.payments accounting.settings.read";

/// Where Xero's identity service is.
#[derive(Debug, Clone)]
pub struct XeroAppEndpoints {
    /// In production `https://login.xero.com/identity/connect/authorize`.
    pub authorize_url: ProviderUrl,
    /// In production `https://identity.xero.com/connect/token`.
    pub token_url: ProviderUrl,
    /// What was consented to, in production `https://api.xero.com/connections`.
    pub connections_url: ProviderUrl,
}

/// Our app at Xero.
#[derive(Debug)]
pub struct XeroApp {
    endpoints: XeroAppEndpoints,
    tokens: TokenEndpoint,
}

/// An organisation that the token's user has let us into.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    /// Not the organisation's.
    id: String,
    tenant_id: String,
    tenant_type: String,
    tenant_name: Option<String>,
}

impl XeroApp {
    /// The app of these credentials.
    pub fn new(http: Client, endpoints: XeroAppEndpoints, credentials: ClientCredentials) -> Self {
        let tokens = TokenEndpoint {
            provider: PROVIDER,
            http,
            url: endpoints.token_url.url().clone(),
            auth_type: AuthType::BasicAuth,
            credentials,
        };
        Self { endpoints, tokens }
    }

    /// What the token's user has let us into: all of it, or what he has chosen in one consent.
    async fn connections(
        &self,
        token: &SecretString,
        consent: Option<&str>,
    ) -> Result<Vec<Connection>, ConnectorError> {
        let mut url = self.endpoints.connections_url.url().clone();
        if let Some(consent) = consent {
            url.query_pairs_mut().append_pair("authEventId", consent);
        }
        get(PROVIDER, &self.tokens.http, url, token).await
    }
}

impl OAuthApp for XeroApp {
    fn authorize_url(&self, question: &Question) -> Result<Url, ConnectorError> {
        let url = self.endpoints.authorize_url.url().clone();
        let mut url = super::authorize_url(url, &self.tokens.credentials.id, SCOPE, question);
        url.query_pairs_mut().append_pair("response_type", "code");
        Ok(url)
    }

    async fn redeem(
        &self,
        question: &Question,
        code: &SecretString,
        now: Timestamp,
    ) -> Result<Consent, ConnectorError> {
        let code = Code { code, redirect_url: &question.redirect_url, pkce_verifier: None };
        let token_set = self.tokens.redeem(code, now).await?;
        // Without it, organisations that the same person has connected elsewhere would come along.
        let consent = consent_of(&token_set.access_token)?;
        let organisations = self.connections(&token_set.access_token, Some(&consent)).await?;
        let organisations = organisations.into_iter().filter(|it| it.tenant_type == "ORGANISATION");
        let accounts = organisations.map(|it| Account {
            name: it.tenant_name.unwrap_or_else(|| it.tenant_id.clone()),
            id: it.tenant_id,
        });
        let accounts = accounts.collect();
        with_accounts(PROVIDER, token_set, accounts)
    }

    async fn refresh(
        &self,
        _: &str,
        token_set: &TokenSet,
        now: Timestamp,
    ) -> Result<TokenSet, ConnectorError> {
        self.tokens.refresh(token_set, now).await
    }

    /// Cuts the one organisation off. The revocation of the refresh token would end everything that the same person has ever
    /// let us into, at other tenants too.
    async fn revoke(&self, token_set: &TokenSet, account_id: &str, _: bool) -> Result<(), ConnectorError> {
        let token = &token_set.access_token;
        let connections = self.connections(token, None).await?;
        let Some(connection) = connections.iter().find(|it| it.tenant_id == account_id) else {
            return Ok(());
        };
        let url = self.endpoints.connections_url.join(&[&connection.id]);
        let http = &self.tokens.http;
        let answer = http::send(PROVIDER, http.delete(url).bearer_auth(token.expose_secret())).await?;
        if answer.status.is_success() || answer.status.as_u16() == 404 {
            return Ok(());
        }
        Err(answer.failure(PROVIDER, answer.text(), std::slice::from_ref(token)))
    }
}

/// The consent that a token comes from, as the token says. It came from Xero a moment ago, so its signature proves nothing new.
fn consent_of(token: &SecretString) -> Result<String, ConnectorError> {
    #[derive(Deserialize)]
    struct Claims {
        authentication_event_id: String,
    }
    let claims = token.expose_secret().split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Claims>(&claims).ok());
    let path = "access_token.authentication_event_id".to_owned();
    claims
        .map(|claims| claims.authentication_event_id)
        .ok_or_else(|| http::malformed(PROVIDER, MalformedAnswer::WrongShape { path }))
}
