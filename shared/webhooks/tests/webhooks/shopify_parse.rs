//! What is read from a signed Shopify body and from headers that nobody signed.

use serde_json::{Value, json};
use zixly_domain::{Delivery, Event, Provider, Workflow};
use zixly_webhooks::{Malformed, Request, Verified, shopify};

use crate::signing::headers;

const ORDER_PAID: &str = include_str!("../../../../events/shopify-order-paid.json");
const SHOP: &str = "example-shop.myshopify.com";
const WEBHOOK_ID: &str = "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043";
const EVENT_ID: &str = "98880550-7158-44d4-b7cd-2c97c8a091b5";

type Pairs<'a> = [(&'a str, &'a str)];

fn parse(pairs: &Pairs, body: &[u8]) -> Result<Delivery, Malformed> {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let headers = headers(&pairs).unwrap();
    let request = Request { method: "POST", uri: "", headers: &headers, body };
    shopify::parse(&Verified::at_the_door(Provider::Shopify, request))
}

/// The headers of a delivery with one set otherwise, or taken out by "-".
fn claims<'a>(topic: &'a str, name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut pairs = vec![
        ("x-shopify-topic", topic),
        ("x-shopify-shop-domain", SHOP),
        ("x-shopify-webhook-id", WEBHOOK_ID),
        ("x-shopify-event-id", EVENT_ID),
        ("x-shopify-triggered-at", "2026-10-01T22:28:10.123456789Z"),
    ];
    pairs.retain(|(other, _)| *other != name);
    pairs.extend((value != "-").then_some((name, value)));
    pairs
}

fn order() -> Value {
    json!({ "id": 5726128734520_u64, "admin_graphql_api_id": "gid://shopify/Order/5726128734520" })
}

fn read(pairs: &Pairs, body: &Value) -> Event {
    let mut delivery = parse(pairs, body.to_string().as_bytes()).unwrap();
    assert_eq!((delivery.events.len(), delivery.unreadable.len()), (1, 0));
    delivery.events.remove(0)
}

/// What becomes of this body under this topic: the resource's id, or what is wrong.
#[track_caller]
fn check(topic: &str, body: Value, expected: Result<&str, &str>) {
    let outcome = parse(&claims(topic, "", "-"), body.to_string().as_bytes());
    let outcome = outcome.map(|mut delivery| delivery.events.remove(0).resource_id);
    let outcome = outcome.as_deref().map_err(|malformed| malformed.reason.as_str());
    assert_eq!(outcome, expected, "{topic} with {body}");
}

#[track_caller]
fn check_header(name: &str, value: &str, reason: &str) {
    let outcome = parse(&claims("orders/paid", name, value), order().to_string().as_bytes());
    assert_eq!(outcome.unwrap_err().reason, reason, "{name}: {value}");
}

