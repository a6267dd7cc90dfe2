//! What the fallback polls find, and that what they start is done once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use std::time::Duration;

use jiff::Timestamp;
use scene::{PORTAL_ID, Scene, WORKSPACE, handle};
use serde_json::{Value, json};
use zixly_domain::{JobId, Workflow};

async fn xero_poll(scene: &Scene) -> JobId {
    scene.poll(Workflow::XeroPaidInvoicesPoll).await
}

async fn asana_poll(scene: &Scene) -> JobId {
    scene.poll(Workflow::AsanaCompletedTasksPoll).await
}

async fn jobs_of(scene: &Scene, workflow: Workflow) -> Vec<JobId> {
    let query =
        format!("select string_agg(job_id::text, ' ') from pipeline_jobs where job_type = '{workflow}'");
    scene.database.text(&query).await.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

/// The wait of a poll for its next one, which the scheduler keeps.
async fn a_minute_later(scene: &Scene) {
    scene.database.superuser().await.batch_execute("update polls set next_at = now()").await.unwrap();
}

#[tokio::test]
async fn an_invoice_that_was_paid_without_an_event_is_found_once() {
    let scene = Scene::paid_invoice().await;
    scene.seed_invoice(json!({ "InvoiceID": "b13ffcd2-5d91-4c7e-b483-318584e9e440", "InvoiceNumber": "BILL-1", "Type": "ACCPAY" })).await;
    let worker = scene.worker();
    let first = xero_poll(&scene).await;
    assert_eq!(scene.run_to_the_end(&worker, first).await, "COMPLETED");
    assert_eq!(scene.result(first).await["summary"], "Found without a job: 1 paid invoices.");
    let jobs = jobs_of(&scene, Workflow::XeroInvoiceToHubspot).await;
    assert_eq!(jobs.len(), 1, "a bill is no business of the workflow");
    assert_eq!(scene.aws.receive(&scene.job_queue_url).await.len(), 1, "the job is rung for");
    assert_eq!(scene.run_to_the_end(&worker, jobs[0]).await, "COMPLETED");
    assert_eq!(scene.writes().await.len(), 1);

    a_minute_later(&scene).await;
    let second = xero_poll(&scene).await;
    assert_eq!(scene.run_to_the_end(&worker, second).await, "COMPLETED");
    assert_eq!(scene.result(second).await["outcome"], "nothing to do");
    assert_eq!(jobs_of(&scene, Workflow::XeroInvoiceToHubspot).await, jobs);
}

#[tokio::test]
async fn an_invoice_whose_event_came_starts_no_second_job() {
    let scene = Scene::paid_invoice().await;
    let worker = scene.worker();
    let by_event = scene.job_for_invoice(1).await;
    assert_eq!(scene.run_to_the_end(&worker, by_event).await, "COMPLETED");
    let poll = xero_poll(&scene).await;
    assert_eq!(scene.run_to_the_end(&worker, poll).await, "COMPLETED");
    assert_eq!(scene.result(poll).await["outcome"], "nothing to do");
    assert_eq!(
        jobs_of(&scene, Workflow::XeroInvoiceToHubspot).await,
        [by_event],
        "the event's job is the one"
    );
    // Paid anew, on another day, it is another piece of business.
    scene.seed_invoice(json!({ "FullyPaidOnDate": "/Date(1553952600000+0000)/" })).await;
    a_minute_later(&scene).await;
    let next = xero_poll(&scene).await;
    assert_eq!(scene.run_to_the_end(&worker, next).await, "COMPLETED");
    assert_eq!(jobs_of(&scene, Workflow::XeroInvoiceToHubspot).await.len(), 2);
}

#[tokio::test]
async fn two_jobs_about_the_same_payment_are_both_done_though_only_one_is_known_for_it() {
    let scene = Scene::paid_invoice().await;
    let worker = scene.worker();
    let (first, second) = (scene.job_for_invoice(1).await, scene.job_for_invoice(2).await);
    let other = scene.worker();
    tokio::join!(handle(&worker, scene.ring(first)), handle(&other, scene.ring(second)));
    for job_id in [first, second] {
        assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
    }
    let known = "select count(*) from pipeline_jobs where business_key is not null";
    assert_eq!(scene.database.count(known).await, 1);
    assert_eq!(scene.writes().await.len(), 1);
}

#[tokio::test]
async fn many_paid_invoices_are_all_found_and_the_next_look_goes_on_from_there() {
    let scene = Scene::empty().await;
    for n in 0..230 {
        let id = format!("a03ffcd2-5d91-4c7e-b483-{n:012}");
        scene.seed_invoice(json!({ "InvoiceID": id, "InvoiceNumber": format!("INV-{n}") })).await;
    }
    let worker = scene.worker();
    let first = xero_poll(&scene).await;
    assert_eq!(scene.run_to_the_end(&worker, first).await, "COMPLETED");
    assert_eq!(jobs_of(&scene, Workflow::XeroInvoiceToHubspot).await.len(), 230);
    assert_eq!(scene.calls().await.iter().filter(|call| call.contains("Statuses=PAID")).count(), 3);
    let cursor = scene.database.text("select cursor::text from polls").await;
    let cursor: Value = serde_json::from_str(&cursor).unwrap();
    let since: Timestamp = cursor["modified_since"].as_str().unwrap().parse().unwrap();
    let minutes = Timestamp::now().duration_since(since).as_secs() / 60;
    assert!((4..=6).contains(&minutes), "{cursor}");
}

/// An invoice of the first page is changed before the second is asked for, and goes to the end of the list: all behind
/// it move forward by one, over the edge of the page.
#[tokio::test]
async fn an_invoice_that_moves_over_the_edge_of_a_page_is_found() {
    let scene = Scene::empty().await;
    let started_at = Timestamp::now().as_millisecond();
    let invoice = |n: i64, changed_at: i64| {
        let id = format!("a03ffcd2-5d91-4c7e-b483-{n:012}");
        json!({ "InvoiceID": id, "InvoiceNumber": format!("INV-{n}"), "UpdatedDateUTC": format!("/Date({changed_at}+0000)/") })
    };
    for n in 0..150 {
        scene.seed_invoice(invoice(n, started_at + n * 1000)).await;
    }
    // What was computed before the change is heard after it.
    let slow = json!({
        "provider": "xero", "match": { "path": "Statuses=PAID" }, "fault": "slow", "retry_after_s": 1.5, "times": 1,
    });
    scene.fault(slow).await;
    let (worker, poll) = (scene.worker(), xero_poll(&scene).await);
    let change = async {
        while scene.calls().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        scene.seed_invoice(invoice(50, started_at + 200_000)).await;
    };
    let (status, ()) = tokio::join!(scene.run_to_the_end(&worker, poll), change);
    assert_eq!(status, "COMPLETED");
    assert_eq!(jobs_of(&scene, Workflow::XeroInvoiceToHubspot).await.len(), 150);
}

#[tokio::test]
async fn a_poll_waits_where_xero_does_not_let_it_in() {
    for (fault, waits_for) in [("rate_limit", "rate budget"), ("revoke", "reauthorisation")] {
        let scene = Scene::paid_invoice().await;
        scene.fault(json!({ "provider": "xero", "fault": fault })).await;
        let job_id = xero_poll(&scene).await;
        handle(&scene.worker(), scene.ring(job_id)).await;
        assert_eq!(scene.job_column(job_id, "waiting_reason").await, waits_for);
    }
}

/// A project that the workflow has made, and its task completed by a person without any event reaching us.
async fn completed_task() -> (Scene, String) {
    let scene = Scene::empty().await;
    let properties = json!({ "dealname": "Acme", "dealstage": "closedwon" });
    scene.seed("hubspot", "deal", json!({ "id": "987654321", "properties": properties })).await;
    let parameters = json!({ "portal_id": PORTAL_ID.to_string(), "deal_id": "987654321" });
    let made = scene.start(Workflow::HubspotDealToAsana, parameters, None).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), made).await, "COMPLETED");
    let result = scene.result(made).await;
    let task = json!({
        "gid": result["task_gid"], "name": "Kick-off: Acme", "completed": true,
        "completed_at": "2026-10-01T02:44:21.987Z", "modified_at": Timestamp::now().to_string(),
        "projects": [result["project_gid"]], "external": { "gid": "hubspot-deal-987654321" },
    });
    scene.seed("asana", "task", task).await;
    // One that belongs to no deal.
    let other = json!({
        "name": "Order chairs", "completed": true, "completed_at": "2026-10-01T02:44:21.987Z",
        "modified_at": Timestamp::now().to_string(), "projects": [result["project_gid"]],
    });
    scene.seed("asana", "task", other).await;
    (scene, result["task_gid"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_task_that_was_completed_without_an_event_is_found_once() {
    let (scene, task_gid) = completed_task().await;
    let worker = scene.worker();
    for started in [1, 0] {
        let job_id = asana_poll(&scene).await;
        assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
        assert_eq!(scene.result(job_id).await["jobs"].as_u64().unwrap_or(0), started);
        a_minute_later(&scene).await;
    }
    let jobs = jobs_of(&scene, Workflow::AsanaTaskToHubspot).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!(scene.job_column(jobs[0], "parameters ->> 'task'").await, task_gid);
    assert_eq!(scene.run_to_the_end(&worker, jobs[0]).await, "COMPLETED");
    let notes = scene
        .writes()
        .await
        .iter()
        .filter(|write| write["path"].as_str().unwrap().ends_with("/notes"))
        .count();
    assert_eq!(notes, 1);
}

#[tokio::test]
async fn a_task_whose_event_came_starts_no_second_job() {
    let (scene, task_gid) = completed_task().await;
    let worker = scene.worker();
    let parameters = json!({ "workspace": WORKSPACE, "task": task_gid });
    let by_event = scene.start(Workflow::AsanaTaskToHubspot, parameters, None).await;
    assert_eq!(scene.run_to_the_end(&worker, by_event).await, "COMPLETED");
    let poll = asana_poll(&scene).await;
    assert_eq!(scene.run_to_the_end(&worker, poll).await, "COMPLETED");
    assert_eq!(scene.result(poll).await["outcome"], "nothing to do");
    assert_eq!(jobs_of(&scene, Workflow::AsanaTaskToHubspot).await, [by_event]);
}

/// A project that is watched, with so many completed tasks of deals.
async fn watched_project(scene: &Scene, project: &str, tasks: usize) {
    scene.seed("asana", "project", json!({ "gid": project, "name": "Acme" })).await;
    for n in 0..tasks {
        let task = json!({
            "name": format!("Task {n}"), "completed": true, "completed_at": "2026-10-01T02:44:21.987Z",
            "modified_at": Timestamp::now().to_string(), "projects": [project],
            "external": { "gid": format!("hubspot-deal-{n}") },
        });
        scene.seed("asana", "task", task).await;
    }
    scene.watch_asana_project(project).await;
}

#[tokio::test]
async fn a_project_in_trouble_keeps_no_other_from_being_asked_about() {
    let scene = Scene::empty().await;
    let (broken, whole) = ("1200000000000050", "1200000000000060");
    watched_project(&scene, broken, 1).await;
    watched_project(&scene, whole, 1).await;
    let trouble = json!({
        "provider": "asana", "match": { "path": format!("project={broken}") }, "fault": "status", "status": 500,
        "times": 1,
    });
    scene.fault(trouble).await;
    let worker = scene.worker();
    let first = asana_poll(&scene).await;
    assert_eq!(scene.run_to_the_end(&worker, first).await, "COMPLETED");
    assert_eq!(
        scene.result(first).await["summary"],
        "Found without a job: 1 completed tasks. Asana would not tell about 1 projects: they are asked about again."
    );
    let asked = scene.calls().await;
    assert!(asked[1].contains(whole), "{asked:?}");

    a_minute_later(&scene).await;
    let second = asana_poll(&scene).await;
    assert_eq!(scene.run_to_the_end(&worker, second).await, "COMPLETED");
    assert_eq!(scene.result(second).await["jobs"], 1, "nothing of it was taken for done");
}

/// The two slow pages take longer than a poll goes on asking.
#[tokio::test]
async fn a_project_with_more_tasks_than_there_is_time_for_is_gone_through_by_several_polls() {
    let scene = Scene::empty().await;
    let (large, small) = ("1200000000000050", "1200000000000060");
    watched_project(&scene, large, 250).await;
    watched_project(&scene, small, 1).await;
    let slow = json!({
        "provider": "asana", "match": { "path": format!("project={large}") }, "fault": "slow", "retry_after_s": 5.2,
        "times": 2,
    });
    scene.fault(slow).await;
    let worker = scene.worker();
    for started in [200, 51, 0] {
        let job_id = asana_poll(&scene).await;
        assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
        assert_eq!(scene.result(job_id).await["jobs"].as_u64().unwrap_or(0), started);
        a_minute_later(&scene).await;
    }
    let asked = scene.calls().await;
    assert!(asked[2].contains(small), "who waited longest is next: {:?}", &asked[..4]);
}

#[tokio::test]
async fn without_a_project_asana_is_not_asked() {
    let scene = Scene::empty().await;
    let job_id = asana_poll(&scene).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(scene.calls().await, Vec::<String>::new());
}
