//! Shopify's JSON, as the reference of its GraphQL Admin API has it.

use std::time::Duration;

use jiff::Timestamp;
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use zixly_domain::Provider;

use super::{Customer, Order, OrderLine, Webhook, WebhookPage};
use crate::http;
use crate::{CallLimits, ConnectorError, MalformedAnswer};

#[derive(Deserialize)]
pub(super) struct GraphQl<T> {
    pub(super) data: Option<T>,
    #[serde(default)]
    pub(super) errors: Vec<QueryError>,
    pub(super) extensions: Option<Extensions>,
}

#[derive(Deserialize)]
pub(super) struct QueryError {
    message: Option<String>,
    /// Names and places in lists.
    #[serde(default)]
    path: Vec<Value>,
    extensions: Option<ErrorExtensions>,
}

#[derive(Deserialize)]
struct ErrorExtensions {
    code: Option<String>,
}

impl QueryError {
    pub(super) fn code(&self) -> Option<&str> {
        self.extensions.as_ref()?.code.as_deref()
    }

    /// Whether it says that the app has not been approved for personal data, whose fields are null then.
    pub(super) fn hides_a_person(&self) -> bool {
        let path: Vec<&str> = self.path.iter().filter_map(Value::as_str).collect();
        self.code() == Some("ACCESS_DENIED") && matches!(path[..], ["order", "customer" | "email", ..])
    }

    pub(super) fn words(&self) -> Option<String> {
        self.message.clone()
    }
}

