//! `POST /webhook/jobs/{id}/cancel` and `/retry`, and `GET /webhook/jobs/{id}`.

use lambda_http::http::StatusCode;
use serde_json::{Value, json};
use zixly_domain::{JobId, JobStatus, TenantId, Workflow};
use zixly_queues::Message;

use crate::{
    contract::assert_problem,
    scene::{BASE_URL, Door, json_of, xero_invoices},
};

#[tokio::test]
async fn a_job_is_shown_to_its_tenant_only() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let (own, stranger) = (door.api_key(tenant_id).await, door.tenant("org-2").await);
    let other = door.api_key(stranger).await;
    door.post_signed(&xero_invoices(&[("org", "inv")])).await;
    let job_id = door.job_id().await;
    let path = format!("/webhook/jobs/{job_id}");

    let shown = json_of(&door.get(&path, Some(&own)).await);
    assert_eq!(shown["job_id"], job_id.to_string());
    assert_eq!((&shown["job_type"], &shown["status"]), (&json!("xero-invoice-to-hubspot"), &json!("QUEUED")));

    assert_problem(&door.get(&path, Some(&other)).await, StatusCode::NOT_FOUND);
    let unknown = "/webhook/jobs/01930000-0000-7000-8000-000000000000";
    assert_problem(&door.get(unknown, Some(&own)).await, StatusCode::NOT_FOUND);
    let not_an_id = door.get("/webhook/jobs/1-or-1=1", Some(&own)).await;
    assert_problem(&not_an_id, StatusCode::NOT_FOUND);
    assert_eq!(json_of(&not_an_id)["detail"], "There is no job 1-or-1=1.");
}

#[tokio::test]
async fn every_state_of_a_job_is_shown() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    for status in JobStatus::ALL {
        let job_id = door.job_that_is(tenant_id, *status).await;
        let shown = json_of(&door.get(&format!("/webhook/jobs/{job_id}"), Some(&key)).await);
        assert_eq!(shown["status"], status.as_str());
        assert_eq!(shown["completed_at"].is_null(), !status.is_final(), "{shown}");
        assert_eq!(shown["error_message"].is_null(), *status != JobStatus::Failed, "{shown}");
    }
    let (waiting, _) = door.job_that_waits(tenant_id, jiff::Timestamp::now()).await;
    let shown = json_of(&door.get(&format!("/webhook/jobs/{waiting}"), Some(&key)).await);
    assert_eq!(shown["waiting"]["reason"], "callback");
    assert!(shown["waiting"]["until"].is_string(), "{shown}");
}

#[tokio::test]
async fn what_a_person_asks_for_by_law_is_not_cancelled() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    let job_id = door.job(tenant_id, Workflow::ShopifyPrivacyRequest).await;
    let answer = door.steer(&format!("/webhook/jobs/{job_id}/cancel"), &key).await;
    assert_problem(&answer, StatusCode::CONFLICT);
    let why = "it does what a person has asked for by law, so nobody can cancel it";
    assert_eq!(json_of(&answer)["detail"], format!("Job {job_id} is QUEUED, and {why}."));
}

#[tokio::test]
async fn who_has_wanted_what_of_a_job_is_on_record() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    let job_id = door.job(tenant_id, Workflow::XeroInvoiceToHubspot).await;
    door.steer(&format!("/webhook/jobs/{job_id}/cancel"), &key).await;
    let refused = door.steer(&format!("/webhook/jobs/{job_id}/retry"), &key).await;
    assert_problem(&refused, StatusCode::CONFLICT);
    let log = "select string_agg(concat_ws(' ', split_part(actor, '/', 1), action, subject, before, after), ';') from audit_log";
    let expected =
        format!(r#"api-key job.cancel job/{job_id} {{"status": "QUEUED"}} {{"requested": "cancel"}}"#);
    assert_eq!(door.database.text(log).await, expected);
}

#[tokio::test]
async fn a_live_job_is_asked_to_end_and_its_worker_rung() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    for status in [JobStatus::Queued, JobStatus::Running] {
        let job_id = door.job_that_is(tenant_id, status).await;
        let answer = door.steer(&format!("/webhook/jobs/{job_id}/cancel"), &key).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert_eq!(json_of(&answer), noted(job_id, status, "cancel"));
        assert_noted(&door, tenant_id, job_id, "CANCEL").await;
    }
}

