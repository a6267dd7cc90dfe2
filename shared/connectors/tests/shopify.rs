//! Shopify's requests and answers. The bodies follow the reference of its GraphQL Admin API and the texts of its own
//! libraries (Shopify/shopify-app-js), read in October 2026.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use wiremock::matchers::{any, body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};
use zixly_connectors::shopify::{Order, Shopify, ShopifyEndpoints};
use zixly_connectors::{
    ClientCredentials, ConnectorError, ReauthorisationReason, RefreshTokens, http_client,
};
use zixly_domain::TokenSet;

const SHOP: &str = "quickstart.myshopify.com";
const ORDER_ID: &str = "5726128734520";

fn order() -> Value {
    let money = |amount: &str| json!({ "shopMoney": { "amount": amount, "currencyCode": "EUR" } });
    json!({
        "id": "gid://shopify/Order/5726128734520", "name": "#1002", "email": " pat@example.com ", "test": false,
        "displayFinancialStatus": "PAID", "cancelledAt": null, "processedAt": "2026-10-01T22:28:06Z",
        "updatedAt": "2026-10-01T22:28:09Z", "currencyCode": "EUR", "taxesIncluded": false,
        "totalPriceSet": money("238.47"), "totalTaxSet": money("13.5"), "totalShippingPriceSet": money("0.0"),
        "totalDiscountsSet": money("0.0"),
        "customer": {
            "id": "gid://shopify/Customer/115310627314723954", "firstName": "Pat", "lastName": "", "email": null,
        },
        "lineItems": {
            "pageInfo": { "hasNextPage": true, "endCursor": "eyJsYXN0X2lkIjoxfQ" },
            "nodes": [{ "title": "Mug", "quantity": 2, "sku": null, "originalUnitPriceSet": money("112.485") }],
        },
    })
}

#[tokio::test]
async fn an_order_is_read_at_its_shop_with_exact_money() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(format!("/shopify/{SHOP}/admin/api/2026-07/graphql.json")))
        .and(header("X-Shopify-Access-Token", "token"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "data": { "order": order() } })))
        .mount(&server)
        .await;
    let order = fetch(&server).await.unwrap().unwrap();
    assert_eq!((order.name.as_str(), order.financial_status.as_deref()), ("#1002", Some("PAID")));
    assert_eq!((order.total.to_string(), order.total_tax.to_string()), ("238.47".into(), "13.5".into()));
    assert_eq!(order.lines[0].unit_price.to_string(), "112.485");
    assert_eq!(order.next_lines.as_deref(), Some("eyJsYXN0X2lkIjoxfQ"));
    assert_eq!(order.email.as_deref(), Some("pat@example.com"));
    let customer = order.customer.unwrap();
    assert_eq!((customer.id.as_str(), customer.last_name), ("115310627314723954", None));

    let requests = server.received_requests().await.unwrap();
    let sent: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(sent["variables"], json!({ "id": "gid://shopify/Order/5726128734520", "after": null }));
}

#[tokio::test]
async fn an_order_without_what_the_app_may_not_see_is_still_an_order() {
    let mut hidden = order();
    for field in ["email", "customer", "totalTaxSet", "processedAt"] {
        hidden[field] = Value::Null;
    }
    let server =
        server(ResponseTemplate::new(200).set_body_json(json!({ "data": { "order": hidden } }))).await;
    let order = fetch(&server).await.unwrap().unwrap();
    assert_eq!((order.email, order.customer, order.total_tax.is_zero()), (None, None, true));
    assert_eq!(order.processed_at, Some("2026-10-01T22:28:09Z".parse().unwrap()));
}

#[tokio::test]
async fn an_answer_to_another_question_is_not_taken_for_a_missing_order() {
    let answer = ResponseTemplate::new(200).set_body_json(json!({ "data": { "shop": {} } }));
    let error = fetch(&server(answer).await).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Malformed { .. }), "{error:?}");
}

#[tokio::test]
async fn throttling_inside_a_success_is_a_rate_limit_for_as_long_as_the_bucket_needs() {
    let throttled = json!({
        "errors": [{ "message": "Throttled", "extensions": { "code": "THROTTLED" } }],
        "extensions": { "cost": {
            "requestedQueryCost": 752, "actualQueryCost": null,
            "throttleStatus": { "maximumAvailable": 2000.0, "currentlyAvailable": 52, "restoreRate": 100.0 },
        } },
    });
    let error = fetch(&server(ResponseTemplate::new(200).set_body_json(throttled)).await).await.unwrap_err();
    let seven_seconds = Some(Duration::from_secs(7));
    assert!(
        matches!(error, ConnectorError::RateLimited { retry_after, .. } if retry_after == seven_seconds),
        "{error:?}"
    );
}

