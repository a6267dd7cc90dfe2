//! What a person may ask of a shop: to see what is kept, and to have it removed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use jiff::Timestamp;
use scene::{SHOP, Scene, handle};
use serde_json::{Value, json};
use zixly_domain::{Delivery, DeliveryId, Event, JobId, Provider, TenantId, Workflow};
use zixly_store::deliveries::{Received, file};
use zixly_testkit::Role;

const PAT: u64 = 115_310_627_314_723_954;
const KIM: u64 = 115_310_627_314_723_955;

/// Files a delivery from the shop, as the door does; gives its jobs.
async fn deliver(scene: &Scene, topic: (&str, &str), payload: Value) -> Vec<(TenantId, JobId)> {
    let body = payload.to_string();
    let event = Event {
        provider: Provider::Shopify,
        account_id: SHOP.to_owned(),
        category: topic.0.to_owned(),
        action: topic.1.to_owned(),
        resource_id: payload["id"].to_string(),
        occurred_at: None,
        dedupe_key: DeliveryId::new().to_string(),
        other_dedupe_key: None,
        payload,
    };
    let delivery = Delivery { provider: Provider::Shopify, events: vec![event], unreadable: Vec::new() };
    let received = Received {
        delivery_id: DeliveryId::new(),
        provider: Provider::Shopify,
        received_at: Timestamp::now(),
        headers: &json!({}),
        body: body.as_bytes(),
        content: Ok(&delivery),
    };
    let store = scene.database.store(Role::Webhook);
    file(&mut store.session().await.unwrap(), &received).await.unwrap().jobs
}

fn order(id: u64, customer_id: u64, email: &str) -> Value {
    json!({
        "id": id, "name": format!("#{id}"), "email": email, "financial_status": "paid", "currency": "EUR",
        "total_price": "10.00", "total_tax": "0.00",
        "customer": { "id": customer_id, "email": email, "first_name": "Pat", "last_name": "O'Neil" },
        "line_items": [{ "id": 1, "title": "Mug", "quantity": 1, "price": "10.00" }],
        "processed_at": "2026-10-01T17:28:06-05:00",
    })
}

/// A shop with two customers, whose orders are booked.
async fn booked() -> Scene {
    let scene = Scene::empty().await;
    for (id, customer, email) in
        [(1, PAT, "pat@example.com"), (2, PAT, "pat@example.com"), (3, KIM, "kim@example.com")]
    {
        let order = order(id, customer, email);
        scene.seed("shopify", "order", order.clone()).await;
        for (_, job_id) in deliver(&scene, ("orders", "paid"), order).await {
            assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
        }
    }
    scene
}

async fn request(scene: &Scene, topic: (&str, &str), payload: Value) -> JobId {
    deliver(scene, topic, payload).await[0].1
}

fn redact_pat() -> Value {
    json!({
        "shop_id": 954_889, "shop_domain": SHOP, "orders_to_redact": [1, 2],
        "customer": { "id": PAT, "email": "pat@example.com", "phone": "555-625-1199" },
    })
}

/// How often a text stands anywhere in the tables that hold what a shop has sent.
async fn mentions(scene: &Scene, text: &str) -> i64 {
    let mut sum = 0;
    for table in ["events", "deliveries", "pipeline_jobs", "steps", "effects", "workflow_related_records"] {
        let row = if table == "deliveries" { "convert_from(body, 'UTF8')" } else { "t::text" };
        sum += scene
            .database
            .count(&format!("select count(*) from {table} t where {row} like '%{text}%'"))
            .await;
    }
    sum
}

#[tokio::test]
async fn a_person_is_told_what_is_kept() {
    let scene = booked().await;
    let asked = json!({
        "shop_id": 954_889, "shop_domain": SHOP, "orders_requested": [1, 2], "data_request": { "id": 9999 },
        "customer": { "id": PAT, "email": "pat@example.com", "phone": "555-625-1199" },
    });
    let job_id = request(&scene, ("customers", "data_request"), asked).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    let result = scene.result(job_id).await;
    assert_eq!(result["summary"], format!("The report tells what is kept about customer {PAT} of {SHOP}."));
    let report = scene.aws.object(result["report"]["key"].as_str().unwrap()).await;
    let report: Value = serde_json::from_slice(&report).unwrap();
    let about: Vec<&Value> =
        report["events"].as_array().unwrap().iter().map(|event| &event["topic"]).collect();
    assert_eq!(about, ["orders/paid", "orders/paid", "customers/data_request"]);
    assert!(
        report.to_string().contains("pat@example.com") && !report.to_string().contains("kim@example.com")
    );
}

