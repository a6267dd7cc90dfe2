//! Xero's invoices, limits and idempotency keys.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{INVOICE, ORGANISATION, OTHER_ORGANISATION, World, header, send, status, text};

fn note(world: &World, key: &str, details: &str) -> reqwest::RequestBuilder {
    world
        .xero(Method::PUT, &format!("/Invoices/{INVOICE}/History"))
        .header("idempotency-key", key)
        .json(&json!({"HistoryRecords": [{"Details": details}]}))
}

#[tokio::test]
async fn an_invoice_is_read_by_id_and_by_number() {
    let world = World::start().await;
    world.seed_paid_invoice().await;
    for path in [format!("/Invoices/{INVOICE}"), "/Invoices/INV-0006".to_owned()] {
        let (status, body) = send(world.xero(Method::GET, &path)).await;
        assert_eq!((status, &body["Status"]), (200, &json!("OK")));
        assert_eq!(body["Invoices"][0]["InvoiceID"], INVOICE);
    }
    let unknown = world.xero(Method::GET, "/Invoices/7d1f0a52-5b0e-4a55-9f38-0d5c1c0f6a11");
    assert_eq!(status(unknown).await, 404);
}

#[tokio::test]
async fn amounts_come_back_digit_for_digit() {
    let world = World::start().await;
    let seed = r#"{"provider":"xero","kind":"invoice","record":{"InvoiceNumber":"INV-7","AmountDue":0.00,"AmountPaid":148062.760,"Total":0.1000000000000000055511}}"#;
    let seeded = world.client.post(format!("{}/_sim/seed", world.running.url)).body(seed);
    let stored = seeded.send().await.unwrap().text().await.unwrap();
    let read = world.xero(Method::GET, "/Invoices/INV-7").send().await.unwrap().text().await.unwrap();
    for text in [stored, read] {
        assert!(
            text.contains(r#""AmountDue":0.00,"AmountPaid":148062.760,"Total":0.1000000000000000055511}"#),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_invoice_gets_nothing_but_an_id_of_its_own() {
    let world = World::start().await;
    let seed = json!({"provider": "xero", "kind": "invoice", "record": {"Status": "PAID"}});
    let stored = world.control("seed", seed).await;
    let fields: Vec<&String> = stored.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["InvoiceID", "Status"]);
}

#[tokio::test]
async fn invoices_belong_to_the_organisation_that_they_were_seeded_into() {
    let world = World::start().await;
    let seed = json!({"provider": "xero", "kind": "invoice", "record": {"InvoiceID": INVOICE}, "tenant_id": OTHER_ORGANISATION});
    world.control("seed", seed).await;
    let path = format!("/Invoices/{INVOICE}");
    assert_eq!(status(world.xero(Method::GET, &path)).await, 404);
    let other = world.grant("xero", json!([OTHER_ORGANISATION])).await;
    assert_eq!(status(world.xero_as(&other.access, OTHER_ORGANISATION, Method::GET, &path)).await, 200);
}

#[tokio::test]
async fn paid_invoices_are_listed_in_pages_and_by_their_last_change() {
    let world = World::start().await;
    for (number, status, day) in [(1, "PAID", 1), (2, "PAID", 2), (3, "AUTHORISED", 3), (4, "PAID", 4)] {
        let changed = format!("/Date({}+0000)/", 1_700_000_000_000_u64 + day * 86_400_000);
        let record =
            json!({"InvoiceID": format!("id-{number}"), "Status": status, "UpdatedDateUTC": changed});
        world.control("seed", json!({"provider": "xero", "kind": "invoice", "record": record})).await;
    }
    let (_, body) = send(world.xero(Method::GET, "/Invoices?Statuses=PAID&page=2&pageSize=2")).await;
    assert_eq!(body["pagination"], json!({"page": 2, "pageSize": 2, "pageCount": 2, "itemCount": 3}));
    assert_eq!(body["Invoices"][0]["InvoiceID"], "id-4");
    for since in ["2023-11-16T22:13:20", "2023-11-16T22:13:20Z", "Thu, 16 Nov 2023 22:13:20 GMT"] {
        let list = world.xero(Method::GET, "/Invoices?Statuses=PAID").header("if-modified-since", since);
        assert_eq!(send(list).await.1["pagination"]["itemCount"], 1, "{since}");
    }
    assert_eq!(status(world.xero(Method::GET, "/Invoices?where=Type%3D%3D%22ACCREC%22")).await, 400);
}

#[tokio::test]
async fn without_asking_for_json_one_gets_xml() {
    let world = World::start().await;
    world.seed_paid_invoice().await;
    let response = world
        .client
        .get(format!("{}/xero/api.xro/2.0/Invoices/{INVOICE}", world.running.url))
        .bearer_auth(&world.xero.access)
        .header("xero-tenant-id", ORGANISATION.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(header(&response, "content-type").unwrap(), "text/xml; charset=utf-8");
}

#[tokio::test]
async fn an_idempotency_key_repeats_the_answer_and_not_the_work_for_six_minutes() {
    let world = World::start().await;
    world.seed_paid_invoice().await;
    let first = send(note(&world, "key-1", "Paid")).await;
    assert_eq!(first.0, 200);
    assert_eq!(send(note(&world, "key-1", "Paid")).await, first);
    assert_eq!(status(note(&world, "key-1", "Something else")).await, 400);
    let effects = world.look("effects").await;
    assert_eq!(effects.as_array().unwrap().len(), 1);
    assert_eq!(effects[0]["idempotency_key"], "key-1");
    world.advance(6 * 60).await;
    assert_eq!(status(note(&world, "key-1", "Paid")).await, 200);
    let (_, history) = send(world.xero(Method::GET, &format!("/Invoices/{INVOICE}/History"))).await;
    assert_eq!(history["HistoryRecords"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_error_is_kept_under_its_idempotency_key_too() {
    let world = World::start().await;
    assert_eq!(status(note(&world, "key-1", "Paid")).await, 404);
    world.seed_paid_invoice().await;
    assert_eq!(status(note(&world, "key-1", "Paid")).await, 404);
    assert_eq!(status(note(&world, "key-2", "Paid")).await, 200);
    assert_eq!(status(note(&world, &"k".repeat(129), "Paid")).await, 400);
}

#[tokio::test]
async fn a_note_without_details_is_a_validation_error() {
    let world = World::start().await;
    world.seed_paid_invoice().await;
    let (status, body) = send(note(&world, "key-1", "")).await;
    assert_eq!((status, &body["Type"]), (400, &json!("ValidationException")));
    assert!(text(&body["Elements"][0]["ValidationErrors"][0]["Message"]).starts_with("Details"));
    assert_eq!(world.look("effects").await, json!([]));
}

#[tokio::test]
async fn each_answer_says_what_is_left_and_the_minute_limit_says_when_it_ends() {
    let world = World::start_with(|config| config.xero_limits.per_minute = 2).await;
    let first = world.xero(Method::GET, "/Invoices").send().await.unwrap();
    assert_eq!(header(&first, "x-minlimit-remaining").unwrap(), "1");
    assert_eq!(header(&first, "x-daylimit-remaining").unwrap(), "4999");
    assert_eq!(header(&first, "x-appminlimit-remaining").unwrap(), "9999");
    assert_eq!(status(world.xero(Method::GET, "/Invoices")).await, 200);
    world.advance(20).await;
    let refused = world.xero(Method::GET, "/Invoices").send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "x-rate-limit-problem").unwrap(), "minute");
    assert_eq!(header(&refused, "x-minlimit-remaining").unwrap(), "0");
    let wait: u32 = header(&refused, "retry-after").unwrap().parse().unwrap();
    assert!((35..=40).contains(&wait), "{wait}");
    world.advance(wait).await;
    assert_eq!(status(world.xero(Method::GET, "/Invoices")).await, 200);
}

#[tokio::test]
async fn the_day_limit_and_the_limit_of_calls_at_once_are_told_apart() {
    let world = World::start_with(|config| config.xero_limits.per_day = 1).await;
    assert_eq!(status(world.xero(Method::GET, "/Invoices")).await, 200);
    let refused = world.xero(Method::GET, "/Invoices").send().await.unwrap();
    assert_eq!(header(&refused, "x-rate-limit-problem").unwrap(), "day");

    let world = World::start_with(|config| config.xero_limits.concurrent = 0).await;
    let refused = world.xero(Method::GET, "/Invoices").send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "retry-after"), None);
}

#[tokio::test]
async fn calls_are_counted_by_provider_and_path() {
    let world = World::start().await;
    world.seed_paid_invoice().await;
    send(world.xero(Method::GET, &format!("/Invoices/{INVOICE}"))).await;
    world.refresh_xero(&world.xero.refresh).await;
    send(world.contacts(Method::GET, "/1")).await;
    let calls = world.look("calls").await;
    let seen: Vec<(&str, &str, u64)> = calls
        .as_array()
        .unwrap()
        .iter()
        .map(|call: &Value| {
            (
                call["method"].as_str().unwrap(),
                call["path"].as_str().unwrap(),
                call["status"].as_u64().unwrap(),
            )
        })
        .collect();
    let invoice_path = format!("/api.xro/2.0/Invoices/{INVOICE}");
    let expected = [
        ("GET", invoice_path.as_str(), 200),
        ("POST", "/connect/token", 200),
        ("GET", "/crm/objects/2026-03/contacts/1", 404),
    ];
    assert_eq!(seen, expected);
    assert_eq!(world.look("calls?provider=hubspot").await.as_array().unwrap().len(), 1);
}
