//! Steps: what a job has done so far. A step that is done keeps its output for ever.

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::{Row, types::Type};
use zixly_domain::JobId;

use crate::{
    StoreError, TenantTx,
    jobs::{self, Claim},
    related_records::{self, RelatedRecord},
};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("steps::LIST", LIST),
    ("steps::LIST_DONE", LIST_DONE),
    ("steps::BEGIN", BEGIN),
    ("steps::DONE", DONE),
    ("steps::FAILED", FAILED),
    ("steps::WAITING", WAITING),
    ("steps::LOOKED", LOOKED),
];

const LIST: &str = "
    select name, status, attempts, started_at, finished_at
      from steps
     where job_id = $1
     order by position";

const LIST_DONE: &str =
    "select name, output from steps where job_id = $1 and status = 'DONE' order by position";

const BEGIN: &str = "
    insert into steps (tenant_id, job_id, name, position, status, attempts)
    values ($1, $2, $3, $4, 'RUNNING', 1)
    on conflict (tenant_id, job_id, name) do update
       set status = 'RUNNING', attempts = steps.attempts + 1, attempted_at = now(), finished_at = null
     where steps.status <> 'DONE'
    returning attempts, failures";

const DONE: &str = "
    update steps
       set status = 'DONE', output = $3, error = null, finished_at = now()
     where job_id = $1 and name = $2 and status = 'RUNNING'";

const FAILED: &str = "
    with failed as (
        update steps
           set status = 'FAILED', failures = failures + 1, error = $3, finished_at = now()
         where job_id = $1 and name = $2 and status = 'RUNNING'
        returning tenant_id, job_id, name, attempted_at, error
    )
    insert into attempts (tenant_id, job_id, step, started_at, error)
    select tenant_id, job_id, name, attempted_at, error from failed
    on conflict do nothing";

const WAITING: &str = "
    update steps
       set status = 'WAITING', attempts = failures
     where job_id = $1 and name = $2 and status = 'RUNNING'";

const LOOKED: &str = "
    update steps
       set status = 'WAITING', attempts = 0, failures = 0
     where job_id = $1 and name = $2 and status = 'RUNNING'";

/// A step as its job's owner may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name in the workflow.
    pub name: String,
    /// RUNNING, WAITING, DONE or FAILED.
    pub status: String,
    /// Attempts begun; waits do not count.
    pub attempts: u16,
    /// When the first attempt began.
    pub started_at: Timestamp,
    /// When the last attempt ended.
    pub finished_at: Option<Timestamp>,
}

/// How often a step has been tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// Attempts begun, this one included; waits do not count.
    pub begun: u16,
    /// Attempts that ended in a recorded failure.
    pub failed: u16,
}

/// The steps that a job has begun, in order.
pub async fn list(tx: &TenantTx<'_>, job_id: JobId) -> Result<Vec<Step>, StoreError> {
    let rows = tx.inner.query_typed(LIST, &[(&job_id.0, Type::UUID)]).await?;
    let from_row = |row: &Row| {
        Ok(Step {
            name: row.try_get("name")?,
            status: row.try_get("status")?,
            attempts: row.try_get::<_, i16>("attempts")?.cast_unsigned(),
            started_at: row.try_get("started_at")?,
            finished_at: row.try_get("finished_at")?,
        })
    };
    rows.iter().map(from_row).collect()
}

/// The outputs of the job's done steps, by name, in order.
pub async fn list_done(tx: &TenantTx<'_>, claim: &Claim) -> Result<Vec<(String, Value)>, StoreError> {
    let rows = tx.inner.query_typed(LIST_DONE, &[(&claim.job_id.0, Type::UUID)]).await?;
    rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("output")?))).collect()
}

/// Begins an attempt at the step that stands at `position`, from 1; none if somebody wants the job cancelled.
pub async fn begin(
    tx: &TenantTx<'_>,
    claim: &Claim,
    name: &str,
    position: u16,
) -> Result<Option<Attempts>, StoreError> {
    if jobs::hold(tx, claim).await? {
        return Ok(None);
    }
    let rows = tx
        .inner
        .query_typed(
            BEGIN,
            &[
                (&claim.tenant_id.0, Type::UUID),
                (&claim.job_id.0, Type::UUID),
                (&name, Type::TEXT),
                (&position.cast_signed(), Type::INT2),
            ],
        )
        .await?;
    let row = rows.first().ok_or(StoreError::LeaseLost(claim.job_id))?;
    let count = |column| -> Result<u16, StoreError> { Ok(row.try_get::<_, i16>(column)?.cast_unsigned()) };
    Ok(Some(Attempts { begun: count("attempts")?, failed: count("failures")? }))
}

/// Records the step's output and the external records that it touched.
pub async fn done(
    tx: &TenantTx<'_>,
    claim: &Claim,
    name: &str,
    output: &Value,
    records: &[RelatedRecord],
) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    related_records::insert(tx, claim.tenant_id, claim.job_id, records).await?;
    let changed = tx
        .inner
        .execute_typed(DONE, &[(&claim.job_id.0, Type::UUID), (&name, Type::TEXT), (output, Type::JSONB)])
        .await?;
    if changed == 1 { Ok(()) } else { Err(StoreError::LeaseLost(claim.job_id)) }
}

/// Records that the attempt failed, and why.
pub async fn failed(tx: &TenantTx<'_>, claim: &Claim, name: &str, error: &str) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    tx.inner
        .execute_typed(FAILED, &[(&claim.job_id.0, Type::UUID), (&name, Type::TEXT), (&error, Type::TEXT)])
        .await?;
    Ok(())
}

/// Ends the attempt without counting it, since the step has to wait; nor do attempts count any more that were cut off
/// before.
pub async fn waiting(tx: &TenantTx<'_>, claim: &Claim, name: &str) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    tx.inner.execute_typed(WAITING, &[(&claim.job_id.0, Type::UUID), (&name, Type::TEXT)]).await?;
    Ok(())
}

/// Ends the attempt well although it gave no output: what the step waits for is not there yet. The step has all its
/// attempts again, or a long wait would fail by three hiccups that lie far apart.
pub async fn looked(tx: &TenantTx<'_>, claim: &Claim, name: &str) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    tx.inner.execute_typed(LOOKED, &[(&claim.job_id.0, Type::UUID), (&name, Type::TEXT)]).await?;
    Ok(())
}
