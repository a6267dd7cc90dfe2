//! A sweep on its way through the trading API, against the simulator. Time passes as the simulator's clock is set, and as
//! the recorded time of the submission is moved back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use std::time::Duration;

use scene::{Scene, handle};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};
use zixly_auth::CallbackToken;
use zixly_domain::{JobId, JobStatus, Workflow};
use zixly_store::{
    callbacks::{CalledBack, call_back},
    requests::{self, Requested},
};
use zixly_testkit::Role;
use zixly_worker::App;

const SWEEP: Duration = Duration::from_secs(600);
const SUMMARY: &str = "60 combinations of BTC-USD; the best is ";

async fn scene_that_takes(takes: Duration) -> Scene {
    Scene::with_providers(|config| config.trading_sweep_takes = takes).await
}

/// A scene in which nobody waits for anything.
async fn instant_scene() -> Scene {
    let mut scene = scene_that_takes(Duration::ZERO).await;
    scene.settings.insert("CALLBACK_WINDOW_MS".to_owned(), "0".to_owned());
    scene
}

async fn job(scene: &Scene, change: Value) -> JobId {
    let mut parameters = json!({
        "ticker": "BTC-USD", "fast_range": [5, 14], "slow_range": [20, 25], "step": 1, "strategy_type": "SMA",
    });
    parameters.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    scene.start(Workflow::TradingSweep, parameters, None).await
}

async fn ring(scene: &Scene, worker: &App, job_id: JobId) {
    assert_eq!(handle(worker, scene.ring(job_id)).await.batch_item_failures, []);
}

/// Moves the submission that far into the past, and rings for the job.
async fn ring_when_older_by(scene: &Scene, worker: &App, job_id: JobId, seconds: u32) {
    let older = format!(
        "update steps set output = jsonb_set(output, '{{submitted_at}}',
                to_jsonb((output ->> 'submitted_at')::timestamptz - interval '{seconds} seconds'))
          where name = 'submit-sweep'"
    );
    scene.database.superuser().await.batch_execute(&older).await.unwrap();
    scene.hurry().await;
    ring(scene, worker, job_id).await;
}

async fn finish_sweep(scene: &Scene) {
    scene.control("clock", json!({ "advance_s": SWEEP.as_secs() })).await;
}

/// What the job waits for, and for how many seconds.
async fn wait_of(scene: &Scene, job_id: JobId) -> (String, f64) {
    assert_eq!(scene.status(job_id).await, "QUEUED");
    let seconds = scene.job_column(job_id, "extract(epoch from due_at - now())").await;
    (scene.job_column(job_id, "waiting_reason").await, seconds.parse().unwrap())
}

async fn fault(scene: &Scene, fault: &str, method: &str, more: Value) {
    let path = if method == "POST" { "/sweeps" } else { "/sweeps/" };
    let mut spec =
        json!({ "provider": "trading", "match": { "method": method, "path": path }, "fault": fault });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    scene.fault(spec).await;
}

async fn assert_completed_once(scene: &Scene, job_id: JobId) {
    assert_eq!(
        scene.status(job_id).await,
        "COMPLETED",
        "{}",
        scene.job_column(job_id, "error_message").await
    );
    let writes = scene.writes().await;
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0]["idempotency_key"], job_id.to_string());
    let count = format!("select count(*) from trading_sweep_results where job_id = '{job_id}'");
    assert_eq!(scene.database.count(&count).await, 60);
}

#[tokio::test]
async fn a_sweep_is_looked_at_when_the_api_calls_back_and_its_rows_are_kept() {
    let door = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(202)).mount(&door).await;
    let mut scene = scene_that_takes(SWEEP).await;
    let callback_url = format!("{}/webhook/sweep-callback", door.uri());
    scene.settings.insert("SWEEP_CALLBACK_URL".to_owned(), callback_url);
    let job_id = job(&scene, json!({})).await;
    let worker = scene.worker();
    ring(&scene, &worker, job_id).await;
    let (reason, seconds) = wait_of(&scene, job_id).await;
    assert!(reason == "callback" && (30.0..=60.0).contains(&seconds), "{reason} {seconds}");
    assert_eq!(scene.calls().await, ["POST /sweeps"]);

    finish_sweep(&scene).await;
    let callback = received_by(&door).await;
    let token = callback.headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let token = CallbackToken::parse(token).unwrap();
    assert_eq!(use_token(&scene, &token).await, CalledBack::Kept(job_id));
    // The job was not due for another minute.
    ring(&scene, &worker, job_id).await;
    assert_completed_once(&scene, job_id).await;

    let result = scene.result(job_id).await;
    let summary = result["summary"].as_str().unwrap();
    assert!(summary.starts_with(SUMMARY), "{summary}");
    assert_eq!((&result["outcome"], &result["rows"]), (&json!("swept"), &json!(60)));
    let best = "select format('%s/%s with a score of %s.', fast_window, slow_window, score)
                  from trading_sweep_results order by score desc, fast_window, slow_window limit 1";
    assert_eq!(summary.strip_prefix(SUMMARY).unwrap(), scene.database.text(best).await);
    let dataset = scene.aws.object(result["dataset"]["key"].as_str().unwrap()).await;
    let lines: Vec<Value> = dataset
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!((lines.len(), &lines[0]["fast_window"]), (60, &json!(5)));
    assert_eq!(scene.job_column(job_id, "about").await, "BTC-USD SMA");
    assert_eq!(use_token(&scene, &token).await, CalledBack::Used);
    let text = scene.database.text("select string_agg(output::text, '') from steps").await;
    assert!(!text.contains(token.expose()), "{text}");
}

