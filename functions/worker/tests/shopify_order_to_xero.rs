//! A paid order on its way into the books, against the simulator.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use scene::{SHOP, Scene, handle};
use serde_json::{Value, json};
use zixly_domain::{JobId, Workflow};

const ORDER_ID: &str = "5726128734520";

/// As a webhook carries it.
fn order(change: Value) -> Value {
    let mut order = json!({
        "id": 5_726_128_734_520_u64, "name": "#1002", "email": "pat@example.com", "financial_status": "paid",
        "currency": "EUR", "total_price": "238.47", "subtotal_price": "224.97", "total_tax": "13.50",
        "taxes_included": false, "total_discounts": "0.00", "test": false, "cancelled_at": null,
        "customer": {
            "id": 115_310_627_314_723_954_u64, "email": "pat@example.com", "first_name": "Pat", "last_name": "O'Neil",
        },
        "line_items": [{ "id": 1, "title": "Mug", "quantity": 2, "price": "112.485", "sku": "MUG-1" }],
        "created_at": "2026-10-01T17:28:06-05:00", "processed_at": "2026-10-01T17:28:06-05:00",
        "updated_at": "2026-10-01T17:28:09-05:00",
    });
    for (name, value) in change.as_object().unwrap() {
        order[name] = value.clone();
    }
    order
}

async fn scene_with(change: Value) -> (Scene, JobId) {
    let scene = Scene::empty().await;
    scene.seed("shopify", "order", order(change)).await;
    let job_id = job(&scene, ORDER_ID).await;
    (scene, job_id)
}

async fn job(scene: &Scene, order_id: &str) -> JobId {
    scene.start(Workflow::ShopifyOrderToXero, json!({ "shop": SHOP, "order_id": order_id }), None).await
}

fn paths(writes: &[Value]) -> Vec<String> {
    let path = |write: &Value| format!("{} {}", write["method"], write["path"]).replace('"', "");
    writes.iter().map(path).collect()
}

const ALL_WRITES: [&str; 3] =
    ["PUT /api.xro/2.0/Contacts", "PUT /api.xro/2.0/Invoices?unitdp=4", "PUT /api.xro/2.0/Payments"];

#[tokio::test]
async fn a_paid_order_becomes_a_paid_invoice_and_leaves_a_report() {
    let (scene, job_id) = scene_with(json!({})).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");

    let writes = scene.writes().await;
    assert_eq!(paths(&writes), ALL_WRITES);
    assert_eq!(
        writes[0]["body"]["Contacts"][0],
        json!({
            "Name": "Pat O'Neil", "FirstName": "Pat", "LastName": "O'Neil", "EmailAddress": "pat@example.com",
            "ContactNumber": "shopify-115310627314723954",
        })
    );
    let invoice = &writes[1]["body"]["Invoices"][0];
    assert_eq!(
        (&invoice["InvoiceNumber"], &invoice["Reference"]),
        (&json!("SHOP-5726128734520"), &json!("#1002"))
    );
    assert_eq!((&invoice["Date"], &invoice["LineAmountTypes"]), (&json!("2026-10-01"), &json!("Exclusive")));
    assert_eq!(
        invoice["LineItems"],
        json!([{
            "Description": "Mug (MUG-1)", "Quantity": 2, "UnitAmount": 112.485, "TaxAmount": 13.5, "AccountCode": "200",
        }])
    );
    let payment = &writes[2]["body"]["Payments"][0];
    assert_eq!((&payment["Amount"], &payment["Account"]["Code"]), (&json!(238.47), &json!("970")));

    let result = scene.result(job_id).await;
    assert_eq!(result["summary"], "Order #1002 is invoice SHOP-5726128734520 in Xero, paid.");
    let report = scene.aws.object(result["report"]["key"].as_str().unwrap()).await;
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!((&report["amount"], &report["currency"]), (&json!("238.47"), &json!("EUR")));
    assert_eq!(scene.job_column(job_id, "about").await, "#1002");
    assert_eq!(
        scene
            .database
            .text(
                "select string_agg(system_name || ' ' || record_type || ' ' || action, ', ' order by created_at)
                   from workflow_related_records"
            )
            .await,
        "shopify order READ, xero contact CREATE, xero invoice CREATE, xero payment CREATE"
    );
}

