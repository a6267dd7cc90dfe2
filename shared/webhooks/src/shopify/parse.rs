//! What a Shopify delivery says: topic, shop and ids in headers that nobody signed, the record in the body.

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;
use zixly_domain::{Delivery, Event, Provider};

use super::shop_domain;
use crate::{Malformed, Verified, fields, headers};

const TOPIC: &str = "x-shopify-topic";
const SHOP: &str = "x-shopify-shop-domain";
const WEBHOOK_ID: &str = "x-shopify-webhook-id";
const EVENT_ID: &str = "x-shopify-event-id";
const TRIGGERED_AT: &str = "x-shopify-triggered-at";

/// Reads a delivery that [`verify`](super::verify) accepted: one event. A body that is not of the header's topic or
/// of its shop is malformed. A topic of which we do not know what its body repeats is taken as it comes.
pub fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let body = fields::body_of(verified, Provider::Shopify)?;
    let claims = Claims::read(verified.request().headers)?;
    let payload = fields::object(body).map_err(of_the_body)?;
    claims.check(&payload).map_err(of_the_body)?;
    Ok(Delivery { provider: Provider::Shopify, events: vec![claims.event(payload)], unreadable: Vec::new() })
}

/// What the headers say.
struct Claims<'a> {
    shop: String,
    topic: &'a str,
    category: &'a str,
    action: &'a str,
    webhook_id: &'a str,
    event_id: Option<&'a str>,
    triggered_at: Option<Timestamp>,
}

impl<'a> Claims<'a> {
    fn read(headers: &'a HeaderMap) -> Result<Self, Malformed> {
        let topic = header(headers, TOPIC)?;
        let parts =
            topic.rsplit_once('/').filter(|(category, action)| !category.is_empty() && !action.is_empty());
        let (category, action) = parts
            .ok_or_else(|| Malformed::new(format!("the header {TOPIC} is not of the form record/change")))?;
        let shop = shop_domain(header(headers, SHOP)?).ok_or_else(|| {
            Malformed::new(format!("the header {SHOP} is not a shop's myshopify.com domain"))
        })?;
        let webhook_id = header(headers, WEBHOOK_ID)?;
        let event_id = headers.contains_key(EVENT_ID).then(|| header(headers, EVENT_ID)).transpose()?;
        // It decides nothing, so an unreadable one is no reason to refuse the event.
        let triggered_at = header(headers, TRIGGERED_AT).ok().and_then(fields::utc);
        Ok(Self { shop, topic, category, action, webhook_id, event_id, triggered_at })
    }

    /// Whether the body bears out topic and shop, as far as it can.
    fn check(&self, payload: &Value) -> Result<(), String> {
        match self.topic {
            "customers/data_request" => self.check_privacy_request(payload, "orders_to_redact"),
            "customers/redact" => self.check_privacy_request(payload, "data_request"),
            // Otherwise a request about one customer could be made into one about all.
            "shop/redact" => self.check_privacy_request(payload, "customer"),
            "app/uninstalled" if payload["myshopify_domain"].is_null() => self.check_shop(payload, "domain"),
            "app/uninstalled" => self.check_shop(payload, "myshopify_domain"),
            // These bodies tell what has become of a record and are not the record.
            "orders/delete"
            | "orders/edited"
            | "orders/risk_assessment_changed"
            | "products/delete"
            | "customers/merge"
            | "customers/purchasing_summary"
                if payload["admin_graphql_api_id"].is_null() =>
            {
                Ok(())
            }
            _ => match self.category {
                "orders" => check_record(payload, "Order"),
                "customers" => check_record(payload, "Customer"),
                "products" => check_record(payload, "Product"),
                _ => Ok(()),
            },
        }
    }

    /// The three topics that the law asks for have much the same body; `foreign` is what another one has in it.
    fn check_privacy_request(&self, payload: &Value, foreign: &str) -> Result<(), String> {
        if !payload[foreign].is_null() {
            return Err(format!("has {foreign}, which {} does not have", self.topic));
        }
        self.check_shop(payload, "shop_domain")
    }

    fn check_shop(&self, payload: &Value, field: &str) -> Result<(), String> {
        if fields::text(payload, field)?.eq_ignore_ascii_case(&self.shop) {
            return Ok(());
        }
        Err(format!("has a {field} that is not the shop of the header {SHOP}"))
    }

    fn event(self, payload: Value) -> Event {
        let dedupe_key = |of: &str, id: &str| fields::dedupe_key(&[of, &self.shop, self.topic, id]);
        Event {
            provider: Provider::Shopify,
            category: self.category.to_owned(),
            action: self.action.to_owned(),
            resource_id: resource_id(&payload).unwrap_or_else(|| self.shop.clone()),
            occurred_at: self.triggered_at,
            dedupe_key: dedupe_key("webhook", self.webhook_id),
            other_dedupe_key: self.event_id.map(|event_id| dedupe_key("event", event_id)),
            account_id: self.shop,
            payload,
        }
    }
}

/// The record's own id, or whom a request of the law is about. A body without any is about the shop.
fn resource_id(payload: &Value) -> Option<String> {
    ["id", "customer.id", "shop_id"].iter().find_map(|field| fields::id(payload, field).ok())
}

fn check_record(payload: &Value, kind: &str) -> Result<(), String> {
    let id = fields::id(payload, "id")?;
    if fields::text(payload, "admin_graphql_api_id")? == format!("gid://shopify/{kind}/{id}") {
        return Ok(());
    }
    Err(format!("has an admin_graphql_api_id that is not of the topic's {kind} with the body's id"))
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Malformed> {
    let value = headers::only(headers, name).map_err(|refusal| Malformed::new(refusal.to_string()))?;
    match str::from_utf8(value) {
        Ok(text) if (1..=fields::LONGEST_FIELD_BYTES).contains(&text.len()) && is_visible(text) => Ok(text),
        _ => Err(Malformed::new(format!(
            "the header {name} has {} bytes; 1 to {} letters, digits and signs are needed",
            value.len(),
            fields::LONGEST_FIELD_BYTES
        ))),
    }
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn of_the_body(reason: String) -> Malformed {
    Malformed::new(format!("the body {reason}"))
}
