//! A dry run writes nothing anywhere, and says what a real run then writes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use scene::{
    SHOP, Scene,
    records::{DEAL, ORDER},
};
use serde_json::{Value, json};
use zixly_domain::{JobId, Provider, Workflow};

const NOT_MADE: &str = "dry-run";

/// The effects of a job: how it is, its key, who it is at, and what is written.
async fn effects(scene: &Scene, job_id: JobId) -> Vec<Value> {
    let effects = format!(
        "select coalesce(jsonb_agg(jsonb_build_array(status, effect_key, step, provider, target, action, request)
                                   order by effect_id), '[]')::text
           from effects where job_id = '{job_id}'"
    );
    serde_json::from_str(&scene.database.text(&effects).await).unwrap()
}

/// The same but for the ids of records that are not made.
fn is_like(tried: &Value, real: &Value) -> bool {
    match (tried, real) {
        (Value::String(tried), Value::String(_)) if tried == NOT_MADE => true,
        (Value::Object(tried), Value::Object(real)) => {
            tried.len() == real.len()
                && tried.iter().all(|(name, value)| real.get(name).is_some_and(|real| is_like(value, real)))
        }
        (tried, real) => tried == real,
    }
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_tells_what_a_real_run_then_writes() {
    for workflow in Workflow::ALL.iter().copied().filter(|workflow| workflow.can_be_tried()) {
        let (scene, parameters) = Scene::with_record_for(workflow).await;
        scene.tell_the_team(workflow).await;
        let worker = scene.worker();
        let tried = scene.try_out(workflow, parameters.clone(), None).await;
        assert_eq!(scene.run_to_the_end(&worker, tried).await, "COMPLETED", "{workflow}");
        assert_eq!(scene.writes().await, Vec::<Value>::new(), "{workflow}");
        let result = scene.result(tried).await;
        assert_eq!(result["outcome"], "dry run", "{workflow}: {result}");
        assert_eq!(result["notified"][0]["outcome"], "would_be_sent", "{workflow}: {result}");
        let count = async |query: &str| scene.database.count(query).await;
        assert_eq!(count("select count(*) from workflow_related_records where action <> 'READ'").await, 0);
        assert_eq!(count("select count(*) from pipeline_jobs where business_key is not null").await, 0);
        assert_eq!(count("select count(*) from steps where name = 'store-report'").await, 0);
        // A step that runs twice says it once.
        let would = effects(&scene, tried).await;
        for step in ["update-contact", "create-invoice", "create-task", "add-note", "notify"] {
            scene.forget_step(tried, step).await;
        }
        assert_eq!(scene.run_to_the_end(&worker, tried).await, "COMPLETED", "{workflow}");
        assert_eq!(effects(&scene, tried).await, would, "{workflow}");

        let real = scene.start(workflow, parameters, None).await;
        assert_eq!(scene.run_to_the_end(&worker, real).await, "COMPLETED", "{workflow}");
        let wrote = effects(&scene, real).await;
        assert_eq!((wrote.len(), scene.writes().await.len()), (would.len(), would.len()), "{workflow}");
        for (would, wrote) in would.iter().zip(&wrote) {
            assert_eq!((&would[0], &wrote[0]), (&json!("DRY_RUN"), &json!("DONE")), "{workflow}");
            let key = would[1].as_str().unwrap().strip_prefix(&format!("dry-run/{tried}/"));
            assert_eq!(key, wrote[1].as_str(), "{workflow}");
            assert_eq!(would.as_array().unwrap()[2..6], wrote.as_array().unwrap()[2..6], "{workflow}");
            assert!(is_like(&would[6], &wrote[6]), "{workflow}: {would} and {wrote}");
        }
        let summary = scene.result(real).await["summary"].as_str().unwrap().to_owned();
        assert_eq!(
            result["summary"],
            format!("Nothing was written. A real run would come to this: {summary}"),
            "{workflow}"
        );
    }
}

#[tokio::test]
async fn settings_that_are_not_saved_are_tried_and_saved_ones_are_used() {
    let (scene, parameters) = Scene::with_record_for(Workflow::ShopifyOrderToXero).await;
    scene.settle(Workflow::ShopifyOrderToXero, json!({ "payment_account": "971" })).await;
    let worker = scene.worker();
    let settings = json!({ "sales_account": "201", "tax_type": "OUTPUT2" });
    let tried = scene.try_out(Workflow::ShopifyOrderToXero, parameters.clone(), Some(settings)).await;
    let saved = scene.try_out(Workflow::ShopifyOrderToXero, parameters, None).await;
    for (job_id, accounts) in [(tried, ["201", "970"]), (saved, ["200", "971"])] {
        assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
        let effects = effects(&scene, job_id).await;
        let request = |step: &str| &effects.iter().find(|effect| effect[2] == step).unwrap()[6];
        let found = [&request("create-invoice")["account"], &request("record-payment")["account"]];
        assert_eq!(found, accounts);
    }
}

#[tokio::test]
async fn a_contact_gets_the_stage_that_its_owner_wants() {
    let (scene, parameters) = Scene::with_record_for(Workflow::XeroInvoiceToHubspot).await;
    scene.settle(Workflow::XeroInvoiceToHubspot, json!({ "lifecycle_stage": "evangelist" })).await;
    let job_id = scene.start(Workflow::XeroInvoiceToHubspot, parameters, None).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(scene.writes().await[0]["body"]["properties"]["lifecyclestage"], "evangelist");
}

#[tokio::test]
async fn of_two_workspaces_the_one_that_is_set_gets_the_project() {
    const OTHER: &str = "1200000000000777";
    let (scene, parameters) = Scene::with_record_for(Workflow::HubspotDealToAsana).await;
    let (_, token_set) = scene.database.connect_account(scene.tenant_id, Provider::Asana, OTHER).await;
    scene.grant("asana", OTHER, token_set).await;
    let worker = scene.worker();
    let unset = scene.start(Workflow::HubspotDealToAsana, parameters.clone(), None).await;
    assert_eq!(scene.run_to_the_end(&worker, unset).await, "FAILED");
    let settings = json!({ "workspace": OTHER, "task_name": "Los: {deal}" });
    scene.settle(Workflow::HubspotDealToAsana, settings).await;
    let job_id = scene.start(Workflow::HubspotDealToAsana, parameters, None).await;
    assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
    let writes = scene.writes().await;
    assert_eq!(writes[0]["body"]["data"]["workspace"], OTHER);
    assert_eq!(writes[1]["body"]["data"]["name"], "Los: Acme");
}

#[tokio::test]
async fn what_has_to_be_done_by_nobody_says_so_in_a_dry_run_as_well() {
    let scene = Scene::empty().await;
    let job_id =
        scene.try_out(Workflow::ShopifyOrderToXero, json!({ "shop": SHOP, "order_id": ORDER }), None).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(scene.result(job_id).await["outcome"], "nothing to do");
}

#[tokio::test]
async fn a_sweep_cannot_be_tried_whoever_asks() {
    let scene = Scene::empty().await;
    let job_id = scene.try_out(Workflow::TradingSweep, json!({ "ticker": DEAL }), None).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "FAILED");
    assert_eq!(
        scene.job_column(job_id, "error_message").await,
        "trading-sweep cannot be tried without doing it"
    );
    assert_eq!(scene.calls().await, Vec::<String>::new());
    assert_eq!(scene.database.count("select count(*) from callback_tokens").await, 0);
}

#[tokio::test]
async fn without_saved_settings_a_dry_run_goes_by_the_defaults() {
    let (scene, parameters) = Scene::with_record_for(Workflow::XeroInvoiceToHubspot).await;
    scene.database.superuser().await.batch_execute("delete from workflow_settings").await.unwrap();
    let job_id = scene.try_out(Workflow::XeroInvoiceToHubspot, parameters, None).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(effects(&scene, job_id).await[0][6]["properties"]["lifecyclestage"], "customer");
}
