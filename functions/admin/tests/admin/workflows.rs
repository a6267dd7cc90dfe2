//! A workflow is switched on with settings that are looked at first.

use lambda_http::http::{Method, StatusCode};
use serde_json::{Value, json};
use zixly_domain::Provider;

use crate::scene::{CONTRACT, Scene, text};

const WORKFLOWS: &str = "/api/admin/workflows";

#[tokio::test]
async fn a_workflow_says_what_it_needs_and_keeps_what_is_set() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let admin = scene.admin(tenant).await;
    scene.database.connect_account(tenant, Provider::Xero, "org").await;
    scene.database.connect_account(tenant, Provider::Slack, "T1").await;
    let list = scene.get(WORKFLOWS, &admin).await;
    let main = &list["workflows"][0];
    assert_eq!(main["job_type"], "xero-invoice-to-hubspot");
    assert_eq!(main["needs"], json!(["xero", "hubspot"]));
    assert_eq!(main["missing"], json!(["hubspot"]));
    let settings = json!({
        "lifecycle_stage": "customer",
        "notifications": [{ "to": "slack", "team": "T1", "channel": "C1" }],
    });
    let change = json!({ "is_enabled": false, "settings": settings });
    let path = format!("{WORKFLOWS}/xero-invoice-to-hubspot");
    let set = scene.json(Method::PUT, &path, &admin, Some(&change), StatusCode::OK).await;
    assert_eq!((&set["is_enabled"], &set["settings"]), (&Value::Bool(false), &settings));
    assert_eq!(scene.deeds(tenant).await, ["workflow.set"]);
    let before = scene.database.text("select before ->> 'is_enabled' from audit_log").await;
    assert_eq!(before, "true");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_field_by_field() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let admin = scene.admin(tenant).await;
    for (workflow, settings, field) in [
        ("xero-invoice-to-hubspot", json!({ "amount_property": "No such name" }), "settings.amount_property"),
        ("xero-invoice-to-hubspot", json!({ "sales_account": "200" }), "settings.sales_account"),
        ("shopify-order-to-xero", json!({ "sales_account": "two hundred" }), "settings.sales_account"),
        ("hubspot-deal-to-asana", json!({ "workspace": "12345" }), "settings.workspace"),
        ("asana-task-to-hubspot", json!({ "projects": ["x"] }), "settings.projects[0]"),
        (
            "trading-sweep",
            json!({ "notifications": [{ "to": "slack", "team": "T9", "channel": "C1" }] }),
            "settings.notifications[0].team",
        ),
    ] {
        let change = json!({ "is_enabled": true, "settings": settings });
        let path = format!("{WORKFLOWS}/{workflow}");
        let answer = scene.ask(Method::PUT, &path, &admin, Some(&change)).await;
        CONTRACT.assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY);
        let problem: Value = serde_json::from_str(&text(&answer)).unwrap();
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    assert!(scene.deeds(tenant).await.is_empty());
    let change = json!({ "is_enabled": true, "settings": {} });
    for unknown in ["fax", "xero-paid-invoices-poll"] {
        let answer = scene.ask(Method::PUT, &format!("{WORKFLOWS}/{unknown}"), &admin, Some(&change)).await;
        CONTRACT.assert_problem(&answer, StatusCode::NOT_FOUND);
    }
}