#[tokio::test]
async fn another_job_for_the_same_order_writes_nothing_again() {
    let (scene, first) = scene_with(json!({})).await;
    let worker = scene.worker();
    assert_eq!(scene.run_to_the_end(&worker, first).await, "COMPLETED");
    let second = job(&scene, ORDER_ID).await;
    assert_eq!(scene.run_to_the_end(&worker, second).await, "COMPLETED");
    assert_eq!(paths(&scene.writes().await), ALL_WRITES);
    assert_eq!(scene.result(second).await["invoice_id"], scene.result(first).await["invoice_id"]);
}

#[tokio::test]
async fn a_customer_whom_xero_knows_is_not_made_again() {
    let (scene, job_id) = scene_with(json!({})).await;
    let known = scene
        .seed("xero", "contact", json!({ "Name": "O'Neil, Pat", "EmailAddress": "pat@example.com" }))
        .await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    let writes = scene.writes().await;
    assert_eq!(paths(&writes), ALL_WRITES[1..]);
    assert_eq!(writes[0]["body"]["Invoices"][0]["Contact"], json!({ "ContactID": known["ContactID"] }));
}

#[tokio::test]
async fn a_customer_who_shares_his_name_with_another_gets_one_that_tells_them_apart() {
    let (scene, job_id) = scene_with(json!({})).await;
    scene
        .seed("xero", "contact", json!({ "Name": "Pat O'Neil", "EmailAddress": "another@example.com" }))
        .await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    let writes = scene.writes().await;
    assert_eq!(paths(&writes), ALL_WRITES);
    assert_eq!(writes[0]["body"]["Contacts"][0]["Name"], "Pat O'Neil (shopify-115310627314723954)");
}

/// Xero's filter cannot ask for the address, so only our own number tells that the contact is there.
#[tokio::test]
async fn a_customer_with_an_unusual_address_is_made_once_though_the_answer_is_lost() {
    let (scene, job_id) = scene_with(json!({ "email": "\"pat\"@example.com" })).await;
    let lost = json!({ "provider": "xero", "match": { "method": "PUT", "path": "Contacts" }, "fault": "malformed", "times": 1 });
    scene.fault(lost).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(paths(&scene.writes().await), ALL_WRITES);
}

/// Who was put away may have been put away on purpose: his owner hears of it, and nobody makes him a second time.
#[tokio::test]
async fn an_archived_customer_is_reported_and_booked_on_once_restored() {
    let (number, email) = ("shopify-115310627314723954", "pat@example.com");
    for known_by in [json!({ "ContactNumber": number }), json!({ "EmailAddress": email })] {
        let (scene, job_id) = scene_with(json!({})).await;
        let mut contact =
            json!({ "ContactID": "430fa14a-f945-44d3-9f97-5df5e28441b8", "Name": "Pat O'Neil" });
        contact.as_object_mut().unwrap().extend(known_by.as_object().unwrap().clone());
        contact["ContactStatus"] = json!("ARCHIVED");
        scene.seed("xero", "contact", contact.clone()).await;
        let worker = scene.worker();
        assert_eq!(scene.run_to_the_end(&worker, job_id).await, "FAILED");
        assert_eq!(
            scene.job_column(job_id, "error_message").await,
            "find-contact: the customer's contact in Xero is archived (430fa14a-f945-44d3-9f97-5df5e28441b8); \
             restore it there, then retry the job"
        );
        assert_eq!(scene.writes().await, Vec::<Value>::new());

        contact["ContactStatus"] = json!("ACTIVE");
        scene.seed("xero", "contact", contact).await;
        scene.retry(job_id).await;
        assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
        assert_eq!(paths(&scene.writes().await), ALL_WRITES[1..]);
    }
}

