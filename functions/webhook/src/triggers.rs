//! `POST /webhook/trading-sweep` and `/webhook/generic-job`: start a job for whoever calls.

use garde::Validate;
use lambda_http::{
    Body, Request, Response,
    http::{HeaderValue, StatusCode},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zixly_domain::{JobId, JobRequest, JobStatus, Workflow};
use zixly_lambda_kit::problem::Problem;
use zixly_store::triggers::{Idempotency, Started, start};

use crate::{
    App,
    accept::ring,
    app::OpenError,
    callers::Caller,
    fields::{self, invalid},
    jobs,
};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What is tried with many parameters.
#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
struct TradingSweep {
    /// `BTC-USD`.
    #[garde(custom(is_ticker))]
    ticker: String,
    /// From, to: the fast window, in bars.
    #[garde(custom(is_range))]
    fast_range: [u32; 2],
    /// From, to: the slow window, in bars.
    #[garde(custom(is_range))]
    slow_range: [u32; 2],
    /// From one window to the next, in bars.
    #[garde(custom(is_step))]
    step: u32,
    #[garde(skip)]
    strategy_type: StrategyType,
}

/// What one sweep may try; the answer has a row for each.
const MOST_COMBINATIONS: u32 = 10_000;

impl TradingSweep {
    fn check_size(&self, prefix: &str) -> Result<(), Problem> {
        let count = |[from, to]: [u32; 2]| (to - from) / self.step + 1;
        let combinations = count(self.fast_range) * count(self.slow_range);
        if combinations <= MOST_COMBINATIONS {
            return Ok(());
        }
        let field = if prefix.is_empty() { "step".to_owned() } else { format!("{prefix}.step") };
        let rule = format!(
            "It makes {combinations} combinations of these ranges; {MOST_COMBINATIONS} are the most. Take a larger one."
        );
        Err(invalid(&field, &rule))
    }
}

#[derive(Debug, Deserialize, Serialize)]
enum StrategyType {
    #[serde(rename = "SMA")]
    Sma,
    #[serde(rename = "EMA")]
    Ema,
    #[serde(rename = "MACD")]
    Macd,
}

#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct GenericJob {
    #[garde(skip)]
    job_type: String,
    #[garde(skip)]
    parameters: Value,
}

#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
struct XeroInvoice {
    #[garde(custom(is_id))]
    organisation_id: String,
    #[garde(custom(is_id))]
    invoice_id: String,
}

#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
struct ShopifyOrder {
    #[garde(custom(is_id))]
    shop: String,
    #[garde(custom(is_id))]
    order_id: String,
}

#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
struct HubSpotDeal {
    #[garde(custom(is_id))]
    portal_id: String,
    #[garde(custom(is_id))]
    deal_id: String,
}

#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
struct AsanaTask {
    #[garde(custom(is_id))]
    workspace: String,
    #[garde(custom(is_id))]
    task: String,
}

/// Starts a `trading-sweep` with the body as its parameters.
pub(crate) async fn trading_sweep(app: &App, caller: &Caller, request: &Request) -> Response<Body> {
    let read = fields::object(request).and_then(|body| parameters(Workflow::TradingSweep, &body, ""));
    trigger(app, caller, request, Workflow::TradingSweep, read).await
}

/// Starts a job of the workflow that the body names.
pub(crate) async fn generic_job(app: &App, caller: &Caller, request: &Request) -> Response<Body> {
    let read = fields::object(request).and_then(|body| {
        let job: GenericJob = fields::read(&body, "")?;
        let workflow = optional_workflow(&job.job_type)?;
        Ok((workflow, parameters(workflow, &job.parameters, "parameters")?))
    });
    match read {
        Ok((workflow, parameters)) => trigger(app, caller, request, workflow, Ok(parameters)).await,
        Err(problem) => problem.into_response(),
    }
}

