//! Shopify: web shops. Each shop has an address of its own, so every call names its shop; the API is GraphQL, which
//! reports most failures with status 200.

mod shop_url;
mod webhooks;
mod wire;

use jiff::Timestamp;
use reqwest::{Client, RequestBuilder, Url};
use rust_decimal::Decimal;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zixly_domain::{Provider, TokenSet};

use crate::http::{self, Answer};
use crate::{
    ClientCredentials, Connector, ConnectorError, MalformedAnswer, ReauthorisationReason, RefreshTokens,
    limits, oauth,
};

pub use shop_url::{InvalidShopUrl, ShopUrl};
pub use webhooks::{Webhook, WebhookPage};

/// Fifty lines keep the query far below what it may cost.
const ORDER: &str = "query($id:ID!,$after:String){order(id:$id){\
    id name email test displayFinancialStatus cancelledAt processedAt updatedAt currencyCode taxesIncluded \
    totalPriceSet{shopMoney{amount currencyCode}} totalTaxSet{shopMoney{amount}} \
    totalShippingPriceSet{shopMoney{amount}} totalDiscountsSet{shopMoney{amount}} \
    customer{id firstName lastName email} \
    lineItems(first:50,after:$after){pageInfo{hasNextPage endCursor} \
    nodes{title quantity sku originalUnitPriceSet{shopMoney{amount}}}}}}";

const TOKEN_HEADER: &str = "X-Shopify-Access-Token";

/// Where Shopify is.
#[derive(Debug, Clone)]
pub struct ShopifyEndpoints {
    /// A shop's address; in production `https://{shop}`.
    pub shop_url: ShopUrl,
    /// The date in the API's path, e.g. `2026-07`.
    pub api_version: String,
}

/// A client for Shopify's Admin API.
#[derive(Debug)]
pub struct Shopify {
    pub(crate) http: Client,
    endpoints: ShopifyEndpoints,
    pub(crate) credentials: ClientCredentials,
}

/// An order, with a part of its lines. Amounts are in the shop's own currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What people call it: `#1002`.
    pub name: String,
    /// `PAID`, `PENDING`, `REFUNDED` and others.
    pub financial_status: Option<String>,
    /// Whether it was made to try the shop out.
    pub is_test: bool,
    /// Whether it has been cancelled.
    pub is_cancelled: bool,
    /// When it was placed, or imported.
    pub processed_at: Option<Timestamp>,
    /// ISO 4217.
    pub currency_code: String,
    /// Whether the prices hold the tax.
    pub taxes_included: bool,
    /// Everything: lines, shipping and taxes, less the discounts.
    pub total: Decimal,
    /// All taxes.
    pub total_tax: Decimal,
    /// Before discounts.
    pub total_shipping: Decimal,
    /// On lines, order and shipping.
    pub total_discounts: Decimal,
    /// The e-mail address of the order. Like the customer it may be missing, as when the app may not see it.
    pub email: Option<String>,
    /// Who ordered.
    pub customer: Option<Customer>,
    /// What was ordered.
    pub lines: Vec<OrderLine>,
    /// What gives the next lines, where there are more.
    pub next_lines: Option<String>,
}

/// A shop's customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Shopify's id, digits only.
    pub id: String,
    /// None where it is not known.
    pub first_name: Option<String>,
    /// None where it is not known.
    pub last_name: Option<String>,
    /// None where it is not known.
    pub email: Option<String>,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// What it is.
    pub title: String,
    /// The article number.
    pub sku: Option<String>,
    /// How many.
    pub quantity: u32,
    /// The price of one, before discounts.
    pub unit_price: Decimal,
}

impl Shopify {
    /// A connector that speaks to the given endpoints.
    pub fn new(http: Client, endpoints: ShopifyEndpoints, credentials: ClientCredentials) -> Self {
        Self { http, endpoints, credentials }
    }

    /// The shop's order with this id (digits) and its lines after `lines_after`, or nothing. Shopify shows orders of
    /// the last 60 days only, unless the app has been granted more.
    pub async fn fetch_order(
        &self,
        token: &SecretString,
        shop: &str,
        order_id: &str,
        lines_after: Option<&str>,
    ) -> Result<Option<Order>, ConnectorError> {
        let id = format!("gid://shopify/Order/{order_id}");
        let variables = json!({ "id": id, "after": lines_after });
        let found: wire::OrderData = self.query(token, shop, ORDER, variables).await?;
        found.order.filter(|order| order.id == id).map(Order::try_from).transpose()
    }