#[derive(Deserialize)]
pub(super) struct Extensions {
    pub(super) cost: Option<Cost>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cost {
    requested_query_cost: f64,
    throttle_status: ThrottleStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThrottleStatus {
    maximum_available: f64,
    currently_available: f64,
    restore_rate: f64,
}

impl Cost {
    /// Until the bucket holds what the query costs.
    pub(super) fn wait(&self) -> Option<Duration> {
        let missing = self.requested_query_cost - self.throttle_status.currently_available;
        let seconds = (missing / self.throttle_status.restore_rate).ceil();
        // Also refuses what is no number, as when nothing is restored.
        (1.0..=3600.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
    }

    /// The bucket of points, told as a window: the time in which it fills.
    pub(super) fn limits(&self) -> CallLimits {
        let ThrottleStatus { maximum_available, currently_available, restore_rate } = self.throttle_status;
        let fills_in = Duration::try_from_secs_f64(maximum_available / restore_rate).ok();
        CallLimits {
            limit: Some(maximum_available as u32),
            window: fills_in,
            remaining: Some(currently_available as u32),
            cost: Some(self.requested_query_cost.ceil() as u32),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct OrderData {
    /// Null for an order that is not there; left out, the answer is to something else.
    #[serde(deserialize_with = "present")]
    pub(super) order: Option<WireOrder>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireOrder {
    pub(super) id: String,
    name: String,
    email: Option<String>,
    test: Option<bool>,
    display_financial_status: Option<String>,
    cancelled_at: Option<Timestamp>,
    processed_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    currency_code: Option<String>,
    taxes_included: Option<bool>,
    total_price_set: MoneyBag,
    total_tax_set: Option<MoneyBag>,
    total_shipping_price_set: Option<MoneyBag>,
    total_discounts_set: Option<MoneyBag>,
    customer: Option<WireCustomer>,
    line_items: LineItems,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MoneyBag {
    shop_money: Money,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Money {
    amount: Decimal,
    currency_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCustomer {
    id: String,
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineItems {
    page_info: PageInfo,
    nodes: Vec<LineItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineItem {
    title: String,
    quantity: u32,
    sku: Option<String>,
    original_unit_price_set: MoneyBag,
}

impl TryFrom<WireOrder> for Order {
    type Error = ConnectorError;

    fn try_from(wire: WireOrder) -> Result<Self, ConnectorError> {
        let amount = |bag: Option<MoneyBag>| bag.map_or(Decimal::ZERO, |bag| bag.shop_money.amount);
        let Money { amount: total, currency_code } = wire.total_price_set.shop_money;
        let currency_code = currency_code.or(wire.currency_code).ok_or_else(|| {
            let path = "data.order.currencyCode".to_owned();
            http::malformed(Provider::Shopify, MalformedAnswer::WrongShape { path })
        })?;
        let LineItems { page_info, nodes } = wire.line_items;
        Ok(Self {
            name: wire.name,
            financial_status: wire.display_financial_status,
            is_test: wire.test.unwrap_or(false),
            is_cancelled: wire.cancelled_at.is_some(),
            processed_at: wire.processed_at.or(wire.updated_at),
            currency_code,
            taxes_included: wire.taxes_included.unwrap_or(false),
            total,
            total_tax: amount(wire.total_tax_set),
            total_shipping: amount(wire.total_shipping_price_set),
            total_discounts: amount(wire.total_discounts_set),
            email: filled(wire.email),
            customer: wire.customer.map(Customer::from),
            lines: nodes.into_iter().map(OrderLine::from).collect(),
            next_lines: page_info.end_cursor.filter(|_| page_info.has_next_page),
        })
    }
}

impl From<WireCustomer> for Customer {
    fn from(wire: WireCustomer) -> Self {
        Self {
            id: wire.id.rsplit('/').next().unwrap_or_default().to_owned(),
            first_name: filled(wire.first_name),
            last_name: filled(wire.last_name),
            email: filled(wire.email),
        }
    }
}

impl From<LineItem> for OrderLine {
    fn from(wire: LineItem) -> Self {
        Self {
            title: wire.title,
            sku: filled(wire.sku),
            quantity: wire.quantity,
            unit_price: wire.original_unit_price_set.shop_money.amount,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhooksData {
    webhook_subscriptions: Webhooks,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhooks {
    page_info: PageInfo,
    nodes: Vec<WireWebhook>,
}

#[derive(Deserialize)]
struct WireWebhook {
    id: String,
    topic: String,
    uri: String,
}

impl From<WebhooksData> for WebhookPage {
    fn from(wire: WebhooksData) -> Self {
        let Webhooks { page_info, nodes } = wire.webhook_subscriptions;
        let webhook = |WireWebhook { id, topic, uri }| Webhook { id, topic, uri };
        Self {
            webhooks: nodes.into_iter().map(webhook).collect(),
            next: page_info.end_cursor.filter(|_| page_info.has_next_page),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateData {
    webhook_subscription_create: Create,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    webhook_subscription: Option<Id>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteData {
    webhook_subscription_delete: Delete,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delete {
    user_errors: Vec<UserError>,
}

/// What the user of a mutation did wrong.
#[derive(Deserialize)]
struct UserError {
    message: String,
}

impl CreateData {
    /// The id of what was made, or why it was not.
    pub(super) fn created(self) -> Result<String, String> {
        let Create { webhook_subscription, user_errors } = self.webhook_subscription_create;
        webhook_subscription.map(|made| made.id).ok_or_else(|| in_words(&user_errors))
    }
}

impl DeleteData {
    /// Nothing, or why it was not ended.
    pub(super) fn deleted(self) -> Result<(), String> {
        let Delete { user_errors } = self.webhook_subscription_delete;
        if user_errors.is_empty() { Ok(()) } else { Err(in_words(&user_errors)) }
    }
}

fn in_words(errors: &[UserError]) -> String {
    errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join(" ")
}

fn filled(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

#[derive(Serialize)]
pub(super) struct RefreshRequest<'a> {
    pub(super) client_id: &'a str,
    pub(super) client_secret: &'a str,
    pub(super) grant_type: &'static str,
    pub(super) refresh_token: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) access_token: SecretString,
    pub(super) refresh_token: Option<SecretString>,
    pub(super) expires_in: u32,
}

/// What a shop's token endpoint says when it gives no tokens.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenProblem {
    error: String,
    error_description: String,
}

impl TokenProblem {
    /// "This request requires an active refresh_token".
    pub(super) fn is_about_the_refresh_token(&self) -> bool {
        self.error == "invalid_request" && self.error_description.contains("active refresh_token")
    }
}

/// What comes with another status than 200: a text, or a list as in GraphQL.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    errors: Value,
}

impl Problem {
    pub(super) fn words(self) -> Option<String> {
        let text = self.errors.as_str().or_else(|| self.errors.pointer("/0/message")?.as_str());
        text.map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(requested: f64, available: f64, rate: f64) -> Cost {
        let throttle_status =
            ThrottleStatus { maximum_available: 2000.0, currently_available: available, restore_rate: rate };
        Cost { requested_query_cost: requested, throttle_status }
    }

    fn wait(requested: f64, available: f64, rate: f64) -> Option<u64> {
        cost(requested, available, rate).wait().map(|wait| wait.as_secs())
    }

    #[test]
    fn the_bucket_is_told_as_the_window_in_which_it_fills() {
        let told = cost(51.5, 1948.0, 100.0).limits();
        let window = Some(Duration::from_secs(20));
        let expected = CallLimits { limit: Some(2000), window, remaining: Some(1948), cost: Some(52) };
        assert_eq!(told, expected);
        assert_eq!(cost(1.0, 0.0, 0.0).limits().window, None, "nothing is ever restored");
    }

    #[test]
    fn a_throttled_query_waits_until_the_bucket_holds_its_cost() {
        assert_eq!(wait(252.0, 2.0, 100.0), Some(3));
        assert_eq!(wait(52.0, 51.5, 100.0), Some(1));
        assert_eq!(wait(52.0, 0.0, 0.0), None);
        assert_eq!(wait(52.0, 60.0, 100.0), None);
    }
}