async fn trigger(
    app: &App,
    caller: &Caller,
    request: &Request,
    workflow: Workflow,
    parameters: Result<Value, Problem>,
) -> Response<Body> {
    let asked = parameters.and_then(|parameters| Ok((parameters, idempotency_key(request)?)));
    let (parameters, key) = match asked {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    if !caller.may_trigger(workflow) {
        let detail =
            format!("This API key may not start {workflow}. An ADMIN of your tenant can make one that may.");
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    let job = JobRequest { workflow, parameters, business_key: None };
    let started = start_job(app, caller, &job, key.as_deref()).await;
    answer(app, caller, workflow, started).await
}

/// Rings for a new job, and tells the caller what became of his call.
pub(crate) async fn answer(
    app: &App,
    caller: &Caller,
    workflow: Workflow,
    started: Result<Started, OpenError>,
) -> Response<Body> {
    match started {
        Ok(Started::New(job_id)) => {
            ring(app, &[(caller.tenant_id, job_id)]).await;
            app.measurements.metrics.count_jobs_queued(&[workflow.as_str()]);
            tracing::info!(job.id = %job_id, job_type = %workflow, "job.triggered");
            accepted(app, job_id, JobStatus::Queued)
        }
        Ok(Started::Before(job_id, status)) => {
            let mut answer = accepted(app, job_id, status);
            answer.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
            answer
        }
        Ok(Started::KeyTaken) => invalid(
            "Idempotency-Key",
            "It was used before, for another request. Send the same request, or take another key.",
        )
        .into_response(),
        Ok(Started::SwitchedOff) => {
            let detail =
                format!("The workflow {workflow} is off for your tenant. An ADMIN can switch it on.");
            Problem::new(StatusCode::FORBIDDEN, detail).into_response()
        }
        Err(error) => {
            Problem::unavailable("Jobs cannot be started at the moment. Try again.", 5, error).into_response()
        }
    }
}

fn accepted(app: &App, job_id: JobId, status: JobStatus) -> Response<Body> {
    let body = json!({
        "job_id": job_id.to_string(), "status": status.as_str(), "status_url": jobs::status_url(app, job_id),
    });
    jobs::json_answer(StatusCode::ACCEPTED, &body)
}

async fn start_job(
    app: &App,
    caller: &Caller,
    job: &JobRequest,
    key: Option<&str>,
) -> Result<Started, OpenError> {
    let asked = json!({ "job_type": job.workflow.as_str(), "parameters": job.parameters }).to_string();
    let request_hash = Sha256::digest(asked.as_bytes()).into();
    let idempotency = key.map(|key| Idempotency { key, request_hash });
    let store = app.store().await?;
    let mut session = store.session().await?;
    let tx = session.begin(caller.tenant_id)?;
    let started = start(&tx, caller.tenant_id, job, &caller.name, idempotency).await?;
    tx.commit().await?;
    Ok(started)
}

/// What the caller sent as `Idempotency-Key`.
pub(crate) fn idempotency_key(request: &Request) -> Result<Option<String>, Problem> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    // A text of a header may have tabs in it.
    let key = value.to_str().ok().filter(|key| !key.contains('\t')).unwrap_or_default();
    if values.next().is_some() || !(1..=255).contains(&key.len()) {
        return Err(invalid(
            "Idempotency-Key",
            "It must be one text of 1 to 255 printable ASCII characters.",
        ));
    }
    Ok(Some(key.to_owned()))
}

fn optional_workflow(job_type: &str) -> Result<Workflow, Problem> {
    let known: Vec<&Workflow> = Workflow::ALL.iter().filter(|workflow| workflow.is_optional()).collect();
    known.iter().find(|workflow| workflow.as_str() == job_type).map(|workflow| **workflow).ok_or_else(|| {
        let known: Vec<&str> = known.iter().map(|workflow| workflow.as_str()).collect();
        invalid("job_type", &format!("It must be one of {}.", known.join(", ")))
    })
}

/// The job's parameters, if they are what the workflow needs. Written anew, so that the same parameters are the same
/// text.
pub(crate) fn parameters(workflow: Workflow, value: &Value, prefix: &str) -> Result<Value, Problem> {
    match workflow {
        Workflow::XeroInvoiceToHubspot => read_as::<XeroInvoice>(value, prefix),
        Workflow::ShopifyOrderToXero => read_as::<ShopifyOrder>(value, prefix),
        Workflow::HubspotDealToAsana => read_as::<HubSpotDeal>(value, prefix),
        Workflow::AsanaTaskToHubspot => read_as::<AsanaTask>(value, prefix),
        Workflow::TradingSweep => {
            let sweep: TradingSweep = fields::read(value, prefix)?;
            sweep.check_size(prefix)?;
            Ok(serde_json::to_value(sweep).expect("texts and numbers serialise"))
        }
        Workflow::ShopifyAppUninstalled
        | Workflow::ShopifyPrivacyRequest
        | Workflow::XeroPaidInvoicesPoll
        | Workflow::AsanaCompletedTasksPoll
        | Workflow::ShopifyWebhooksCheck
        | Workflow::AsanaWebhooksCheck => Err(invalid("job_type", "It is started by Zixly itself.")),
    }
}

fn read_as<T>(value: &Value, prefix: &str) -> Result<Value, Problem>
where
    T: for<'de> Deserialize<'de> + Serialize + Validate<Context = ()>,
{
    let read: T = fields::read(value, prefix)?;
    Ok(serde_json::to_value(read).expect("texts and numbers serialise"))
}

fn is_ticker(text: &str, _: &()) -> garde::Result {
    let is_known = |character: char| character.is_ascii_alphanumeric() || "-.^=/_".contains(character);
    if (1..=20).contains(&text.len()) && text.chars().all(is_known) {
        return Ok(());
    }
    Err(garde::Error::new("it must have 1 to 20 letters, digits or -.^=/_"))
}

fn is_range([from, to]: &[u32; 2], _: &()) -> garde::Result {
    if (1..=1000).contains(from) && (1..=1000).contains(to) && from <= to {
        return Ok(());
    }
    Err(garde::Error::new("it must be two numbers from 1 to 1000, the smaller one first"))
}

fn is_step(step: &u32, _: &()) -> garde::Result {
    if (1..=1000).contains(step) {
        return Ok(());
    }
    Err(garde::Error::new("it must be a number from 1 to 1000"))
}

fn is_id(text: &str, _: &()) -> garde::Result {
    if (1..=255).contains(&text.len()) && text.chars().all(|character| character.is_ascii_graphic()) {
        return Ok(());
    }
    Err(garde::Error::new("it must be an id of 1 to 255 printable ASCII characters without blanks"))
}
