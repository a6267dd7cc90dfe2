//! How consents end: the app gives them back, or somebody takes them away in the provider's own pages.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod browser;
mod receiver;
mod support;

use browser::XERO;
use receiver::Receiver;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use support::{ORGANISATION, OTHER_ORGANISATION, PORTAL, SHOP, Tokens, WORKSPACE, World, send, status, text};

async fn disconnect(world: &World, provider: &str, account: &Value) -> u16 {
    let order = json!({ "provider": provider, "account": account });
    world.post_control("disconnect", order).await.status().as_u16()
}

async fn connections(world: &World, token: &str) -> Vec<Value> {
    let url = format!("{}/xero/connections", world.running.url);
    send(world.client.get(url).bearer_auth(token)).await.1.as_array().unwrap().clone()
}

fn revoke_at_xero(world: &World, secret: &str, token: &str) -> RequestBuilder {
    let url = format!("{}/xero/connect/revocation", world.running.url);
    world.client.post(url).basic_auth("xero-app", Some(secret)).form(&[("token", token)])
}

/// A form to an endpoint of HubSpot's or Asana's with the app's credentials.
fn form(world: &World, app: &str, path: &str, more: &[(&str, &str)]) -> RequestBuilder {
    let credentials = [("client_id", format!("{app}-app")), ("client_secret", format!("{app}-secret"))];
    let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let fields: Vec<(&str, String)> = credentials.into_iter().chain(more).collect();
    world.client.post(format!("{}/{app}{path}", world.running.url)).form(&fields)
}

fn graphql(world: &World, token: &str, query: &str, variables: Value) -> RequestBuilder {
    world
        .client
        .post(format!("{}/shopify/{SHOP}/admin/api/2026-07/graphql.json", world.running.url))
        .header("x-shopify-access-token", token)
        .json(&json!({ "query": query, "variables": variables }))
}

fn refresh_at_shopify(world: &World, tokens: &Tokens) -> RequestBuilder {
    world.client.post(format!("{}/shopify/{SHOP}/admin/oauth/access_token", world.running.url)).json(&json!({
        "client_id": "shopify-app", "client_secret": "shopify-secret",
        "grant_type": "refresh_token", "refresh_token": tokens.refresh,
    }))
}

async fn subscribe(world: &World, token: &str) -> Value {
    let subscribe = r#"mutation { webhookSubscriptionCreate(
        topic: ORDERS_PAID, webhookSubscription: {uri: "https://example.com/webhook/shopify"}
    ) { webhookSubscription { id } userErrors { message } } }"#;
    let (_, made) = send(graphql(world, token, subscribe, json!({}))).await;
    made["data"]["webhookSubscriptionCreate"]["webhookSubscription"]["id"].clone()
}

async fn subscriptions(world: &World, token: &str) -> usize {
    let list = "{webhookSubscriptions(first: 10){nodes{id}}}";
    let (_, listed) = send(graphql(world, token, list, json!({}))).await;
    listed["data"]["webhookSubscriptions"]["nodes"].as_array().unwrap().len()
}

fn workspaces(world: &World, token: &str) -> RequestBuilder {
    world.client.get(format!("{}/asana/api/1.0/workspaces", world.running.url)).bearer_auth(token)
}

