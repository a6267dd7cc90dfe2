//! Shopify: a consent is for one shop, which is asked at its own address.

use jiff::Timestamp;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use zixly_domain::{Provider, TokenSet};

use super::{Account, Consent, OAuthApp, Question};
use crate::http::{self, Answer};
use crate::shopify::{Shopify, ShopifyEndpoints};
use crate::{ClientCredentials, ConnectorError, ReauthorisationReason, RefreshTokens, oauth};

const PROVIDER: Provider = Provider::Shopify;

const SCOPE: &str = "read_orders";

/// Our app in Shopify's store.
#[derive(Debug)]
pub struct ShopifyApp {
    api: Shopify,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: SecretString,
    refresh_token: SecretString,
    expires_in: u32,
}

#[derive(Deserialize)]
struct ShopData {
    shop: Shop,
}

#[derive(Deserialize)]
struct Shop {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Uninstalled {
    app_uninstall: UninstallPayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UninstallPayload {
    user_errors: Vec<IgnoredAny>,
}

impl ShopifyApp {
    /// The app of these credentials.
    pub fn new(http: Client, endpoints: ShopifyEndpoints, credentials: ClientCredentials) -> Self {
        Self { api: Shopify::new(http, endpoints, credentials) }
    }
}

impl OAuthApp for ShopifyApp {
    fn authorize_url(&self, question: &Question) -> Result<Url, ConnectorError> {
        let shop = question.shop.as_deref().unwrap_or_default();
        let url = self.api.url(shop, &["oauth", "authorize"])?;
        Ok(super::authorize_url(url, &self.api.credentials.id, SCOPE, question))
    }

    async fn redeem(
        &self,
        question: &Question,
        code: &SecretString,
        now: Timestamp,
    ) -> Result<Consent, ConnectorError> {
        let ClientCredentials { id, secret } = &self.api.credentials;
        let shop = question.shop.as_deref().unwrap_or_default();
        let body = json!({
            "client_id": id, "client_secret": secret.expose_secret(), "code": code.expose_secret(), "expiring": "1",
        });
        let url = self.api.url(shop, &["oauth", "access_token"])?;
        let answer = http::send(PROVIDER, self.api.http.post(url).json(&body)).await?;
        if !answer.status.is_success() {
            return Err(refused(&answer, &[code.clone(), secret.clone()]));
        }
        let tokens: Tokens = answer.parse(PROVIDER)?;
        let token_set = TokenSet {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expires_at: now + std::time::Duration::from_secs(tokens.expires_in.into()),
        };
        let found: ShopData =
            self.api.query(&token_set.access_token, shop, "{ shop { name } }", json!({})).await?;
        let account = Account { id: shop.to_owned(), name: found.shop.name };
        Ok(Consent { token_set, accounts: vec![account] })
    }

    async fn refresh(
        &self,
        account_id: &str,
        token_set: &TokenSet,
        now: Timestamp,
    ) -> Result<TokenSet, ConnectorError> {
        self.api.refresh(account_id, token_set, now).await
    }

    /// Removes the app from the shop, and with it its webhooks there.
    async fn revoke(&self, token_set: &TokenSet, account_id: &str, _: bool) -> Result<(), ConnectorError> {
        let token = &token_set.access_token;
        let mutation = "mutation { appUninstall { app { id } userErrors { field message } } }";
        let done: Uninstalled = self.api.query(token, account_id, mutation, json!({})).await?;
        if done.app_uninstall.user_errors.is_empty() {
            return Ok(());
        }
        let provider = PROVIDER;
        Err(ConnectorError::Unavailable { provider, status: 200, retry_after: None })
    }
}

/// The class of the token endpoint's refusal of a code, which Shopify words unlike RFC 6749 now and then.
fn refused(answer: &Answer, secrets: &[SecretString]) -> ConnectorError {
    match answer.status.as_u16() {
        400 => ConnectorError::ReauthorisationNeeded {
            provider: PROVIDER,
            reason: ReauthorisationReason::RefreshTokenRefused,
        },
        _ => oauth::failure(PROVIDER, answer, secrets),
    }
}
