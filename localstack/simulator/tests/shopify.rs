//! Shopify's orders, costs and tokens.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod support;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use support::{SHOP, Tokens, World, header, send, status, text};

const ORDER: &str = "query($id:ID!){order(id:$id){id name email displayFinancialStatus updatedAt currencyCode totalPriceSet{shopMoney{amount currencyCode}} customer{id firstName lastName email} lineItems(first:50){pageInfo{hasNextPage endCursor} nodes{title quantity sku originalUnitPriceSet{shopMoney{amount}}}}}}";

async fn order(world: &World) {
    let order = json!({
        "id": 5_726_128_734_520_u64, "name": "#1002", "email": "pat@example.com", "financial_status": "paid",
        "currency": "EUR", "total_price": "238.47", "subtotal_price": "224.97", "total_tax": "13.50",
        "taxes_included": false, "tax_lines": [{"title": "State tax", "rate": 0.06, "price": "13.50"}],
        "customer": {"id": 115_310_627_314_723_954_u64, "first_name": "Pat", "last_name": "O'Neil", "email": "pat@example.com"},
        "line_items": [
            {"id": 1, "title": "Mug", "quantity": 2, "price": "112.485", "sku": "MUG-1"},
            {"id": 2, "title": "Gift", "quantity": 1, "price": "0.00", "sku": null},
        ],
        "updated_at": "2026-10-01T17:28:09-05:00",
    });
    assert_eq!(world.seed("shopify", "order", order.clone()).await, order);
}

async fn consent(world: &World) -> Tokens {
    world.grant("shopify", json!([SHOP])).await
}

fn ask(world: &World, token: &str, query: &str, variables: Value) -> RequestBuilder {
    world
        .client
        .post(format!("{}/shopify/{SHOP}/admin/api/2026-07/graphql.json", world.running.url))
        .header("x-shopify-access-token", token)
        .json(&json!({"query": query, "variables": variables}))
}

fn ask_for_order(world: &World, token: &str) -> RequestBuilder {
    ask(world, token, ORDER, json!({"id": "gid://shopify/Order/5726128734520"}))
}

fn refresh(world: &World, shop: &str, secret: &str, refresh_token: &str) -> RequestBuilder {
    world.client.post(format!("{}/shopify/{shop}/admin/oauth/access_token", world.running.url)).json(&json!({
        "client_id": "shopify-app", "client_secret": secret,
        "grant_type": "refresh_token", "refresh_token": refresh_token,
    }))
}

#[tokio::test]
async fn an_order_is_read_with_what_was_asked_for_and_what_it_cost() {
    let world = World::start().await;
    order(&world).await;
    let tokens = consent(&world).await;
    let response = ask_for_order(&world, &tokens.access).send().await.unwrap();
    assert_eq!(header(&response, "x-shopify-api-version").unwrap(), "2026-07");
    let body: Value = response.json().await.unwrap();
    assert_eq!(
        body["data"]["order"],
        json!({
            "id": "gid://shopify/Order/5726128734520", "name": "#1002", "email": "pat@example.com",
            "displayFinancialStatus": "PAID", "updatedAt": "2026-10-01T17:28:09-05:00", "currencyCode": "EUR",
            "totalPriceSet": {"shopMoney": {"amount": "238.47", "currencyCode": "EUR"}},
            "customer": {"id": "gid://shopify/Customer/115310627314723954", "firstName": "Pat", "lastName": "O'Neil", "email": "pat@example.com"},
            "lineItems": {
                "pageInfo": {"hasNextPage": false, "endCursor": "2"},
                "nodes": [
                    {"title": "Mug", "quantity": 2, "sku": "MUG-1", "originalUnitPriceSet": {"shopMoney": {"amount": "112.485"}}},
                    {"title": "Gift", "quantity": 1, "sku": null, "originalUnitPriceSet": {"shopMoney": {"amount": "0.0"}}},
                ],
            },
        })
    );
    assert_eq!(
        body["extensions"]["cost"],
        json!({
            "requestedQueryCost": 156, "actualQueryCost": 12,
            "throttleStatus": {"maximumAvailable": 2000.0, "currentlyAvailable": 1988, "restoreRate": 100.0},
        })
    );
}

