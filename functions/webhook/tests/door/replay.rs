//! `POST /webhook/deliveries/{id}/replay`.

use lambda_http::http::StatusCode;
use serde_json::{Value, json};
use zixly_domain::{Provider, Workflow};
use zixly_queues::Message;

use crate::{
    contract::assert_problem,
    scene::{BASE_URL, Delivery, Door, asana_task, json_of, shopify_order, xero_invoices},
};

const SHOP: &str = "corner.myshopify.com";

#[tokio::test]
async fn what_was_switched_off_then_starts_its_job_now_and_only_once() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    door.switch(tenant_id, Workflow::XeroInvoiceToHubspot, false).await;
    door.post_signed(&xero_invoices(&[("org", "inv")])).await;
    let path = replay_path(&door).await;
    let why = "The workflow xero-invoice-to-hubspot is off, so Xero INVOICE UPDATE starts nothing.";
    assert_eq!(door.database.text("select unhandled from events").await, why);

    // It still is off.
    let answer = door.steer(&path, &key).await;
    assert_eq!((answer.status(), &json_of(&answer)["jobs"]), (StatusCode::ACCEPTED, &json!([])));
    assert_eq!(door.rows("pipeline_jobs").await, 0);

    door.switch(tenant_id, Workflow::XeroInvoiceToHubspot, true).await;
    let started = json_of(&door.steer(&path, &key).await);
    let job_id = door.job_id().await;
    let status_url = format!("{BASE_URL}/webhook/jobs/{job_id}");
    assert_eq!(started["jobs"], json!([{ "job_id": job_id.to_string(), "status_url": status_url }]));
    assert_eq!(door.rung().await, [Message::Ring { tenant_id, job_id }]);
    assert_eq!(door.database.count("select count(*) from events where unhandled is null").await, 1);

    door.sql("delete from outbox").await;
    assert_eq!(json_of(&door.steer(&path, &key).await)["jobs"], json!([]));
    assert_eq!((door.rows("events").await, door.rows("pipeline_jobs").await), (1, 1));
}

#[tokio::test]
async fn a_delivery_that_needs_its_headers_or_its_path_is_read_as_it_came() {
    let door = Door::new().await;
    let shop = door.tenant_at(Provider::Shopify, SHOP).await;
    let endpoint = door.registered_endpoint("w1").await;
    door.sql("update workflow_settings set enabled = false").await;
    door.deliver(&Delivery::shopify(SHOP, "orders/paid", "w1", &shopify_order(1))).await;
    door.deliver(&Delivery::asana(&endpoint, &asana_task("5"))).await;
    door.sql("update workflow_settings set enabled = true").await;
    let asana = door.database.text("select tenant_id::text from webhook_endpoints").await.parse().unwrap();
    for (tenant_id, provider) in [(shop, "shopify"), (asana, "asana")] {
        let key = door.api_key(tenant_id).await;
        let id = format!("select delivery_id::text from deliveries where provider = '{provider}'");
        let path = format!("/webhook/deliveries/{}/replay", door.database.text(&id).await);
        let started = json_of(&door.steer(&path, &key).await);
        assert_eq!(started["jobs"].as_array().map(Vec::len), Some(1), "{provider}: {started}");
    }
}

#[tokio::test]
async fn a_delivery_that_is_not_the_tenants_alone_is_unknown() {
    let door = Door::new().await;
    let (one, two) = (door.tenant("org-1").await, door.tenant("org-2").await);
    let (key, other_key) = (door.api_key(one).await, door.api_key(two).await);
    door.post_signed(&xero_invoices(&[("org-1", "a")])).await;
    let own = replay_path(&door).await;
    assert_problem(&door.steer(&own, &other_key).await, StatusCode::NOT_FOUND);
    assert_eq!(door.steer(&own, &key).await.status(), StatusCode::ACCEPTED);

    door.sql("delete from deliveries").await;
    door.post_signed(&xero_invoices(&[("org-1", "b"), ("org-2", "c")])).await;
    let shared = replay_path(&door).await;
    for path in [&shared, "/webhook/deliveries/01930000-0000-7000-8000-000000000000/replay"] {
        for key in [&key, &other_key] {
            assert_problem(&door.steer(path, key).await, StatusCode::NOT_FOUND);
        }
    }
    let not_an_id = door.steer("/webhook/deliveries/what/replay", &key).await;
    assert_problem(&not_an_id, StatusCode::NOT_FOUND);
    assert_eq!(json_of(&not_an_id)["detail"], "There is no delivery what.");
}

#[tokio::test]
async fn what_cannot_be_read_any_more_says_so() {
    let door = Door::new().await;
    let key = door.api_key(door.tenant_at(Provider::Shopify, SHOP).await).await;
    door.deliver(&Delivery::shopify(SHOP, "orders/paid", "w1", &shopify_order(1))).await;
    // As it is once the person in it was removed.
    door.sql(r#"update deliveries set body = '{"removed_by":"a job"}'"#).await;
    let answer = door.steer(&replay_path(&door).await, &key).await;
    assert_problem(&answer, StatusCode::CONFLICT);
    let detail = json_of(&answer)["detail"].take();
    assert!(matches!(&detail, Value::String(detail) if detail.contains("still cannot be read")), "{detail}");
    assert_eq!(door.rows("pipeline_jobs").await, 1);
}

async fn replay_path(door: &Door) -> String {
    format!(
        "/webhook/deliveries/{}/replay",
        door.database.text("select delivery_id::text from deliveries").await
    )
}
