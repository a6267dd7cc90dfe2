//! HubSpot: a consent is for one portal, which the user chooses.

use jiff::Timestamp;
use oauth2::AuthType;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use zixly_domain::{Provider, TokenSet};

use super::{Account, Consent, OAuthApp, Question, post_form, with_accounts};
use crate::oauth::{Code, TokenEndpoint};
use crate::{ClientCredentials, ConnectorError, ProviderUrl};

const PROVIDER: Provider = Provider::HubSpot;

const SCOPE: &str = "oauth crm.objects.contacts.read crm.objects.contacts.write crm.objects.deals.read \
                     crm.objects.deals.write";

/// Where HubSpot's OAuth is.
#[derive(Debug, Clone)]
pub struct HubSpotAppEndpoints {
    /// In production `https://app.hubspot.com/oauth/authorize`.
    pub authorize_url: ProviderUrl,
    /// In production `https://api.hubapi.com`.
    pub api_url: ProviderUrl,
    /// The date in the paths, e.g. `2026-03`.
    pub oauth_version: String,
}

/// Our app at HubSpot.
#[derive(Debug)]
pub struct HubSpotApp {
    endpoints: HubSpotAppEndpoints,
    tokens: TokenEndpoint,
}

/// Whose a token is.
#[derive(Deserialize)]
struct TokenFacts {
    hub_id: u64,
    hub_domain: Option<String>,
}

impl HubSpotApp {
    /// The app of these credentials.
    pub fn new(http: Client, endpoints: HubSpotAppEndpoints, credentials: ClientCredentials) -> Self {
        let tokens = TokenEndpoint {
            provider: PROVIDER,
            http,
            url: endpoints.api_url.join(&["oauth", &endpoints.oauth_version, "token"]),
            auth_type: AuthType::RequestBody,
            credentials,
        };
        Self { endpoints, tokens }
    }

    fn token_url(&self, action: &str) -> Url {
        self.endpoints.api_url.join(&["oauth", &self.endpoints.oauth_version, "token", action])
    }

    async fn facts(&self, access_token: &SecretString) -> Result<TokenFacts, ConnectorError> {
        let answer = self.post("introspect", access_token, "access_token").await?;
        answer.parse(PROVIDER)
    }

    async fn post(
        &self,
        action: &str,
        token: &SecretString,
        kind: &str,
    ) -> Result<crate::http::Answer, ConnectorError> {
        let ClientCredentials { id, secret } = &self.tokens.credentials;
        let form = json!({
            "client_id": id,
            "client_secret": secret.expose_secret(),
            "token": token.expose_secret(),
            "token_type_hint": kind,
        });
        let secrets = [token.clone(), secret.clone()];
        post_form(PROVIDER, &self.tokens.http, self.token_url(action), &form, &secrets).await
    }
}

impl OAuthApp for HubSpotApp {
    fn authorize_url(&self, question: &Question) -> Result<Url, ConnectorError> {
        let url = self.endpoints.authorize_url.url().clone();
        Ok(super::authorize_url(url, &self.tokens.credentials.id, SCOPE, question))
    }

    async fn redeem(
        &self,
        question: &Question,
        code: &SecretString,
        now: Timestamp,
    ) -> Result<Consent, ConnectorError> {
        let code = Code { code, redirect_url: &question.redirect_url, pkce_verifier: None };
        let token_set = self.tokens.redeem(code, now).await?;
        let facts = self.facts(&token_set.access_token).await?;
        let id = facts.hub_id.to_string();
        let account = Account { name: facts.hub_domain.unwrap_or_else(|| id.clone()), id };
        with_accounts(PROVIDER, token_set, vec![account])
    }

    async fn refresh(
        &self,
        _: &str,
        token_set: &TokenSet,
        now: Timestamp,
    ) -> Result<TokenSet, ConnectorError> {
        self.tokens.refresh(token_set, now).await
    }

    async fn revoke(&self, token_set: &TokenSet, _: &str, _: bool) -> Result<(), ConnectorError> {
        self.post("revoke", &token_set.refresh_token, "refresh_token").await?;
        Ok(())
    }
}
