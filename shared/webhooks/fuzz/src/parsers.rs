//! A parser never panics, says the same of the same bytes, and hands on nothing that the database or a log could not
//! take.

use http::HeaderMap;
use serde_json::{Value, json};
use zixly_domain::{Delivery, Event, Provider, jobs_for};
use zixly_webhooks::{Request, Verified, parse, shopify::shop_domain};

use crate::{fields, headers};

const LONGEST_FIELD_BYTES: usize = 80;
const LONGEST_REASON_BYTES: usize = 200;
/// Four fields of which every byte takes six as an escape, and what stands around them.
const LONGEST_DEDUPE_KEY_BYTES: usize = 2600;

/// Input: the body.
pub fn check_xero(body: &[u8]) {
    check(Provider::Xero, "/", &HeaderMap::new(), body, |payloads| json!({ "events": payloads }));
}

/// Input: the body.
pub fn check_hubspot(body: &[u8]) {
    check(Provider::HubSpot, "/", &HeaderMap::new(), body, |payloads| json!(payloads));
}

/// Input: URL, body.
pub fn check_asana(input: &[u8]) {
    let Some(([uri], body)) = fields(input) else { return };
    let Ok(uri) = str::from_utf8(uri) else { return };
    check(Provider::Asana, uri, &HeaderMap::new(), body, |payloads| json!({ "events": payloads }));
}

/// Input: topic, shop, id of the webhook, id of the event or nothing, time or nothing, body.
pub fn check_shopify(input: &[u8]) {
    let Some(([topic, shop, webhook_id, event_id, triggered_at], body)) = fields(input) else { return };
    let mut pairs = vec![
        ("x-shopify-topic", topic),
        ("x-shopify-shop-domain", shop),
        ("x-shopify-webhook-id", webhook_id),
        ("x-shopify-event-id", event_id),
        ("x-shopify-triggered-at", triggered_at),
    ];
    pairs.retain(|(_, value)| !value.is_empty());
    let Some(headers) = headers(&pairs) else { return };
    let delivery = check(Provider::Shopify, "/", &headers, body, |payloads| payloads[0].clone());
    let Some(event) = delivery.map(|mut delivery| delivery.events.remove(0)) else { return };
    assert_eq!(shop_domain(str::from_utf8(shop).expect("a shop")), Some(event.account_id.clone()));
    assert_eq!(format!("{}/{}", event.category, event.action).as_bytes(), topic);
    assert_eq!(event.other_dedupe_key.is_some(), !event_id.is_empty());
    assert_ne!(event.other_dedupe_key, Some(event.dedupe_key));
    if event.category == "orders"
        && !matches!(event.action.as_str(), "delete" | "edited" | "risk_assessment_changed")
    {
        let gid = format!("gid://shopify/Order/{}", event.resource_id);
        assert_eq!(event.payload["admin_graphql_api_id"], gid.as_str());
    }
}

/// `body_of` puts events' payloads into a body.
fn check(
    provider: Provider,
    uri: &str,
    headers: &HeaderMap,
    body: &[u8],
    body_of: fn(&[Value]) -> Value,
) -> Option<Delivery> {
    let read =
        |body: &[u8]| parse(&Verified::at_the_door(provider, Request { method: "POST", uri, headers, body }));
    let delivery = read(body);
    assert_eq!(delivery, read(body));
    let delivery = match delivery {
        Ok(delivery) => delivery,
        Err(malformed) => {
            check_reason(&malformed.reason);
            return None;
        }
    };
    assert_eq!(delivery.provider, provider);
    delivery.events.iter().for_each(|event| check_event(event, provider));
    check_unreadable(&delivery);

    // What was read can be written and is read the same: nothing of it hung on the way it was spelt.
    let payloads: Vec<_> = delivery.events.iter().map(|event| event.payload.clone()).collect();
    if !payloads.is_empty() && !payloads.iter().any(has_fraction) {
        let again = read(body_of(&payloads).to_string().as_bytes()).expect("a body of events that were read");
        assert_eq!((&again.events, again.unreadable.len()), (&delivery.events, 0));
    }
    Some(delivery)
}

fn check_event(event: &Event, provider: Provider) {
    assert_eq!(event.provider, provider);
    for text in [&event.account_id, &event.category, &event.action, &event.resource_id] {
        assert!(
            !text.trim().is_empty() && text.len() <= LONGEST_FIELD_BYTES && !text.contains('\0'),
            "{text:?}"
        );
    }
    for key in [Some(&event.dedupe_key), event.other_dedupe_key.as_ref()].into_iter().flatten() {
        assert!(key.len() <= LONGEST_DEDUPE_KEY_BYTES && !key.contains('\0'), "{key:?}");
    }
    assert!(event.payload.is_object() && !has_nul(&event.payload));
    // Whatever it says, it can be asked for its jobs.
    jobs_for(event);
}

fn check_unreadable(delivery: &Delivery) {
    let total = delivery.events.len() + delivery.unreadable.len();
    assert!(delivery.unreadable.iter().all(|event| event.index < total));
    assert!(delivery.unreadable.windows(2).all(|two| two[0].index < two[1].index));
    delivery.unreadable.iter().for_each(|event| check_reason(&event.reason));
}

/// A sentence of ours: what a stranger wrote could be neither short nor plain.
fn check_reason(reason: &str) {
    assert!(!reason.is_empty() && reason.len() <= LONGEST_REASON_BYTES, "{reason:?}");
    assert!(reason.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{reason:?}");
}

fn has_nul(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains('\0'))
        || value.as_array().is_some_and(|items| items.iter().any(has_nul))
        || value
            .as_object()
            .is_some_and(|fields| fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)))
}

/// Serde's quick way to read a fraction may be off by the last bit, so that writing and reading it may not end.
fn has_fraction(value: &Value) -> bool {
    value.is_f64()
        || value.as_array().is_some_and(|items| items.iter().any(has_fraction))
        || value.as_object().is_some_and(|fields| fields.values().any(has_fraction))
}
