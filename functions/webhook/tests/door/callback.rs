//! `POST /webhook/sweep-callback`.

use jiff::{SignedDuration, Timestamp};
use lambda_http::{
    Body, Response,
    http::{Method, StatusCode},
};
use serde_json::{Value, json};
use zixly_auth::CallbackToken;
use zixly_domain::JobId;
use zixly_queues::Message;

use crate::{
    contract::assert_problem,
    logs::Logs,
    scene::{BASE_URL, Door, json_of},
};

const PATH: &str = "/webhook/sweep-callback";

#[tokio::test]
async fn a_call_back_is_kept_and_wakes_the_job_that_waits() {
    let logs = Logs::capture();
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let (job_id, token) = door.job_that_waits(tenant_id, in_an_hour()).await;
    // Its doorbell hangs for the end of the hour; somebody else's is no business of this one.
    let (bystander, _) = door.job_that_waits(tenant_id, in_an_hour()).await;

    let answer = door.call(PATH, &token, &outcome()).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let status_url = format!("{BASE_URL}/webhook/jobs/{job_id}");
    assert_eq!(json_of(&answer), json!({ "job_id": job_id.to_string(), "status_url": status_url }));

    let kept = door.database.text("select answer::text from callback_tokens where used_at is not null").await;
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), outcome());
    let of = |column: &str, id: JobId| format!("select {column} from pipeline_jobs where job_id = '{id}'");
    assert_eq!(door.database.text(&of("request", job_id)).await, "WAKE");
    assert_eq!(door.database.text(&of("request", bystander)).await, "");
    let due = "select job_id::text from outbox where ring_at <= now()";
    assert_eq!(door.database.text(due).await, job_id.to_string());
    assert_eq!(door.rung().await, [Message::Ring { tenant_id, job_id }]);

    let text = token.trim_start_matches("Bearer ");
    assert_eq!(door.rows_with(text).await, Vec::<String>::new());
    assert!(logs.text().contains("job.called_back") && !logs.text().contains(text));
}

#[tokio::test]
async fn a_token_is_good_once() {
    let door = Door::new().await;
    let (_, token) = door.job_that_waits(door.tenant("org").await, in_an_hour()).await;
    assert_eq!(door.call(PATH, &token, &outcome()).await.status(), StatusCode::ACCEPTED);
    let again = door.call(PATH, &token, &json!({ "status": "no, failed" })).await;
    assert_refused(&again, StatusCode::CONFLICT, "This callback token was used before.");
    let kept = door.database.text("select answer->>'status' from callback_tokens").await;
    assert_eq!(kept, "done");
}

#[tokio::test]
async fn a_call_back_beyond_the_limit_uses_no_token_up() {
    let door = Door::new().await.running();
    let tenant_id = door.tenant("org").await;
    let (job_id, token) = door.job_that_waits(tenant_id, in_an_hour()).await;
    let (key, path) = (door.api_key(tenant_id).await, format!("/webhook/jobs/{job_id}"));
    for _ in 0..100 {
        assert_eq!(door.get(&path, Some(&key)).await.status(), StatusCode::OK);
    }
    let refused = door.call(PATH, &token, &outcome()).await;
    assert_problem(&refused, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(door.database.count("select count(*) from callback_tokens where used_at is null").await, 1);
}

#[tokio::test]
async fn of_two_calls_at_once_one_is_kept() {
    let door = Door::new().await;
    let (_, token) = door.job_that_waits(door.tenant("org").await, in_an_hour()).await;
    let body = outcome();
    let calls = (0..5).map(|_| door.call(PATH, &token, &body));
    let mut statuses: Vec<u16> =
        futures_util::future::join_all(calls).await.iter().map(|answer| answer.status().as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409, 409, 409, 409]);
}

