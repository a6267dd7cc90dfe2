//! Jobs: claimed under a fenced lease, and written only by the worker that holds the latest claim.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::{
    Row,
    types::{Json, Type},
};
use uuid::Uuid;
use zixly_domain::{DeliveryId, EventId, JobId, JobStatus, Provider, TenantId, WaitingReason};

use crate::{
    Parameter, Session, StoreError, TenantTx,
    steps::{DoneRow, DoneStep},
};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("jobs::CLAIM", CLAIM),
    ("jobs::FIND", FIND),
    ("jobs::LIST_OF_EVENT", LIST_OF_EVENT),
    ("jobs::HOLD", HOLD),
    ("jobs::WAIT", WAIT),
    ("jobs::COMPLETE", COMPLETE),
    ("jobs::FAIL", FAIL),
    ("jobs::CANCEL", CANCEL),
    ("jobs::COUNT", COUNT),
    ("jobs::LAG", LAG),
    ("jobs::NEXT_IN_LINE", NEXT_IN_LINE),
];

/// `migrations/0018_engine.sql` says what they do; each is one round trip.
const CLAIM: &str = "select * from claim_job($1, $2, $3, $4)";
const COMPLETE: &str = "select complete_job($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const HOLD: &str = "select hold_job($1, $2, $3)";
const NEXT_IN_LINE: &str = "select next_in_line($1, $2)";

const FIND: &str = "
    select job_id, job_type, status, about, result, error_message, waiting_reason, due_at,
           created_at, started_at, completed_at
      from pipeline_jobs
     where job_id = $1";

const COUNT: &str = "select status, count from count_jobs()";

const LAG: &str = "select job_lag_seconds() as lag_seconds";

const LIST_OF_EVENT: &str = "
    select j.job_id, j.job_type, j.status, j.about, j.result, j.error_message, j.waiting_reason, j.due_at,
           j.created_at, j.started_at, j.completed_at
      from events e
      join pipeline_jobs j on j.tenant_id = e.tenant_id and j.event_id = e.event_id
     where e.tenant_id = $1 and e.provider = $2 and e.dedupe_key = sha256(convert_to($3, 'UTF8'))
     order by j.job_id";

/// Also hangs the doorbell up again, to be rung when the wait is over: at once, if somebody wants something of the job.
/// Without a due time someone else rings it.
const WAIT: &str = "
    with waiting as (
        update pipeline_jobs
           set status = 'QUEUED', waiting_reason = $3, lease_expires_at = null,
               due_at = case when request is null then $4 else now() end
         where job_id = $1 and fence = $2 and status = 'RUNNING'
        returning tenant_id, job_id, due_at
    ), noted as (
        insert into waits (tenant_id, job_id, reason, due_at)
        select tenant_id, job_id, $3, due_at from waiting
        on conflict do nothing
    ), doorbell as (
        insert into outbox (tenant_id, job_id, ring_at)
        select tenant_id, job_id, due_at from waiting where due_at is not null
        on conflict (tenant_id, job_id) do update set ring_at = excluded.ring_at
    )
    select due_at from waiting";

const FAIL: &str = "
    update pipeline_jobs
       set status = 'FAILED', error_message = $3, metrics = $4, completed_at = now(), lease_expires_at = null,
           request = null, requested_at = null
     where job_id = $1 and fence = $2 and status = 'RUNNING'";

const CANCEL: &str = "
    update pipeline_jobs
       set status = 'CANCELLED', metrics = $3, completed_at = now(), lease_expires_at = null,
           request = null, requested_at = null
     where job_id = $1 and fence = $2 and status = 'RUNNING'";

/// The right to run a job, for as long as its lease lasts. A worker that is paused beyond that may still be
/// calling a provider when the next one starts: that is what an effect's intent row is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Whose job.
    pub tenant_id: TenantId,
    /// Which job.
    pub job_id: JobId,
    /// The number of this claim; a later claim makes it void.
    pub fence: i64,
    /// The workflow's name.
    pub job_type: String,
    /// The version that the job began on.
    pub workflow_version: i16,
    /// What to run it on.
    pub parameters: Value,
    /// What it is about, as far as that was known when it was claimed.
    pub about: Option<String>,
    /// When the job was made.
    pub created_at: Timestamp,
    /// When a worker first claimed it.
    pub started_at: Timestamp,
    /// The event that started it; none for a job that was called for.
    pub event_id: Option<EventId>,
    /// The delivery that the event came with.
    pub delivery_id: Option<DeliveryId>,
    /// Who called for it; none for a job that an event started, or Zixly itself.
    pub triggered_by: Option<String>,
    /// What the tenant wants of the workflow, or what a dry run tries.
    pub settings: Value,
    /// Whether it only says what it would write.
    pub is_dry_run: bool,
    /// The steps that are done, with their outputs, in order.
    pub done: Vec<(String, Value)>,
}

