//! The ledger against what the providers show: an operator's comparison, against the simulator.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use std::collections::BTreeMap;

use jiff::Timestamp;
use scene::{CHANNEL, INVOICE_ID, PORTAL_ID, SHOP, Scene, TEAM, WORKSPACE, handle};
use serde_json::{Value, json};
use zixly_domain::{JobId, Workflow};
use zixly_worker::ledger::{Tally, Verdict, verify};

const ORDER_ID: u64 = 5_726_128_734_520;
const WON_DEAL: &str = "987654321";
const NOTED_DEAL: &str = "987654322";
const PROJECT: &str = "1200000000000050";
const TASK: &str = "1200000000000002";

/// One of each kind of effect, made by the workflows themselves.
async fn scene_with_all_kinds() -> Scene {
    let mut scene = Scene::paid_invoice().await;
    scene.settings.insert("CALLBACK_WINDOW_MS".to_owned(), "0".to_owned());
    scene.tell_the_team(Workflow::XeroInvoiceToHubspot).await;
    let by_mail = json!({ "notifications": [{ "to": "email", "addresses": ["office@example.com"] }] });
    scene.settle(Workflow::HubspotDealToAsana, by_mail).await;
    let order = json!({
        "id": ORDER_ID, "name": "#1002", "email": "pat@example.com", "financial_status": "paid", "currency": "EUR",
        "total_price": "238.47", "subtotal_price": "224.97", "total_tax": "13.50", "taxes_included": false,
        "total_discounts": "0.00", "test": false, "cancelled_at": null,
        "customer": { "id": 7_u64, "email": "pat@example.com", "first_name": "Pat", "last_name": "O'Neil" },
        "line_items": [{ "id": 1, "title": "Mug", "quantity": 2, "price": "112.485", "sku": "MUG-1" }],
        "created_at": "2026-10-01T17:28:06-05:00", "processed_at": "2026-10-01T17:28:06-05:00",
        "updated_at": "2026-10-01T17:28:09-05:00",
    });
    scene.seed("shopify", "order", order).await;
    for (id, stage) in [(WON_DEAL, "closedwon"), (NOTED_DEAL, "closedlost")] {
        let deal = json!({ "id": id, "properties": { "dealname": "Acme", "dealstage": stage } });
        scene.seed("hubspot", "deal", deal).await;
    }
    scene.seed("asana", "project", json!({ "gid": PROJECT, "name": "Acme" })).await;
    let task = json!({
        "gid": TASK, "name": "Kick-off: Acme", "completed": true, "completed_at": "2026-10-01T02:44:21.987Z",
        "projects": [PROJECT], "external": { "gid": format!("hubspot-deal-{NOTED_DEAL}") },
    });
    scene.seed("asana", "task", task).await;

    let sweep = json!({
        "ticker": "BTC-USD", "fast_range": [5, 6], "slow_range": [20, 21], "step": 1, "strategy_type": "SMA",
    });
    let invoice = json!({ "organisation_id": scene.organisation_id, "invoice_id": INVOICE_ID });
    let jobs = [
        (Workflow::XeroInvoiceToHubspot, invoice),
        (Workflow::ShopifyOrderToXero, json!({ "shop": SHOP, "order_id": ORDER_ID.to_string() })),
        (Workflow::HubspotDealToAsana, json!({ "portal_id": PORTAL_ID.to_string(), "deal_id": WON_DEAL })),
        (Workflow::AsanaTaskToHubspot, json!({ "workspace": WORKSPACE, "task": TASK })),
        (Workflow::TradingSweep, sweep),
    ];
    let worker = scene.worker();
    for (workflow, parameters) in jobs {
        let job_id = scene.start(workflow, parameters, None).await;
        for _ in 0..20 {
            assert_eq!(Box::pin(handle(&worker, scene.ring(job_id))).await.batch_item_failures, []);
            if scene.status(job_id).await != "QUEUED" {
                break;
            }
            scene.control("clock", json!({ "advance_s": 2 })).await;
            scene.hurry().await;
        }
        let reason = scene.job_column(job_id, "coalesce(error_message, waiting_reason, '')").await;
        assert_eq!(scene.status(job_id).await, "COMPLETED", "{workflow}: {reason}");
    }
    scene
}