#[tokio::test]
async fn an_order_without_a_customer_is_booked_on_a_guest() {
    let (scene, job_id) = scene_with(json!({ "customer": null, "email": null })).await;
    let worker = scene.worker();
    assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
    scene.seed("shopify", "order", order(json!({ "id": 2, "customer": null, "email": null }))).await;
    let second = job(&scene, "2").await;
    assert_eq!(scene.run_to_the_end(&worker, second).await, "COMPLETED");
    let writes = scene.writes().await;
    assert_eq!(writes.len(), 5, "both orders share the guest");
    assert_eq!(writes[0]["body"]["Contacts"][0]["Name"], format!("Guests of {SHOP}"));
}

#[tokio::test]
async fn two_orders_of_a_new_customer_at_once_make_one_contact() {
    let (scene, first) = scene_with(json!({})).await;
    scene.seed("shopify", "order", order(json!({ "id": 2, "name": "#1003" }))).await;
    let second = job(&scene, "2").await;
    let (one, two) = (scene.worker(), scene.worker());
    tokio::join!(handle(&one, scene.ring(first)), handle(&two, scene.ring(second)));
    for job_id in [first, second] {
        assert_eq!(scene.run_to_the_end(&one, job_id).await, "COMPLETED");
    }
    let writes = paths(&scene.writes().await);
    assert_eq!(writes.iter().filter(|path| path.ends_with("Contacts")).count(), 1, "{writes:?}");
    assert_eq!(writes.len(), 5, "{writes:?}");
}

#[tokio::test]
async fn shipping_discounts_and_taxes_come_to_what_was_paid() {
    let (scene, job_id) = scene_with(json!({
        "line_items": [
            { "id": 1, "title": "Mug", "quantity": 3, "price": "9.99" },
            { "id": 2, "title": "Tea", "quantity": 1, "price": "5.555" },
        ],
        "shipping_lines": [{ "title": "Post", "price": "4.90" }],
        "total_discounts": "3.50", "total_tax": "7.02", "total_price": "44.00",
    }))
    .await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    // Xero refuses a payment of more than the invoice comes to, and does not call an invoice paid for less.
    assert_eq!(paths(&scene.writes().await), ALL_WRITES);
    assert_eq!(scene.paid_xero_invoices().await, ["SHOP-5726128734520"]);
}

#[tokio::test]
async fn an_order_with_more_lines_than_a_page_is_booked_whole() {
    let lines: Vec<Value> = (1..=120)
        .map(|n| json!({ "id": n, "title": format!("Part {n}"), "quantity": 1, "price": "1.00" }))
        .collect();
    let (scene, job_id) =
        scene_with(json!({ "line_items": lines, "total_tax": "0.00", "total_price": "120.00" })).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    let writes = scene.writes().await;
    assert_eq!(writes[1]["body"]["Invoices"][0]["LineItems"].as_array().unwrap().len(), 120);
}

