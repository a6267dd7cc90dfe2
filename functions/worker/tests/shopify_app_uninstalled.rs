//! A shop removes the app, against the simulator and the local AWS.

mod scene;

use scene::{SHOP, Scene, handle};
use serde_json::json;
use zixly_domain::{JobId, Provider, Workflow};

const STATUS: &str = "select status from connections where provider = 'shopify'";

async fn removed(scene: &Scene) -> JobId {
    scene.fault(json!({ "provider": "shopify", "fault": "revoke" })).await;
    job(scene).await
}

async fn job(scene: &Scene) -> JobId {
    scene.start(Workflow::ShopifyAppUninstalled, json!({ "shop": SHOP }), None).await
}

#[tokio::test]
async fn the_connection_ends_and_the_tokens_are_never_used_again() {
    let scene = Scene::empty().await;
    let worker = scene.worker();
    // It has the tokens in its memory already.
    let order = json!({ "shop": SHOP, "order_id": "1" });
    let before = scene.start(Workflow::ShopifyOrderToXero, order.clone(), None).await;
    assert_eq!(scene.run_to_the_end(&worker, before).await, "COMPLETED");

    let job_id = removed(&scene).await;
    assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
    assert_eq!(scene.database.text(STATUS).await, "NEEDS_AUTHORISATION");
    assert!(scene.token_sets().fetch(scene.shopify_token_set).await.is_err());
    assert_eq!(
        scene.result(job_id).await["summary"],
        format!("{SHOP} has removed the app: it is disconnected, and its tokens are gone.")
    );

    let calls = scene.calls().await;
    let after = scene.start(Workflow::ShopifyOrderToXero, order, None).await;
    for worker in [&worker, &scene.worker()] {
        handle(worker, scene.ring(after)).await;
        scene.hurry().await;
    }
    assert_eq!(scene.job_column(after, "waiting_reason").await, "reauthorisation");
    assert_eq!(scene.calls().await, calls);
    assert!(scene.token_sets().fetch(scene.xero_token_set).await.is_ok(), "nobody else's tokens went");
}

#[tokio::test]
async fn a_shop_that_still_lets_us_in_keeps_its_connection() {
    let scene = Scene::empty().await;
    let job_id = job(&scene).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(
        scene.result(job_id).await["summary"],
        format!("{SHOP} still lets us in, so it has not removed the app.")
    );
    assert_eq!(scene.database.text(STATUS).await, "HEALTHY");
    assert!(scene.token_sets().fetch(scene.shopify_token_set).await.is_ok());
}

#[tokio::test]
async fn a_shop_that_has_come_back_keeps_its_new_tokens() {
    let scene = Scene::empty().await;
    let job_id = job(&scene).await;
    let (_, token_set) = scene.database.connect_account(scene.tenant_id, Provider::Shopify, SHOP).await;
    scene.grant("shopify", SHOP, token_set).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(scene.result(job_id).await["outcome"], "nothing to do");
    assert_eq!(scene.database.text(STATUS).await, "HEALTHY");
    assert!(scene.token_sets().fetch(token_set).await.is_ok());
}

#[tokio::test]
async fn it_can_be_told_twice_and_of_a_shop_that_nobody_knows() {
    let scene = Scene::empty().await;
    let worker = scene.worker();
    for _ in 0..2 {
        let job_id = removed(&scene).await;
        assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
    }
    let stranger = json!({ "shop": "stranger.myshopify.com" });
    let job_id = scene.start(Workflow::ShopifyAppUninstalled, stranger, None).await;
    assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
    assert_eq!(scene.result(job_id).await["outcome"], "nothing to do");
}

#[tokio::test]
async fn a_worker_killed_anywhere_is_resumed_and_the_tokens_go() {
    for place in
        ["recorded:ask-shop", "worked:end-connection", "recorded:end-connection", "worked:remove-tokens"]
    {
        let scene = Scene::empty().await;
        let job_id = removed(&scene).await;
        assert!(scene.dies_at(job_id, &format!("{place}=return")).await, "{place}");
        scene.hurry().await;
        assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED", "{place}");
        assert!(scene.token_sets().fetch(scene.shopify_token_set).await.is_err(), "{place}");
    }
}