/// The verdicts by the steps that made the effects, and their sums.
async fn compare(scene: &Scene) -> (BTreeMap<String, Verdict>, Tally) {
    let (mut verdicts, mut tally) = (BTreeMap::new(), Tally::default());
    verify(&scene.worker(), scene.tenant_id, None, |entry, verdict| {
        tally.count(verdict);
        verdicts.insert(format!("{} {}", entry.provider, entry.step), verdict.clone());
    })
    .await
    .unwrap();
    (verdicts, tally)
}

async fn sums(scene: &Scene) -> String {
    compare(scene).await.1.to_string()
}

/// Another client of the provider, with a consent of its own.
async fn post_as_another(scene: &Scene, provider: &str, account: &str, path: &str, body: Value) {
    let token = scene.control("grant", json!({ "provider": provider, "accounts": [account] })).await;
    let url = format!("{}/{path}", scene.simulator.url);
    let request = zixly_connectors::http_client().post(url).json(&body);
    let answer = request.bearer_auth(token["access_token"].as_str().unwrap()).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
}

#[tokio::test]
async fn what_the_workflows_have_written_is_found_at_every_provider() {
    let scene = Box::pin(scene_with_all_kinds()).await;
    let writes = scene.writes().await;
    let (verdicts, tally) = compare(&scene).await;
    assert_eq!(
        tally.to_string(),
        "effects=10 verified=9 superseded=0 lost=0 doubled=0 unknown=1",
        "{verdicts:#?}"
    );
    assert_eq!(verdicts["ses notify"], Verdict::Unknown("nobody can look for an e-mail".to_owned()));
    assert_eq!(scene.writes().await, writes, "a comparison writes nothing");
}

#[tokio::test]
async fn what_is_there_twice_is_seen_to_be() {
    let scene = Box::pin(scene_with_all_kinds()).await;
    let column = async |step: &str, column: &str| {
        scene.database.text(&format!("select {column} from effects where step = '{step}'")).await
    };
    let (number, invoice_id) =
        (format!("SHOP-{ORDER_ID}"), column("create-invoice", "provider_record_id").await);
    scene
        .seed_invoice(json!({ "InvoiceID": "another", "InvoiceNumber": number, "Status": "AUTHORISED" }))
        .await;
    let payment = column("record-payment", "provider_record_id").await;
    let payments =
        json!([{ "PaymentID": payment, "Amount": 238.47 }, { "PaymentID": "other", "Amount": 238.47 }]);
    scene
        .seed_invoice(json!({ "InvoiceID": invoice_id, "InvoiceNumber": number, "Payments": payments }))
        .await;
    let key = column("create-contact", "effect_key").await;
    let contact = json!({ "Name": "Pat again", "ContactNumber": key.rsplit('/').next().unwrap() });
    scene.seed("xero", "contact", contact).await;
    let mark = format!("hubspot-deal-{WON_DEAL}");
    scene
        .seed("asana", "project", json!({ "gid": "17", "name": "Acme", "notes": format!("[{mark}]") }))
        .await;
    let project_gid = column("create-project", "provider_record_id").await;
    let task =
        json!({ "gid": "18", "name": "again", "projects": [project_gid], "external": { "gid": mark } });
    scene.seed("asana", "task", task).await;
    let note = json!({
        "properties": { "hs_timestamp": "2026-10-01T02:44:21Z", "hs_note_body": column("add-note", "request ->> 'body'").await },
        "associations": [{
            "to": { "id": NOTED_DEAL },
            "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 214 }],
        }],
    });
    post_as_another(&scene, "hubspot", &PORTAL_ID.to_string(), "hubspot/crm/objects/2026-03/notes", note)
        .await;
    let key = scene.database.text("select effect_key from effects where provider = 'slack'").await;
    let message = json!({
        "channel": CHANNEL, "text": "again",
        "metadata": { "event_type": "zixly_job", "event_payload": { "effect_key": key } },
    });
    scene.control("clock", json!({ "advance_s": 2 })).await;
    post_as_another(&scene, "slack", TEAM, "slack/api/chat.postMessage", message).await;

    let (verdicts, tally) = compare(&scene).await;
    let doubled: Vec<&str> = verdicts
        .iter()
        .filter(|(_, verdict)| matches!(verdict, Verdict::Doubled(_)))
        .map(|(kind, _)| kind.as_str())
        .collect();
    assert_eq!(
        doubled,
        [
            "asana create-project",
            "asana create-task",
            "hubspot add-note",
            "slack notify",
            "xero create-contact",
            "xero create-invoice",
            "xero record-payment",
        ],
        "{verdicts:#?}"
    );
    assert_eq!(tally.to_string(), "effects=10 verified=2 superseded=0 lost=0 doubled=7 unknown=1");
    assert!(!tally.is_clean());
}

