//! `POST /webhook/sweep-callback`: an external API says what came of the work that a job gave it. The token that the job
//! sent along is good once, for that job, until it expires.

use lambda_http::{Body, Request, Response, http::StatusCode};
use serde_json::{Value, json};
use zixly_auth::CallbackToken;
use zixly_domain::TenantId;
use zixly_lambda_kit::{problem::Problem, requests};
use zixly_store::callbacks::{CalledBack, call_back, find_tenant};

use crate::{
    App,
    accept::ring,
    app::OpenError,
    callers::{count, credential, refused_by_limit, unauthorised},
    fields, jobs,
};

/// Keeps what the caller says and ends the wait of the token's job.
pub(crate) async fn receive(app: &App, request: &Request) -> Response<Body> {
    let Some(token) = credential(request).and_then(CallbackToken::parse) else { return unknown() };
    let answer = match fields::object(request) {
        Ok(answer) => answer,
        Err(problem) => return problem.into_response(),
    };
    match keep(app, &token.hash(), &answer).await {
        Ok(Outcome::CalledBack(tenant_id, called_back)) => told(app, tenant_id, called_back).await,
        Ok(Outcome::TooMany(problem)) => problem.into_response(),
        Ok(Outcome::Unknown) => unknown(),
        Err(error) => Problem::unavailable("The answer cannot be kept at the moment. Try again.", 5, error)
            .into_response(),
    }
}

enum Outcome {
    CalledBack(TenantId, CalledBack),
    /// The tenant has no request of this minute left.
    TooMany(Problem),
    Unknown,
}

async fn keep(app: &App, token_hash: &[u8; 32], answer: &Value) -> Result<Outcome, OpenError> {
    let store = app.store().await?;
    let tenant_id = find_tenant(&mut store.session().await?, token_hash).await?;
    let Some(tenant_id) = tenant_id else { return Ok(Outcome::Unknown) };
    requests::note_caller(tenant_id, "callback");
    if let Some(problem) = refused_by_limit(count(app, tenant_id).await.as_ref()) {
        return Ok(Outcome::TooMany(problem));
    }
    let called_back = call_back(&mut store.session().await?, tenant_id, token_hash, answer).await?;
    Ok(Outcome::CalledBack(tenant_id, called_back))
}

async fn told(app: &App, tenant_id: TenantId, called_back: CalledBack) -> Response<Body> {
    match called_back {
        CalledBack::Kept(job_id) => {
            ring(app, &[(tenant_id, job_id)]).await;
            tracing::info!(job.id = %job_id, "job.called_back");
            let body = json!({ "job_id": job_id.to_string(), "status_url": jobs::status_url(app, job_id) });
            jobs::json_answer(StatusCode::ACCEPTED, &body)
        }
        CalledBack::TooLate(job_id) => {
            Problem::new(StatusCode::CONFLICT, format!("Job {job_id} has ended without this."))
                .into_response()
        }
        CalledBack::Used => {
            Problem::new(StatusCode::CONFLICT, "This callback token was used before.").into_response()
        }
        CalledBack::Expired => {
            Problem::new(StatusCode::GONE, "This callback token has expired.").into_response()
        }
    }
}

fn unknown() -> Response<Body> {
    let detail = "This needs the callback token that came with the work, as the header Authorization: Bearer zixly_cb_….";
    unauthorised(detail).into_response()
}
