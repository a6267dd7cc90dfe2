//! Slack: messages, their metadata, incoming webhooks, and how it says no.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod support;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use support::{World, header, send, text};

const TEAM: &str = "T0001";

async fn bot(world: &World) -> String {
    world.grant("slack", json!([TEAM])).await.access
}

fn method(world: &World, token: &str, method: Method, path: &str) -> RequestBuilder {
    world.client.request(method, format!("{}/slack/api/{path}", world.running.url)).bearer_auth(token)
}

fn post(world: &World, token: &str, message: Value) -> RequestBuilder {
    method(world, token, Method::POST, "chat.postMessage").json(&message)
}

fn message(channel: &str, effect_key: &str) -> Value {
    let metadata = json!({ "event_type": "zixly_job", "event_payload": { "effect_key": effect_key } });
    json!({ "channel": channel, "text": "Paid &amp; done", "metadata": metadata })
}

async fn history(world: &World, token: &str, query: &str) -> Value {
    send(method(world, token, Method::GET, &format!("conversations.history?{query}"))).await.1
}

async fn unhurried() -> World {
    World::start_with(|config| config.slack_limits.messages_per_second = 1000).await
}

async fn status_and_text(response: Response) -> (u16, String) {
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn a_bots_token_says_whose_it_is() {
    let world = World::start().await;
    let token = bot(&world).await;
    let (status, identity) = send(method(&world, &token, Method::POST, "auth.test")).await;
    assert_eq!((status, &identity["ok"], &identity["team_id"]), (200, &json!(true), &json!(TEAM)));
    assert!(!text(&identity["team"]).is_empty());
    let (status, refused) = send(method(&world, "xoxb-unknown", Method::POST, "auth.test")).await;
    assert_eq!((status, &refused["error"]), (200, &json!("invalid_auth")));
    assert_eq!(world.effects("slack").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_message_is_read_back_with_its_metadata_where_that_is_asked_for() {
    let world = unhurried().await;
    let token = bot(&world).await;
    let (status, posted) = send(post(&world, &token, message("C1", "job-1/notify"))).await;
    assert_eq!((status, &posted["ok"], &posted["channel"]), (200, &json!(true), &json!("C1")));
    let page = history(&world, &token, "channel=C1&include_all_metadata=true").await;
    assert_eq!((&page["ok"], &page["has_more"]), (&json!(true), &json!(false)));
    let found = &page["messages"][0];
    assert_eq!((&found["ts"], &found["text"]), (&posted["ts"], &json!("Paid &amp; done")));
    assert_eq!(found["metadata"]["event_payload"]["effect_key"], "job-1/notify");
    let plain = history(&world, &token, "channel=C1").await;
    assert_eq!(plain["messages"][0]["metadata"], Value::Null);
    assert_eq!(history(&world, &token, "channel=C2").await["messages"], json!([]));

    let effects = world.effects("slack").await;
    let effect = &effects[0];
    assert_eq!(
        (&effect["account"], &effect["kind"], &effect["key"], &effect["record_id"]),
        (&json!(TEAM), &json!("message"), &json!("job-1/notify"), &posted["ts"])
    );
}

#[tokio::test]
async fn a_channel_is_read_in_pages_from_its_newest_message_and_between_two_times() {
    let world = unhurried().await;
    let token = bot(&world).await;
    let mut times = Vec::new();
    for number in 0..5 {
        let (_, posted) = send(post(&world, &token, message("C1", &number.to_string()))).await;
        times.push(text(&posted["ts"]));
    }
    let mut found = Vec::new();
    let mut query = "channel=C1&limit=2".to_owned();
    loop {
        let page = history(&world, &token, &query).await;
        let messages = page["messages"].as_array().unwrap();
        found.extend(messages.iter().map(|message| text(&message["ts"])));
        let Some(cursor) = page["response_metadata"]["next_cursor"].as_str() else { break };
        assert_eq!((messages.len(), &page["has_more"]), (2, &json!(true)));
        query = format!("channel=C1&limit=2&cursor={}", cursor.replace('=', "%3D"));
    }
    let newest_first: Vec<String> = times.iter().rev().cloned().collect();
    assert_eq!(found, newest_first);
    let between = format!("channel=C1&oldest={}&latest={}", times[0], times[3]);
    let page = history(&world, &token, &between).await;
    let found: Vec<String> = page["messages"].as_array().unwrap().iter().map(|m| text(&m["ts"])).collect();
    assert_eq!(found, [times[2].clone(), times[1].clone()]);
    let page = history(&world, &token, &format!("{between}&inclusive=true")).await;
    assert_eq!(page["messages"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_no_comes_inside_a_success() {
    let world = unhurried().await;
    let token = bot(&world).await;
    world.seed("slack", "channel", json!({"id": "C9", "is_archived": true})).await;
    let seed = json!({
        "provider": "slack", "kind": "channel", "tenant_id": TEAM, "record": {"id": "C8", "is_archived": true},
    });
    world.control("seed", seed).await;
    let refused = async |request: RequestBuilder| {
        let (status, body) = send(request).await;
        assert_eq!((status, &body["ok"]), (200, &json!(false)), "{body}");
        text(&body["error"])
    };
    for (message, error) in [
        (json!({"text": "no channel"}), "channel_not_found"),
        (json!({"channel": "general", "text": "by name"}), "channel_not_found"),
        (json!({"channel": "C8", "text": "archived"}), "is_archived"),
        (json!({"channel": "C1"}), "no_text"),
        (json!({"channel": "C1", "text": "x".repeat(40_001)}), "msg_too_long"),
        (json!({"channel": "C1", "text": "x", "shoe": 9}), "invalid_arguments"),
    ] {
        assert_eq!(refused(post(&world, &token, message)).await, error);
    }
    assert_eq!(refused(post(&world, "xoxb-unknown", message("C1", "key"))).await, "invalid_auth");
    assert_eq!(history(&world, &token, "channel=C1&limit=0").await["error"], "invalid_limit");
    assert_eq!(history(&world, &token, "channel=C1&cursor=x").await["error"], "invalid_cursor");
    assert_eq!(history(&world, &token, "channel=C1&oldest=now").await["error"], "invalid_ts_oldest");
    world.order_fault("slack", "revoke", json!({})).await;
    assert_eq!(refused(post(&world, &token, message("C1", "key"))).await, "token_revoked");
    assert!(world.effects("slack").await.is_empty());
}

#[tokio::test]
async fn a_channel_takes_one_message_a_second() {
    let world = World::start().await;
    let token = bot(&world).await;
    let (_, posted) = send(post(&world, &token, message("C1", "1"))).await;
    assert_eq!(posted["ok"], true);
    let refused = post(&world, &token, message("C1", "2")).send().await.unwrap();
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after").as_deref()), (429, Some("1")));
    assert_eq!(send(post(&world, &token, message("C2", "2"))).await.1["ok"], true);
    world.advance(1).await;
    assert_eq!(send(post(&world, &token, message("C1", "2"))).await.1["ok"], true);
}

#[tokio::test]
async fn an_incoming_webhook_takes_a_text_and_answers_in_words() {
    let world = unhurried().await;
    let url = world.grant("slack", json!(["T0001/B0001"])).await.access;
    let to = async |url: &str, body: Value| {
        status_and_text(world.client.post(url).json(&body).send().await.unwrap()).await
    };
    assert_eq!(to(&url, json!({"text": "Paid"})).await, (200, "ok".to_owned()));
    assert_eq!(to(&url, json!({"text": ""})).await, (400, "no_text".to_owned()));
    assert_eq!(to(&url, json!({"txt": "Paid"})).await, (400, "invalid_payload".to_owned()));
    assert_eq!(to(&format!("{url}x"), json!({"text": "Paid"})).await, (403, "invalid_token".to_owned()));
    let elsewhere = url.replace("B0001", "B0002");
    assert_eq!(to(&elsewhere, json!({"text": "Paid"})).await, (403, "invalid_token".to_owned()));
    let (_, secret) = url.rsplit_once('/').unwrap();
    assert_eq!(send(post(&world, secret, message("C1", "key"))).await.1["error"], "invalid_auth");
    // It is a consent: a reset leaves it.
    world.control("reset", Value::Null).await;
    assert_eq!(to(&url, json!({"text": "Paid"})).await.0, 200);
    let effects = world.effects("slack").await;
    assert_eq!(
        (effects.len(), &effects[0]["account"], &effects[0]["kind"], &effects[0]["key"]),
        (1, &json!("T0001/B0001"), &json!("webhook message"), &json!("Paid"))
    );
    world.order_fault("slack", "revoke", json!({})).await;
    assert_eq!(to(&url, json!({"text": "Paid"})).await, (404, "no_service".to_owned()));
}

#[tokio::test]
async fn faults_speak_as_slack_does() {
    let world = unhurried().await;
    let token = bot(&world).await;
    let post = async || send(post(&world, &token, message("C1", "key"))).await;
    world.order_fault("slack", "status", json!({"status": 200})).await;
    assert_eq!(post().await, (200, json!({"ok": false, "error": "internal_error"})));
    world.order_fault("slack", "status", json!({"status": 503})).await;
    assert_eq!(post().await, (503, json!({"ok": false, "error": "internal_error"})));
    world.order_fault("slack", "rate_limit", json!({"retry_after_s": 7})).await;
    assert_eq!(post().await, (429, json!({"ok": false, "error": "ratelimited"})));
    assert!(world.effects("slack").await.is_empty());
    world.order_fault("slack", "malformed", json!({})).await;
    assert_eq!(post().await, (200, Value::Null));
    assert_eq!(world.effects("slack").await.len(), 1);
    let expire = world.post_control("faults", json!({"provider": "slack", "fault": "expire"})).await;
    assert_eq!(expire.status(), 400);
    for accounts in [json!(["general"]), json!(["T1", "T2"]), json!(["T1/C1"])] {
        let grant = world.post_control("grant", json!({"provider": "slack", "accounts": accounts})).await;
        assert_eq!(grant.status(), 400, "{accounts}");
    }
}