#[tokio::test]
async fn what_is_gone_is_seen_to_be() {
    let scene = Box::pin(scene_with_all_kinds()).await;
    // It forgets all records, and keeps the consents.
    scene.control("reset", json!({})).await;
    let (verdicts, tally) = compare(&scene).await;
    assert_eq!(
        tally.to_string(),
        "effects=10 verified=0 superseded=0 lost=9 doubled=0 unknown=1",
        "{verdicts:#?}"
    );
}

#[tokio::test]
async fn a_later_payment_of_the_same_customer_supersedes_the_one_before() {
    let scene = Scene::paid_invoice().await;
    let worker = scene.worker();
    let first = scene.job_for_invoice(1).await;
    assert_eq!(scene.run_to_the_end(&worker, first).await, "COMPLETED");
    let another = "b03ffcd2-5d91-4c7e-b483-318584e9e439";
    scene.seed_invoice(json!({ "InvoiceID": another, "InvoiceNumber": "INV-0007" })).await;
    let second = scene.job_for(another, 1).await;
    assert_eq!(scene.run_to_the_end(&worker, second).await, "COMPLETED");
    assert_eq!(sums(&scene).await, "effects=2 verified=1 superseded=1 lost=0 doubled=0 unknown=0");

    let mut later = 0;
    let since = Some(Timestamp::now());
    verify(&worker, scene.tenant_id, since, |_, _| later += 1).await.unwrap();
    assert_eq!(later, 0, "nothing was sent since");
    scene.seed_contact().await;
    assert_eq!(sums(&scene).await, "effects=2 verified=0 superseded=1 lost=1 doubled=0 unknown=0");
}

async fn one_effect() -> (Scene, JobId) {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    (scene, job_id)
}

#[tokio::test]
async fn a_write_that_is_still_open_is_left_to_its_job_and_unknown_when_that_has_ended() {
    let (scene, job_id) = one_effect().await;
    let open = "update effects set status = 'INTENDED', provider_record_id = null, settled_by = null, settled_at = null";
    let database = scene.database.superuser().await;
    database.batch_execute(open).await.unwrap();
    let (verdicts, tally) = compare(&scene).await;
    assert_eq!(tally.unknown, 1);
    assert_eq!(
        verdicts["hubspot update-contact"].details().unwrap(),
        "its job is COMPLETED without knowing whether it was made, but what was to be written is there"
    );
    let live = format!(
        "update pipeline_jobs set status = 'QUEUED', completed_at = null, result = null where job_id = '{job_id}'"
    );
    database.batch_execute(&live).await.unwrap();
    let (_, tally) = compare(&scene).await;
    assert_eq!((tally.not_compared, tally.is_clean()), (1, true));
    assert_eq!(tally.to_string(), "effects=0 verified=0 superseded=0 lost=0 doubled=0 unknown=0");
}

#[tokio::test]
async fn limits_and_failures_of_a_provider_are_waited_out() {
    let (scene, _) = one_effect().await;
    scene
        .fault(json!({ "provider": "hubspot", "fault": "rate_limit", "retry_after_s": 1, "times": 2 }))
        .await;
    assert_eq!(sums(&scene).await, "effects=1 verified=1 superseded=0 lost=0 doubled=0 unknown=0");
    scene.fault(json!({ "provider": "hubspot", "fault": "status", "status": 502, "times": 2 })).await;
    assert_eq!(sums(&scene).await, "effects=1 verified=1 superseded=0 lost=0 doubled=0 unknown=0");
    scene.fault(json!({ "provider": "hubspot", "fault": "expire" })).await;
    assert_eq!(sums(&scene).await, "effects=1 verified=1 superseded=0 lost=0 doubled=0 unknown=0");
}

#[tokio::test]
async fn where_nobody_lets_us_in_nothing_is_lost_but_nothing_known() {
    let (scene, _) = one_effect().await;
    scene.fault(json!({ "provider": "hubspot", "fault": "revoke" })).await;
    let (verdicts, tally) = compare(&scene).await;
    assert_eq!(tally.to_string(), "effects=1 verified=0 superseded=0 lost=0 doubled=0 unknown=1");
    let Verdict::Unknown(why) = &verdicts["hubspot update-contact"] else { panic!("{verdicts:?}") };
    assert!(why.contains("HubSpot"), "{why}");
}