#[tokio::test]
async fn a_token_that_has_expired_or_never_was_is_refused() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let a_moment_ago = Timestamp::now() - SignedDuration::from_secs(1);
    let (_, expired) = door.job_that_waits(tenant_id, a_moment_ago).await;
    let answer = door.call(PATH, &expired, &outcome()).await;
    assert_refused(&answer, StatusCode::GONE, "This callback token has expired.");

    let unknown = format!("Bearer {}", CallbackToken::generate().expose());
    let api_key = door.api_key(tenant_id).await;
    for wrong in [unknown.as_str(), &api_key, "Bearer zixly_cb_short", "Basic dXNlcjpwdw=="] {
        let answer = door.call(PATH, wrong, &outcome()).await;
        assert_problem(&answer, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    }
    assert_eq!(
        door.database.count("select count(*) from callback_tokens where used_at is not null").await,
        0
    );
    assert_eq!(door.rung().await, []);
}

#[tokio::test]
async fn a_job_that_has_ended_is_not_woken() {
    let door = Door::new().await;
    let (job_id, token) = door.job_that_waits(door.tenant("org").await, in_an_hour()).await;
    door.sql(
        "update pipeline_jobs set status = 'CANCELLED', completed_at = now(), waiting_reason = null,
                                       due_at = null",
    )
    .await;
    let answer = door.call(PATH, &token, &outcome()).await;
    assert_refused(&answer, StatusCode::CONFLICT, &format!("Job {job_id} has ended without this."));
    assert_eq!(door.database.count("select count(*) from pipeline_jobs where request is not null").await, 0);
    assert_eq!(door.rung().await, []);
}

#[tokio::test]
async fn a_wish_to_cancel_is_stronger_than_a_call_back() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    let (job_id, token) = door.job_that_waits(tenant_id, in_an_hour()).await;
    door.steer(&format!("/webhook/jobs/{job_id}/cancel"), &key).await;
    assert_eq!(door.call(PATH, &token, &outcome()).await.status(), StatusCode::ACCEPTED);
    assert_eq!(door.database.text("select request from pipeline_jobs").await, "CANCEL");
}

#[tokio::test]
async fn a_body_that_cannot_be_kept_leaves_the_token_good() {
    let door = Door::new().await;
    let (_, token) = door.job_that_waits(door.tenant("org").await, in_an_hour()).await;
    let largest = json!({ "rows": "x".repeat(256 * 1024 - 11) }).to_string();
    assert_eq!(largest.len(), 256 * 1024);
    let too_large = json!({ "rows": "x".repeat(256 * 1024 - 10) }).to_string();
    for (body, status) in [
        ("done", StatusCode::BAD_REQUEST),
        ("", StatusCode::BAD_REQUEST),
        ("[]", StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"a":"\u0000"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"a":1e999}"#, StatusCode::BAD_REQUEST),
        (too_large.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        assert_problem(&send(&door, &token, body).await, status);
    }
    assert_eq!(send(&door, &token, &largest).await.status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn while_the_queue_is_down_a_call_back_is_kept_and_rung_later() {
    let door = Door::new().await.without_queue();
    let (_, token) = door.job_that_waits(door.tenant("org").await, in_an_hour()).await;
    assert_eq!(door.call(PATH, &token, &outcome()).await.status(), StatusCode::ACCEPTED);
    assert_eq!(door.database.count("select count(*) from outbox where ring_at <= now()").await, 1);

    let (_, token) = door.job_that_waits(door.tenant("org-2").await, in_an_hour()).await;
    let door = door.without_postgres().await;
    let answer = door.call(PATH, &token, &outcome()).await;
    assert_problem(&answer, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "5");
}

fn outcome() -> Value {
    json!({ "sweep_id": "sw-1", "status": "done" })
}

fn in_an_hour() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(1)
}

async fn send(door: &Door, token: &str, body: &str) -> Response<Body> {
    door.send(Method::POST, PATH, &[("authorization", token)], body.as_bytes()).await
}

#[track_caller]
fn assert_refused(answer: &Response<Body>, status: StatusCode, detail: &str) {
    assert_problem(answer, status);
    assert_eq!(json_of(answer)["detail"], detail);
}