    pub(crate) async fn query<T: DeserializeOwned>(
        &self,
        token: &SecretString,
        shop: &str,
        query: &str,
        variables: Value,
    ) -> Result<T, ConnectorError> {
        let url = self.url(shop, &["api", &self.endpoints.api_version, "graphql.json"])?;
        let request = self
            .http
            .post(url)
            .header(TOKEN_HEADER, token.expose_secret())
            .json(&json!({ "query": query, "variables": variables }));
        let answer = send(request, token).await?;
        let found: wire::GraphQl<T> = answer.parse(Provider::Shopify)?;
        if let Some(cost) = found.extensions.as_ref().and_then(|extensions| extensions.cost.as_ref()) {
            limits::note(cost.limits());
        }
        // Where only the customer is kept from us, the rest is there, and good.
        let is_failure = |problem: &&wire::QueryError| found.data.is_none() || !problem.hides_a_person();
        if let Some(problem) = found.errors.iter().find(is_failure) {
            return Err(query_failure(&answer, problem, found.extensions.as_ref(), token));
        }
        found.data.ok_or_else(|| {
            http::malformed(Provider::Shopify, MalformedAnswer::WrongShape { path: "data".to_owned() })
        })
    }

    /// A path of the shop's admin. Whoever can name a shop could otherwise have the token sent to any host.
    pub(crate) fn url(&self, shop: &str, segments: &[&str]) -> Result<Url, ConnectorError> {
        let base = self
            .endpoints
            .shop_url
            .of(shop)
            .ok_or(ConnectorError::NoSuchAccount { provider: Provider::Shopify })?;
        Ok(base.join(&[&["admin"], segments].concat()))
    }
}

impl Connector for Shopify {
    fn provider(&self) -> Provider {
        Provider::Shopify
    }
}

impl RefreshTokens for Shopify {
    async fn refresh(
        &self,
        account_id: &str,
        token_set: &TokenSet,
        now: Timestamp,
    ) -> Result<TokenSet, ConnectorError> {
        let ClientCredentials { id, secret } = &self.credentials;
        let body = wire::RefreshRequest {
            client_id: id,
            client_secret: secret.expose_secret(),
            grant_type: "refresh_token",
            refresh_token: token_set.refresh_token.expose_secret(),
        };
        let url = self.url(account_id, &["oauth", "access_token"])?;
        let answer = http::send(Provider::Shopify, self.http.post(url).json(&body)).await?;
        if !answer.status.is_success() {
            // Elsewhere this is 400 and `invalid_grant`; a 401 would be taken for wrong credentials of our own.
            let problem: wire::TokenProblem = answer.parse_problem();
            if problem.is_about_the_refresh_token() {
                let reason = ReauthorisationReason::RefreshTokenRefused;
                return Err(ConnectorError::ReauthorisationNeeded { provider: Provider::Shopify, reason });
            }
            let secrets = [token_set.refresh_token.clone(), secret.clone()];
            return Err(oauth::failure(Provider::Shopify, &answer, &secrets));
        }
        let tokens: wire::Tokens = answer.parse(Provider::Shopify)?;
        Ok(TokenSet {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token.unwrap_or_else(|| token_set.refresh_token.clone()),
            expires_at: now + std::time::Duration::from_secs(tokens.expires_in.into()),
        })
    }
}

async fn send(request: RequestBuilder, token: &SecretString) -> Result<Answer, ConnectorError> {
    let answer = http::send(Provider::Shopify, request).await?;
    if answer.status.is_success() { Ok(answer) } else { Err(failure(&answer, token)) }
}

fn failure(answer: &Answer, token: &SecretString) -> ConnectorError {
    let problem: wire::Problem = answer.parse_problem();
    answer.failure(Provider::Shopify, problem.words(), std::slice::from_ref(token))
}

/// The class of a failure that came with status 200.
fn query_failure(
    answer: &Answer,
    problem: &wire::QueryError,
    extensions: Option<&wire::Extensions>,
    token: &SecretString,
) -> ConnectorError {
    let provider = Provider::Shopify;
    match problem.code() {
        Some("THROTTLED") => {
            let cost = extensions.and_then(|extensions| extensions.cost.as_ref());
            ConnectorError::RateLimited { provider, retry_after: cost.and_then(wire::Cost::wait) }
        }
        Some("ACCESS_DENIED") => {
            ConnectorError::ReauthorisationNeeded { provider, reason: ReauthorisationReason::ScopeMissing }
        }
        // The status says nothing, so it gets the one that means the same.
        Some("INTERNAL_SERVER_ERROR") => {
            ConnectorError::Unavailable { provider, status: 500, retry_after: None }
        }
        _ => answer.rejection(provider, problem.words(), std::slice::from_ref(token)),
    }
}
