//! Asks Xero for invoices that were paid without an event, and starts the main job for each.

use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zixly_domain::{ConnectionId, Provider, Workflow};

use super::{
    nothing_to_do,
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
    /// The page to go on with.
    page: u32,
    /// When the first page was asked for.
    began_at: Timestamp,
}

/// Runs the steps; gives the job's result.
pub(super) async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
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
    let now = Timestamp::now();
    // At the first time from when the organisation was connected: what was paid before is none of our business.
    let first = || Cursor { modified_since: connection.created_at, page: 1, began_at: now };
    let mut cursor = cursor.unwrap_or_else(first);
    if cursor.page == 1 {
        cursor.began_at = now;
    }
    let mut starts = Vec::new();
    let asking = Instant::now();
    loop {
        let page = context
            .call(Provider::Xero, &connection, async |token| {
                xero.list_paid_invoices(token, organisation_id, cursor.modified_since, cursor.page).await
            })
            .await?;
        let sales = page.invoices.into_iter().filter(|invoice| invoice.kind == "ACCREC");
        starts.extend(sales.map(|invoice| {
            let paid_on = invoice.fully_paid_on.map(|date| date.to_string()).unwrap_or_default();
            let invoice_id = invoice.invoice_id;
            Start {
                business_key: format!("{organisation_id}/{invoice_id}/{paid_on}"),
                parameters: json!({ "organisation_id": organisation_id, "invoice_id": invoice_id }),
            }
        }));
        if !page.has_more {
            let modified_since = cursor.began_at - OVERLAP;
            cursor = Cursor { modified_since, page: 1, began_at: now };
            break;
        }
        cursor.page += 1;
        if asking.elapsed() > ASKING {
            break;
        }
    }
    Ok(Done::new(Found { starts, cursor }))
}