async fn received_by(door: &MockServer) -> Request {
    for _ in 0..200 {
        if let Some(request) = door.received_requests().await.unwrap().pop() {
            return request;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the API did not call back");
}

/// What the door does with a callback.
async fn use_token(scene: &Scene, token: &CallbackToken) -> CalledBack {
    let store = scene.database.store(Role::Webhook);
    let mut session = store.session().await.unwrap();
    call_back(&mut session, scene.tenant_id, &token.hash(), &json!({ "status": "done" })).await.unwrap()
}

#[tokio::test]
async fn a_callback_is_only_a_hint_and_the_sweep_is_polled_while_it_goes_on() {
    let scene = scene_that_takes(SWEEP).await;
    let job_id = job(&scene, json!({})).await;
    let worker = scene.worker();
    ring(&scene, &worker, job_id).await;
    let token = scene.writes().await[0]["body"]["callback_token"].as_str().unwrap().to_owned();
    use_token(&scene, &CallbackToken::parse(&token).unwrap()).await;
    ring(&scene, &worker, job_id).await;
    let (reason, seconds) = wait_of(&scene, job_id).await;
    assert!(reason == "poll" && (0.0..=10.0).contains(&seconds), "{reason} {seconds}");
    finish_sweep(&scene).await;
    assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
    assert_completed_once(&scene, job_id).await;
}

#[tokio::test]
async fn a_sweep_whose_callback_is_lost_is_polled_every_ten_seconds() {
    let scene = scene_that_takes(SWEEP).await;
    let lost = json!({ "provider": "trading", "match": { "path": "/callback" }, "fault": "timeout_before" });
    scene.fault(lost).await;
    let job_id = job(&scene, json!({})).await;
    let worker = scene.worker();
    ring(&scene, &worker, job_id).await;
    assert_eq!(wait_of(&scene, job_id).await.0, "callback");
    // Hiccups that lie apart do not add up to a failure.
    for _ in 0..4 {
        fault(&scene, "status", "GET", json!({ "status": 503, "times": 2 })).await;
        ring_when_older_by(&scene, &worker, job_id, 60).await;
        assert_eq!(wait_of(&scene, job_id).await.0, "backoff");
        for _ in 0..2 {
            scene.hurry().await;
            ring(&scene, &worker, job_id).await;
        }
        let (reason, seconds) = wait_of(&scene, job_id).await;
        assert!(reason == "poll" && (0.0..=10.0).contains(&seconds), "{reason} {seconds}");
    }
    finish_sweep(&scene).await;
    assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
    assert_completed_once(&scene, job_id).await;
    let measured = scene.database.text("select string_agg(series::text, '') from metric_shards").await;
    assert!(
        measured.contains("trading_api_latency_seconds") && measured.contains("fetch_sweep"),
        "{measured}"
    );
}

#[tokio::test]
async fn a_sweep_that_is_not_done_within_the_hour_fails_and_a_retry_looks_again() {
    let scene = scene_that_takes(SWEEP).await;
    let job_id = job(&scene, json!({})).await;
    let worker = scene.worker();
    ring(&scene, &worker, job_id).await;
    ring_when_older_by(&scene, &worker, job_id, 3595).await;
    let (reason, seconds) = wait_of(&scene, job_id).await;
    assert!(reason == "poll" && seconds <= 5.0, "{reason} {seconds}");
    ring_when_older_by(&scene, &worker, job_id, 5).await;
    assert_eq!(scene.status(job_id).await, "FAILED");
    assert_eq!(
        scene.job_column(job_id, "error_message").await,
        "await-sweep: the trading API has not finished the sweep within 60 min; retry the job to look again"
    );
    finish_sweep(&scene).await;
    retry(&scene, job_id).await;
    ring(&scene, &worker, job_id).await;
    assert_completed_once(&scene, job_id).await;
}

async fn retry(scene: &Scene, job_id: JobId) {
    let store = scene.database.store(Role::Webhook);
    let mut session = store.session().await.unwrap();
    let tx = session.begin(scene.tenant_id).unwrap();
    let requested = requests::retry(&tx, scene.tenant_id, job_id, "user/test").await.unwrap();
    assert_eq!(requested, Requested::Noted(JobStatus::Failed));
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_waiting_sweep_is_cancelled_before_its_time() {
    let scene = scene_that_takes(SWEEP).await;
    let job_id = job(&scene, json!({})).await;
    let worker = scene.worker();
    ring(&scene, &worker, job_id).await;
    {
        let store = scene.database.store(Role::Webhook);
        let mut session = store.session().await.unwrap();
        let tx = session.begin(scene.tenant_id).unwrap();
        requests::cancel(&tx, scene.tenant_id, job_id, "user/test").await.unwrap();
        tx.commit().await.unwrap();
    }
    ring(&scene, &worker, job_id).await;
    assert_eq!(scene.status(job_id).await, "CANCELLED");
    assert_eq!(scene.calls().await, ["POST /sweeps"]);
}

#[tokio::test]
async fn an_order_that_the_api_rejects_fails_in_its_words_and_can_be_retried() {
    let scene = instant_scene().await;
    let job_id = job(&scene, json!({ "strategy_type": "LUCK" })).await;
    let worker = scene.worker();
    ring(&scene, &worker, job_id).await;
    let failure = "submit-sweep: the trading API rejected the request with status 422: strategy_type must be SMA, \
                   EMA or MACD, not \"LUCK\"";
    assert_eq!(scene.job_column(job_id, "error_message").await, failure);
    let right = "update pipeline_jobs set parameters = jsonb_set(parameters, '{strategy_type}', '\"SMA\"')";
    scene.database.superuser().await.batch_execute(right).await.unwrap();
    retry(&scene, job_id).await;
    ring(&scene, &worker, job_id).await;
    assert_completed_once(&scene, job_id).await;
}

#[tokio::test]
async fn a_limited_submission_waits_as_long_as_it_is_told_and_costs_no_attempt() {
    let mut scene = instant_scene().await;
    fault(&scene, "rate_limit", "POST", json!({ "retry_after_s": 30, "times": 5 })).await;
    let job_id = job(&scene, json!({})).await;
    for _ in 0..5 {
        ring(&scene, &scene.worker(), job_id).await;
        let (reason, seconds) = wait_of(&scene, job_id).await;
        assert!(reason == "rate budget" && seconds > 25.0, "{reason} {seconds}");
        scene.outwait_limits().await;
    }
    ring(&scene, &scene.worker(), job_id).await;
    assert_completed_once(&scene, job_id).await;
}

#[tokio::test]
async fn a_submission_whose_answer_is_lost_is_made_again_and_is_the_same() {
    for lost in ["malformed", "status"] {
        let scene = instant_scene().await;
        fault(&scene, lost, "POST", json!({})).await;
        let job_id = job(&scene, json!({})).await;
        assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
        assert_completed_once(&scene, job_id).await;
    }
}

#[tokio::test]
async fn a_job_waits_for_the_operator_to_put_the_key_right() {
    let mut scene = instant_scene().await;
    fault(&scene, "revoke", "POST", json!({})).await;
    let job_id = job(&scene, json!({})).await;
    ring(&scene, &scene.worker(), job_id).await;
    let (reason, seconds) = wait_of(&scene, job_id).await;
    assert!(reason == "backoff" && seconds > 50.0, "{reason} {seconds}");

    scene.settings.remove("TRADING_API_URL");
    scene.hurry().await;
    ring(&scene, &scene.worker(), job_id).await;
    let (reason, seconds) = wait_of(&scene, job_id).await;
    assert!(reason == "backoff" && seconds > 50.0, "{reason} {seconds}");
    assert_eq!(scene.database.text("select status || attempts from steps").await, "WAITING0");
}

#[tokio::test]
async fn a_sweep_without_combinations_ends_well() {
    let scene = instant_scene().await;
    let job_id = job(&scene, json!({ "fast_range": [30, 40] })).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    let result = scene.result(job_id).await;
    assert_eq!(
        result["summary"],
        "No combination of BTC-USD has a fast window that is shorter than the slow one."
    );
}

#[tokio::test]
async fn a_sweep_that_the_api_gives_up_on_fails_the_job_with_its_words() {
    let scene = instant_scene().await;
    let failure = json!({ "ticker": "BTC-USD", "error": "no prices before 2019" });
    scene.control("seed", json!({ "provider": "trading", "kind": "failure", "record": failure })).await;
    let job_id = job(&scene, json!({})).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "FAILED");
    let reason = scene.job_column(job_id, "error_message").await;
    assert!(reason.contains("no prices before 2019") && reason.contains("start another one"), "{reason}");
}