async fn ends_with_nothing_to_do(change: Value, summary: &str) {
    let (scene, job_id) = scene_with(change).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(scene.result(job_id).await, json!({ "outcome": "nothing to do", "summary": summary }));
    assert_eq!(scene.writes().await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_is_no_paid_order_ends_the_job_in_words() {
    ends_with_nothing_to_do(json!({ "financial_status": "pending" }), "Order #1002 is PENDING, not PAID.")
        .await;
    ends_with_nothing_to_do(json!({ "test": true }), "Order #1002 is a test.").await;
    ends_with_nothing_to_do(json!({ "cancelled_at": "2026-10-02T00:00:00Z" }), "Order #1002 is cancelled.")
        .await;
    ends_with_nothing_to_do(
        json!({ "id": 7 }),
        "Shopify shows no order 5726128734520: it is gone, or older than the app may see.",
    )
    .await;
}

#[tokio::test]
async fn each_write_whose_answer_is_lost_is_found_and_not_repeated() {
    for path in ["Contacts", "Invoices", "Payments"] {
        let (scene, job_id) = scene_with(json!({})).await;
        let lost = json!({
            "provider": "xero", "match": { "method": "PUT", "path": path }, "fault": "malformed", "times": 1,
        });
        scene.fault(lost).await;
        assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED", "{path}");
        assert_eq!(paths(&scene.writes().await), ALL_WRITES, "{path}");
        let looks = scene.database.count("select count(*) from effects where settled_by = 'look'").await;
        assert_eq!(looks, 1, "{path}");
    }
}

/// The first attempt is slower than its timeout: what it wrote is there, and the second is refused for it.
#[tokio::test]
async fn a_write_that_is_refused_because_it_is_there_is_found() {
    let (scene, job_id) = scene_with(json!({})).await;
    let number = "SHOP-5726128734520";
    scene.seed_invoice(json!({ "InvoiceNumber": number, "Status": "AUTHORISED", "AmountPaid": 0, "AmountDue": 238.47, "Total": 238.47 })).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(paths(&scene.writes().await), [ALL_WRITES[0], ALL_WRITES[2]]);
    assert_eq!(scene.result(job_id).await["invoice_id"], scene::INVOICE_ID);
}

#[tokio::test]
async fn a_throttled_query_is_waited_out_at_no_attempt() {
    let (mut scene, job_id) = scene_with(json!({})).await;
    scene
        .fault(json!({ "provider": "shopify", "fault": "rate_limit", "retry_after_s": 7, "times": 4 }))
        .await;
    for _ in 0..4 {
        handle(&scene.worker(), scene.ring(job_id)).await;
        assert_eq!(scene.job_column(job_id, "waiting_reason").await, "rate budget");
        let wait_s: f64 =
            scene.job_column(job_id, "extract(epoch from due_at - now())").await.parse().unwrap();
        assert!((6.0..=8.5).contains(&wait_s), "waits {wait_s} s");
        scene.outwait_limits().await;
    }
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
}

#[tokio::test]
async fn a_revoked_authorisation_parks_the_job_and_says_so() {
    for provider in ["shopify", "xero"] {
        let (scene, job_id) = scene_with(json!({})).await;
        scene.fault(json!({ "provider": provider, "fault": "revoke" })).await;
        let worker = scene.worker();
        handle(&worker, scene.ring(job_id)).await;
        assert_eq!(
            scene.job_column(job_id, "status || ' ' || waiting_reason").await,
            "QUEUED reauthorisation"
        );
        let state = format!("select status from connections where provider = '{provider}'");
        assert_eq!(scene.database.text(&state).await, "NEEDS_AUTHORISATION");
        let calls = scene.calls().await;
        scene.hurry().await;
        handle(&worker, scene.ring(job_id)).await;
        assert_eq!(scene.calls().await, calls, "nobody is called in vain");
    }
}

#[tokio::test]
async fn an_expired_token_is_refreshed_once_and_the_new_pair_kept() {
    let (scene, job_id) = scene_with(json!({})).await;
    scene.fault(json!({ "provider": "shopify", "fault": "expire" })).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    let another = job(&scene, ORDER_ID).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), another).await, "COMPLETED");
    let refreshes = scene.calls().await.into_iter().filter(|call| call.contains("access_token")).count();
    assert_eq!(refreshes, 1);
}

#[tokio::test]
async fn without_credentials_for_a_provider_its_jobs_wait_and_others_run() {
    let mut scene = Scene::paid_invoice().await;
    scene.seed("shopify", "order", order(json!({}))).await;
    let secret = json!({
        "database_url": scene.database.url(zixly_testkit::Role::Worker),
        "xero_client_id": "client", "xero_client_secret": "x", "hubspot_client_id": "client", "hubspot_client_secret": "x",
    });
    let name = scene.aws.secret("worker-of-before", &secret.to_string()).await;
    scene.settings.insert("FUNCTION_SECRET_ARN".to_owned(), name);
    let (order, invoice) = (job(&scene, ORDER_ID).await, scene.job_for_invoice(1).await);
    let worker = scene.worker();
    handle(&worker, scene.ring(order)).await;
    assert_eq!(scene.job_column(order, "status || ' ' || waiting_reason").await, "QUEUED backoff");
    assert_eq!(scene.run_to_the_end(&worker, invoice).await, "COMPLETED");
}