impl Claim {
    /// What the engine's functions of the database know a claim by.
    pub(crate) fn key(&self) -> [Parameter<'_>; 3] {
        [(&self.tenant_id.0, Type::UUID), (&self.job_id.0, Type::UUID), (&self.fence, Type::INT8)]
    }
}

/// What a worker found when it tried to claim a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Claimed {
    /// It is ours to run.
    Ours(Box<Claim>),
    /// Somebody wanted it cancelled, and now it is. The claim cannot write any more.
    Cancelled(Box<Claim>),
    /// Another worker holds it, at most until then.
    Held(Timestamp),
    /// Enough other jobs of the tenant are running. It is rung when there is room.
    InLine,
    /// It waits until then; without a time, until someone rings.
    NotDue(Option<Timestamp>),
    /// It has ended.
    Ended(JobStatus),
    /// The tenant has no such job.
    Unknown,
}

/// A job as its owner may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Names it.
    pub job_id: JobId,
    /// The workflow's name.
    pub job_type: String,
    /// Where it stands.
    pub status: JobStatus,
    /// What it is about: `INV-0006`.
    pub about: Option<String>,
    /// What came out.
    pub result: Option<Value>,
    /// Why it failed.
    pub error_message: Option<String>,
    /// Why it is not running now.
    pub waiting_reason: Option<WaitingReason>,
    /// Until when it waits.
    pub due_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a worker first claimed it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

/// Tries to claim the tenant's job for `lease`. While `share` jobs of the tenant are running it stands in line instead;
/// about as many, since two claims at the same moment do not see each other.
pub async fn claim(
    session: &mut Session<'_>,
    tenant_id: TenantId,
    job_id: JobId,
    lease: Duration,
    share: u32,
) -> Result<Claimed, StoreError> {
    let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX) as f64;
    let rows = session
        .client()
        .query_typed(
            CLAIM,
            &[
                (&tenant_id.0, Type::UUID),
                (&job_id.0, Type::UUID),
                (&lease_ms, Type::FLOAT8),
                (&i64::from(share), Type::INT8),
            ],
        )
        .await?;
    let Some(row) = rows.first() else { return Ok(Claimed::Unknown) };
    let status: JobStatus = row.try_get::<_, &str>("status")?.parse()?;
    if row.try_get("is_claimed")? {
        let claim = Box::new(claim_from_row(row, tenant_id, job_id)?);
        let is_cancelled = status == JobStatus::Cancelled;
        return Ok(if is_cancelled { Claimed::Cancelled(claim) } else { Claimed::Ours(claim) });
    }
    Ok(match (status, row.try_get("lease_expires_at")?, waiting_reason(row)?) {
        (JobStatus::Running, Some(until), _) => Claimed::Held(until),
        (status, ..) if status.is_final() => Claimed::Ended(status),
        (.., Some(WaitingReason::FairShare)) => Claimed::InLine,
        _ => Claimed::NotDue(row.try_get("due_at")?),
    })
}

/// The transaction's tenant's job, if it has one of this id.
pub async fn find(tx: &TenantTx<'_>, job_id: JobId) -> Result<Option<Job>, StoreError> {
    let rows = tx.inner.query_typed(FIND, &[(&job_id.0, Type::UUID)]).await?;
    rows.first().map(job_from_row).transpose()
}

/// The jobs that the event with this dedupe key has started at a tenant, oldest first.
pub async fn list_of_event(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    provider: Provider,
    dedupe_key: &str,
) -> Result<Vec<Job>, StoreError> {
    let rows = tx
        .inner
        .query_typed(
            LIST_OF_EVENT,
            &[(&tenant_id.0, Type::UUID), (&provider.as_str(), Type::TEXT), (&dedupe_key, Type::TEXT)],
        )
        .await?;
    rows.iter().map(job_from_row).collect()
}

/// The job of the tenant that has stood in line for longest, which is to be rung now that there is room for it. To be
/// asked after the transaction that made the room, or that put a job into the line, is committed: then one of the two
/// sees the other.
pub async fn next_in_line(
    session: &mut Session<'_>,
    tenant_id: TenantId,
    share: u32,
) -> Result<Option<JobId>, StoreError> {
    let parameters: [Parameter<'_>; 2] = [(&tenant_id.0, Type::UUID), (&i64::from(share), Type::INT8)];
    let row = session.client().query_typed_one(NEXT_IN_LINE, &parameters).await?;
    Ok(row.try_get::<_, Option<Uuid>>(0)?.map(JobId))
}

/// How many jobs there are of each status, of all tenants together.
pub async fn count(session: &mut Session<'_>) -> Result<Vec<(JobStatus, i64)>, StoreError> {
    let rows = session.client().query_typed(COUNT, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get::<_, &str>("status")?.parse()?, row.try_get("count")?))).collect()
}

