//! Consents and tokens, as the two token endpoints treat them.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{INVOICE, ORGANISATION, OTHER_ORGANISATION, PORTAL, World, send, status, text};

#[tokio::test]
async fn a_refresh_at_xero_rotates_the_refresh_token() {
    let world = World::start().await;
    let response = world.refresh_xero(&world.xero.refresh).await;
    assert_eq!(response.status(), 200);
    let pair: Value = response.json().await.unwrap();
    assert_ne!(text(&pair["refresh_token"]), world.xero.refresh);
    assert_eq!((&pair["expires_in"], &pair["token_type"]), (&json!(1800), &json!("Bearer")));
    world.seed_paid_invoice().await;
    let path = format!("/Invoices/{INVOICE}");
    let read = world.xero_as(&text(&pair["access_token"]), ORGANISATION, Method::GET, &path);
    assert_eq!(status(read).await, 200);
}

#[tokio::test]
async fn xeros_previous_refresh_token_works_for_thirty_more_minutes_and_then_never_again() {
    let world = World::start().await;
    assert_eq!(world.refresh_xero(&world.xero.refresh).await.status(), 200);
    world.advance(29 * 60).await;
    assert_eq!(world.refresh_xero(&world.xero.refresh).await.status(), 200);
    world.advance(2 * 60).await;
    let refused = world.refresh_xero(&world.xero.refresh).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.json::<Value>().await.unwrap(), json!({"error": "invalid_grant"}));
}

#[tokio::test]
async fn a_refresh_token_of_xero_dies_after_sixty_idle_days() {
    let world = World::start().await;
    world.advance(60 * 24 * 3600).await;
    assert_eq!(world.refresh_xero(&world.xero.refresh).await.status(), 400);
}

#[tokio::test]
async fn a_wrong_client_secret_is_an_invalid_client() {
    let world = World::start().await;
    let request = world
        .client
        .post(format!("{}/xero/connect/token", world.running.url))
        .basic_auth("xero-app", Some("wrong"))
        .form(&[("grant_type", "refresh_token"), ("refresh_token", &world.xero.refresh)]);
    assert_eq!(send(request).await, (401, json!({"error": "invalid_client"})));
    let refused = world.refresh_hubspot("wrong", &world.hubspot.refresh).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.json::<Value>().await.unwrap()["error"], "invalid_client");
}

#[tokio::test]
async fn hubspot_keeps_its_refresh_token_and_names_the_portal() {
    let world = World::start().await;
    let pair: Value =
        world.refresh_hubspot("hubspot-secret", &world.hubspot.refresh).await.json().await.unwrap();
    assert_eq!(text(&pair["refresh_token"]), world.hubspot.refresh);
    assert_eq!(pair["hub_id"], json!(PORTAL));
}

#[tokio::test]
async fn hubspot_rotates_where_configured_so() {
    let world = World::start_with(|config| config.hubspot_rotates_refresh_tokens = true).await;
    let pair: Value =
        world.refresh_hubspot("hubspot-secret", &world.hubspot.refresh).await.json().await.unwrap();
    assert_ne!(text(&pair["refresh_token"]), world.hubspot.refresh);
}

#[tokio::test]
async fn an_unknown_refresh_token_at_hubspot_is_an_invalid_grant_in_old_and_new_words() {
    let world = World::start().await;
    let refused = world.refresh_hubspot("hubspot-secret", &world.xero.refresh).await;
    assert_eq!(refused.status(), 400);
    let body: Value = refused.json().await.unwrap();
    assert_eq!((&body["error"], &body["status"]), (&json!("invalid_grant"), &json!("BAD_REFRESH_TOKEN")));
}

#[tokio::test]
async fn an_access_token_ends_after_thirty_minutes() {
    let world = World::start().await;
    world.advance(1800).await;
    let (status, body) = send(world.xero(Method::GET, "/Invoices")).await;
    assert_eq!((status, &body["Title"]), (401, &json!("Unauthorized")));
    assert!(text(&body["Detail"]).starts_with("TokenExpired"), "{body}");
    let (status, body) = send(world.contacts(Method::GET, "/100451")).await;
    assert_eq!((status, &body["category"]), (401, &json!("EXPIRED_AUTHENTICATION")));
}

#[tokio::test]
async fn a_token_opens_only_the_organisations_of_its_consent() {
    let world = World::start().await;
    let foreign = world.xero_as(&world.xero.access, OTHER_ORGANISATION, Method::GET, "/Invoices");
    let (refused, body) = send(foreign).await;
    assert_eq!((refused, &body["Detail"]), (403, &json!("AuthenticationUnsuccessful")));
    let both = world.grant("xero", json!([ORGANISATION, OTHER_ORGANISATION])).await;
    assert_eq!(status(world.xero_as(&both.access, OTHER_ORGANISATION, Method::GET, "/Invoices")).await, 200);
}

#[tokio::test]
async fn a_token_of_one_provider_is_unknown_to_the_other() {
    let world = World::start().await;
    let read = world.xero_as(&world.hubspot.access, ORGANISATION, Method::GET, "/Invoices");
    assert_eq!(status(read).await, 401);
}

#[tokio::test]
async fn the_connections_of_a_token_are_those_of_its_consent() {
    let world = World::start().await;
    let request =
        world.client.get(format!("{}/xero/connections", world.running.url)).bearer_auth(&world.xero.access);
    let (status, connections) = send(request).await;
    assert_eq!(status, 200);
    assert_eq!(connections.as_array().unwrap().len(), 1);
    assert_eq!(connections[0]["tenantId"], json!(ORGANISATION));
    assert_eq!(connections[0]["tenantType"], "ORGANISATION");
}

#[tokio::test]
async fn a_consent_for_hubspot_covers_exactly_one_portal() {
    let world = World::start().await;
    for accounts in [json!([]), json!([1, 2]), json!(["portal"])] {
        let refused = world.post_control("grant", json!({"provider": "hubspot", "accounts": accounts})).await;
        assert_eq!(refused.status(), 400);
    }
}
