//! Every step of every workflow: run twice it changes nothing the second time, killed anywhere it goes on, cancelled in
//! it the job ends before the next. A workflow or a step that is new is tried without a line here but its scene.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use std::time::Duration;

use futures_util::{StreamExt, stream};
use scene::{SHOP, Scene, records::PROJECT};
use serde_json::{Value, json};
use zixly_domain::{JobId, Workflow};
use zixly_store::requests::{self, Requested};
use zixly_testkit::Role;
use zixly_worker::steps_of;

/// How many scenes are played at the same time.
const AT_ONCE: usize = 4;

/// A job of a workflow, and the steps that it passes through.
#[derive(Debug, Clone, Copy)]
struct Case {
    workflow: Workflow,
    steps: &'static [&'static str],
}

/// One for each workflow; for the two kinds of privacy request one each, since no job has both of its steps.
fn cases() -> impl Iterator<Item = Case> {
    Workflow::ALL.iter().flat_map(|workflow| {
        let steps = steps_of(*workflow);
        let parts: Vec<&[&str]> = match workflow {
            Workflow::ShopifyPrivacyRequest => steps.chunks(1).collect(),
            _ => vec![steps],
        };
        parts.into_iter().map(|steps| Case { workflow: *workflow, steps })
    })
}

async fn scene_of(case: Case) -> (Scene, JobId) {
    Box::pin(make_scene(case)).await
}

async fn make_scene(Case { workflow, steps }: Case) -> (Scene, JobId) {
    let start = async |scene: Scene, parameters| {
        scene.tell_the_team(workflow).await;
        let job_id = scene.start(workflow, parameters, None).await;
        (scene, job_id)
    };
    match workflow {
        Workflow::XeroInvoiceToHubspot => {
            let scene = Scene::paid_invoice().await;
            scene.tell_the_team(workflow).await;
            let job_id = scene.job_for_invoice(1).await;
            (scene, job_id)
        }
        Workflow::ShopifyOrderToXero | Workflow::HubspotDealToAsana | Workflow::AsanaTaskToHubspot => {
            let (scene, parameters) = Scene::with_record_for(workflow).await;
            start(scene, parameters).await
        }
        Workflow::TradingSweep => {
            let mut scene = Scene::with_providers(|config| config.trading_sweep_takes = Duration::ZERO).await;
            scene.settings.insert("CALLBACK_WINDOW_MS".to_owned(), "0".to_owned());
            let sweep = json!({
                "ticker": "BTC-USD", "fast_range": [5, 14], "slow_range": [20, 25], "step": 1, "strategy_type": "SMA",
            });
            start(scene, sweep).await
        }
        Workflow::ShopifyAppUninstalled => {
            let scene = Scene::empty().await;
            scene.fault(json!({ "provider": "shopify", "fault": "revoke" })).await;
            start(scene, json!({ "shop": SHOP })).await
        }
        Workflow::ShopifyPrivacyRequest => {
            let scene = Scene::empty().await;
            let request = json!({
                "shop_id": 1, "shop_domain": SHOP, "customer": { "id": 7, "email": "pat@example.com" },
                "orders_to_redact": [],
            });
            let topic = if steps == ["store-report"] { "customers/data_request" } else { "customers/redact" };
            start(scene, json!({ "shop": SHOP, "topic": topic, "request": request })).await
        }
        Workflow::XeroPaidInvoicesPoll => {
            let scene = Scene::paid_invoice().await;
            let job_id = scene.poll(workflow).await;
            (scene, job_id)
        }
        Workflow::AsanaCompletedTasksPoll => {
            let (scene, _) = Scene::with_record_for(Workflow::AsanaTaskToHubspot).await;
            scene.watch_asana_project(PROJECT).await;
            let job_id = scene.poll(workflow).await;
            (scene, job_id)
        }
        Workflow::ShopifyWebhooksCheck => {
            let scene = Scene::empty().await;
            let job_id = scene.poll(workflow).await;
            (scene, job_id)
        }
        Workflow::AsanaWebhooksCheck => {
            let (scene, _) = Scene::with_record_for(Workflow::AsanaTaskToHubspot).await;
            scene.settle(Workflow::AsanaTaskToHubspot, json!({ "projects": [PROJECT] })).await;
            let job_id = scene.poll(workflow).await;
            (scene, job_id)
        }
    }
}

/// Steps that this job passes through: one that it has no need of is not there.
async fn passed(scene: &Scene, job_id: JobId) -> Vec<String> {
    let names = format!(
        "select coalesce(string_agg(name, ' ' order by position), '') from steps where job_id = '{job_id}'"
    );
    scene.database.text(&names).await.split_whitespace().map(str::to_owned).collect()
}

/// Everything that this job can have changed outside of its own row.
async fn world(scene: &Scene) -> Value {
    let count = async |query: &str| scene.database.count(query).await;
    json!({
        "writes": scene.writes().await,
        "jobs": count("select count(*) from pipeline_jobs").await,
        "effects": scene.database.text(
            "select coalesce(string_agg(effect_key || status || coalesce(provider_record_id, ''), ' ' order by effect_key), '') from effects"
        ).await,
        "records": count("select count(*) from workflow_related_records where action <> 'READ'").await,
        "sweep results": count("select count(*) from trading_sweep_results").await,
        "events": scene.database.text("select coalesce(string_agg(payload::text, ' ' order by event_id), '') from events").await,
    })
}