/// How many seconds the job is late that has been due for longest and that no worker has taken, of all tenants together;
/// 0 when there is none. A worker that has died has not taken its jobs.
pub async fn lag_seconds(session: &mut Session<'_>) -> Result<f64, StoreError> {
    let row = session.client().query_typed_one(LAG, &[]).await?;
    Ok(row.try_get("lag_seconds")?)
}

/// Makes sure that the claim is still the latest, and keeps it so until the transaction ends.
pub(crate) async fn hold(tx: &TenantTx<'_>, claim: &Claim) -> Result<(), StoreError> {
    let is_to_be_cancelled: Option<bool> = tx.inner.query_typed_one(HOLD, &claim.key()).await?.try_get(0)?;
    held(claim, is_to_be_cancelled.is_some().into())
}

/// Gives the job back until `due_at`, or until someone rings if that is none. Gives the time at which it is really due:
/// at once, when somebody wants something of it.
pub async fn wait(
    tx: &TenantTx<'_>,
    claim: &Claim,
    reason: WaitingReason,
    due_at: Option<Timestamp>,
) -> Result<Option<Timestamp>, StoreError> {
    let rows = tx
        .inner
        .query_typed(
            WAIT,
            &[
                (&claim.job_id.0, Type::UUID),
                (&claim.fence, Type::INT8),
                (&reason.as_str(), Type::TEXT),
                (&due_at, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    let row = rows.first().ok_or(StoreError::LeaseLost(claim.job_id))?;
    Ok(row.try_get("due_at")?)
}

/// Ends the job well, with its last step that is done, if that is not recorded yet.
pub async fn complete(
    session: &mut Session<'_>,
    claim: &Claim,
    last: Option<&DoneStep>,
    result: &Value,
    metrics: &Value,
) -> Result<(), StoreError> {
    let last = DoneRow::from(last);
    let ended: [Parameter<'_>; 2] = [(result, Type::JSONB), (metrics, Type::JSONB)];
    let parameters = [&claim.key()[..], &last.parameters(), &ended].concat();
    let is_held: bool = session.client().query_typed_one(COMPLETE, &parameters).await?.try_get(0)?;
    held(claim, is_held.into())
}

/// Ends the job badly; `reason` is for its owner.
pub async fn fail(tx: &TenantTx<'_>, claim: &Claim, reason: &str, metrics: &Value) -> Result<(), StoreError> {
    let changed = tx
        .inner
        .execute_typed(
            FAIL,
            &[
                (&claim.job_id.0, Type::UUID),
                (&claim.fence, Type::INT8),
                (&reason, Type::TEXT),
                (metrics, Type::JSONB),
            ],
        )
        .await?;
    held(claim, changed)
}

/// Ends the job because somebody wanted that.
pub async fn cancel(tx: &TenantTx<'_>, claim: &Claim, metrics: &Value) -> Result<(), StoreError> {
    let changed = tx
        .inner
        .execute_typed(
            CANCEL,
            &[(&claim.job_id.0, Type::UUID), (&claim.fence, Type::INT8), (metrics, Type::JSONB)],
        )
        .await?;
    held(claim, changed)
}

fn held(claim: &Claim, rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::LeaseLost(claim.job_id)) }
}

fn claim_from_row(row: &Row, tenant_id: TenantId, job_id: JobId) -> Result<Claim, StoreError> {
    Ok(Claim {
        tenant_id,
        job_id,
        fence: row.try_get("fence")?,
        job_type: row.try_get("job_type")?,
        workflow_version: row.try_get("workflow_version")?,
        parameters: row.try_get("parameters")?,
        about: row.try_get("about")?,
        created_at: row.try_get("created_at")?,
        started_at: row.try_get("started_at")?,
        event_id: row.try_get::<_, Option<Uuid>>("event_id")?.map(EventId),
        delivery_id: row.try_get::<_, Option<Uuid>>("delivery_id")?.map(DeliveryId),
        triggered_by: row.try_get("triggered_by")?,
        settings: row.try_get("settings")?,
        is_dry_run: row.try_get("is_dry_run")?,
        done: row.try_get::<_, Json<_>>("done")?.0,
    })
}

fn waiting_reason(row: &Row) -> Result<Option<WaitingReason>, StoreError> {
    Ok(row.try_get::<_, Option<&str>>("waiting_reason")?.map(str::parse).transpose()?)
}

fn job_from_row(row: &Row) -> Result<Job, StoreError> {
    Ok(Job {
        job_id: JobId(row.try_get("job_id")?),
        job_type: row.try_get("job_type")?,
        status: row.try_get::<_, &str>("status")?.parse()?,
        about: row.try_get("about")?,
        result: row.try_get("result")?,
        error_message: row.try_get("error_message")?,
        waiting_reason: waiting_reason(row)?,
        due_at: row.try_get("due_at")?,
        created_at: row.try_get("created_at")?,
        started_at: row.try_get("started_at")?,
        completed_at: row.try_get("completed_at")?,
    })
}
