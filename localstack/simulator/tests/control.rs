//! What tests do to the simulator from outside: seeds, resets, faults.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod support;

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use support::{INVOICE, World, header, send, status, text};

/// Makes the demo contact a customer, and gives up when no answer comes.
async fn update_in_vain(world: &World) {
    let update = world.patch(json!({"lifecyclestage": "customer"})).timeout(Duration::from_millis(500));
    assert!(update.send().await.unwrap_err().is_timeout());
}

async fn effect_count(world: &World) -> usize {
    world.look("effects").await.as_array().unwrap().len()
}

#[tokio::test]
async fn a_seed_is_answered_with_what_was_stored_and_replaces_its_like() {
    let world = World::start().await;
    let seed = |record: Value| {
        world.control("seed", json!({"provider": "hubspot", "kind": "contact", "record": record}))
    };
    let nested = seed(json!({"properties": {"email": "a@example.com", "company": "Acme"}})).await;
    let id = text(&nested["id"]);
    assert_eq!(nested["properties"]["company"], "Acme");
    let flat = seed(json!({"id": id, "email": "a@example.com"})).await;
    assert_eq!((&flat["id"], &flat["properties"]["company"]), (&json!(id), &Value::Null));
    let same_email = seed(json!({"email": "A@example.com"})).await;
    assert_eq!(same_email["id"], json!(id));
}

#[tokio::test]
async fn a_seed_that_cannot_be_stored_says_why() {
    let world = World::start().await;
    for (seed, part) in [
        (json!({"provider": "sage", "kind": "invoice", "record": {}}), "expected one of `xero`, `hubspot`"),
        (json!({"provider": "xero", "kind": "order", "record": {}}), "known are invoice, contact"),
        (json!({"provider": "xero", "kind": "invoice", "record": []}), "JSON object"),
        (json!({"provider": "xero", "kind": "invoice", "record": {"InvoiceID": 7}}), "InvoiceID"),
        (json!({"provider": "xero", "kind": "invoice", "record": {}, "tenant_id": "demo"}), "UUID"),
        (json!({"provider": "hubspot", "kind": "contact", "record": {"id": "x"}}), "whole number"),
        (json!({"provider": "xero", "kind": "invoice"}), "record"),
    ] {
        let refused = world.post_control("seed", seed).await;
        assert_eq!(refused.status(), 400);
        let body: Value = refused.json().await.unwrap();
        assert!(text(&body["error"]).contains(part), "{body}");
    }
}

#[tokio::test]
async fn a_reset_forgets_all_but_consent() {
    let world = World::start_with(|config| config.hubspot_limits.per_ten_seconds = 2).await;
    world.seed_contact().await;
    send(world.patch(json!({"phone": "1"}))).await;
    send(world.patch(json!({"phone": "2"}))).await;
    world.order_fault("hubspot", "status", json!({"times": 9})).await;
    assert_eq!(world.post_control("reset", Value::Null).await.status(), 204);
    for route in ["effects", "calls", "faults"] {
        assert_eq!(world.look(route).await, json!([]), "{route}");
    }
    assert_eq!(status(world.contacts(Method::GET, "/100451")).await, 404);
}

#[tokio::test]
async fn a_timeout_after_the_commit_leaves_the_write_done_and_its_author_in_the_dark() {
    let world = World::start().await;
    world.seed_contact().await;
    world.order_fault("hubspot", "timeout_after_commit", json!({"match": {"method": "PATCH"}})).await;
    update_in_vain(&world).await;
    assert_eq!(effect_count(&world).await, 1);
    assert_eq!(world.look("calls").await[0]["status"], Value::Null);
    assert_eq!(status(world.patch(json!({"phone": "1"}))).await, 200);
}

