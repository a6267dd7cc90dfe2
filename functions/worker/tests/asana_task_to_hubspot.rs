//! A completed task on its way to its deal, against the simulator.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use scene::{Scene, WORKSPACE, handle};
use serde_json::{Value, json};
use zixly_domain::{JobId, Workflow};

const TASK: &str = "1200000000000002";

async fn scene_with(change: Value) -> (Scene, JobId) {
    let scene = Scene::empty().await;
    scene.seed("hubspot", "deal", json!({ "id": "987654321", "properties": { "dealname": "Acme" } })).await;
    scene.seed("asana", "project", json!({ "gid": "1200000000000050", "name": "Acme" })).await;
    seed_task(&scene, change).await;
    let job_id = job(&scene).await;
    (scene, job_id)
}

async fn seed_task(scene: &Scene, change: Value) {
    let mut task = json!({
        "gid": TASK, "name": "Kick-off: Acme", "completed": true, "completed_at": "2026-10-01T02:44:21.987Z",
        "projects": ["1200000000000050"], "external": { "gid": "hubspot-deal-987654321" },
    });
    for (name, value) in change.as_object().unwrap() {
        task[name] = value.clone();
    }
    scene.seed("asana", "task", task).await;
}

async fn job(scene: &Scene) -> JobId {
    let parameters = json!({ "workspace": WORKSPACE, "task": TASK });
    scene.start(Workflow::AsanaTaskToHubspot, parameters, None).await
}

#[tokio::test]
async fn a_completed_task_becomes_a_note_on_its_deal_and_leaves_a_report() {
    let (scene, job_id) = scene_with(json!({})).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    let writes = scene.writes().await;
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0]["path"], "/crm/objects/2026-03/notes");
    let note = &writes[0]["body"];
    assert_eq!(note["properties"]["hs_timestamp"], "2026-10-01T02:44:21.987Z");
    let body = note["properties"]["hs_note_body"].as_str().unwrap();
    assert!(
        body.contains("Kick-off: Acme") && body.contains("asana-task-1200000000000002-1790822661987"),
        "{body}"
    );
    assert_eq!(note["associations"][0]["to"]["id"], "987654321");
    assert_eq!(note["associations"][0]["types"][0]["associationTypeId"], 214);
    let result = scene.result(job_id).await;
    assert_eq!(result["summary"], "Deal 987654321 in HubSpot has a note about it.");
    let report = scene.aws.object(result["report"]["key"].as_str().unwrap()).await;
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["note_id"], result["note_id"]);
}

#[tokio::test]
async fn the_same_completion_is_noted_once_and_another_one_again() {
    let (scene, first) = scene_with(json!({})).await;
    let second = job(&scene).await;
    let (one, two) = (scene.worker(), scene.worker());
    tokio::join!(handle(&one, scene.ring(first)), handle(&two, scene.ring(second)));
    for job_id in [first, second] {
        assert_eq!(scene.run_to_the_end(&one, job_id).await, "COMPLETED");
    }
    assert_eq!(scene.writes().await.len(), 1);
    seed_task(&scene, json!({ "completed_at": "2026-10-02T08:00:00.000Z" })).await;
    let third = job(&scene).await;
    assert_eq!(scene.run_to_the_end(&one, third).await, "COMPLETED");
    assert_eq!(scene.writes().await.len(), 2);
}

async fn ends_with_nothing_to_do(change: Value, summary: &str) {
    let (scene, job_id) = scene_with(change).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(scene.result(job_id).await, json!({ "outcome": "nothing to do", "summary": summary }));
    assert_eq!(scene.writes().await, Vec::<Value>::new());
}

#[tokio::test]
async fn everything_else_ends_the_job_in_words() {
    ends_with_nothing_to_do(
        json!({ "completed": false, "completed_at": null }),
        "Task Kick-off: Acme is not completed.",
    )
    .await;
    ends_with_nothing_to_do(json!({ "external": null }), "Task Kick-off: Acme belongs to no HubSpot deal.")
        .await;
    ends_with_nothing_to_do(
        json!({ "external": { "gid": "hubspot-deal-5" } }),
        "HubSpot has no deal 5 any more.",
    )
    .await;
    ends_with_nothing_to_do(
        json!({ "gid": "1200000000000003" }),
        "Asana has no task 1200000000000002 any more.",
    )
    .await;
}

#[tokio::test]
async fn a_note_whose_answer_is_lost_is_found_and_not_repeated() {
    let (scene, job_id) = scene_with(json!({})).await;
    let lost = json!({
        "provider": "hubspot", "match": { "method": "POST", "path": "/notes" }, "fault": "malformed", "times": 1,
    });
    scene.fault(lost).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(scene.writes().await.len(), 1);
    assert_eq!(scene.database.text("select settled_by from effects").await, "look");
}

/// On more than a page of notes; and the newest are looked through first, so that one look is enough.
#[tokio::test]
async fn a_note_whose_answer_is_lost_is_found_on_a_deal_with_many() {
    let scene = Scene::with_providers(|config| config.hubspot_limits.per_ten_seconds = 10_000).await;
    scene.seed("hubspot", "deal", json!({ "id": "987654321", "properties": { "dealname": "Acme" } })).await;
    scene.seed("asana", "project", json!({ "gid": "1200000000000050", "name": "Acme" })).await;
    seed_task(&scene, json!({})).await;
    scene.add_notes("987654321", 620).await;
    let lost = json!({
        "provider": "hubspot", "match": { "method": "POST", "path": "/notes" }, "fault": "malformed", "times": 1,
    });
    scene.fault(lost).await;
    let job_id = job(&scene).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(scene.writes().await.len(), 620 + 1);
    assert_eq!(scene.database.text("select settled_by from effects").await, "look");
    let calls = scene.calls().await;
    let count = |part: &str| calls.iter().filter(|call| call.contains(part)).count();
    assert_eq!((count("/associations/notes"), count("/notes/batch/read")), (2, 1));
}

#[tokio::test]
async fn a_note_that_was_not_taken_is_written_when_hubspot_is_back() {
    let (scene, job_id) = scene_with(json!({})).await;
    let down = json!({
        "provider": "hubspot", "match": { "method": "POST", "path": "/notes" }, "fault": "status", "status": 503, "times": 1,
    });
    scene.fault(down).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(scene.writes().await.len(), 1);
    assert_eq!(scene.database.text("select settled_by from effects").await, "answer");
}