#[test]
fn a_paid_order_is_read() {
    let event = read(&claims("orders/paid", "", "-"), &serde_json::from_str(ORDER_PAID).unwrap());
    assert_eq!((event.provider, event.account_id.as_str()), (Provider::Shopify, SHOP));
    assert_eq!((event.category.as_str(), event.action.as_str()), ("orders", "paid"));
    assert_eq!(event.resource_id, "5726128734520");
    assert_eq!(event.occurred_at, Some("2026-10-01T22:28:10.123456789Z".parse().unwrap()));
    // Beyond what a floating-point number can hold.
    assert_eq!(event.payload["customer"]["id"], json!(115310627314723954_u64));
    assert_eq!(event.dedupe_key, format!(r#"["webhook","{SHOP}","orders/paid","{WEBHOOK_ID}"]"#));
    let by_event_id = format!(r#"["event","{SHOP}","orders/paid","{EVENT_ID}"]"#);
    assert_eq!(event.other_dedupe_key, Some(by_event_id));
    let jobs = zixly_domain::jobs_for(&event);
    assert_eq!(jobs[0].workflow, Workflow::ShopifyOrderToXero);
    let outside_payload = Event { payload: Value::Null, ..event };
    assert!(!format!("{outside_payload:?}").contains("pat@example.com"));
}

#[test]
fn a_record_is_of_the_kind_that_the_topic_says() {
    let with_gid = |gid: &str| json!({ "id": 5, "admin_graphql_api_id": gid });
    for topic in
        ["orders/create", "orders/updated", "orders/paid", "orders/cancelled", "orders/something_new"]
    {
        check(topic, order(), Ok("5726128734520"));
        check(topic, with_gid("gid://shopify/Order/5"), Ok("5"));
        let wrong =
            "the body has an admin_graphql_api_id that is not of the topic's Order with the body's id";
        for gid in [
            "gid://shopify/Order/6",
            "gid://shopify/Order/55",
            "gid://shopify/Order/5?x",
            "gid://shopify/order/5",
            "gid://shopify/DraftOrder/5",
            "gid://shopify/Customer/5",
            "gid://shopify/Product/5",
            "gid:\\/\\/shopify\\/Order\\/5",
            "5",
        ] {
            check(topic, with_gid(gid), Err(wrong));
        }
        check(topic, json!({ "id": 5 }), Err("the body has no admin_graphql_api_id"));
        check(topic, json!({ "admin_graphql_api_id": "gid://shopify/Order/5" }), Err("the body has no id"));
        check(topic, json!({}), Err("the body has no id"));
    }
    check("customers/create", with_gid("gid://shopify/Customer/5"), Ok("5"));
    check("products/update", with_gid("gid://shopify/Product/5"), Ok("5"));
    let wrong = "the body has an admin_graphql_api_id that is not of the topic's Customer with the body's id";
    check("customers/create", order(), Err(wrong));
    let wrong = "the body has an admin_graphql_api_id that is not of the topic's Product with the body's id";
    check("products/update", order(), Err(wrong));
}

#[test]
fn what_has_become_of_a_record_needs_no_record() {
    check("orders/delete", json!({ "id": 5 }), Ok("5"));
    check("products/delete", json!({ "id": 5 }), Ok("5"));
    check("orders/edited", json!({ "order_edit": { "id": 1, "order_id": 5 } }), Ok(SHOP));
    check("customers/merge", json!({ "status": "complete" }), Ok(SHOP));
    check("orders/delete", order(), Ok("5726128734520"));
    let wrong = "the body has an admin_graphql_api_id that is not of the topic's Product with the body's id";
    check("products/delete", order(), Err(wrong));
}

#[test]
fn ids_keep_their_digits() {
    for id in ["9007199254740993", "115310627314723954", "18446744073709551615"] {
        let gid = format!("gid://shopify/Order/{id}");
        check("orders/paid", json!({ "id": id, "admin_graphql_api_id": gid }), Ok(id));
        check(
            "orders/paid",
            json!({ "id": id.parse::<u64>().unwrap(), "admin_graphql_api_id": gid }),
            Ok(id),
        );
    }
    let rounded = json!({ "id": 1e20, "admin_graphql_api_id": "gid://shopify/Order/100000000000000000000" });
    check("orders/paid", rounded, Err("the body has no whole number of at most 64 bits as its id"));
}

#[test]
fn an_uninstalled_app_is_of_the_shop_in_the_body() {
    let topic = "app/uninstalled";
    check(topic, json!({ "id": 7, "myshopify_domain": SHOP, "domain": "shop.example.com" }), Ok("7"));
    check(topic, json!({ "id": 7, "domain": SHOP }), Ok("7"));
    check(topic, json!({ "id": 7, "myshopify_domain": "Example-Shop.MyShopify.com" }), Ok("7"));
    let other = "the body has a myshopify_domain that is not the shop of the header x-shopify-shop-domain";
    check(topic, json!({ "myshopify_domain": "other.myshopify.com", "domain": SHOP }), Err(other));
    let other = "the body has a domain that is not the shop of the header x-shopify-shop-domain";
    check(topic, json!({ "domain": "other.myshopify.com" }), Err(other));
    check(topic, json!({ "id": 7 }), Err("the body has no domain"));
    check(topic, order(), Err("the body has no domain"));
}

#[test]
fn a_request_of_the_law_is_of_the_shop_in_the_body_and_no_other_request() {
    let with = |more: Value| {
        let mut body = json!({ "shop_id": 7, "shop_domain": SHOP });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let asked =
        with(json!({ "customer": { "id": 5 }, "orders_requested": [1], "data_request": { "id": 9 } }));
    let redact = with(json!({ "customer": { "id": 5 }, "orders_to_redact": [1] }));
    check("customers/data_request", asked.clone(), Ok("5"));
    check("customers/redact", redact.clone(), Ok("5"));
    check("shop/redact", with(json!({})), Ok("7"));
    check(
        "customers/redact",
        asked.clone(),
        Err("the body has data_request, which customers/redact does not have"),
    );
    let foreign = "the body has orders_to_redact, which customers/data_request does not have";
    check("customers/data_request", redact.clone(), Err(foreign));
    for about_one_customer in [asked, redact] {
        let foreign = "the body has customer, which shop/redact does not have";
        check("shop/redact", about_one_customer, Err(foreign));
    }
    for topic in ["customers/data_request", "customers/redact", "shop/redact"] {
        let other = "the body has a shop_domain that is not the shop of the header x-shopify-shop-domain";
        check(topic, json!({ "shop_domain": "other.myshopify.com" }), Err(other));
        check(topic, json!({ "shop_id": 7 }), Err("the body has no shop_domain"));
    }
}

#[test]
fn a_topic_that_we_do_not_know_is_taken_as_it_comes() {
    check("carts/update", json!({ "id": "c1-abc", "line_items": [] }), Ok("c1-abc"));
    check("inventory_levels/update", json!({ "inventory_item_id": 1 }), Ok(SHOP));
    check("fulfillments/create", json!({ "id": { "nested": true } }), Ok(SHOP));
    let event = read(&claims("metaobjects/entries/create", "", "-"), &json!({ "id": 1 }));
    assert_eq!((event.category.as_str(), event.action.as_str()), ("metaobjects/entries", "create"));
}

#[test]
fn headers_are_read_strictly() {
    for name in ["x-shopify-topic", "x-shopify-shop-domain", "x-shopify-webhook-id"] {
        check_header(name, "-", &format!("the header {name} is missing"));
        check_header(name, "a,b", &format!("the header {name} has more than one value"));
    }
    for name in ["x-shopify-topic", "x-shopify-shop-domain", "x-shopify-webhook-id", "x-shopify-event-id"] {
        for value in ["", "a b", "a\tb", "é", &"x".repeat(81)] {
            let reason = format!(
                "the header {name} has {} bytes; 1 to 80 letters, digits and signs are needed",
                value.len()
            );
            check_header(name, value, &reason);
        }
    }
    let form = "the header x-shopify-topic is not of the form record/change";
    for topic in ["orders", "orders/", "/paid", "/"] {
        check_header("x-shopify-topic", topic, form);
    }
    let shop = "the header x-shopify-shop-domain is not a shop's myshopify.com domain";
    for domain in ["shop1.myshopify.io", "-a.myshopify.com", "evil.com/a.myshopify.com", "a.b.myshopify.com"]
    {
        check_header("x-shopify-shop-domain", domain, shop);
    }
    let twice = [claims("orders/paid", "", "-"), vec![("X-Shopify-Topic", "orders/create")]].concat();
    let outcome = parse(&twice, order().to_string().as_bytes());
    assert_eq!(outcome.unwrap_err().reason, "the header x-shopify-topic has more than one value");
}

#[test]
fn headers_that_may_be_missing_are_missed_by_nobody() {
    let event = read(&claims("orders/paid", "x-shopify-event-id", "-"), &order());
    assert_eq!(event.other_dedupe_key, None);
    for time in ["-", "", "yesterday"] {
        let event = read(&claims("orders/paid", "x-shopify-triggered-at", time), &order());
        assert_eq!(event.occurred_at, None, "{time}");
    }
    let capitals =
        read(&claims("orders/paid", "x-shopify-shop-domain", "Example-Shop.myshopify.com"), &order());
    assert_eq!(capitals.account_id, SHOP);
}

#[test]
fn keys_tell_shop_topic_and_id_apart_and_never_meet() {
    let keys = |topic: &str, name: &str, value: &str| {
        let event = read(&claims(topic, name, value), &order());
        [event.dedupe_key, event.other_dedupe_key.unwrap()]
    };
    let same = keys("orders/paid", "x-shopify-triggered-at", "-");
    assert_eq!(keys("orders/paid", "", "-"), same);
    for [by_webhook, by_event] in
        [keys("orders/create", "", "-"), keys("orders/paid", "x-shopify-shop-domain", "other.myshopify.com")]
    {
        assert!(by_webhook != same[0] && by_event != same[1]);
    }
    let [by_webhook, by_event] = keys("orders/paid", "x-shopify-webhook-id", "another");
    assert!(by_webhook != same[0] && by_event == same[1]);
    let [by_webhook, by_event] = keys("orders/paid", "x-shopify-webhook-id", EVENT_ID);
    assert_ne!(by_webhook, by_event);
}

#[test]
fn a_body_that_cannot_be_read_is_malformed() {
    for (body, reason) in [
        ("hello", "the body cannot be read: expected value at line 1 column 1"),
        ("{", "the body cannot be read: EOF while parsing an object at line 1 column 1"),
        ("{} {}", "the body cannot be read: trailing characters at line 1 column 4"),
        ("[]", "the body is not an object"),
        ("null", "the body is not an object"),
        (r#"{"note":"a\u0000b"}"#, "the body contains the character U+0000, which the database cannot store"),
    ] {
        let malformed = parse(&claims("carts/update", "", "-"), body.as_bytes()).unwrap_err();
        assert_eq!(malformed.reason, reason, "{body}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse(&claims("carts/update", "", "-"), deep.as_bytes()).is_err());
    assert!(parse(&claims("carts/update", "", "-"), b"{\"a\":\"\xff\"}").is_err());
}
