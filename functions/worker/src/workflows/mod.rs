//! What each workflow does, one file each. A new one is a file and a line in [`run`].

mod asana_completed_tasks_poll;
mod asana_task_to_hubspot;
mod hubspot_deal_to_asana;
mod polls;
mod report;
mod shopify_app_uninstalled;
mod shopify_order_to_xero;
mod shopify_privacy_request;
mod trading_sweep;
mod xero_invoice_to_hubspot;
mod xero_paid_invoices_poll;

use std::{pin::Pin, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use zixly_domain::{Provider, RecordAction, WaitingReason, Workflow};
use zixly_store::related_records::RelatedRecord;

use crate::steps::{Halt, JobRun};

/// Runs the job's workflow, in the version that the job began on, and gives the job's result.
pub(crate) async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    let claim = job.context.claim;
    // Boxed, or a job of any workflow would take the memory of the largest.
    let steps: Pin<Box<dyn Future<Output = Result<Value, Halt>>>> =
        match (claim.job_type.parse(), claim.workflow_version) {
            (Ok(Workflow::XeroInvoiceToHubspot), 1) => Box::pin(xero_invoice_to_hubspot::run(job)),
            (Ok(Workflow::ShopifyOrderToXero), 1) => Box::pin(shopify_order_to_xero::run(job)),
            (Ok(Workflow::HubspotDealToAsana), 1) => Box::pin(hubspot_deal_to_asana::run(job)),
            (Ok(Workflow::AsanaTaskToHubspot), 1) => Box::pin(asana_task_to_hubspot::run(job)),
            (Ok(Workflow::TradingSweep), 1) => Box::pin(trading_sweep::run(job)),
            (Ok(Workflow::ShopifyAppUninstalled), 1) => Box::pin(shopify_app_uninstalled::run(job)),
            (Ok(Workflow::ShopifyPrivacyRequest), 1) => Box::pin(shopify_privacy_request::run(job)),
            (Ok(Workflow::XeroPaidInvoicesPoll), 1) => Box::pin(xero_paid_invoices_poll::run(job)),
            (Ok(Workflow::AsanaCompletedTasksPoll), 1) => Box::pin(asana_completed_tasks_poll::run(job)),
            // It is being deployed at this moment, or was rolled back: a worker that has it will come.
            (Ok(workflow), version) if version.cast_unsigned() > workflow.current_version() => {
                let due_at = Timestamp::now() + Duration::from_mins(1);
                return Err(Halt::Wait { reason: WaitingReason::Backoff, due_at });
            }
            (Ok(workflow), version) => {
                let reason = format!("this worker has no version {version} of workflow {workflow}");
                return Err(Halt::Poisoned { reason });
            }
            (Err(unknown), _) => {
                let reason = format!("this worker cannot run the job: {unknown}");
                return Err(Halt::Poisoned { reason });
            }
        };
    steps.await
}

/// The result of a job that ends well because there is nothing to do; `why` is for its owner.
fn nothing_to_do(why: &str) -> Value {
    json!({ "outcome": "nothing to do", "summary": why })
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