#[tokio::test]
async fn line_items_come_in_pages_under_any_alias() {
    let world = World::start().await;
    order(&world).await;
    let tokens = consent(&world).await;
    let query = r#"query Page($after: String) {
        order(id: "gid://shopify/Order/5726128734520") {
            taxLines { rate ratePercentage priceSet { shopMoney { amount } } }
            items: lineItems(first: 1, after: $after) { pageInfo { hasNextPage endCursor } edges { node { title } } }
        }
    }"#;
    let (_, first) = send(ask(&world, &tokens.access, query, json!({}))).await;
    let items = &first["data"]["order"]["items"];
    assert_eq!(items["pageInfo"], json!({"hasNextPage": true, "endCursor": "1"}), "{first}");
    let tax = json!([{"rate": 0.06, "ratePercentage": 6.0, "priceSet": {"shopMoney": {"amount": "13.5"}}}]);
    assert_eq!(first["data"]["order"]["taxLines"], tax);
    let after = json!({"after": items["pageInfo"]["endCursor"]});
    let (_, second) = send(ask(&world, &tokens.access, query, after)).await;
    assert_eq!(second["data"]["order"]["items"]["edges"], json!([{"node": {"title": "Gift"}}]));
}

#[tokio::test]
async fn what_is_wrong_with_a_query_is_said_with_status_200() {
    let world = World::start().await;
    order(&world).await;
    let tokens = consent(&world).await;
    let id = "gid://shopify/Order/5726128734520";
    for (query, part) in [
        (format!("{{order(id:\"{id}\"){{shoe}}}}"), "Field 'shoe' doesn't exist on type 'Order'"),
        (format!("{{order(id:\"{id}\"){{customer}}}}"), "must have selections"),
        (format!("{{order(id:\"{id}\"){{name{{first}}}}}}"), "can't be made on scalars"),
        (format!("{{order(id:\"{id}\"){{lineItems{{nodes{{title}}}}}}}}"), "must provide first"),
        ("{order(id:\"5726128734520\"){name}}".to_owned(), "Invalid global id"),
        ("query($id:ID!){order(id:$id){name}}".to_owned(), "Variable $id"),
        ("{order(id:$id){name}}".to_owned(), "not declared"),
        ("{order(id:\"x\"){name}".to_owned(), "syntax error"),
        ("{shoes{name}}".to_owned(), "QueryRoot"),
    ] {
        let (status, body) = send(ask(&world, &tokens.access, &query, json!({}))).await;
        assert_eq!(status, 200);
        assert!(text(&body["errors"][0]["message"]).contains(part), "{query}: {body}");
        assert_eq!(body["data"], Value::Null);
    }
    let (_, nothing) = send(ask(&world, &tokens.access, ORDER, json!({"id": "gid://shopify/Order/1"}))).await;
    assert_eq!(nothing["data"]["order"], Value::Null);
    assert_eq!(nothing["errors"], Value::Null);
}

#[tokio::test]
async fn an_empty_bucket_throttles_with_status_200_and_fills_again() {
    let world = World::start_with(|config| config.shopify_limits.points = 160).await;
    order(&world).await;
    let tokens = consent(&world).await;
    assert_eq!(send(ask_for_order(&world, &tokens.access)).await.1["errors"], Value::Null);
    let (status, body) = send(ask_for_order(&world, &tokens.access)).await;
    assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (200, &json!("THROTTLED")));
    let cost = &body["extensions"]["cost"];
    assert_eq!((&cost["requestedQueryCost"], &cost["actualQueryCost"]), (&json!(156), &Value::Null));
    assert!(cost["throttleStatus"]["currentlyAvailable"].as_i64().unwrap() < 156);
    world.advance(1).await;
    assert_eq!(send(ask_for_order(&world, &tokens.access)).await.1["errors"], Value::Null);
    let greedy = ORDER
        .replace("first:50", "first:250")
        .replace("nodes{", "nodes{taxLines{title} discountedTotalSet{shopMoney{amount}} ");
    let (_, refused) =
        send(ask(&world, &tokens.access, &greedy, json!({"id": "gid://shopify/Order/1"}))).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "MAX_COST_EXCEEDED");
}

#[tokio::test]
async fn a_token_opens_its_own_shop_only() {
    let world = World::start().await;
    order(&world).await;
    let other = world.grant("shopify", json!(["other-shop.myshopify.com"])).await;
    assert_eq!(status(ask_for_order(&world, &other.access)).await, 401);
    assert_eq!(status(ask_for_order(&world, &world.xero.access)).await, 401);
    let tokens = consent(&world).await;
    world.advance(3600).await;
    assert_eq!(status(ask_for_order(&world, &tokens.access)).await, 401);
    let evil = refresh(&world, "evil.example.com", "shopify-secret", &tokens.refresh);
    assert_eq!(status(evil).await, 404);
}

