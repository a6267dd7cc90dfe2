//! `GET /webhook/jobs/{id}`: how a job is getting on, for its tenant.

use lambda_http::{
    Body, Request, Response,
    http::{StatusCode, header},
};
use serde_json::{Value, json};
use zixly_auth::ApiKey;
use zixly_domain::JobId;
use zixly_lambda_kit::problem::Problem;
use zixly_store::{
    api_keys,
    jobs::{Job, find},
};

use crate::{App, app::OpenError};

/// The job's status as JSON; a problem document without a valid API key, or for a job that the tenant has not got.
pub(crate) async fn status(app: &App, request: &Request, job_id: &str) -> Response<Body> {
    let Some(key) = api_key(request) else { return unauthorised() };
    match find_job(app, &key, job_id).await {
        Ok(Found::Job(job)) => answer(&job),
        // Another tenant's job is as unknown as one that never was.
        Ok(Found::NoJob) => {
            Problem::new(StatusCode::NOT_FOUND, format!("There is no job {job_id}.")).into_response()
        }
        Ok(Found::NoTenant) => unauthorised(),
        Err(error) => Problem::unavailable("Jobs cannot be looked up at the moment. Try again.", 5, error)
            .into_response(),
    }
}

enum Found {
    Job(Box<Job>),
    NoJob,
    NoTenant,
}

async fn find_job(app: &App, key: &ApiKey, job_id: &str) -> Result<Found, OpenError> {
    let store = app.store().await?;
    let mut session = store.session().await?;
    let Some(tenant_id) = api_keys::find_tenant(&mut session, &key.hash()).await? else {
        return Ok(Found::NoTenant);
    };
    let Ok(job_id) = job_id.parse::<JobId>() else { return Ok(Found::NoJob) };
    let tx = session.begin(tenant_id).await?;
    let job = find(&tx, job_id).await?;
    tx.commit().await?;
    Ok(job.map_or(Found::NoJob, |job| Found::Job(Box::new(job))))
}

fn api_key(request: &Request) -> Option<ApiKey> {
    ApiKey::from_authorization(request.headers().get(header::AUTHORIZATION)?.to_str().ok()?)
}

fn answer(job: &Job) -> Response<Body> {
    let waiting: Value = job
        .waiting_reason
        .map_or(Value::Null, |reason| json!({ "reason": reason.as_str(), "until": job.due_at }));
    let body = json!({
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
    });
    Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(Body::from(body.to_string()))
        .expect("the headers are valid")
}

fn unauthorised() -> Response<Body> {
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "This needs a valid API key of your tenant, as the header Authorization: Bearer zixly_…",
    );
    let mut answer = problem.into_response();
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    answer
}