#[tokio::test]
async fn an_app_leaves_one_organisation_by_the_id_of_the_connection() {
    let world = World::start().await;
    let both = world.grant("xero", json!([ORGANISATION, OTHER_ORGANISATION])).await;
    let listed = connections(&world, &both.access).await;
    let delete = |token: &str, id: &Value| {
        let url = format!("{}/xero/connections/{}", world.running.url, text(id));
        status(world.client.delete(url).bearer_auth(token))
    };
    assert_eq!(delete(&both.access, &listed[0]["tenantId"]).await, 404);
    assert_eq!(delete(&world.xero.access, &listed[0]["id"]).await, 404);
    assert_eq!(delete("unknown", &listed[0]["id"]).await, 401);
    assert_eq!(delete(&both.access, &listed[0]["id"]).await, 204);
    let left = connections(&world, &both.access).await;
    assert_eq!((left.len(), &left[0]["tenantId"]), (1, &json!(OTHER_ORGANISATION)));
    let read = |organisation| world.xero_as(&both.access, organisation, Method::GET, "/Invoices");
    let (refused, body) = send(read(ORGANISATION)).await;
    assert_eq!((refused, &body["Detail"]), (403, &json!("AuthenticationUnsuccessful")));
    assert_eq!(status(read(OTHER_ORGANISATION)).await, 200);
    // Another user's consent to the same organisation is his.
    assert_eq!(status(world.xero(Method::GET, "/Invoices")).await, 200);
    assert_eq!(world.look("effects").await, json!([]));
}

#[tokio::test]
async fn a_revocation_ends_all_that_a_user_consented_to() {
    let world = World::start().await;
    let both = world.grant("xero", json!([ORGANISATION, OTHER_ORGANISATION])).await;
    let wrong = revoke_at_xero(&world, "wrong", &both.refresh);
    assert_eq!(send(wrong).await, (401, json!({ "error": "invalid_client" })));
    assert_eq!(status(revoke_at_xero(&world, "xero-secret", &both.refresh)).await, 200);
    assert_eq!(connections(&world, &both.access).await, Vec::<Value>::new());
    let read = world.xero_as(&both.access, OTHER_ORGANISATION, Method::GET, "/Invoices");
    assert_eq!(status(read).await, 403);
    let refused = world.refresh_xero(&both.refresh).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.json::<Value>().await.unwrap(), json!({ "error": "invalid_grant" }));
    // What is no token any more, or never was, needs no ending.
    assert_eq!(status(revoke_at_xero(&world, "xero-secret", "unknown")).await, 200);
    assert_eq!(status(world.xero(Method::GET, "/Invoices")).await, 200);
}

#[tokio::test]
async fn a_users_consents_at_xero_are_told_apart_by_their_event_and_end_together() {
    let world = World::start().await;
    let (first, second) = (ORGANISATION.to_string(), OTHER_ORGANISATION.to_string());
    world.seed("xero", "organisation", json!({ "id": second, "name": "Second Ltd" })).await;
    let mut tokens = Vec::new();
    for organisation in [&first, &second, &second] {
        let landing = XERO.allow(&world, &[], &[organisation]).await;
        tokens.push(XERO.trade(&world, landing.code(), &[]).await.1);
    }
    let access = |at: usize| text(&tokens[at]["access_token"]);
    let listed = connections(&world, &access(0)).await;
    let names: Vec<&Value> = listed.iter().map(|it| &it["tenantId"]).collect();
    assert_eq!(names, [&first, &second]);
    assert_eq!(connections(&world, &access(2)).await, listed);
    assert_ne!(listed[0]["authEventId"], listed[1]["authEventId"]);
    let read = |at: usize, organisation| world.xero_as(&access(at), organisation, Method::GET, "/Invoices");
    assert_eq!(status(read(0, OTHER_ORGANISATION)).await, 200);
    let revoked = text(&tokens[1]["refresh_token"]);
    assert_eq!(status(revoke_at_xero(&world, "xero-secret", &revoked)).await, 200);
    assert_eq!(world.refresh_xero(&revoked).await.status(), 400);
    for at in 0..3 {
        assert_eq!(status(read(at, ORGANISATION)).await, 403);
    }
    assert_eq!(status(world.xero(Method::GET, "/Invoices")).await, 200);
}