#[tokio::test]
async fn a_refresh_rotates_and_can_be_retried_until_its_replacement_is_used() {
    let world = World::start().await;
    let tokens = consent(&world).await;
    let (status_of_first, first) = send(refresh(&world, SHOP, "shopify-secret", &tokens.refresh)).await;
    assert_eq!((status_of_first, &first["expires_in"]), (200, &json!(3600)));
    assert_eq!(first["refresh_token_expires_in"], 7_776_000);
    assert_ne!(first["refresh_token"], json!(tokens.refresh));
    let (_, retried) = send(refresh(&world, SHOP, "shopify-secret", &tokens.refresh)).await;
    assert_eq!(retried["refresh_token"], first["refresh_token"]);
    // Either half of the new pair ends the old one.
    assert_eq!(status(ask_for_order(&world, &text(&retried["access_token"]))).await, 200);
    let (refused, body) = send(refresh(&world, SHOP, "shopify-secret", &tokens.refresh)).await;
    assert_eq!((refused, &body["error"]), (401, &json!("invalid_request")));
    let (_, second) = send(refresh(&world, SHOP, "shopify-secret", &text(&first["refresh_token"]))).await;
    assert_eq!(status(refresh(&world, SHOP, "shopify-secret", &text(&second["refresh_token"]))).await, 200);
    assert_eq!(status(refresh(&world, SHOP, "shopify-secret", &text(&first["refresh_token"]))).await, 401);
}

#[tokio::test]
async fn an_old_refresh_token_ends_after_thirty_days_and_an_idle_one_after_ninety() {
    let world = World::start().await;
    let tokens = consent(&world).await;
    send(refresh(&world, SHOP, "shopify-secret", &tokens.refresh)).await;
    world.advance(30 * 24 * 3600).await;
    assert_eq!(status(refresh(&world, SHOP, "shopify-secret", &tokens.refresh)).await, 401);
    let idle = consent(&world).await;
    assert_eq!(status(refresh(&world, SHOP, "wrong", &idle.refresh)).await, 401);
    world.advance(90 * 24 * 3600).await;
    assert_eq!(status(refresh(&world, SHOP, "shopify-secret", &idle.refresh)).await, 401);
}

#[tokio::test]
async fn a_subscription_is_made_once_and_a_user_error_comes_with_status_200() {
    let world = World::start().await;
    let tokens = consent(&world).await;
    let subscribe = r#"mutation($topic: WebhookSubscriptionTopic!, $uri: URL!) {
        webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri}) {
            webhookSubscription { id topic uri } userErrors { field message }
        }
    }"#;
    let variables = json!({"topic": "ORDERS_PAID", "uri": "https://example.com/webhook/shopify"});
    let (_, made) = send(ask(&world, &tokens.access, subscribe, variables.clone())).await;
    let made = &made["data"]["webhookSubscriptionCreate"];
    assert_eq!(
        (&made["webhookSubscription"]["topic"], &made["userErrors"]),
        (&json!("ORDERS_PAID"), &json!([]))
    );
    let (status, again) = send(ask(&world, &tokens.access, subscribe, variables)).await;
    let again = &again["data"]["webhookSubscriptionCreate"];
    assert_eq!((status, &again["webhookSubscription"]), (200, &Value::Null));
    assert_eq!(again["userErrors"][0]["message"], "Address for this topic has already been taken");
    let effects = world.effects("shopify").await;
    assert_eq!((effects.len(), &effects[0]["account"]), (1, &json!(SHOP)));
    let list = "{webhookSubscriptions(first: 10){nodes{topic uri}}}";
    let (_, listed) = send(ask(&world, &tokens.access, list, json!({}))).await;
    assert_eq!(listed["data"]["webhookSubscriptions"]["nodes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn faults_speak_as_shopify_does() {
    let world = World::start().await;
    order(&world).await;
    let tokens = consent(&world).await;
    world.order_fault("shopify", "rate_limit", json!({"retry_after_s": 3})).await;
    let (status_of_limit, body) = send(ask_for_order(&world, &tokens.access)).await;
    let cost = &body["extensions"]["cost"];
    assert_eq!((status_of_limit, &body["errors"][0]["extensions"]["code"]), (200, &json!("THROTTLED")));
    assert_eq!(
        (&cost["requestedQueryCost"], &cost["throttleStatus"]["restoreRate"]),
        (&json!(300), &json!(100.0))
    );
    world.order_fault("shopify", "status", json!({"status": 503})).await;
    assert_eq!(status(ask_for_order(&world, &tokens.access)).await, 503);
    // An answer that says no does not use up a fault that waits for success.
    world.order_fault("shopify", "malformed", json!({})).await;
    send(ask(&world, &tokens.access, "{shoes{name}}", json!({}))).await;
    let cut = ask_for_order(&world, &tokens.access).send().await.unwrap().bytes().await.unwrap();
    assert!(serde_json::from_slice::<Value>(&cut).is_err());
    world.order_fault("shopify", "expire", json!({})).await;
    assert_eq!(status(ask_for_order(&world, &tokens.access)).await, 401);
    world.order_fault("shopify", "revoke", json!({})).await;
    assert_eq!(status(refresh(&world, SHOP, "shopify-secret", &tokens.refresh)).await, 401);
}
