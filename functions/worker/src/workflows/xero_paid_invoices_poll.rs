//! Asks Xero for invoices that were paid without an event, and starts the main job for each.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zixly_connectors::xero::Invoice;
use zixly_domain::{ConnectionId, Provider, Workflow};

use super::{
    Definition, nothing_to_do,
    polls::{self, ASKING, Found, OVERLAP, Parameters, Start},
};
use crate::{
    error::StepError,
    steps::{Done, Halt, JobRun, StepContext},
};

/// How far the last poll got.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Cursor {
    /// Invoices that were changed before are done with.
    modified_since: Timestamp,
}

pub(super) const DEFINITION: Definition = Definition {
    workflow: Workflow::XeroPaidInvoicesPoll,
    version: 1,
    steps: &["list-paid-invoices", "start-jobs"],
    run: |job| Box::pin(run(job)),
};

/// Runs the steps; gives the job's result.
async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    let Parameters { connection_id } = job.parameters()?;
    let found = job
        .step("list-paid-invoices", async |context| list_paid_invoices(context, connection_id).await)
        .await?;
    let count = job
        .step("start-jobs", async |context| {
            polls::start_jobs(context, connection_id, Workflow::XeroInvoiceToHubspot, found).await
        })
        .await?;
    Ok(match count {
        0 => nothing_to_do("No invoice was paid since the last look."),
        _ => {
            json!({ "outcome": "started", "summary": format!("Found without a job: {count} paid invoices."), "jobs": count })
        }
    })
}

async fn list_paid_invoices(
    context: &StepContext<'_>,
    connection_id: ConnectionId,
) -> Result<Done<Found<Cursor>>, StepError> {
    let (connection, cursor) = polls::begin::<Cursor>(context, Provider::Xero, connection_id).await?;
    let xero = context.connectors.xero()?;
    let organisation_id = &connection.account_id;
    let began_at = Timestamp::now();
    // At the first time from when the organisation was connected: what was paid before is none of our business.
    let mut modified_since = cursor.map_or(connection.created_at, |cursor| cursor.modified_since);
    let mut number = 1;
    let mut starts = Vec::new();
    let asking = Instant::now();
    let mut has_seen_one = false;
    loop {
        let page = context
            .call(Provider::Xero, &connection, async |token| {
                xero.list_paid_invoices(token, organisation_id, modified_since, number).await
            })
            .await;
        let page = match page {
            // What has been seen is kept; the next poll goes on.
            Err(error) if has_seen_one && polls::is_for_later(&error) => break,
            page => page?,
        };
        has_seen_one = true;
        let last_change = page.invoices.iter().filter_map(|invoice| invoice.updated_at).max();
        let sales = page.invoices.into_iter().filter(|invoice| invoice.kind == "ACCREC");
        starts.extend(sales.map(|Invoice { invoice_id, fully_paid_on, .. }| Start {
            business_key: polls::paid_invoice(organisation_id, &invoice_id, fully_paid_on),
            parameters: json!({ "organisation_id": organisation_id, "invoice_id": invoice_id }),
        }));
        if !page.has_more {
            modified_since = began_at - OVERLAP;
            break;
        }
        (modified_since, number) = after(modified_since, number, last_change);
        if asking.elapsed() > ASKING {
            break;
        }
    }
    Ok(Done::new(Found { starts, left_out: 0, cursor: Cursor { modified_since } }))
}

/// Where to go on after a page whose last change was then: at the first page from there, with a second twice. The next
/// page would miss an invoice whenever one of this page is changed meanwhile: it goes to the end, and the first of the
/// next page comes into this one. Only where a page is full of the changes of one second it has to be the next.
fn after(modified_since: Timestamp, number: u32, last_change: Option<Timestamp>) -> (Timestamp, u32) {
    let second = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap_or(time);
    match last_change.map(|time| second(time) - Duration::from_secs(1)) {
        Some(seen) if seen > second(modified_since) => (seen, 1),
        _ => (modified_since, number + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_gone_through_by_the_changes_and_within_a_second_by_pages() {
        let at = |seconds: &str| format!("2026-10-01T09:12:{seconds}Z").parse::<Timestamp>().unwrap();
        assert_eq!(after(at("10"), 1, Some(at("44.917"))), (at("43"), 1));
        assert_eq!(after(at("43"), 1, Some(at("44.917"))), (at("43"), 2));
        assert_eq!(after(at("43"), 2, Some(at("45"))), (at("44"), 1));
        assert_eq!(after(at("43"), 1, None), (at("43"), 2));
    }
}
