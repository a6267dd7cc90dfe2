//! A worker that is killed anywhere is replaced by one that goes on, and nothing is written twice.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use std::time::Duration;

use futures_util::future::join_all;
use scene::{ALL_STEPS_DONE, Scene};
use zixly_domain::JobId;

const STEPS: [&str; 5] = ["read-invoice", "check-invoice", "find-contact", "update-contact", "store-report"];

/// Kills the real worker binary with SIGKILL when it gets to `failpoint`, then starts another.
async fn killed_at(failpoint: String) {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    let doomed = scene.worker_process(Some(&format!("{failpoint}=pause"))).await;
    drop(doomed.begin(serde_json::to_value(scene.ring(job_id)).unwrap()).await);
    wait_until_at(&scene, &failpoint).await;
    doomed.kill().await;
    assert_eq!(scene.status(job_id).await, "RUNNING", "{failpoint}");

    let next = scene.worker_process(None).await;
    ring_until_ended(&scene, &next, job_id).await;
    assert_eq!(scene.status(job_id).await, "COMPLETED", "{failpoint}");
    assert_eq!(scene.steps().await, ALL_STEPS_DONE, "{failpoint}");
    assert_eq!(scene.writes().await.len(), 1, "{failpoint}");
    assert_eq!(scene.database.text("select status from effects").await, "DONE", "{failpoint}");
    assert_eq!(scene.database.count("select count(*) from workflow_related_records").await, 3, "{failpoint}");
    next.kill().await;
}

async fn ring_until_ended(scene: &Scene, worker: &zixly_testkit::FunctionProcess, job_id: JobId) {
    // The first doorbells find the dead worker's lease still running.
    for _ in 0..40 {
        let answer = worker.invoke(serde_json::to_value(scene.ring(job_id)).unwrap()).await.unwrap();
        assert_eq!(answer["batchItemFailures"], serde_json::json!([]));
        if scene.status(job_id).await != "RUNNING" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whatever the worker leaves behind on its way to the point shows that it is there.
async fn wait_until_at(scene: &Scene, failpoint: &str) {
    let (point, place) = failpoint.split_once(':').unwrap();
    for _ in 0..200 {
        let there = match (point, place) {
            ("effect", "intended") => has_rows(scene, "select count(*) from effects").await,
            ("effect", "written") => !scene.writes().await.is_empty(),
            ("recorded", step) => has_rows(scene, &count_steps(step, "DONE")).await,
            ("worked", "update-contact") => {
                has_rows(scene, "select count(*) from effects where status = 'DONE'").await
            }
            (_, step) => has_rows(scene, &count_steps(step, "RUNNING")).await,
        };
        if there {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the worker never got to {failpoint}");
}

fn count_steps(step: &str, status: &str) -> String {
    format!("select count(*) from steps where name = '{step}' and status = '{status}'")
}

async fn has_rows(scene: &Scene, query: &str) -> bool {
    scene.database.count(query).await > 0
}

async fn killed_at_each(point: &str) {
    join_all(STEPS.map(|step| killed_at(format!("{point}:{step}")))).await;
}

#[tokio::test]
async fn a_worker_killed_at_the_beginning_of_each_step_is_resumed_with_one_effect() {
    killed_at_each("begun").await;
}

#[tokio::test]
async fn a_worker_killed_before_recording_each_step_is_resumed_with_one_effect() {
    killed_at_each("worked").await;
}

#[tokio::test]
async fn a_worker_killed_after_each_step_is_resumed_with_one_effect() {
    killed_at_each("recorded").await;
}

#[tokio::test]
async fn a_worker_killed_around_the_write_is_resumed_with_one_effect() {
    join_all(["effect:intended", "effect:written"].map(|point| killed_at(point.to_owned()))).await;
}

#[tokio::test]
async fn a_job_that_kills_every_worker_fails_and_is_laid_aside() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    for _ in 0..5 {
        let doomed = scene.worker_process(Some("begun:read-invoice=pause")).await;
        drop(doomed.begin(serde_json::to_value(scene.ring(job_id)).unwrap()).await);
        wait_until_at(&scene, "begun:read-invoice").await;
        doomed.kill().await;
        scene.hurry().await;
        // So that the next attempt is told from this one.
        let again = "update steps set status = 'WAITING'";
        scene.database.superuser().await.batch_execute(again).await.unwrap();
    }
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "FAILED");
    let reason = "the step read-invoice was begun 5 times without an outcome: the worker died each time";
    assert_eq!(scene.job_column(job_id, "error_message").await, reason);
    let buried = scene.aws.receive(&scene.dead_letter_queue_url).await;
    assert_eq!(buried.len(), 1);
    let attribute = &buried[0].message_attributes().unwrap()["reason"];
    assert_eq!(attribute.string_value(), Some(reason));
}
