//! `POST /webhook/dry-runs`: a job that writes nothing, for a past event or a record.

use lambda_http::{
    Body, Response,
    http::{Method, StatusCode},
};
use serde_json::{Value, json};
use zixly_domain::{Role, TenantId, Workflow};
use zixly_queues::Message;

use crate::{
    contract::assert_problem,
    scene::{Delivery, Door, json_of, shopify_order, xero_invoices},
    triggers::generic,
};

const DRY_RUNS: &str = "/webhook/dry-runs";
const SHOP: &str = "corner.myshopify.com";

/// The id of the tenant's only event.
async fn event_of(door: &Door, tenant_id: TenantId) -> String {
    door.database.text(&format!("select event_id::text from events where tenant_id = '{tenant_id}'")).await
}

#[tokio::test]
async fn a_past_event_is_tried_although_its_workflow_is_off() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    door.switch(tenant_id, Workflow::XeroInvoiceToHubspot, false).await;
    door.post_signed(&xero_invoices(&[("org", "inv")])).await;
    assert_eq!(door.rows("pipeline_jobs").await, 0);
    let editor = door.user(tenant_id, Role::Editor).await;
    let settings = json!({ "lifecycle_stage": "evangelist" });
    let asked = json!({
        "job_type": "xero-invoice-to-hubspot", "event_id": event_of(&door, tenant_id).await, "settings": settings,
    });
    let answer = door.call(DRY_RUNS, &editor, &asked).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let job_id = door.job_id().await;
    assert_eq!(json_of(&answer)["job_id"], job_id.to_string());
    assert_eq!(door.rung().await, [Message::Ring { tenant_id, job_id }]);
    let job = "select jsonb_build_array(job_type, parameters, dry_run, event_id, business_key)::text from pipeline_jobs";
    assert_eq!(
        serde_json::from_str::<Value>(&door.database.text(job).await).unwrap(),
        json!([
            "xero-invoice-to-hubspot",
            { "organisation_id": "org", "invoice_id": "inv" },
            { "settings": settings },
            null,
            null,
        ])
    );
}

#[tokio::test]
async fn what_was_done_is_tried_again_beside_its_job() {
    let door = Door::new().await;
    let tenant_id = door.database.tenant("shop").await;
    door.database.connect_account(tenant_id, zixly_domain::Provider::Shopify, SHOP).await;
    door.deliver(&Delivery::shopify(SHOP, "orders/paid", "w1", &shopify_order(42))).await;
    let key = door.api_key(tenant_id).await;
    let asked = json!({ "job_type": "shopify-order-to-xero", "event_id": event_of(&door, tenant_id).await });
    for _ in 0..2 {
        assert_eq!(door.call(DRY_RUNS, &key, &asked).await.status(), StatusCode::ACCEPTED);
    }
    let jobs = "select count(*) filter (where dry_run is null) || ' ' || count(distinct parameters) || ' ' || count(*)
                  from pipeline_jobs";
    assert_eq!(door.database.text(jobs).await, "1 1 3");
}

#[tokio::test]
async fn every_workflow_but_the_sweep_can_be_tried_on_a_record() {
    let door = Door::new().await;
    let key = door.api_key(door.tenant("org").await).await;
    for workflow in Workflow::ALL {
        let body = match workflow.is_optional() {
            true => generic(*workflow),
            false => json!({ "job_type": workflow.as_str(), "parameters": {} }),
        };
        let answer = door.call(DRY_RUNS, &key, &body).await;
        match workflow.can_be_tried() {
            true => assert_eq!(answer.status(), StatusCode::ACCEPTED, "{workflow}"),
            false => assert_invalid(&answer, &["job_type"]),
        }
    }
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    door.post_signed(&xero_invoices(&[("org", "inv")])).await;
    let event_id = event_of(&door, tenant_id).await;
    let good = generic(Workflow::XeroInvoiceToHubspot);
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (body, fields) in [
        (json!({ "job_type": "xero-invoice-to-hubspot" }), vec!["event_id"]),
        (json!({ "job_type": "xero-invoice-to-hubspot", "event_id": "7" }), vec!["event_id"]),
        (with("event_id", json!(event_id)), vec!["parameters"]),
        (with("parameters", json!({ "invoice_id": "" })), vec!["parameters.organisation_id"]),
        (with("job_type", json!("fax")), vec!["job_type"]),
        (with("more", json!(1)), vec!["more"]),
        (with("settings", json!([])), vec!["settings"]),
        (
            with("settings", json!({ "tax_type": "X", "amount_property": "A B" })),
            vec!["settings.amount_property", "settings.tax_type"],
        ),
        (json!({ "job_type": "shopify-order-to-xero", "event_id": event_id }), vec!["event_id"]),
    ] {
        assert_invalid(&door.call(DRY_RUNS, &key, &body).await, &fields);
    }
    assert_eq!(door.database.count("select count(*) from pipeline_jobs where dry_run is not null").await, 0);
}

#[tokio::test]
async fn another_tenants_event_is_unknown() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    door.post_signed(&xero_invoices(&[("org", "inv")])).await;
    let other = door.api_key(door.tenant("org-2").await).await;
    let event_id = event_of(&door, tenant_id).await;
    let asked = json!({ "job_type": "xero-invoice-to-hubspot", "event_id": event_id });
    let answer = door.call(DRY_RUNS, &other, &asked).await;
    assert_problem(&answer, StatusCode::NOT_FOUND);
    assert_eq!(json_of(&answer)["detail"], format!("There is no event {event_id}."));
}

#[tokio::test]
async fn the_same_key_gives_the_same_dry_run_and_never_a_real_one() {
    let door = Door::new().await;
    let key = door.api_key(door.tenant("org").await).await;
    let body = generic(Workflow::XeroInvoiceToHubspot);
    let first = with_key(&door, DRY_RUNS, &key, &body).await;
    let again = with_key(&door, DRY_RUNS, &key, &body).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(json_of(&again), json_of(&first));
    assert_invalid(&with_key(&door, "/webhook/generic-job", &key, &body).await, &["Idempotency-Key"]);
    let mut other = body;
    other["settings"] = json!({});
    assert_invalid(&with_key(&door, DRY_RUNS, &key, &other).await, &["Idempotency-Key"]);
    assert_eq!(door.rows("pipeline_jobs").await, 1);
}

async fn with_key(door: &Door, path: &str, authorization: &str, body: &Value) -> Response<Body> {
    let headers = [("authorization", authorization), ("idempotency-key", "k1")];
    door.send(Method::POST, path, &headers, body.to_string().as_bytes()).await
}

#[track_caller]
fn assert_invalid(answer: &Response<Body>, fields: &[&str]) {
    assert_problem(answer, StatusCode::UNPROCESSABLE_ENTITY);
    let problem = json_of(answer);
    let named: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(named, fields, "{problem}");
}
