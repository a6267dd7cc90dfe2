//! What each workflow does, one file each. A new one is a file and a line in [`REGISTRY`].

mod asana_completed_tasks_poll;
mod asana_task_to_hubspot;
mod asana_webhooks_check;
mod hubspot_deal_to_asana;
mod notify;
mod polls;
mod report;
mod shopify_app_uninstalled;
mod shopify_order_to_xero;
mod shopify_privacy_request;
mod shopify_webhooks_check;
mod trading_sweep;
mod webhooks;
mod xero_invoice_to_hubspot;
mod xero_paid_invoices_poll;

use std::{pin::Pin, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use zixly_domain::{Provider, RecordAction, WaitingReason, Workflow};
use zixly_store::related_records::RelatedRecord;

use crate::steps::{Halt, JobRun};

const NOTHING_TO_DO: &str = "nothing to do";

/// One version of a workflow.
pub(crate) struct Definition {
    workflow: Workflow,
    version: u16,
    /// Its steps, in order; a run may leave some out.
    steps: &'static [&'static str],
    /// Boxed, or a job of any workflow would take the memory of the largest.
    run: for<'a> fn(&'a mut JobRun<'_>) -> Steps<'a>,
}

type Steps<'a> = Pin<Box<dyn Future<Output = Result<Value, Halt>> + 'a>>;

/// Every version of every workflow that a job may be on. An old one goes when no job is on it any more.
const REGISTRY: &[Definition] = &[
    xero_invoice_to_hubspot::DEFINITION,
    shopify_order_to_xero::DEFINITION,
    hubspot_deal_to_asana::DEFINITION,
    asana_task_to_hubspot::DEFINITION,
    trading_sweep::DEFINITION,
    shopify_app_uninstalled::DEFINITION,
    shopify_privacy_request::DEFINITION,
    xero_paid_invoices_poll::DEFINITION,
    asana_completed_tasks_poll::DEFINITION,
    shopify_webhooks_check::DEFINITION,
    asana_webhooks_check::DEFINITION,
];

/// The names of a workflow's steps, in order, in the version that new jobs get.
pub fn steps_of(workflow: Workflow) -> &'static [&'static str] {
    find(workflow, workflow.current_version()).map_or(&[], |definition| definition.steps)
}

/// Runs the job's workflow, in the version that the job began on, and gives the job's result.
pub(crate) async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    let claim = job.context.claim;
    let version = claim.workflow_version.cast_unsigned();
    let workflow: Workflow = match claim.job_type.parse() {
        Ok(workflow) => workflow,
        Err(unknown) => {
            return Err(Halt::Poisoned { reason: format!("this worker cannot run the job: {unknown}") });
        }
    };
    match find(workflow, version) {
        Some(_) if claim.is_dry_run && !workflow.can_be_tried() => {
            Err(Halt::Failed { reason: format!("{workflow} cannot be tried without doing it") })
        }
        Some(definition) if claim.is_dry_run => (definition.run)(job).await.map(would),
        Some(definition) => (definition.run)(job).await,
        // It is being deployed at this moment, or was rolled back: a worker that has it will come.
        None if version > workflow.current_version() => {
            let due_at = Timestamp::now() + Duration::from_mins(1);
            Err(Halt::Wait { reason: WaitingReason::Backoff, due_at })
        }
        None => {
            let reason = format!("this worker has no version {version} of workflow {workflow}");
            Err(Halt::Poisoned { reason })
        }
    }
}

fn find(workflow: Workflow, version: u16) -> Option<&'static Definition> {
    REGISTRY.iter().find(|definition| definition.workflow == workflow && definition.version == version)
}

/// The result of a dry run, from that of the real one that it stands for.
fn would(result: Value) -> Value {
    if result["outcome"] == NOTHING_TO_DO {
        return result;
    }
    let summary = result["summary"].as_str().unwrap_or_default();
    json!({
        "outcome": "dry run",
        "summary": format!("Nothing was written. A real run would come to this: {summary}"),
        "notified": result["notified"],
    })
}

/// The result of a job that ends well because there is nothing to do; `why` is for its owner.
fn nothing_to_do(why: &str) -> Value {
    json!({ "outcome": NOTHING_TO_DO, "summary": why })
}

/// An external record that a step touched.
fn record(
    system: Provider,
    record_type: &'static str,
    record_id: &str,
    action: RecordAction,
) -> RelatedRecord {
    RelatedRecord { system, record_type, record_id: record_id.to_owned(), action }
}