#[tokio::test]
async fn an_organisation_that_is_disconnected_answers_403_and_the_last_one_ends_the_consent() {
    let world = World::start().await;
    let both = world.grant("xero", json!([ORGANISATION, OTHER_ORGANISATION])).await;
    assert_eq!(disconnect(&world, "xero", &json!(ORGANISATION)).await, 204);
    for token in [&both.access, &world.xero.access] {
        let (refused, body) = send(world.xero_as(token, ORGANISATION, Method::GET, "/Invoices")).await;
        assert_eq!((refused, &body["Detail"]), (403, &json!("AuthenticationUnsuccessful")));
    }
    assert_eq!(world.refresh_xero(&both.refresh).await.status(), 200);
    assert_eq!(world.refresh_xero(&world.xero.refresh).await.status(), 400);
    let anew = world.grant("xero", json!([ORGANISATION])).await;
    assert_eq!(status(world.xero_as(&anew.access, ORGANISATION, Method::GET, "/Invoices")).await, 200);
}

#[tokio::test]
async fn hubspot_ends_the_refresh_token_that_is_given_back_and_a_disconnection_ends_all() {
    let world = World::start().await;
    let revoke = |token: &str| {
        let fields = [("token", token), ("token_type_hint", "refresh_token")];
        status(form(&world, "hubspot", "/oauth/2026-03/token/revoke", &fields))
    };
    assert_eq!(revoke("").await, 400);
    assert_eq!(revoke(&world.hubspot.refresh).await, 204);
    let refused = world.refresh_hubspot("hubspot-secret", &world.hubspot.refresh).await;
    assert_eq!(refused.json::<Value>().await.unwrap()["status"], "BAD_REFRESH_TOKEN");
    // The access token lasts as long as it lasts.
    assert_eq!(status(world.contacts(Method::GET, "/1")).await, 404);
    assert_eq!(disconnect(&world, "hubspot", &json!(PORTAL)).await, 204);
    let (refused, body) = send(world.contacts(Method::GET, "/1")).await;
    assert_eq!((refused, &body["category"]), (401, &json!("INVALID_AUTHENTICATION")));
    let anew = world.grant("hubspot", json!([PORTAL])).await;
    assert_eq!(world.refresh_hubspot("hubspot-secret", &anew.refresh).await.status(), 200);
}

#[tokio::test]
async fn asana_ends_a_consent_by_its_refresh_token_only() {
    let world = World::start().await;
    let tokens = world.grant("asana", json!([WORKSPACE])).await;
    let revoke = |token: &str| send(form(&world, "asana", "/-/oauth_revoke", &[("token", token)]));
    let (status_of_access, body) = revoke(&tokens.access).await;
    assert_eq!((status_of_access, &body["error"]), (400, &json!("invalid_grant")));
    assert_eq!(status(workspaces(&world, &tokens.access)).await, 200);
    assert_eq!(revoke(&tokens.refresh).await, (200, json!({})));
    assert_eq!(status(workspaces(&world, &tokens.access)).await, 401);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    let (refused, body) = send(form(&world, "asana", "/-/oauth_token", &fields)).await;
    assert_eq!((refused, &body["error"]), (400, &json!("invalid_grant")));

    let anew = world.grant("asana", json!([WORKSPACE, 1_200_000_000_000_777_u64])).await;
    assert_eq!(status(workspaces(&world, &anew.access)).await, 200);
    assert_eq!(disconnect(&world, "asana", &json!(1_200_000_000_000_777_u64)).await, 204);
    assert_eq!(status(workspaces(&world, &anew.access)).await, 401);
}

#[tokio::test]
async fn an_app_uninstalls_itself_and_its_subscriptions_go_with_it() {
    let world = World::start().await;
    let tokens = world.grant("shopify", json!([SHOP])).await;
    subscribe(&world, &tokens.access).await;
    let uninstall = "mutation { appUninstall { app { id } userErrors { field message } } }";
    let (_, done) = send(graphql(&world, &tokens.access, uninstall, json!({}))).await;
    assert_eq!(
        done["data"]["appUninstall"],
        json!({ "app": { "id": "gid://shopify/App/1" }, "userErrors": [] })
    );
    assert_eq!(status(graphql(&world, &tokens.access, uninstall, json!({}))).await, 401);
    let (refused, body) = send(refresh_at_shopify(&world, &tokens)).await;
    assert_eq!((refused, &body["error"]), (401, &json!("invalid_request")));
    // The subscription is all that was written.
    assert_eq!(world.effects("shopify").await.len(), 1);
    let anew = world.grant("shopify", json!([SHOP])).await;
    assert_eq!(subscriptions(&world, &anew.access).await, 0);
}