async fn for_each<F: Future<Output = ()>>(cases: impl IntoIterator<Item = F>) {
    // Boxed, or a case of each kind would lie on the stack.
    stream::iter(cases.into_iter().map(Box::pin)).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

/// All steps of all cases, so that a new one needs no line in the tests.
fn all_steps() -> impl Iterator<Item = (Case, &'static str)> {
    cases().flat_map(|case| case.steps.iter().map(move |step| (case, *step)))
}

#[tokio::test]
async fn every_workflow_names_the_steps_that_it_has() {
    for_each(cases().map(async |case| {
        let (scene, job_id) = scene_of(case).await;
        assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED", "{case:?}");
        assert_eq!(passed(&scene, job_id).await, case.steps, "{case:?}");
    }))
    .await;
}

#[tokio::test]
async fn a_step_that_runs_twice_changes_nothing_the_second_time() {
    for_each(cases().map(async |case| {
        let (scene, job_id) = scene_of(case).await;
        let worker = scene.worker();
        assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
        let before = world(&scene).await;
        for step in case.steps {
            scene.forget_step(job_id, step).await;
            assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED", "{case:?}: {step}");
            assert_eq!(world(&scene).await, before, "{case:?}: {step} was run twice");
        }
    }))
    .await;
}

#[tokio::test]
async fn a_worker_that_is_killed_in_any_step_is_replaced_by_one_that_goes_on() {
    let places = ["begun", "worked", "recorded"];
    let points = all_steps().flat_map(|(case, step)| places.map(|place| (case, format!("{place}:{step}"))));
    for_each(points.map(async |(case, point)| {
        let (scene, job_id) = scene_of(case).await;
        assert!(scene.dies_at(job_id, &format!("{point}=return")).await, "no worker came by {point}");
        // The last step is recorded with the end of the job.
        let is_over = case.steps.last().is_some_and(|last| point == format!("recorded:{last}"));
        let status = if is_over { "COMPLETED" } else { "RUNNING" };
        assert_eq!(scene.status(job_id).await, status, "{point}");
        goes_on_to_the_end(&scene, case, job_id, &point).await;
    }))
    .await;
}

/// The points that do not belong to a step, at each of their passings.
#[tokio::test]
async fn a_worker_that_is_killed_between_a_write_and_its_record_writes_nothing_twice() {
    let points = ["job:claimed", "job:ended", "effect:intended", "effect:written", "effect:settled"];
    let points = cases().flat_map(|case| points.map(|point| (case, point)));
    for_each(points.map(async |(case, point)| {
        for nth in 0.. {
            let (scene, job_id) = scene_of(case).await;
            let died = scene.dies_at(job_id, &format!("{point}={nth}*off->return")).await;
            goes_on_to_the_end(&scene, case, job_id, point).await;
            if !died {
                break;
            }
        }
    }))
    .await;
}

#[tokio::test]
async fn a_job_that_is_cancelled_in_a_step_ends_before_the_next_and_can_be_taken_up_again() {
    for_each(all_steps().map(async |(case, step)| {
        let (scene, job_id) = scene_of(case).await;
        // Long enough for the wish to be noted while the step is at work.
        let worker = scene.worker_process(Some(&format!("begun:{step}=sleep(700)"))).await;
        let answer = worker.begin(serde_json::to_value(scene.ring(job_id)).unwrap()).await;
        scene
            .until(&format!("select count(*) from steps where name = '{step}' and job_id = '{job_id}'"))
            .await;
        let wish = cancel(&scene, job_id).await;
        assert_eq!(answer.await.unwrap().unwrap()["batchItemFailures"], json!([]));
        worker.kill().await;

        let is_law = case.workflow == Workflow::ShopifyPrivacyRequest;
        let ends_well = is_law || case.steps.last() == Some(&step);
        assert_eq!(matches!(wish, Requested::Noted(_)), !is_law, "what the law asks for is not cancelled");
        let expected = if ends_well { "COMPLETED" } else { "CANCELLED" };
        assert_eq!(scene.status(job_id).await, expected, "{case:?}: {step}");
        assert_eq!(passed(&scene, job_id).await.last().map(String::as_str), Some(step), "{case:?}");
        if !ends_well {
            retry(&scene, job_id).await;
        }
        goes_on_to_the_end(&scene, case, job_id, step).await;
    }))
    .await;
}

async fn cancel(scene: &Scene, job_id: JobId) -> Requested {
    let store = scene.database.store(Role::Webhook);
    let mut session = store.session().await.unwrap();
    let tx = session.begin(scene.tenant_id).unwrap();
    let wish = requests::cancel(&tx, scene.tenant_id, job_id, "user/1").await.unwrap();
    tx.commit().await.unwrap();
    wish
}

async fn retry(scene: &Scene, job_id: JobId) {
    let store = scene.database.store(Role::Webhook);
    let mut session = store.session().await.unwrap();
    let tx = session.begin(scene.tenant_id).unwrap();
    let wish = requests::retry(&tx, scene.tenant_id, job_id, "user/1").await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(wish, Requested::Noted(_)), "{wish:?}");
}

async fn goes_on_to_the_end(scene: &Scene, case: Case, job_id: JobId, point: &str) {
    scene.hurry().await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED", "{case:?}: {point}");
    assert_eq!(passed(scene, job_id).await, case.steps, "{case:?}: {point}");
    let count = async |query: &str| scene.database.count(query).await;
    assert_eq!(count("select count(*) from effects where status <> 'DONE'").await, 0, "{case:?}: {point}");
    let (writes, effects) = (scene.writes().await, count("select count(*) from effects").await);
    assert_eq!(writes.len() as i64, effects, "{case:?}: {point}: {writes:?}");
    let started = i64::from(matches!(
        case.workflow,
        Workflow::XeroPaidInvoicesPoll | Workflow::AsanaCompletedTasksPoll
    ));
    assert_eq!(count("select count(*) from pipeline_jobs").await, 1 + started, "{case:?}: {point}");
}