#[tokio::test]
async fn a_person_who_wants_to_be_forgotten_is() {
    let scene = booked().await;
    let asked = json!({ "orders_requested": [1, 2], "customer": { "id": PAT, "email": "pat@example.com" } });
    let told = request(&scene, ("customers", "data_request"), asked).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), told).await, "COMPLETED");
    let kim = mentions(&scene, "kim@example.com").await;
    assert!(mentions(&scene, "pat@example.com").await > 5);

    let job_id = request(&scene, ("customers", "redact"), redact_pat()).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(mentions(&scene, "pat@example.com").await, 0);
    assert_eq!(mentions(&scene, "555-625-1199").await, 0);
    assert_eq!(mentions(&scene, "kim@example.com").await, kim);
    let result = scene.result(job_id).await;
    assert_eq!((&result["events"], &result["deliveries"]), (&json!(4), &json!(4)));
    let report = scene.aws.object(scene.result(told).await["report"]["key"].as_str().unwrap()).await;
    assert!(!String::from_utf8(report).unwrap().contains("pat@example.com"));
    // What is no person's stays: the amounts, and that there was an order.
    let kept = "select payload ->> 'total_price' from events where resource_id = '1'";
    assert_eq!(scene.database.text(kept).await, "10.00");
}

#[tokio::test]
async fn a_shop_that_has_left_leaves_nothing_of_its_customers() {
    let scene = booked().await;
    let other = scene.database.tenant("other").await;
    scene.database.connect_account(other, Provider::Shopify, "other-shop.myshopify.com").await;
    let job_id =
        request(&scene, ("shop", "redact"), json!({ "shop_id": 954_889, "shop_domain": SHOP })).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    for email in ["pat@example.com", "kim@example.com"] {
        assert_eq!(mentions(&scene, email).await, 0, "{email}");
    }
    assert_eq!(
        scene.result(job_id).await["summary"],
        format!("The personal data of all customers of {SHOP} is removed from 4 events and 4 deliveries.")
    );
}

/// A shop that two tenants have connected: each removes its own events, and the delivery, which is nobody's alone.
#[tokio::test]
async fn another_tenant_keeps_its_own_events() {
    let scene = booked().await;
    let stranger = scene.database.tenant("stranger").await;
    scene.database.connect_account(stranger, Provider::Shopify, SHOP).await;
    let order = order(4, PAT, "pat@example.com");
    scene.seed("shopify", "order", order.clone()).await;
    let ours = |jobs: Vec<(TenantId, JobId)>| {
        jobs.into_iter().find(|(tenant_id, _)| *tenant_id == scene.tenant_id).unwrap().1
    };
    let booking = ours(deliver(&scene, ("orders", "create"), order).await);
    assert_eq!(scene.run_to_the_end(&scene.worker(), booking).await, "COMPLETED");
    let mut asked = redact_pat();
    asked["orders_to_redact"] = json!([1, 2, 4]);
    let ours = ours(deliver(&scene, ("customers", "redact"), asked).await);
    assert_eq!(scene.run_to_the_end(&scene.worker(), ours).await, "COMPLETED");
    let left = "select count(*) from events where payload::text like '%pat@example.com%' and tenant_id = ";
    assert_eq!(scene.database.count(&format!("{left} '{}'", scene.tenant_id)).await, 0);
    assert_eq!(scene.database.count(&format!("{left} '{stranger}'")).await, 2);
}

