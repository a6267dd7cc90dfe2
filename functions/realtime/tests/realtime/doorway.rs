//! Only a ticket opens a socket, and each ticket only one.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;
use zixly_auth::Ticket;
use zixly_domain::{TenantId, UserId};

use crate::scene::{Scene, ticket_of};

#[tokio::test]
async fn a_ticket_opens_one_socket_of_its_tenant() {
    let scene = Scene::new().await;
    let ticket = scene.ticket();
    assert_eq!(scene.connect("a", Some(&ticket)).await, 200);
    assert_eq!(scene.connect("b", Some(&ticket)).await, 401);
    assert_eq!(scene.sockets_of(scene.tenant_id).await, ["a"]);
}

#[tokio::test]
async fn nothing_but_a_ticket_opens_a_socket() {
    let scene = Scene::new().await;
    let now = Timestamp::now();
    let issue =
        |key: &str, at| Ticket::issue(&SecretString::from(key), scene.tenant_id, UserId(Uuid::now_v7()), at);
    let forged = issue("another key", now);
    let expired = issue("the key of both functions", now - SignedDuration::from_secs(31));
    for ticket in [None, Some(""), Some("x"), Some(&*forged), Some(&*expired)] {
        assert_eq!(scene.connect("a", ticket).await, 401, "{ticket:?}");
    }
    assert_eq!(scene.sockets_of(scene.tenant_id).await.len(), 0);
}

#[tokio::test]
async fn a_tenant_with_too_many_sockets_gets_no_more_until_one_is_closed() {
    let scene = Scene::new().await;
    scene.opened(scene.tenant_id, &["a", "b", "c"]).await;
    let ticket = scene.ticket();
    assert_eq!(scene.connect("d", Some(&ticket)).await, 429);
    let other = TenantId::new();
    assert_eq!(scene.connect("e", Some(&ticket_of(other))).await, 200, "another tenant is not in its way");
    scene.event("DISCONNECT", "b", json!({})).await;
    assert_eq!(scene.connect("d", Some(&ticket)).await, 200, "a refusal has not used the ticket");
    assert_eq!(scene.sockets_of(scene.tenant_id).await, ["a", "c", "d"]);
}

#[tokio::test]
async fn a_socket_that_is_closed_is_forgotten_and_one_that_is_unknown_harms_nobody() {
    let scene = Scene::new().await;
    assert_eq!(scene.connect("a", Some(&scene.ticket())).await, 200);
    for _ in 0..2 {
        let answer = scene.event("DISCONNECT", "a", json!({})).await;
        assert_eq!(answer, json!({ "statusCode": 200 }));
    }
    assert_eq!(scene.sockets_of(scene.tenant_id).await.len(), 0);
}

#[tokio::test]
async fn a_page_that_subscribes_is_told_that_it_is_heard() {
    let scene = Scene::new().await;
    let said = async |body: &str| {
        let answer = scene.event("MESSAGE", "a", json!({ "body": body })).await;
        assert_eq!(answer["statusCode"], 200);
        let text: serde_json::Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        text["type"].as_str().unwrap().to_owned()
    };
    assert_eq!(said(r#"{"action":"subscribe"}"#).await, "subscribed");
    for wrong in ["", "subscribe", r#"{"action":"subscribe all"}"#, "[]", &"x".repeat(100_000)] {
        assert_eq!(said(wrong).await, "problem", "{wrong:.20}");
    }
}

#[tokio::test]
async fn while_something_is_missing_nobody_is_let_in() {
    for (secret, table) in [
        (json!({}), None),
        (json!({ "realtime_ticket_key": "" }), None),
        (json!({ "realtime_ticket_key": "the key of both functions" }), Some("no-such-table")),
    ] {
        let scene = Scene::with(secret, table).await;
        assert_eq!(scene.connect("a", Some(&scene.ticket())).await, 503);
        let answer = scene.event("DISCONNECT", "a", json!({})).await;
        assert_eq!(answer, json!({ "statusCode": 200 }));
    }
}

#[tokio::test]
async fn what_comes_from_nobody_we_know_is_a_failed_invocation() {
    let scene = Scene::new().await;
    for event in
        [json!({}), json!({ "Records": "none" }), json!({ "requestContext": { "eventType": "PING" } })]
    {
        let error = scene.function.invoke(event).await.unwrap_err();
        let message = error["errorMessage"].as_str().unwrap();
        assert_eq!(message, "the event is neither about a WebSocket nor a batch of SQS messages");
    }
}
