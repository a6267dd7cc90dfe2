//! What the polls share: how they begin, and how they start jobs.

use std::time::Duration;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use zixly_connectors::ConnectorError;
use zixly_domain::{ConnectionId, JobRequest, Provider, Workflow};
use zixly_store::{
    connections::{self, Connection},
    polls, triggers,
};

use crate::{
    error::StepError,
    steps::{Done, StepContext},
};

/// How long a poll goes on asking; what is left is for the next one.
pub(super) const ASKING: Duration = Duration::from_secs(10);

/// How far back a poll looks before the one before it, for clocks that differ and records that come late.
pub(super) const OVERLAP: Duration = Duration::from_mins(5);

/// How many jobs are started in one transaction.
const STARTED_AT_ONCE: usize = 100;

#[derive(Deserialize)]
pub(super) struct Parameters {
    pub(super) connection_id: ConnectionId,
}

/// What a poll has found.
#[derive(Serialize, Deserialize)]
pub(super) struct Found<C> {
    pub(super) starts: Vec<Start>,
    /// What could not be asked about this time.
    #[serde(default)]
    pub(super) left_out: usize,
    /// Where the next poll goes on.
    pub(super) cursor: C,
}

/// A job to be started.
#[derive(Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) business_key: String,
    pub(super) parameters: Value,
}

/// The connection that is polled, and how far the last poll got.
pub(super) async fn begin<C: DeserializeOwned>(
    context: &StepContext<'_>,
    provider: Provider,
    connection_id: ConnectionId,
) -> Result<(Connection, Option<C>), StepError> {
    let mut session = context.store.session().await?;
    let tx = session.begin(context.claim.tenant_id)?;
    let connection = connections::find(&tx, provider, connection_id).await?;
    let cursor = polls::cursor(&tx, context.claim, connection_id).await?;
    tx.commit().await?;
    match connection {
        None => Err(StepError::NotConnected(provider)),
        Some(connection) if !connection.healthy => Err(StepError::NeedsAuthorisation(provider)),
        // A cursor in the words of another version is as good as none: what was done before is not done again.
        Some(connection) => Ok((connection, cursor.and_then(|cursor| serde_json::from_value(cursor).ok()))),
    }
}

/// Whether the provider wants to be asked less.
pub(super) fn is_for_later(error: &StepError) -> bool {
    matches!(error, StepError::Connector(ConnectorError::RateLimited { .. }))
}

/// The key of a job about an invoice that was paid on this day.
pub(super) fn paid_invoice(organisation_id: &str, invoice_id: &str, paid_on: Option<Date>) -> String {
    let paid_on = paid_on.map(|date| date.to_string()).unwrap_or_default();
    format!("{organisation_id}/{invoice_id}/{paid_on}")
}

/// The key of a job about a task that was completed then. Opened and completed again, it is another piece of business.
pub(super) fn completed_task(workspace: &str, task_gid: &str, completed_at: Timestamp) -> String {
    format!("{workspace}/{task_gid}/{}", completed_at.as_millisecond())
}

/// Starts the jobs that nobody has started yet, moves the cursor, and gives how many there are. A second time it starts
/// none.
pub(super) async fn start_jobs<C: Serialize>(
    context: &StepContext<'_>,
    connection_id: ConnectionId,
    workflow: Workflow,
    found: Found<C>,
) -> Result<Done<usize>, StepError> {
    let claim = context.claim;
    let mut started = Vec::new();
    let mut starts = found.starts.into_iter().peekable();
    loop {
        let mut session = context.store.session().await?;
        let tx = session.begin(claim.tenant_id)?;
        for Start { business_key, parameters } in starts.by_ref().take(STARTED_AT_ONCE) {
            let request = JobRequest { workflow, parameters, business_key: Some(business_key) };
            let job_id = triggers::start_once(&tx, claim.tenant_id, &request).await?;
            started.extend(job_id.map(|job_id| (claim.tenant_id, job_id)));
        }
        let is_last = starts.peek().is_none();
        if is_last {
            let cursor = serde_json::to_value(&found.cursor).expect("a cursor is plain data");
            polls::set_cursor(&tx, claim, connection_id, &cursor).await?;
        }
        tx.commit().await?;
        if is_last {
            break;
        }
    }
    context.app.measurements.metrics.count_jobs_queued(&vec![workflow.as_str(); started.len()]);
    if let Err(error) = context.app.queue.ring(&started).await {
        // Their doorbells are written down, and are rung by the clock.
        tracing::warn!(%error, "the jobs of a poll are rung later");
    }
    Ok(Done::new(started.len()))
}