/// It may wait for days, as this one does for somebody to connect Xero again.
#[tokio::test]
async fn a_job_that_still_runs_is_cancelled_and_its_data_removed() {
    let scene = Scene::empty().await;
    let order = order(1, PAT, "pat@example.com");
    scene.seed("shopify", "order", order.clone()).await;
    let live = deliver(&scene, ("orders", "paid"), order).await[0].1;
    scene.fault(json!({ "provider": "xero", "fault": "revoke" })).await;
    let worker = scene.worker();
    handle(&worker, scene.ring(live)).await;
    assert_eq!(scene.job_column(live, "status || ' ' || waiting_reason").await, "QUEUED reauthorisation");

    let job_id = request(&scene, ("customers", "redact"), redact_pat()).await;
    handle(&worker, scene.ring(job_id)).await;
    assert_eq!(scene.job_column(job_id, "status || ' ' || waiting_reason").await, "QUEUED other job");
    assert_eq!(scene.run_to_the_end(&worker, live).await, "CANCELLED");
    assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
    assert_eq!(mentions(&scene, "pat@example.com").await, 0);
    assert_eq!(scene.writes().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_job_whose_data_was_removed_does_not_run_again_and_says_why() {
    let scene = Scene::empty().await;
    let order = order(1, PAT, "pat@example.com");
    scene.seed("shopify", "order", order.clone()).await;
    let failed = deliver(&scene, ("orders", "paid"), order).await[0].1;
    let refused = json!({
        "provider": "xero", "match": { "method": "PUT", "path": "Invoices" }, "fault": "status", "status": 400,
    });
    scene.fault(refused).await;
    let worker = scene.worker();
    assert_eq!(scene.run_to_the_end(&worker, failed).await, "FAILED");
    let job_id = request(&scene, ("customers", "redact"), redact_pat()).await;
    assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");

    scene.retry(failed).await;
    assert_eq!(scene.run_to_the_end(&worker, failed).await, "FAILED");
    assert_eq!(
        scene.job_column(failed, "error_message").await,
        format!("the personal data of this job was removed by job {job_id}, so it cannot run again")
    );
    assert_eq!(mentions(&scene, "pat@example.com").await, 0);
    assert!(scene.aws.receive(&scene.dead_letter_queue_url).await.is_empty(), "it is nothing to look into");
}

/// As when a shop asks for the same person twice, or for him and then for all.
#[tokio::test]
async fn two_removals_at_once_both_end_and_nothing_is_left() {
    let scene = booked().await;
    let one = request(&scene, ("customers", "redact"), redact_pat()).await;
    let mut again = redact_pat();
    again["data_request"] = json!({ "id": 2 });
    let other = request(&scene, ("customers", "redact"), again).await;
    let worker = scene.worker();
    for job_id in [one, other] {
        assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
    }
    for text in ["pat@example.com", "555-625-1199"] {
        assert_eq!(mentions(&scene, text).await, 0, "{text}");
    }
}

#[tokio::test]
async fn a_worker_killed_anywhere_is_resumed_and_removes_everything() {
    for place in ["begun", "worked", "recorded"] {
        let scene = booked().await;
        let job_id = request(&scene, ("customers", "redact"), redact_pat()).await;
        assert!(scene.dies_at(job_id, &format!("{place}:remove-personal-data=return")).await, "{place}");
        scene.hurry().await;
        assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED", "{place}");
        assert_eq!(mentions(&scene, "pat@example.com").await, 0, "{place}");
    }
}

#[tokio::test]
async fn what_was_only_tried_or_called_for_is_forgotten_as_well() {
    let scene = booked().await;
    let about = |order_id: &str| json!({ "shop": SHOP, "order_id": order_id });
    let tried = scene.try_out(Workflow::ShopifyOrderToXero, about("1"), None).await;
    let called_for = scene.start(Workflow::ShopifyOrderToXero, about("2"), None).await;
    // As a call leaves it.
    let by_hand = format!("update pipeline_jobs set triggered_by = 'user/1' where job_id = '{called_for}'");
    scene.database.superuser().await.batch_execute(&by_hand).await.unwrap();
    for job_id in [tried, called_for] {
        assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    }
    let job_id = request(&scene, ("customers", "redact"), redact_pat()).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(mentions(&scene, "pat@example.com").await, 0);
}