#[tokio::test]
async fn webhooks_are_listed_made_and_ended() {
    let page = json!({ "data": { "webhookSubscriptions": {
        "pageInfo": { "hasNextPage": true, "endCursor": "eyJ0" },
        "nodes": [{ "id": "gid://shopify/WebhookSubscription/1", "topic": "ORDERS_PAID", "uri": "https://h.example" }],
    } } });
    let list = server(ResponseTemplate::new(200).set_body_json(page)).await;
    let listed = shopify(&list).list_webhooks(&token(), SHOP, None).await.unwrap();
    assert_eq!(listed.next.as_deref(), Some("eyJ0"));
    let [webhook] = listed.webhooks.as_slice() else { panic!("one webhook: {listed:?}") };
    assert_eq!((webhook.topic.as_str(), webhook.uri.as_str()), ("ORDERS_PAID", "https://h.example"));

    let made = json!({ "data": { "webhookSubscriptionCreate": {
        "webhookSubscription": { "id": webhook.id }, "userErrors": [],
    } } });
    let create = server(ResponseTemplate::new(200).set_body_json(made)).await;
    let id = shopify(&create).create_webhook(&token(), SHOP, "ORDERS_PAID", "https://h.example").await;
    assert_eq!(id.unwrap(), webhook.id);
    let sent: Value = serde_json::from_slice(&create.received_requests().await.unwrap()[0].body).unwrap();
    assert_eq!(sent["variables"], json!({ "topic": "ORDERS_PAID", "uri": "https://h.example" }));

    let ended = json!({ "data": { "webhookSubscriptionDelete": {
        "deletedWebhookSubscriptionId": webhook.id, "userErrors": [],
    } } });
    let delete = server(ResponseTemplate::new(200).set_body_json(ended)).await;
    shopify(&delete).delete_webhook(&token(), SHOP, &webhook.id).await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_a_webhook_is_told_in_shopifys_words() {
    let errors = json!([{ "field": ["webhookSubscription"], "message": "Address for this topic has already been taken" }]);
    let taken = json!({ "data": { "webhookSubscriptionCreate": { "webhookSubscription": null, "userErrors": errors } } });
    let server_of = async |body: Value| server(ResponseTemplate::new(200).set_body_json(body)).await;
    let create = server_of(taken).await;
    let error = shopify(&create).create_webhook(&token(), SHOP, "ORDERS_PAID", "u").await.unwrap_err();
    let ConnectorError::Rejected { words, .. } = &error else { panic!("{error:?}") };
    assert_eq!(words.0, "Address for this topic has already been taken");
    let unknown = json!({ "data": { "webhookSubscriptionDelete": {
        "deletedWebhookSubscriptionId": null, "userErrors": [{ "field": ["id"], "message": "Webhook subscription does not exist" }],
    } } });
    let delete = server_of(unknown).await;
    let error = shopify(&delete).delete_webhook(&token(), SHOP, "1").await.unwrap_err();
    assert!(matches!(error, ConnectorError::Rejected { status: 200, .. }), "{error:?}");
}

#[tokio::test]
async fn a_failure_inside_a_success_has_its_class() {
    let failed = async |code: &str| {
        let body = json!({ "data": null, "errors": [{ "message": "no", "extensions": { "code": code } }] });
        fetch(&server(ResponseTemplate::new(200).set_body_json(body)).await).await.unwrap_err()
    };
    let error = failed("ACCESS_DENIED").await;
    assert!(
        matches!(
            error,
            ConnectorError::ReauthorisationNeeded { reason: ReauthorisationReason::ScopeMissing, .. }
        ),
        "{error:?}"
    );
    let error = failed("INTERNAL_SERVER_ERROR").await;
    assert!(matches!(error, ConnectorError::Unavailable { .. }), "{error:?}");
    let error = failed("MAX_COST_EXCEEDED").await;
    assert!(matches!(error, ConnectorError::Rejected { status: 200, .. }), "{error:?}");
}

/// An app that has not been approved for customers' data gets the order with null in their place, and an error a field.
#[tokio::test]
async fn an_order_whose_customer_is_kept_from_us_is_an_order_all_the_same() {
    let denied = |path: Value| json!({ "message": "not approved", "path": path, "extensions": { "code": "ACCESS_DENIED" } });
    let answered = async |errors: Value| {
        let mut order = order();
        order["customer"] = Value::Null;
        order["email"] = Value::Null;
        let body = json!({ "data": { "order": order }, "errors": errors });
        fetch(&server(ResponseTemplate::new(200).set_body_json(body)).await).await
    };
    let person = json!([denied(json!(["order", "customer"])), denied(json!(["order", "email"]))]);
    let order = answered(person).await.unwrap().unwrap();
    assert_eq!((order.customer, order.email), (None, None));
    assert!(!order.lines.is_empty());
    for other in [json!(["order", "lineItems"]), json!(["order"]), json!([])] {
        let both = json!([denied(json!(["order", "customer"])), denied(other)]);
        let error = answered(both).await.unwrap_err();
        assert!(matches!(error, ConnectorError::ReauthorisationNeeded { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_frozen_shop_is_a_rejection() {
    for status in [402, 423] {
        let answer = ResponseTemplate::new(status).set_body_json(json!({ "errors": "Unavailable Shop" }));
        let error = fetch(&server(answer).await).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Rejected { .. }), "{status}: {error:?}");
    }
}

#[tokio::test]
async fn a_token_goes_to_no_host_but_a_shops() {
    let server = server(ResponseTemplate::new(200)).await;
    let shopify = shopify(&server);
    for shop in ["evil.example", "evil.example/.myshopify.com", "..", "a.myshopify.com@evil.example"] {
        let error =
            shopify.fetch_order(&SecretString::from("token"), shop, ORDER_ID, None).await.unwrap_err();
        assert!(matches!(error, ConnectorError::NoSuchAccount { .. }), "{shop}: {error:?}");
        let error = shopify.refresh(shop, &old(), Timestamp::UNIX_EPOCH).await.unwrap_err();
        assert!(matches!(error, ConnectorError::NoSuchAccount { .. }), "{shop}: {error:?}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_shops_token_endpoint_gets_the_credentials_in_json() {
    let server = MockServer::start().await;
    let answer = json!({
        "access_token": "a", "scope": "read_orders", "expires_in": 3600, "refresh_token": "b",
        "refresh_token_expires_in": 7_776_000,
    });
    Mock::given(method("POST"))
        .and(path(format!("/shopify/{SHOP}/admin/oauth/access_token")))
        .and(body_json(json!({
            "client_id": "id", "client_secret": "secret", "grant_type": "refresh_token", "refresh_token": "old",
        })))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .expect(1)
        .mount(&server)
        .await;
    let token_set = shopify(&server).refresh(SHOP, &old(), Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(token_set.expires_at.as_second(), 3600);
    assert_eq!(token_set.refresh_token.expose_secret(), "b");
}

#[tokio::test]
async fn a_refresh_token_that_has_ended_needs_a_person_and_not_the_operator() {
    let body = json!({
        "error": "invalid_request", "error_description": "This request requires an active refresh_token",
    });
    let server = server(ResponseTemplate::new(401).set_body_json(body)).await;
    let error = shopify(&server).refresh(SHOP, &old(), Timestamp::UNIX_EPOCH).await.unwrap_err();
    let refused = ReauthorisationReason::RefreshTokenRefused;
    assert!(
        matches!(error, ConnectorError::ReauthorisationNeeded { reason, .. } if reason == refused),
        "{error:?}"
    );
}

async fn fetch(server: &MockServer) -> Result<Option<Order>, ConnectorError> {
    shopify(server).fetch_order(&SecretString::from("token"), SHOP, ORDER_ID, None).await
}

fn token() -> SecretString {
    SecretString::from("token")
}

fn old() -> TokenSet {
    TokenSet { access_token: "x".into(), refresh_token: "old".into(), expires_at: Timestamp::UNIX_EPOCH }
}

async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn shopify(server: &MockServer) -> Shopify {
    let endpoints = ShopifyEndpoints {
        shop_url: format!("{}/shopify/{{shop}}", server.uri()).parse().expect("a shop's URL"),
        api_version: "2026-07".to_owned(),
    };
    Shopify::new(http_client(), endpoints, ClientCredentials { id: "id".to_owned(), secret: "secret".into() })
}
