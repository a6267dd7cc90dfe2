//! The trading API: sweeps, their callbacks and keys.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod receiver;
mod support;

use receiver::Receiver;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::time::Duration;
use support::{World, send, status, text};

async fn patient_world() -> World {
    World::start_with(|config| config.trading_sweep_takes = Duration::from_secs(3600)).await
}

fn order(changes: Value) -> Value {
    let mut order = json!({
        "ticker": "BTC-USD", "fast_range": [10, 20], "slow_range": [20, 30], "step": 5, "strategy_type": "SMA",
    });
    order.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    order
}

fn call(world: &World, method: Method, path: &str) -> RequestBuilder {
    world.client.request(method, format!("{}/trading{path}", world.running.url)).bearer_auth("trading-key")
}

fn submit(world: &World, changes: Value) -> RequestBuilder {
    call(world, Method::POST, "/sweeps").json(&order(changes))
}

async fn sweep(world: &World, id: &Value) -> Value {
    send(call(world, Method::GET, &format!("/sweeps/{}", text(id)))).await.1
}

#[tokio::test]
async fn a_sweep_runs_by_the_clock_and_has_a_row_for_each_pair() {
    let world = patient_world().await;
    let (status, submitted) = send(submit(&world, json!({}))).await;
    assert_eq!(status, 202);
    let running = sweep(&world, &submitted["sweep_id"]).await;
    assert_eq!((&running["status"], &running["rows"]), (&json!("running"), &Value::Null));
    world.advance(3600).await;
    let done = sweep(&world, &submitted["sweep_id"]).await;
    assert_eq!(done["status"], "done");
    // 3 × 3 pairs, without 20 and 20.
    let rows = done["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 8);
    assert_eq!((&rows[0]["fast_window"], &rows[0]["slow_window"]), (&json!(10), &json!(20)));
    assert!(text(&rows[0]["score"]).parse::<f64>().is_ok());
    assert_eq!(sweep(&world, &submitted["sweep_id"]).await, done);
}

#[tokio::test]
async fn an_idempotency_key_gives_the_same_sweep_again() {
    let world = patient_world().await;
    let keyed = |changes| submit(&world, changes).header("idempotency-key", "job-1");
    let (_, first) = send(keyed(json!({}))).await;
    assert_eq!(send(keyed(json!({}))).await, (202, first.clone()));
    assert_eq!(status(keyed(json!({"step": 1}))).await, 409);
    assert_ne!(send(submit(&world, json!({}))).await.1, first);
    let effects = world.effects("trading").await;
    assert_eq!((effects.len(), &effects[0]["idempotency_key"]), (2, &json!("job-1")));
    assert_eq!(
        (&effects[0]["account"], &effects[0]["kind"], &effects[0]["key"], &effects[0]["record_id"]),
        (&json!("desk"), &json!("sweep"), &json!("job-1"), &first["sweep_id"])
    );
}

#[tokio::test]
async fn a_sweep_is_found_by_its_key_however_late() {
    let world = patient_world().await;
    let (_, submitted) = send(submit(&world, json!({})).header("idempotency-key", "job 1")).await;
    world.advance(30 * 86_400).await;
    let find = async |query: &str| send(call(&world, Method::GET, &format!("/sweeps{query}"))).await;
    let (_, found) = find("?idempotency_key=job%201").await;
    assert_eq!(
        (
            &found["sweeps"][0]["sweep_id"],
            &found["sweeps"][0]["status"],
            found["sweeps"].as_array().unwrap().len()
        ),
        (&submitted["sweep_id"], &json!("done"), 1)
    );
    assert_eq!(find("?idempotency_key=job-2").await, (200, json!({ "sweeps": [] })));
    assert_eq!(find("").await.0, 422);
}

#[tokio::test]
async fn a_sweep_fails_where_a_seed_wants_it() {
    let world = World::start_with(|config| config.trading_sweep_takes = Duration::ZERO).await;
    let mut receiver = Receiver::start().await;
    world.seed("trading", "failure", json!({"ticker": "BTC-USD", "error": "no prices before 2014"})).await;
    let (_, submitted) = send(submit(&world, json!({"callback_url": receiver.url("/callback")}))).await;
    let failed = sweep(&world, &submitted["sweep_id"]).await;
    assert_eq!(
        (&failed["status"], &failed["error"], &failed["rows"]),
        (&json!("failed"), &json!("no prices before 2014"), &Value::Null)
    );
    assert_eq!(receiver.next().await.json(), json!({"sweep_id": submitted["sweep_id"], "status": "failed"}));
    let (_, other) = send(submit(&world, json!({"ticker": "ETH-USD"}))).await;
    assert_eq!(sweep(&world, &other["sweep_id"]).await["status"], "done");
    world.seed("trading", "failure", json!({"ticker": "BTC-USD"})).await;
    let (_, healed) = send(submit(&world, json!({}))).await;
    assert_eq!(sweep(&world, &healed["sweep_id"]).await["status"], "done");
}

#[tokio::test]
async fn an_order_that_cannot_be_swept_is_refused() {
    let world = patient_world().await;
    for (changes, expected) in [
        (json!({"fast_range": [20, 10]}), 422),
        (json!({"step": 0}), 422),
        (json!({"strategy_type": "LUCK"}), 422),
        (json!({"slow_range": [1, 100_000], "step": 1}), 422),
        (json!({"callback_url": "http://example.com/"}), 422),
        (json!({"callback_token": "t"}), 422),
        (json!({"ticker": 7}), 400),
        (json!({"shoe": 9}), 400),
    ] {
        assert_eq!(status(submit(&world, changes.clone())).await, expected, "{changes}");
    }
    let stranger = world.client.post(format!("{}/trading/sweeps", world.running.url)).json(&order(json!({})));
    assert_eq!(status(stranger).await, 401);
    assert_eq!(status(call(&world, Method::GET, "/sweeps/1")).await, 404);
    assert!(world.effects("trading").await.is_empty());
}

#[tokio::test]
async fn the_callback_comes_once_when_the_sweep_is_done() {
    let world = patient_world().await;
    let mut receiver = Receiver::start().await;
    let callback = json!({"callback_url": receiver.url("/callback"), "callback_token": "one-time"});
    let (_, submitted) = send(submit(&world, callback)).await;
    world.advance(3599).await;
    assert!(receiver.next_within(Duration::from_millis(200)).await.is_none());
    world.advance(1).await;
    let seen = receiver.next().await;
    assert_eq!((seen.path.as_str(), seen.header("authorization")), ("/callback", Some("Bearer one-time")));
    assert_eq!(seen.json(), json!({"sweep_id": submitted["sweep_id"], "status": "done"}));
}

#[tokio::test]
async fn a_fault_loses_the_callback_and_the_sweep_is_done_all_the_same() {
    let world = World::start_with(|config| config.trading_sweep_takes = Duration::ZERO).await;
    let mut receiver = Receiver::start().await;
    world.order_fault("trading", "timeout_before", json!({"match": {"path": "/callback"}})).await;
    let callback = json!({"callback_url": receiver.url("/callback")});
    let (_, submitted) = send(submit(&world, callback.clone())).await;
    assert!(receiver.next_within(Duration::from_millis(300)).await.is_none());
    assert_eq!(world.look("faults").await, json!([]));
    assert_eq!(sweep(&world, &submitted["sweep_id"]).await["status"], "done");
    send(submit(&world, callback)).await;
    assert_eq!(receiver.next().await.header("authorization"), None);
}

#[tokio::test]
async fn faults_and_revocations_hold_for_the_key() {
    let world = patient_world().await;
    world.order_fault("trading", "rate_limit", json!({"retry_after_s": 5})).await;
    let refused = submit(&world, json!({})).send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), support::header(&refused, "retry-after").unwrap()),
        (429, "5".to_owned())
    );
    world.order_fault("trading", "revoke", json!({})).await;
    assert_eq!(status(submit(&world, json!({}))).await, 401);
    let expire = world.post_control("faults", json!({"provider": "trading", "fault": "expire"})).await;
    assert_eq!(expire.status(), 400);
    let grant = world.post_control("grant", json!({"provider": "trading", "accounts": ["desk"]})).await;
    assert_eq!(grant.status(), 400);
}
