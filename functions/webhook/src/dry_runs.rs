//! `POST /webhook/dry-runs`: starts a job that says what it would write, and writes nothing. It may be tried with settings
//! that are not saved, and while the workflow is off.

use garde::Validate;
use lambda_http::{Body, Request, Response, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zixly_domain::{Event, EventId, JobRequest, Workflow, check_settings, jobs_for};
use zixly_lambda_kit::problem::Problem;
use zixly_store::triggers::{self, Idempotency};

use crate::{
    App,
    app::OpenError,
    callers::Caller,
    fields::{self, invalid},
    triggers::{answer, idempotency_key, parameters},
};

#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct DryRun {
    #[garde(skip)]
    job_type: String,
    /// What it is run on: the record of a past event.
    #[garde(skip)]
    event_id: Option<String>,
    /// What it is run on, as for any job.
    #[garde(skip)]
    parameters: Option<Value>,
    /// What is tried in the place of the saved settings.
    #[garde(skip)]
    settings: Option<Value>,
}

/// What was asked for, as far as the request alone says.
struct Asked {
    workflow: Workflow,
    subject: Subject,
    settings: Option<Value>,
    idempotency_key: Option<String>,
}

enum Subject {
    Event(EventId),
    Parameters(Value),
}

/// Starts the dry run that the body describes.
pub(crate) async fn start(app: &App, caller: &Caller, request: &Request) -> Response<Body> {
    let asked = match read(request) {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    let parameters = match asked.subject {
        Subject::Parameters(parameters) => parameters,
        Subject::Event(event_id) => match find_event(app, caller, event_id).await {
            Ok(Some(event)) => match parameters_of(&event, asked.workflow) {
                Ok(parameters) => parameters,
                Err(problem) => return problem.into_response(),
            },
            Ok(None) => {
                let detail = format!("There is no event {event_id}.");
                return Problem::new(StatusCode::NOT_FOUND, detail).into_response();
            }
            Err(error) => {
                let detail = "Events cannot be looked up at the moment. Try again.";
                return Problem::unavailable(detail, 5, error).into_response();
            }
        },
    };
    let job = JobRequest { workflow: asked.workflow, parameters, business_key: None };
    let started =
        start_job(app, caller, &job, asked.settings.as_ref(), asked.idempotency_key.as_deref()).await;
    answer(app, caller, asked.workflow, started).await
}

fn read(request: &Request) -> Result<Asked, Problem> {
    let body = fields::object(request)?;
    let DryRun { job_type, event_id, parameters: given, settings } = fields::read(&body, "")?;
    let workflow = workflow_to_try(&job_type)?;
    let subject = match (event_id, given) {
        (Some(event_id), None) => Subject::Event(
            event_id.parse().map_err(|_| invalid("event_id", "It must be the id of an event, a UUID."))?,
        ),
        (None, Some(given)) => Subject::Parameters(parameters(workflow, &given, "parameters")?),
        (Some(_), Some(_)) => return Err(invalid("parameters", "Give either these or an event_id.")),
        (None, None) => return Err(invalid("event_id", "Give either this or parameters.")),
    };
    if let Some(settings) = &settings {
        check(workflow, settings)?;
    }
    Ok(Asked { workflow, subject, settings, idempotency_key: idempotency_key(request)? })
}

fn workflow_to_try(job_type: &str) -> Result<Workflow, Problem> {
    let known = || Workflow::ALL.iter().copied().filter(|workflow| workflow.can_be_tried());
    known().find(|workflow| workflow.as_str() == job_type).ok_or_else(|| {
        let known: Vec<&str> = known().map(Workflow::as_str).collect();
        invalid("job_type", &format!("It must be one that can be tried: {}.", known.join(", ")))
    })
}

fn check(workflow: Workflow, settings: &Value) -> Result<(), Problem> {
    check_settings(workflow, settings).map_err(|problems| {
        fields::all_invalid("settings", problems.into_iter().map(|it| (it.field, it.rule)))
    })
}

/// What the workflow would be run on if the event came now.
fn parameters_of(event: &Event, workflow: Workflow) -> Result<Value, Problem> {
    let job = jobs_for(event).into_iter().find(|job| job.workflow == workflow);
    job.map(|job| job.at(&event.account_id).parameters).ok_or_else(|| {
        let what = format!("{} {} {}", event.provider.name(), event.category, event.action);
        invalid("event_id", &format!("This {what} does not start {workflow}. Take an event that does."))
    })
}

/// Another tenant's event is as unknown as one that never was.
async fn find_event(app: &App, caller: &Caller, event_id: EventId) -> Result<Option<Event>, OpenError> {
    let store = app.store().await?;
    let mut session = store.session().await?;
    let tx = session.begin(caller.tenant_id)?;
    let event = triggers::find_event(&tx, caller.tenant_id, event_id).await?;
    tx.commit().await?;
    Ok(event)
}

async fn start_job(
    app: &App,
    caller: &Caller,
    job: &JobRequest,
    settings: Option<&Value>,
    key: Option<&str>,
) -> Result<triggers::Started, OpenError> {
    let asked = json!({
        "dry_run": job.workflow.as_str(), "parameters": job.parameters, "settings": settings,
    });
    let request_hash = Sha256::digest(asked.to_string().as_bytes()).into();
    let idempotency = key.map(|key| Idempotency { key, request_hash });
    let store = app.store().await?;
    let mut session = store.session().await?;
    let tx = session.begin(caller.tenant_id)?;
    let started =
        triggers::start_dry_run(&tx, caller.tenant_id, job, settings, &caller.name, idempotency).await?;
    tx.commit().await?;
    Ok(started)
}
