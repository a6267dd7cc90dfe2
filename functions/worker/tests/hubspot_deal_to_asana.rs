//! A won deal on its way into Asana, against the simulator.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use scene::{PORTAL_ID, Scene, WORKSPACE, handle};
use serde_json::{Value, json};
use zixly_domain::{JobId, Workflow};

const DEAL_ID: &str = "987654321";
const ALL_WRITES: [&str; 2] = ["/api/1.0/projects", "/api/1.0/tasks"];

async fn scene_with(stage: &str) -> (Scene, JobId) {
    let scene = Scene::empty().await;
    let properties = json!({ "dealname": "Acme: new website", "amount": "12500", "dealstage": stage });
    scene.seed("hubspot", "deal", json!({ "id": DEAL_ID, "properties": properties })).await;
    let job_id = job(&scene).await;
    (scene, job_id)
}

async fn job(scene: &Scene) -> JobId {
    let parameters = json!({ "portal_id": PORTAL_ID.to_string(), "deal_id": DEAL_ID });
    scene.start(Workflow::HubspotDealToAsana, parameters, None).await
}

async fn written(scene: &Scene) -> Vec<String> {
    scene.writes().await.iter().map(|write| write["path"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_won_deal_becomes_a_project_with_a_task_and_leaves_a_report() {
    let (scene, job_id) = scene_with("closedwon").await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    let writes = scene.writes().await;
    assert_eq!(
        writes[0]["body"]["data"],
        json!({
            "workspace": WORKSPACE,
            "name": "Acme: new website",
            "notes": "Made by Zixly for the won HubSpot deal Acme: new website.\nAmount: 12500\n[hubspot-deal-987654321]",
        })
    );
    assert_eq!(writes[1]["body"]["data"]["external"], json!({ "gid": "hubspot-deal-987654321" }));
    assert_eq!(writes[1]["body"]["data"]["name"], "Kick-off: Acme: new website");
    let result = scene.result(job_id).await;
    assert_eq!(
        result["summary"],
        "Acme: new website is a project in Asana, with the task Kick-off: Acme: new website."
    );
    assert_eq!(writes[1]["body"]["data"]["projects"], json!([result["project_gid"]]));
    let report = scene.aws.object(result["report"]["key"].as_str().unwrap()).await;
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["task_gid"], result["task_gid"]);
}

#[tokio::test]
async fn another_event_about_the_same_deal_makes_nothing_again() {
    let (scene, first) = scene_with("closedwon").await;
    let second = job(&scene).await;
    let (one, two) = (scene.worker(), scene.worker());
    tokio::join!(handle(&one, scene.ring(first)), handle(&two, scene.ring(second)));
    for job_id in [first, second] {
        assert_eq!(scene.run_to_the_end(&one, job_id).await, "COMPLETED");
    }
    let third = job(&scene).await;
    assert_eq!(scene.run_to_the_end(&one, third).await, "COMPLETED");
    let summary = scene.result(third).await["summary"].as_str().unwrap().to_owned();
    assert!(summary.starts_with("Deal 987654321 has its task in Asana already: "), "{summary}");
    assert_eq!(written(&scene).await, ALL_WRITES);
}

#[tokio::test]
async fn a_deal_that_is_open_or_gone_ends_the_job_in_words() {
    let (scene, job_id) = scene_with("appointmentscheduled").await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(scene.result(job_id).await["summary"], "Acme: new website is not won.");

    let scene = Scene::empty().await;
    let job_id = job(&scene).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(scene.result(job_id).await["summary"], "HubSpot has no deal 987654321 any more.");
    assert_eq!(scene.writes().await, Vec::<Value>::new());
}

#[tokio::test]
async fn each_write_whose_answer_is_lost_is_found_and_not_repeated() {
    for path in ["/projects", "/tasks"] {
        let (scene, job_id) = scene_with("closedwon").await;
        // Among others, on more than a page.
        for n in 0..130 {
            let notes = format!("[hubspot-deal-98765432{n}1]");
            scene.seed("asana", "project", json!({ "name": "Acme: new website", "notes": notes })).await;
        }
        let lost = json!({
            "provider": "asana", "match": { "method": "POST", "path": path }, "fault": "malformed", "times": 1,
        });
        scene.fault(lost).await;
        assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED", "{path}");
        assert_eq!(written(&scene).await, ALL_WRITES, "{path}");
        let looks = scene.database.count("select count(*) from effects where settled_by = 'look'").await;
        assert_eq!(looks, 1, "{path}");
    }
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_at_no_attempt() {
    let (mut scene, job_id) = scene_with("closedwon").await;
    scene.fault(json!({ "provider": "asana", "fault": "rate_limit", "retry_after_s": 30, "times": 4 })).await;
    for _ in 0..4 {
        handle(&scene.worker(), scene.ring(job_id)).await;
        assert_eq!(scene.job_column(job_id, "waiting_reason").await, "rate budget");
        let wait_s: f64 =
            scene.job_column(job_id, "extract(epoch from due_at - now())").await.parse().unwrap();
        assert!((29.0..=31.5).contains(&wait_s), "waits {wait_s} s");
        scene.outwait_limits().await;
    }
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(written(&scene).await, ALL_WRITES);
}

#[tokio::test]
async fn an_expired_token_is_refreshed_and_the_refresh_token_kept() {
    let (scene, job_id) = scene_with("closedwon").await;
    scene.fault(json!({ "provider": "asana", "fault": "expire" })).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    // Asana gives a refresh token once only; it buys the next pair as well.
    scene.control("clock", json!({ "advance_s": 7200 })).await;
    let again = job(&scene).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), again).await, "COMPLETED");
    let refreshes = scene.calls().await.into_iter().filter(|call| call.contains("/-/oauth_token")).count();
    assert_eq!(refreshes, 2);
}

#[tokio::test]
async fn a_revoked_authorisation_parks_the_job_and_says_so() {
    let (scene, job_id) = scene_with("closedwon").await;
    scene.fault(json!({ "provider": "asana", "fault": "revoke" })).await;
    let worker = scene.worker();
    handle(&worker, scene.ring(job_id)).await;
    assert_eq!(scene.job_column(job_id, "status || ' ' || waiting_reason").await, "QUEUED reauthorisation");
    let state = "select status from connections where provider = 'asana'";
    assert_eq!(scene.database.text(state).await, "NEEDS_AUTHORISATION");
}
