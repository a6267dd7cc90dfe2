//! What each workflow does, one file each. A new one is a file and a line in [`run`].

mod xero_invoice_to_hubspot;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use zixly_domain::{WaitingReason, Workflow};

use crate::steps::{Halt, JobRun};

/// Runs the job's workflow, in the version that the job began on, and gives the job's result.
pub(crate) async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    let claim = job.context.claim;
    match (claim.job_type.parse(), claim.workflow_version) {
        (Ok(Workflow::XeroInvoiceToHubspot), 1) => xero_invoice_to_hubspot::run(job).await,
        // It is being deployed at this moment, or was rolled back: a worker that has it will come.
        (Ok(workflow), version) if version.cast_unsigned() > workflow.current_version() => Err(Halt::Wait {
            reason: WaitingReason::Backoff,
            due_at: Timestamp::now() + Duration::from_mins(1),
        }),
        (Ok(workflow), version) => Err(Halt::Poisoned {
            reason: format!("this worker has no version {version} of workflow {workflow}"),
        }),
        (Err(unknown), _) => {
            Err(Halt::Poisoned { reason: format!("this worker cannot run the job: {unknown}") })
        }
    }
}

/// The result of a job that ends well because there is nothing to do; `why` is for its owner.
fn nothing_to_do(why: &str) -> Value {
    json!({ "outcome": "nothing to do", "summary": why })
}
