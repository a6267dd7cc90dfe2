//! Steps: what a job has done so far. A step that is done keeps its output for ever.

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_postgres::{
    Row,
    types::{Json, Type},
};
use zixly_domain::JobId;

use crate::{
    Parameter, Session, StoreError, TenantTx,
    connections::{Connection, StatedConnection},
    jobs::{self, Claim},
    related_records::RelatedRecord,
};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("steps::LIST", LIST),
    ("steps::RECORD", RECORD),
    ("steps::FAILED", FAILED),
    ("steps::WAITING", WAITING),
    ("steps::LOOKED", LOOKED),
];

const LIST: &str = "
    select name, status, attempts, started_at, finished_at
      from steps
     where job_id = $1
     order by position";

/// `migrations/0018_engine.sql` says what it does, in one round trip.
const RECORD: &str = "select * from record_step($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

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

/// A step that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// How often it has been tried.
    pub attempts: Attempts,
    /// The tenant's connections as they stand now, oldest first, without those that are removed.
    pub connections: Vec<Connection>,
}

/// A step that is done.
#[derive(Debug, Clone, PartialEq)]
pub struct DoneStep {
    /// Its name in the workflow.
    pub name: &'static str,
    /// What later steps, and later runs, go on from.
    pub output: Value,
    /// The external records that it touched.
    pub records: Vec<RelatedRecord>,
    /// What the job turned out to be about, in the words of its owner.
    pub about: Option<String>,
    /// The key of the business that the job turned out to be: a poll that finds the same starts no second one. An event
    /// does not say enough for that: only who has read the record knows. Nothing, if another job has it already.
    pub business_key: Option<String>,
}

/// A [`DoneStep`], or none, as the engine's functions of the database take it.
pub(crate) struct DoneRow<'a> {
    name: Option<&'a str>,
    output: Option<&'a Value>,
    records: Value,
    about: Option<&'a str>,
    business_key: Option<&'a str>,
}

impl<'a> From<Option<&'a DoneStep>> for DoneRow<'a> {
    fn from(done: Option<&'a DoneStep>) -> Self {
        Self {
            name: done.map(|done| done.name),
            output: done.map(|done| &done.output),
            records: json!(done.map_or(&[][..], |done| &done.records)),
            about: done.and_then(|done| done.about.as_deref()),
            business_key: done.and_then(|done| done.business_key.as_deref()),
        }
    }
}

impl DoneRow<'_> {
    pub(crate) fn parameters(&self) -> [Parameter<'_>; 5] {
        [
            (&self.name, Type::TEXT),
            (&self.output, Type::JSONB),
            (&self.records, Type::JSONB),
            (&self.about, Type::TEXT),
            (&self.business_key, Type::TEXT),
        ]
    }
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

/// Begins an attempt at the step that stands at `position`, from 1, and records the one `before` it; the latter only, if
/// somebody wants the job cancelled.
pub async fn begin(
    session: &mut Session<'_>,
    claim: &Claim,
    before: Option<&DoneStep>,
    name: &str,
    position: u16,
) -> Result<Option<Begun>, StoreError> {
    let row = send(session, claim, before, Some((name, position.cast_signed()))).await?;
    if row.try_get("is_to_be_cancelled")? {
        return Ok(None);
    }
    let count = |column| -> Result<u16, StoreError> { Ok(row.try_get::<_, i16>(column)?.cast_unsigned()) };
    let attempts = Attempts { begun: count("attempts")?, failed: count("failures")? };
    let Json::<Vec<StatedConnection>>(stated) = row.try_get("connections")?;
    // For a provider of a version to come there is no workflow here.
    let connections = stated.into_iter().filter_map(|stated| Connection::try_from(stated).ok()).collect();
    Ok(Some(Begun { attempts, connections }))
}

/// Records a step.
pub async fn record(session: &mut Session<'_>, claim: &Claim, done: &DoneStep) -> Result<(), StoreError> {
    send(session, claim, Some(done), None).await?;
    Ok(())
}

async fn send(
    session: &mut Session<'_>,
    claim: &Claim,
    done: Option<&DoneStep>,
    next: Option<(&str, i16)>,
) -> Result<Row, StoreError> {
    let done = DoneRow::from(done);
    let (name, position) = next.unzip();
    let next: [Parameter<'_>; 2] = [(&name, Type::TEXT), (&position, Type::INT2)];
    let parameters = [&claim.key()[..], &done.parameters(), &next].concat();
    let mut rows = session.client().query_typed(RECORD, &parameters).await?;
    rows.pop().ok_or(StoreError::LeaseLost(claim.job_id))
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
