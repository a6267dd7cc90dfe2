//! Webhooks are made where they are missing, and made anew when a provider has dropped them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use scene::{Scene, records::PROJECT};
use serde_json::{Value, json};
use zixly_domain::Workflow;

const SHOPIFY: Workflow = Workflow::ShopifyWebhooksCheck;
const ASANA: Workflow = Workflow::AsanaWebhooksCheck;
const SECOND: &str = "1200000000000060";
const GONE: &str = "1299999999999999";

/// Runs the next check, and gives its result.
async fn check(scene: &Scene, workflow: Workflow) -> Value {
    let job_id = scene.poll(workflow).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    scene.database.superuser().await.batch_execute("update polls set next_at = now()").await.unwrap();
    scene.result(job_id).await
}

/// The provider has dropped all webhooks, as after failing deliveries.
async fn drop_webhooks(scene: &Scene, provider: &str) {
    let url = format!("{}/_sim/subscriptions?provider={provider}", scene.simulator.url);
    let answer = zixly_connectors::http_client().delete(url).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
}

/// Paths and bodies of the writes that were taken since this was last asked for `before` of them.
async fn writes_after(scene: &Scene, before: usize) -> Vec<Value> {
    scene.writes().await.split_off(before)
}

async fn watch(scene: &Scene, projects: &[&str]) {
    scene.settle(Workflow::AsanaTaskToHubspot, json!({ "projects": projects })).await;
}

async fn asana_scene() -> Scene {
    let scene = Scene::empty().await;
    for gid in [PROJECT, SECOND] {
        scene.seed("asana", "project", json!({ "gid": gid, "name": "Acme" })).await;
    }
    scene
}

async fn endpoint_of(scene: &Scene, project: &str) -> String {
    let endpoint = format!(
        "select coalesce(min(endpoint), 'none') from webhook_endpoints
          where resource_id = '{project}' and registering_until is null"
    );
    scene.database.text(&endpoint).await
}

#[tokio::test]
async fn a_shop_is_asked_to_tell_us_and_asked_again_when_it_has_stopped() {
    let scene = Scene::empty().await;
    let made = json!(["APP_UNINSTALLED", "ORDERS_CREATE", "ORDERS_PAID", "ORDERS_UPDATED"]);
    assert_eq!(check(&scene, SHOPIFY).await["made"], made);
    let address = format!("{}/webhook/shopify", scene.settings["PUBLIC_BASE_URL"]);
    for write in writes_after(&scene, 0).await {
        assert_eq!(write["body"]["variables"]["uri"], address, "{write}");
    }
    let again = check(&scene, SHOPIFY).await;
    assert_eq!(again["summary"], "All webhooks of demo-shop.myshopify.com are there.");
    assert_eq!(scene.writes().await.len(), 4);

    drop_webhooks(&scene, "shopify").await;
    assert_eq!(check(&scene, SHOPIFY).await["made"], made);
    assert_eq!(check(&scene, SHOPIFY).await["outcome"], "nothing to do");
}

#[tokio::test]
async fn after_a_move_the_webhooks_at_the_old_address_are_removed() {
    let mut scene = Scene::empty().await;
    check(&scene, SHOPIFY).await;
    let old = scene.settings["PUBLIC_BASE_URL"].clone();
    scene.settings.insert("PUBLIC_BASE_URL".to_owned(), old.replace("127.0.0.1", "localhost"));
    let moved = check(&scene, SHOPIFY).await;
    assert_eq!((moved["made"].as_array().unwrap().len(), &moved["removed"]), (4, &json!(4)));
    assert_eq!(check(&scene, SHOPIFY).await["outcome"], "nothing to do");
}

