//! `POST /webhook/jobs/{id}/cancel` and `/retry`: notes what is wanted of a job; the worker does it.

use lambda_http::{Body, Response, http::StatusCode};
use serde_json::json;
use zixly_domain::{JobId, JobStatus};
use zixly_lambda_kit::problem::Problem;
use zixly_store::{
    audit::{self, Deed},
    requests::{self, Requested},
};

use crate::{App, accept::ring, app::OpenError, callers::Caller, jobs};

/// What can be wanted of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Cancel,
    Retry,
}

/// Notes the wish and rings the worker; a problem document where the job cannot have it.
pub(crate) async fn steer(app: &App, caller: &Caller, job_id: &str, wish: Wish) -> Response<Body> {
    let Ok(id) = job_id.parse::<JobId>() else { return jobs::unknown(job_id).into_response() };
    match note(app, caller, id, wish).await {
        Ok(Requested::Noted(status)) => {
            ring(app, &[(caller.tenant_id, id)]).await;
            tracing::info!(job.id = %id, wish = wish.name(), "job.steered");
            let body = json!({
                "job_id": id.to_string(),
                "status": status.as_str(),
                "requested": wish.name(),
                "status_url": jobs::status_url(app, id),
            });
            jobs::json_answer(StatusCode::ACCEPTED, &body)
        }
        Ok(Requested::Impossible(status)) => impossible(id, wish, status).into_response(),
        Ok(Requested::NoJob) => jobs::unknown(job_id).into_response(),
        Err(error) => {
            Problem::unavailable("Nothing can be asked of jobs at the moment. Try again.", 5, error)
                .into_response()
        }
    }
}

async fn note(app: &App, caller: &Caller, job_id: JobId, wish: Wish) -> Result<Requested, OpenError> {
    let store = app.store().await?;
    let mut session = store.session().await?;
    let tx = session.begin(caller.tenant_id)?;
    let requested = match wish {
        Wish::Cancel => requests::cancel(&tx, caller.tenant_id, job_id, &caller.name).await?,
        Wish::Retry => requests::retry(&tx, caller.tenant_id, job_id, &caller.name).await?,
    };
    if let Requested::Noted(status) = requested {
        let deed = Deed {
            actor: &caller.name,
            action: wish.action(),
            subject: &format!("job/{job_id}"),
            source_address: caller.address.as_deref(),
            before: Some(json!({ "status": status.as_str() })),
            after: Some(json!({ "requested": wish.name() })),
        };
        audit::record(&tx, caller.tenant_id, &deed).await?;
    }
    tx.commit().await?;
    Ok(requested)
}

fn impossible(job_id: JobId, wish: Wish, status: JobStatus) -> Problem {
    let rule = match wish {
        Wish::Cancel if matches!(status, JobStatus::Queued | JobStatus::Running) => {
            "it does what a person has asked for by law, so nobody can cancel it"
        }
        Wish::Cancel => "only a job that is QUEUED or RUNNING can be cancelled",
        Wish::Retry => "only a job that is FAILED or CANCELLED can be tried again",
    };
    Problem::new(StatusCode::CONFLICT, format!("Job {job_id} is {status}, and {rule}."))
}

impl Wish {
    /// As the audit log calls it.
    fn action(self) -> &'static str {
        match self {
            Self::Cancel => "job.cancel",
            Self::Retry => "job.retry",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
        }
    }
}
