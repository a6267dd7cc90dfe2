//! HubSpot's deals and the notes on them.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod support;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use support::{World, send, status, text};

async fn won_deal(world: &World) -> String {
    world.seed_contact().await;
    let deal = json!({"properties": {"dealname": "Website", "amount": "1500.00", "dealstage": "closedwon"}, "contacts": [100_451]});
    text(&world.seed("hubspot", "deal", deal).await["id"])
}

fn note(world: &World, deal: &str, body: &str) -> RequestBuilder {
    let note = json!({
        "properties": {"hs_timestamp": "2026-10-01T15:48:22Z", "hs_note_body": body},
        "associations": [{
            "to": {"id": deal},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 214}],
        }],
    });
    world.crm(Method::POST, "/v3/objects/notes").json(&note)
}

#[tokio::test]
async fn a_deal_shows_what_its_stage_means_and_whom_it_concerns() {
    let world = World::start().await;
    let deal = won_deal(&world).await;
    let path =
        format!("/objects/2026-03/deals/{deal}?properties=dealname,hs_is_closed_won&associations=contacts");
    let (status, body) = send(world.crm(Method::GET, &path)).await;
    assert_eq!((status, &body["properties"]["hs_is_closed_won"]), (200, &json!("true")));
    assert_eq!(body["properties"]["amount"], Value::Null);
    let contacts = json!({"contacts": {"results": [{"id": "100451", "type": "deal_to_contact"}]}});
    assert_eq!(body["associations"], contacts);

    let open = json!({"id": 7, "dealname": "Shop", "dealstage": "1234567"});
    world.seed("hubspot", "deal", open).await;
    let (_, body) = send(
        world.crm(Method::GET, "/objects/2026-03/deals/7?properties=hs_is_closed_won&associations=contacts"),
    )
    .await;
    assert_eq!(
        (&body["properties"]["hs_is_closed_won"], &body["associations"]),
        (&json!("false"), &Value::Null)
    );
    let custom = json!({"id": 7, "dealname": "Shop", "dealstage": "1234567", "hs_is_closed_won": true});
    assert_eq!(world.seed("hubspot", "deal", custom).await["properties"]["hs_is_closed_won"], "true");
    let (missing, body) = send(world.crm(Method::GET, "/objects/2026-03/deals/8")).await;
    assert_eq!((missing, &body["category"]), (404, &json!("OBJECT_NOT_FOUND")));
}

#[tokio::test]
async fn a_note_is_found_among_those_of_its_deal() {
    let world = World::start().await;
    let deal = won_deal(&world).await;
    let (status, made) = send(note(&world, &deal, "Task done")).await;
    assert_eq!((status, &made["properties"]["hs_note_body"]), (201, &json!("Task done")));
    // Nothing tells the same note from another one.
    send(note(&world, &deal, "Task done")).await;
    assert_eq!(world.effects("hubspot").await.len(), 2);

    let path = format!("/objects/2026-03/deals/{deal}/associations/notes");
    let (_, notes) = send(world.crm(Method::GET, &path)).await;
    let types = json!([{"category": "HUBSPOT_DEFINED", "typeId": 213, "label": null}]);
    assert_eq!(notes["results"][0], json!({"toObjectId": made["id"], "associationTypes": types}));
    let (_, page) = send(world.crm(Method::GET, &format!("{path}?limit=1&after=1"))).await;
    assert_eq!((page["results"].as_array().unwrap().len(), &page["paging"]), (1, &Value::Null));
    let id = text(&made["id"]);
    for read in [format!("/v3/objects/notes/{id}"), format!("/objects/2026-03/notes/{id}")] {
        let (_, body) =
            send(world.crm(Method::GET, &format!("{read}?properties=hs_note_body&associations=deals"))).await;
        assert_eq!(body["properties"]["hs_note_body"], "Task done");
        assert_eq!(body["associations"]["deals"]["results"][0]["id"], json!(deal));
    }
}

#[tokio::test]
async fn a_note_that_hubspot_would_not_take_is_not_made() {
    let world = World::start().await;
    let deal = won_deal(&world).await;
    assert_eq!(status(note(&world, "999", "Task done")).await, 400);
    let to = |id: &str, number: u32| json!([{"to": {"id": id}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}]}]);
    for body in [
        json!({"properties": {"hs_note_body": "no time"}}),
        json!({"properties": {"hs_timestamp": "yesterday"}}),
        json!({"properties": {"hs_timestamp": "1790812800000", "colour": "red"}}),
        json!({"properties": {"hs_timestamp": "1790812800000"}, "associations": to(&deal, 202)}),
        json!({"properties": {"hs_timestamp": "1790812800000"}, "associations": to(&deal, 190)}),
    ] {
        let (status, answer) = send(world.crm(Method::POST, "/v3/objects/notes").json(&body)).await;
        assert_eq!((status, &answer["category"]), (400, &json!("VALIDATION_ERROR")), "{body}");
    }
    assert!(world.effects("hubspot").await.is_empty());
    let long = "é".repeat(65_537);
    assert_eq!(status(note(&world, &deal, &long)).await, 400);
}

#[tokio::test]
async fn deals_and_notes_count_against_the_portals_limit_and_meet_its_faults() {
    let world = World::start_with(|config| config.hubspot_limits.per_ten_seconds = 2).await;
    let deal = won_deal(&world).await;
    world.order_fault("hubspot", "status", json!({"status": 503, "match": {"path": "/notes"}})).await;
    assert_eq!(status(note(&world, &deal, "Task done")).await, 503);
    assert_eq!(status(note(&world, &deal, "Task done")).await, 201);
    assert_eq!(status(world.crm(Method::GET, &format!("/objects/2026-03/deals/{deal}"))).await, 200);
    assert_eq!(status(world.crm(Method::GET, &format!("/objects/2026-03/deals/{deal}"))).await, 429);
}