/// Looks until there are so many effects, and gives up after three seconds.
async fn effects_become(world: &World, count: usize) -> bool {
    let deadline = Instant::now() + Duration::from_secs(3);
    while effect_count(world).await != count {
        if Instant::now() > deadline {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn a_late_commit_comes_after_its_author_has_looked() {
    let world = World::start().await;
    world.seed_contact().await;
    let late = json!({"commit_after_s": 600});
    world.order_fault("hubspot", "timeout_after_commit", late).await;
    // Reading meets no such fault.
    assert_eq!(status(world.contacts(Method::GET, "/100451")).await, 200);
    update_in_vain(&world).await;
    let (_, contact) = send(world.contacts(Method::GET, "/100451?properties=lifecyclestage")).await;
    assert_eq!(contact["properties"]["lifecyclestage"], Value::Null);
    assert_eq!((effect_count(&world).await, world.look("faults").await), (0, json!([])));
    let calls = world.look("calls").await;
    assert_eq!((&calls[1]["method"], &calls[1]["status"]), (&json!("PATCH"), &Value::Null));
    // The time counts from when the simulator has seen that the caller is gone; the first step may come before that.
    world.advance(600).await;
    if !effects_become(&world, 1).await {
        world.advance(600).await;
        assert!(effects_become(&world, 1).await, "the work was never done");
    }
    let (_, contact) = send(world.contacts(Method::GET, "/100451?properties=lifecyclestage")).await;
    assert_eq!(contact["properties"]["lifecyclestage"], "customer");
    assert_eq!(effect_count(&world).await, 1);
}

#[tokio::test]
async fn a_late_commit_does_what_the_call_would_have_done_and_frees_its_place() {
    let world = World::start_with(|config| config.asana_limits.concurrent_writes = 1).await;
    let token = world.grant("asana", json!([support::WORKSPACE])).await.access;
    let create = |name: &str| {
        let project = json!({"data": {"workspace": support::WORKSPACE, "name": name}});
        let url = format!("{}/asana/api/1.0/projects", world.running.url);
        world.client.post(url).bearer_auth(&token).json(&project)
    };
    for name in ["a", "b"] {
        world.order_fault("asana", "timeout_after_commit", json!({"commit_after_s": 0.1})).await;
        let lost = create(name).timeout(Duration::from_millis(100)).send().await;
        assert!(lost.unwrap_err().is_timeout());
    }
    assert!(effects_become(&world, 2).await);
    assert_eq!(status(create("c")).await, 201);
}

#[tokio::test]
async fn a_reset_forgets_what_was_still_to_be_done() {
    let world = World::start().await;
    for (phone, commit_after_s) in [("1", 0.2), ("2", 0.4)] {
        world.control("reset", Value::Null).await;
        world.seed_contact().await;
        let late = json!({ "commit_after_s": commit_after_s });
        world.order_fault("hubspot", "timeout_after_commit", late).await;
        let update = world.patch(json!({ "phone": phone })).timeout(Duration::from_millis(100));
        assert!(update.send().await.unwrap_err().is_timeout());
    }
    assert!(effects_become(&world, 1).await);
    // The first was due before it.
    assert_eq!(world.effects("hubspot").await[0]["body"]["properties"]["phone"], "2");
}

#[tokio::test]
async fn an_order_that_could_never_be_carried_out_is_refused() {
    let world = World::start().await;
    for order in [
        json!({"provider": "xero", "fault": "slow", "commit_after_s": 1}),
        json!({"provider": "xero", "fault": "timeout_after_commit", "commit_after_s": -1}),
        json!({"provider": "xero", "fault": "status", "status": 200}),
        json!({"provider": "xero", "fault": "status", "times": 0}),
    ] {
        assert_eq!(world.post_control("faults", order.clone()).await.status(), 400, "{order}");
    }
}

#[tokio::test]
async fn a_write_that_was_made_twice_shows_as_two_of_one_key() {
    let world = World::start().await;
    world.seed_contact().await;
    for stage in ["lead", "lead", "customer"] {
        send(world.patch(json!({"lifecyclestage": stage, "phone": "1"}))).await;
    }
    let effects = world.effects("hubspot").await;
    let keys: Vec<&Value> = effects.iter().map(|effect| &effect["key"]).collect();
    let lead = r#"100451 {"lifecyclestage":"lead","phone":"1"}"#;
    assert_eq!(keys[..2], [&json!(lead), &json!(lead)]);
    assert_ne!(keys[2], &json!(lead));
    assert_eq!((&effects[0]["kind"], &effects[0]["record_id"]), (&json!("contact"), &json!("100451")));
}

#[tokio::test]
async fn a_timeout_before_the_commit_leaves_nothing_done() {
    let world = World::start().await;
    world.seed_contact().await;
    world.order_fault("hubspot", "timeout_before", json!({})).await;
    update_in_vain(&world).await;
    assert_eq!(effect_count(&world).await, 0);
}

#[tokio::test]
async fn a_fault_after_the_commit_waits_for_a_call_that_succeeds() {
    let world = World::start().await;
    world.order_fault("hubspot", "malformed", json!({})).await;
    assert_eq!(status(world.contacts(Method::GET, "/100451")).await, 404);
    world.seed_contact().await;
    let cut = world.contacts(Method::GET, "/100451").send().await.unwrap();
    assert_eq!(cut.status(), 200);
    assert!(serde_json::from_slice::<Value>(&cut.bytes().await.unwrap()).is_err());
}

#[tokio::test]
async fn a_status_fault_strikes_the_calls_that_it_matches_as_often_as_ordered() {
    let world = World::start().await;
    world.seed_paid_invoice().await;
    let matching =
        json!({"match": {"method": "get", "path": "/Invoices/*318584"}, "times": 2, "status": 503});
    world.order_fault("xero", "status", matching).await;
    let read = || world.xero(Method::GET, &format!("/Invoices/{INVOICE}"));
    assert_eq!(status(world.xero(Method::GET, "/Invoices")).await, 200);
    let (refused, body) = send(read()).await;
    assert_eq!((refused, &body["Status"]), (503, &json!(503)));
    assert_eq!(world.look("faults").await[0]["times"], 1);
    assert_eq!(status(read()).await, 503);
    assert_eq!(status(read()).await, 200);
    assert_eq!(world.look("faults").await, json!([]));
}

#[tokio::test]
async fn a_rate_limit_fault_speaks_as_its_provider_does() {
    let world = World::start().await;
    world.order_fault("xero", "rate_limit", json!({"retry_after_s": 7})).await;
    let refused = world.xero(Method::GET, "/Invoices").send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "retry-after").unwrap(), "7");
    assert_eq!(header(&refused, "x-rate-limit-problem").unwrap(), "minute");
    world.order_fault("hubspot", "rate_limit", json!({})).await;
    let refused = world.contacts(Method::GET, "/1").send().await.unwrap();
    assert_eq!(header(&refused, "retry-after"), None);
    assert_eq!(refused.json::<Value>().await.unwrap()["policyName"], "TEN_SECONDLY_ROLLING");
}

#[tokio::test]
async fn a_slow_answer_comes_late_and_keeps_its_place_until_then() {
    let world = World::start_with(|config| config.xero_limits.concurrent = 1).await;
    world.order_fault("xero", "slow", json!({"retry_after_s": 1.0})).await;
    let began = Instant::now();
    let slow = tokio::spawn(world.xero(Method::GET, "/Invoices").send());
    while world.look("calls").await == json!([]) {}
    assert_eq!(status(world.xero(Method::GET, "/Invoices")).await, 429);
    assert_eq!(slow.await.unwrap().unwrap().status(), 200);
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(status(world.xero(Method::GET, "/Invoices")).await, 200);
}

#[tokio::test]
async fn a_caller_that_gives_up_frees_its_place() {
    let world = World::start_with(|config| config.xero_limits.concurrent = 1).await;
    world.order_fault("xero", "timeout_after_commit", json!({})).await;
    let held = world.xero(Method::GET, "/Invoices").timeout(Duration::from_millis(100)).send().await;
    assert!(held.unwrap_err().is_timeout());
    let deadline = Instant::now() + Duration::from_secs(5);
    while status(world.xero(Method::GET, "/Invoices")).await == 429 {
        assert!(Instant::now() < deadline, "the place is still taken");
    }
}

#[tokio::test]
async fn a_revocation_ends_present_consents_and_spares_later_ones() {
    let world = World::start().await;
    world.order_fault("xero", "revoke", json!({})).await;
    assert_eq!(status(world.xero(Method::GET, "/Invoices")).await, 401);
    let refused = world.refresh_xero(&world.xero.refresh).await;
    assert_eq!(
        (refused.status().as_u16(), refused.json().await.unwrap()),
        (400, json!({"error": "invalid_grant"}))
    );
    let anew = world.grant("xero", json!([support::ORGANISATION])).await;
    assert_eq!(
        status(world.xero_as(&anew.access, support::ORGANISATION, Method::GET, "/Invoices")).await,
        200
    );
    assert_eq!(status(world.contacts(Method::GET, "/1")).await, 404);
    world.client.delete(format!("{}/_sim/faults", world.running.url)).send().await.unwrap();
    assert_eq!(status(world.xero(Method::GET, "/Invoices")).await, 200);
}

#[tokio::test]
async fn an_expiry_ends_access_tokens_and_leaves_refresh_tokens_good() {
    let world = World::start().await;
    world.order_fault("hubspot", "expire", json!({})).await;
    assert_eq!(status(world.contacts(Method::GET, "/1")).await, 401);
    assert_eq!(world.refresh_hubspot("hubspot-secret", &world.hubspot.refresh).await.status(), 200);
    assert_eq!(status(world.xero(Method::GET, "/Invoices")).await, 200);
}

#[tokio::test]
async fn a_fault_that_does_not_exist_is_refused_with_those_that_do() {
    let world = World::start().await;
    let refused = world.post_control("faults", json!({"provider": "xero", "fault": "explode"})).await;
    assert_eq!(refused.status(), 400);
    let body: Value = refused.json().await.unwrap();
    for known in [
        "timeout_after_commit",
        "timeout_before",
        "status",
        "rate_limit",
        "malformed",
        "slow",
        "revoke",
        "expire",
    ] {
        assert!(text(&body["error"]).contains(known), "{body}");
    }
}

#[tokio::test]
async fn stopping_lets_go_of_held_calls() {
    let world = World::start().await;
    world.order_fault("xero", "timeout_before", json!({})).await;
    let held = tokio::spawn(world.xero(Method::GET, "/Invoices").send());
    while world.look("calls").await == json!([]) {}
    assert_eq!(world.look("health").await, json!({"status": "ok"}));
    world.running.stop().await.unwrap();
    assert_eq!(held.await.unwrap().unwrap().status(), 504);
}
