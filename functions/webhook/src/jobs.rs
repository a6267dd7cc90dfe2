//! `GET /webhook/jobs/{id}`: how a job is getting on, for its tenant.

use lambda_http::{
    Body, Response,
    http::{StatusCode, header},
};
use serde_json::{Value, json};
use zixly_domain::JobId;
use zixly_lambda_kit::problem::Problem;
use zixly_store::jobs::{Job, find};

use crate::{App, app::OpenError, callers::Caller};

/// The job's status as JSON; a problem document for a job that the tenant has not got.
pub(crate) async fn status(app: &App, caller: &Caller, job_id: &str) -> Response<Body> {
    match find_job(app, caller, job_id).await {
        Ok(Some(job)) => json_answer(StatusCode::OK, &status_of(&job)),
        Ok(None) => unknown(job_id).into_response(),
        Err(error) => Problem::unavailable("Jobs cannot be looked up at the moment. Try again.", 5, error)
            .into_response(),
    }
}

/// Another tenant's job is as unknown as one that never was.
pub(crate) fn unknown(job_id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("There is no job {job_id}."))
}

/// Where the job's status is.
pub(crate) fn status_url(app: &App, job_id: JobId) -> String {
    format!("{}/webhook/jobs/{job_id}", app.config.public_base_url)
}

/// An answer with `body` as JSON.
pub(crate) fn json_answer(status: StatusCode, body: &Value) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .expect("status and header are valid")
}

async fn find_job(app: &App, caller: &Caller, job_id: &str) -> Result<Option<Job>, OpenError> {
    let Ok(job_id) = job_id.parse::<JobId>() else { return Ok(None) };
    let store = app.store().await?;
    let mut session = store.session().await?;
    let tx = session.begin(caller.tenant_id)?;
    let job = find(&tx, job_id).await?;
    tx.commit().await?;
    Ok(job)
}

fn status_of(job: &Job) -> Value {
    let waiting: Value = job
        .waiting_reason
        .map_or(Value::Null, |reason| json!({ "reason": reason.as_str(), "until": job.due_at }));
    json!({
        "job_id": job.job_id.to_string(),
        "job_type": job.job_type,
        "status": job.status.as_str(),
        "about": job.about,
        "waiting": waiting,
        "result": job.result,
        "error_message": job.error_message,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
    })
}
