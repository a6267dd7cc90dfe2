//! HubSpot's contacts: reading, searching, updating, and what it refuses.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{World, header, send, status, text};

#[tokio::test]
async fn a_contact_is_found_by_email_whatever_its_case() {
    let world = World::start().await;
    world.seed_contact().await;
    for email in ["liam@rockstar.com", "LIAM%40Rockstar.com"] {
        let (status, body) = send(world.contacts(Method::GET, &format!("/{email}?idProperty=email"))).await;
        assert_eq!((status, &body["id"]), (200, &json!("100451")));
    }
    let (status, body) = send(world.contacts(Method::GET, "/liam@rockstar.com")).await;
    assert_eq!((status, &body["category"]), (404, &json!("OBJECT_NOT_FOUND")));
    assert_eq!(body["context"]["id"], json!(["liam@rockstar.com"]));
}

#[tokio::test]
async fn only_the_properties_that_were_asked_for_come_back() {
    let world = World::start().await;
    world.seed_contact().await;
    let names = |body: &Value| body["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let (_, body) = send(world.contacts(Method::GET, "/100451?properties=lifecyclestage,email")).await;
    assert_eq!(names(&body), ["createdate", "email", "hs_object_id", "lastmodifieddate", "lifecyclestage"]);
    assert_eq!(body["properties"]["lifecyclestage"], Value::Null);
    let (_, body) = send(world.contacts(Method::GET, "/100451")).await;
    let defaults = ["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"];
    assert_eq!(names(&body), defaults);
}

#[tokio::test]
async fn an_update_is_recorded_once_with_its_body() {
    let world = World::start().await;
    world.seed_contact().await;
    let properties = json!({"lifecyclestage": "customer", "zixly_last_paid_amount": "148062.76"});
    let update = world
        .contacts(Method::PATCH, "/Liam@rockstar.com?idProperty=email")
        .json(&json!({ "properties": properties }));
    let (status, body) = send(update).await;
    assert_eq!((status, &body["properties"]["lifecyclestage"]), (200, &json!("customer")));
    let effects = world.look("effects").await;
    assert_eq!(effects.as_array().unwrap().len(), 1);
    let effect = &effects[0];
    assert_eq!(effect["provider"], "hubspot");
    assert_eq!(effect["account"], "12345678");
    assert_eq!(effect["method"], "PATCH");
    assert_eq!(effect["path"], "/crm/objects/2026-03/contacts/Liam@rockstar.com?idProperty=email");
    assert_eq!(effect["body"], json!({ "properties": properties }));
    assert_eq!(effect["idempotency_key"], Value::Null);
    let at = text(&effect["at"]);
    assert!(at.len() == 24 && at.ends_with('Z'), "{at}");
    assert_eq!(world.look("effects?provider=xero").await, json!([]));
}

#[tokio::test]
async fn an_update_moves_the_last_change_forward() {
    let world = World::start().await;
    world.seed_contact().await;
    let (_, before) = send(world.contacts(Method::GET, "/100451")).await;
    world.advance(60).await;
    send(world.patch(json!({"phone": "1"}))).await;
    let (_, after) = send(world.contacts(Method::GET, "/100451")).await;
    assert!(text(&after["updatedAt"]) > text(&before["updatedAt"]));
    assert_eq!(after["createdAt"], before["createdAt"]);
}

#[tokio::test]
async fn values_that_hubspot_does_not_take_change_nothing() {
    let world = World::start().await;
    world.seed_contact().await;
    for (property, value, code) in [
        ("zixly_unheard_of", "1", "PROPERTY_DOESNT_EXIST"),
        ("lifecyclestage", "payer", "INVALID_OPTION"),
        ("hs_object_id", "7", "READ_ONLY_VALUE"),
        ("zixly_last_paid_amount", "a lot", "INVALID_LONG"),
        ("zixly_last_paid_on", "2026-10-01T12:00:00Z", "INVALID_DATE"),
    ] {
        let (status, body) = send(world.patch(json!({property: value, "phone": "1"}))).await;
        assert_eq!((status, &body["category"]), (400, &json!("VALIDATION_ERROR")), "{property}");
        assert_eq!(body["errors"][0]["code"], code);
        assert_eq!(body["errors"][0]["context"]["propertyName"], json!([property]));
        assert!(text(&body["message"]).contains(code), "{body}");
    }
    assert_eq!(status(world.patch(json!({}))).await, 400);
    assert_eq!(world.look("effects").await, json!([]));
}

#[tokio::test]
async fn dates_are_taken_as_days_and_as_midnights() {
    let world = World::start().await;
    world.seed_contact().await;
    for value in ["2026-10-01", "2026-10-01T00:00:00Z", "1790812800000"] {
        let (_, body) = send(world.patch(json!({"zixly_last_paid_on": value}))).await;
        assert_eq!(body["properties"]["zixly_last_paid_on"], "2026-10-01", "{value}");
    }
}

#[tokio::test]
async fn a_lifecycle_stage_never_moves_back_unless_it_is_cleared() {
    let world = World::start().await;
    world.seed_contact().await;
    let set = async |stage: &str| {
        let (status, body) = send(world.patch(json!({"lifecyclestage": stage}))).await;
        assert_eq!(status, 200);
        body["properties"]["lifecyclestage"].clone()
    };
    assert_eq!(set("evangelist").await, "evangelist");
    assert_eq!(set("customer").await, "evangelist");
    assert_eq!(set("").await, Value::Null);
    assert_eq!(set("customer").await, "customer");
}

#[tokio::test]
async fn a_search_compares_for_equality_and_pages() {
    let world = World::start().await;
    for number in 1..=3 {
        let record = json!({"email": format!("{number}@example.com"), "company": "Acme"});
        world.control("seed", json!({"provider": "hubspot", "kind": "contact", "record": record})).await;
    }
    let search = |filter: Value, after: &str| {
        let body = json!({"filterGroups": [{"filters": [filter]}], "properties": ["email"], "limit": 2, "after": after});
        send(world.contacts(Method::POST, "/search").json(&body))
    };
    let acme = json!({"propertyName": "company", "operator": "EQ", "value": "acme"});
    let (_, page) = search(acme.clone(), "0").await;
    assert_eq!((&page["total"], &page["paging"]["next"]["after"]), (&json!(3), &json!("2")));
    let (_, page) = search(acme, "2").await;
    assert_eq!(page["results"][0]["properties"]["email"], "3@example.com");
    assert_eq!(page["paging"], Value::Null);
    let other = json!({"propertyName": "company", "operator": "GT", "value": "a"});
    assert_eq!(search(other, "0").await.0, 400);
}

#[tokio::test]
async fn the_portals_limit_covers_any_ten_seconds_and_searches_have_their_own() {
    let world = World::start_with(|config| {
        config.hubspot_limits.per_ten_seconds = 2;
        config.hubspot_limits.searches_per_second = 1;
    })
    .await;
    world.seed_contact().await;
    let first = world.contacts(Method::GET, "/100451").send().await.unwrap();
    assert_eq!(header(&first, "x-hubspot-ratelimit-max").unwrap(), "2");
    assert_eq!(header(&first, "x-hubspot-ratelimit-remaining").unwrap(), "1");
    assert_eq!(header(&first, "x-hubspot-ratelimit-interval-milliseconds").unwrap(), "10000");
    assert_eq!(status(world.contacts(Method::GET, "/100451")).await, 200);
    let (refused, body) = send(world.contacts(Method::GET, "/100451")).await;
    assert_eq!((refused, &body["errorType"]), (429, &json!("RATE_LIMIT")));
    assert_eq!(body["policyName"], "TEN_SECONDLY_ROLLING");

    let search = || world.contacts(Method::POST, "/search").json(&json!({}));
    let found = search().send().await.unwrap();
    assert_eq!((found.status().as_u16(), header(&found, "x-hubspot-ratelimit-max")), (200, None));
    assert_eq!(send(search()).await.1["policyName"], "SECONDLY");
    world.advance(10).await;
    assert_eq!(status(world.contacts(Method::GET, "/100451")).await, 200);
}

#[tokio::test]
async fn both_dated_versions_are_played_and_no_other() {
    let world = World::start().await;
    world.seed_contact().await;
    for (version, expected) in [("2026-03", 200), ("2026-09", 200), ("2025-01", 404)] {
        let url = format!("{}/hubspot/crm/objects/{version}/contacts/100451", world.running.url);
        assert_eq!(status(world.client.get(url).bearer_auth(&world.hubspot.access)).await, expected);
    }
}