#[tokio::test]
async fn each_watched_project_has_a_webhook_with_an_endpoint_of_its_own() {
    let scene = asana_scene().await;
    watch(&scene, &[PROJECT, SECOND]).await;
    let made = check(&scene, ASANA).await;
    assert_eq!(made["made"], json!([format!("project {PROJECT}"), format!("project {SECOND}")]));
    let (first, second) = (endpoint_of(&scene, PROJECT).await, endpoint_of(&scene, SECOND).await);
    assert!(first != second && first.len() == 64 && second.len() == 64, "{first} {second}");
    let base = &scene.settings["PUBLIC_BASE_URL"];
    assert_eq!(
        scene.writes().await[0]["body"]["data"],
        json!({
            "resource": PROJECT,
            "target": format!("{base}/webhook/asana/{first}"),
            "filters": [{ "resource_type": "task", "action": "changed", "fields": ["completed"] }],
        })
    );
    let known =
        "select coalesce(string_agg(request::text || target || action || effect_key, ' '), '') from effects";
    let known = scene.database.text(known).await;
    assert!(!known.contains(&first) && !known.contains(&second), "an endpoint is for Asana alone: {known}");
    assert_eq!(check(&scene, ASANA).await["outcome"], "nothing to do");

    drop_webhooks(&scene, "asana").await;
    assert_eq!(check(&scene, ASANA).await["made"].as_array().unwrap().len(), 2);
    assert_ne!(endpoint_of(&scene, PROJECT).await, first, "what was agreed in a handshake is never replaced");
    assert_eq!(check(&scene, ASANA).await["outcome"], "nothing to do");
}

#[tokio::test]
async fn a_project_that_is_gone_is_named_and_keeps_no_other_from_being_watched() {
    let scene = asana_scene().await;
    watch(&scene, &[GONE, PROJECT]).await;
    let result = check(&scene, ASANA).await;
    assert_eq!(result["made"], json!([format!("project {PROJECT}")]));
    assert_eq!(
        result["summary"],
        format!(
            "Webhooks of the watched projects were made for project {PROJECT}. \
             There can be none for project {GONE} (this workspace shows no such project)."
        )
    );
    assert_eq!(scene.database.count("select count(*) from effects").await, 1);
}

#[tokio::test]
async fn a_project_that_is_watched_no_longer_loses_its_webhook() {
    let scene = asana_scene().await;
    watch(&scene, &[PROJECT, SECOND]).await;
    check(&scene, ASANA).await;
    watch(&scene, &[PROJECT]).await;
    assert_eq!(check(&scene, ASANA).await["removed"], 1);
    assert_eq!(endpoint_of(&scene, SECOND).await, "none");
    assert_eq!(check(&scene, ASANA).await["outcome"], "nothing to do");
    // Somebody else's endpoint, whose webhook we do not see, stays as it is.
    scene.watch_asana_project(SECOND).await;
    assert_eq!(check(&scene, ASANA).await["outcome"], "nothing to do");
    assert_ne!(endpoint_of(&scene, SECOND).await, "none");
}

#[tokio::test]
async fn the_projects_that_zixly_makes_are_watched() {
    let (scene, parameters) = Scene::with_record_for(Workflow::HubspotDealToAsana).await;
    let made = scene.start(Workflow::HubspotDealToAsana, parameters, None).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), made).await, "COMPLETED");
    let project = scene.result(made).await["project_gid"].as_str().unwrap().to_owned();
    assert_eq!(check(&scene, ASANA).await["made"], json!([format!("project {project}")]));
}

#[tokio::test]
async fn a_door_that_does_not_shake_hands_fails_no_check_and_is_tried_again() {
    let scene = asana_scene().await;
    watch(&scene, &[PROJECT]).await;
    scene.door.reset().await;
    let refused = check(&scene, ASANA).await;
    assert_eq!(refused["made"], json!([]));
    assert!(
        refused["refused"][0].as_str().unwrap().starts_with(&format!("project {PROJECT} (")),
        "{refused}"
    );
    assert_eq!(scene.database.text("select status from effects").await, "REFUSED");
}

#[tokio::test]
async fn without_a_public_address_nobody_is_asked() {
    let mut scene = Scene::empty().await;
    scene.settings.remove("PUBLIC_BASE_URL");
    for workflow in [SHOPIFY, ASANA] {
        assert_eq!(check(&scene, workflow).await["outcome"], "nothing to do");
    }
    assert_eq!(scene.calls().await, Vec::<String>::new());
}