#[tokio::test]
async fn a_job_that_failed_or_was_cancelled_is_asked_to_run_again() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    for status in [JobStatus::Failed, JobStatus::Cancelled] {
        let job_id = door.job_that_is(tenant_id, status).await;
        // Twice asked is once done.
        for _ in 0..2 {
            let answer = door.steer(&format!("/webhook/jobs/{job_id}/retry"), &key).await;
            assert_eq!(answer.status(), StatusCode::ACCEPTED);
            assert_eq!(json_of(&answer), noted(job_id, status, "retry"));
        }
        assert_noted(&door, tenant_id, job_id, "RETRY").await;
    }
}

#[tokio::test]
async fn what_a_job_cannot_have_is_refused_with_the_reason() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    let cancel = "only a job that is QUEUED or RUNNING can be cancelled";
    let retry = "only a job that is FAILED or CANCELLED can be tried again";
    for (status, wish, rule) in [
        (JobStatus::Completed, "cancel", cancel),
        (JobStatus::Failed, "cancel", cancel),
        (JobStatus::Cancelled, "cancel", cancel),
        (JobStatus::Queued, "retry", retry),
        (JobStatus::Running, "retry", retry),
        (JobStatus::Completed, "retry", retry),
    ] {
        let job_id = door.job_that_is(tenant_id, status).await;
        let answer = door.steer(&format!("/webhook/jobs/{job_id}/{wish}"), &key).await;
        assert_problem(&answer, StatusCode::CONFLICT);
        assert_eq!(json_of(&answer)["detail"], format!("Job {job_id} is {status}, and {rule}."));
    }
    assert_eq!(door.database.count("select count(*) from pipeline_jobs where request is not null").await, 0);
    assert_eq!(door.rung().await, []);
}

#[tokio::test]
async fn a_job_of_another_tenant_cannot_be_steered() {
    let door = Door::new().await;
    let (tenant_id, other) = (door.tenant("org").await, door.tenant("org-2").await);
    let key = door.api_key(other).await;
    let live = door.job(tenant_id, Workflow::XeroInvoiceToHubspot).await;
    let failed = door.job_that_is(tenant_id, JobStatus::Failed).await;
    for path in [format!("/webhook/jobs/{live}/cancel"), format!("/webhook/jobs/{failed}/retry")] {
        assert_problem(&door.steer(&path, &key).await, StatusCode::NOT_FOUND);
    }
    assert_eq!(door.database.count("select count(*) from pipeline_jobs where request is not null").await, 0);
    assert_eq!(door.rung().await, []);
}

#[tokio::test]
async fn while_the_queue_is_down_a_wish_is_noted_and_rung_later() {
    let door = Door::new().await.without_queue();
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    let job_id = door.job_that_is(tenant_id, JobStatus::Failed).await;
    assert_eq!(door.rows("outbox").await, 0);
    let answer = door.steer(&format!("/webhook/jobs/{job_id}/retry"), &key).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    assert_eq!(door.rows("outbox").await, 1);
}

fn noted(job_id: JobId, status: JobStatus, requested: &str) -> Value {
    json!({
        "job_id": job_id.to_string(), "status": status.as_str(), "requested": requested,
        "status_url": format!("{BASE_URL}/webhook/jobs/{job_id}"),
    })
}

/// The wish stands in the row with who has it, the doorbell hangs and was rung.
async fn assert_noted(door: &Door, tenant_id: TenantId, job_id: JobId, request: &str) {
    let row = format!(
        "select concat_ws(' ', request, split_part(requested_by, '/', 1), requested_at is not null)
           from pipeline_jobs where job_id = '{job_id}'"
    );
    assert_eq!(door.database.text(&row).await, format!("{request} api-key t"));
    let due = format!("select count(*) from outbox where job_id = '{job_id}' and ring_at <= now()");
    assert_eq!(door.database.count(&due).await, 1);
    let rung = door.rung().await;
    assert!(!rung.is_empty() && rung.iter().all(|it| *it == Message::Ring { tenant_id, job_id }), "{rung:?}");
}