#[tokio::test]
async fn a_shop_that_is_disconnected_knows_neither_tokens_nor_subscriptions() {
    let world = World::start().await;
    let tokens = world.grant("shopify", json!([SHOP])).await;
    subscribe(&world, &tokens.access).await;
    assert_eq!(disconnect(&world, "shopify", &json!(SHOP)).await, 204);
    assert_eq!(status(graphql(&world, &tokens.access, "{shop{name}}", json!({}))).await, 401);
    assert_eq!(status(refresh_at_shopify(&world, &tokens)).await, 401);
    let anew = world.grant("shopify", json!([SHOP])).await;
    assert_eq!(subscriptions(&world, &anew.access).await, 0);
}

#[tokio::test]
async fn a_subscription_at_shopify_is_ended_by_its_id() {
    let world = World::start().await;
    let tokens = world.grant("shopify", json!([SHOP])).await;
    let id = subscribe(&world, &tokens.access).await;
    let delete = r#"mutation($id: ID!) { webhookSubscriptionDelete(id: $id) {
        deletedWebhookSubscriptionId userErrors { field message }
    } }"#;
    let ask = || send(graphql(&world, &tokens.access, delete, json!({ "id": id })));
    let (_, done) = ask().await;
    let expected = json!({ "deletedWebhookSubscriptionId": id, "userErrors": [] });
    assert_eq!(done["data"]["webhookSubscriptionDelete"], expected);
    let (status, again) = ask().await;
    let again = &again["data"]["webhookSubscriptionDelete"];
    assert_eq!(
        (status, &again["userErrors"][0]["message"]),
        (200, &json!("Webhook subscription does not exist"))
    );
    let kinds: Vec<Value> = world.effects("shopify").await.iter().map(|it| it["kind"].clone()).collect();
    assert_eq!(kinds, ["webhook", "webhook removal"]);
    // A number is given out once.
    assert_ne!(subscribe(&world, &tokens.access).await, id);
}

#[tokio::test]
async fn subscriptions_vanish_as_after_failing_deliveries() {
    let world = World::start().await;
    let shopify = world.grant("shopify", json!([SHOP])).await;
    subscribe(&world, &shopify.access).await;
    let asana = world.grant("asana", json!([WORKSPACE])).await;
    let receiver = Receiver::start().await;
    let project = text(&world.seed("asana", "project", json!({ "name": "Deal" })).await["gid"]);
    let webhook = json!({ "data": { "resource": project, "target": receiver.url("/echo") } });
    let webhooks = format!("{}/asana/api/1.0/webhooks", world.running.url);
    let create = world.client.post(&webhooks).bearer_auth(&asana.access).json(&webhook);
    assert_eq!(status(create).await, 201);
    let list = || {
        let url = format!("{webhooks}?workspace={WORKSPACE}");
        send(world.client.get(url).bearer_auth(&asana.access))
    };
    assert_eq!(list().await.1["data"].as_array().unwrap().len(), 1);
    for (query, expected) in
        [("?provider=shopify", 204), ("?provider=asana", 204), ("?provider=xero", 400), ("", 400)]
    {
        let url = format!("{}/_sim/subscriptions{query}", world.running.url);
        assert_eq!(status(world.client.delete(url)).await, expected, "{query}");
    }
    assert_eq!(list().await.1["data"], json!([]));
    assert_eq!(subscriptions(&world, &shopify.access).await, 0);
}

#[tokio::test]
async fn who_never_let_the_app_in_cannot_take_it_out() {
    let world = World::start().await;
    for (provider, account) in [("shopify", json!(SHOP)), ("hubspot", json!(8)), ("xero", json!("demo"))] {
        assert_eq!(disconnect(&world, provider, &account).await, 400, "{provider}");
    }
}
