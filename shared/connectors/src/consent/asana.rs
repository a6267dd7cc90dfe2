//! Asana: a consent is the user's, and opens every workspace that he is in.

use jiff::Timestamp;
use oauth2::AuthType;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use zixly_domain::{Provider, TokenSet};

use super::{Account, Consent, OAuthApp, Question, challenge, get, post_form, with_accounts};
use crate::oauth::{Code, TokenEndpoint};
use crate::{ClientCredentials, ConnectorError, ProviderUrl};

const PROVIDER: Provider = Provider::Asana;

const SCOPE: &str = "tasks:read tasks:write projects:read projects:write stories:write webhooks:read \
                     webhooks:write webhooks:delete users:read workspaces:read";

/// Where Asana is.
#[derive(Debug, Clone)]
pub struct AsanaAppEndpoints {
    /// In production `https://app.asana.com/-/oauth_authorize`.
    pub authorize_url: ProviderUrl,
    /// In production `https://app.asana.com/-/oauth_token`.
    pub token_url: ProviderUrl,
    /// In production `https://app.asana.com/-/oauth_revoke`.
    pub revoke_url: ProviderUrl,
    /// In production `https://app.asana.com/api/1.0`.
    pub api_url: ProviderUrl,
}

/// Our app at Asana.
#[derive(Debug)]
pub struct AsanaApp {
    endpoints: AsanaAppEndpoints,
    tokens: TokenEndpoint,
}

#[derive(Deserialize)]
struct Workspaces {
    data: Vec<Workspace>,
}

#[derive(Deserialize)]
struct Workspace {
    gid: String,
    name: String,
}

impl AsanaApp {
    /// The app of these credentials.
    pub fn new(http: Client, endpoints: AsanaAppEndpoints, credentials: ClientCredentials) -> Self {
        let tokens = TokenEndpoint {
            provider: PROVIDER,
            http,
            url: endpoints.token_url.url().clone(),
            auth_type: AuthType::RequestBody,
            credentials,
        };
        Self { endpoints, tokens }
    }

    /// The first hundred; nobody who works for a small business is in more.
    async fn workspaces(&self, token: &SecretString) -> Result<Vec<Account>, ConnectorError> {
        let mut url = self.endpoints.api_url.join(&["workspaces"]);
        url.query_pairs_mut().append_pair("limit", "100").append_pair("opt_fields", "name");
        let found: Workspaces = get(PROVIDER, &self.tokens.http, url, token).await?;
        Ok(found.data.into_iter().map(|it| Account { id: it.gid, name: it.name }).collect())
    }
}

impl OAuthApp for AsanaApp {
    fn authorize_url(&self, question: &Question) -> Result<Url, ConnectorError> {
        let url = self.endpoints.authorize_url.url().clone();
        let mut url = super::authorize_url(url, &self.tokens.credentials.id, SCOPE, question);
        let challenge = challenge(question);
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("code_challenge", challenge.as_str())
            .append_pair("code_challenge_method", challenge.method().as_str());
        Ok(url)
    }

    async fn redeem(
        &self,
        question: &Question,
        code: &SecretString,
        now: Timestamp,
    ) -> Result<Consent, ConnectorError> {
        let pkce_verifier = Some(&question.pkce_verifier);
        let code = Code { code, redirect_url: &question.redirect_url, pkce_verifier };
        let token_set = self.tokens.redeem(code, now).await?;
        let workspaces = self.workspaces(&token_set.access_token).await?;
        with_accounts(PROVIDER, token_set, workspaces)
    }

    async fn refresh(
        &self,
        _: &str,
        token_set: &TokenSet,
        now: Timestamp,
    ) -> Result<TokenSet, ConnectorError> {
        self.tokens.refresh(token_set, now).await
    }

    /// Asana can take back the whole consent only, so nothing is taken back while another workspace needs it.
    async fn revoke(&self, token_set: &TokenSet, _: &str, is_last: bool) -> Result<(), ConnectorError> {
        if !is_last {
            return Ok(());
        }
        let ClientCredentials { id, secret } = &self.tokens.credentials;
        let form = json!({
            "client_id": id,
            "client_secret": secret.expose_secret(),
            "token": token_set.refresh_token.expose_secret(),
        });
        let secrets = [token_set.refresh_token.clone(), secret.clone()];
        let url = self.endpoints.revoke_url.url().clone();
        post_form(PROVIDER, &self.tokens.http, url, &form, &secrets).await?;
        Ok(())
    }
}
