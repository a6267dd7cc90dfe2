//! Jobs: claimed under a fenced lease, and written only by the worker that holds the latest claim.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;
use zixly_domain::{DeliveryId, EventId, JobId, JobStatus, Provider, TenantId, WaitingReason};

use crate::{Session, StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("jobs::CLAIM", CLAIM),
    ("jobs::FIND", FIND),
    ("jobs::LIST_OF_EVENT", LIST_OF_EVENT),
    ("jobs::HOLD", HOLD),
    ("jobs::NAME", NAME),
    ("jobs::WAIT", WAIT),
    ("jobs::COMPLETE", COMPLETE),
    ("jobs::FAIL", FAIL),
    ("jobs::CANCEL", CANCEL),
    ("jobs::COUNT", COUNT),
    ("jobs::LAG", LAG),
    ("jobs::NEXT_IN_LINE", NEXT_IN_LINE),
];

/// Takes a job that is due, or whose worker's lease has run out, or that somebody wants something of, and removes its
/// doorbell: it has been heard.
const CLAIM: &str = include_str!("claim.sql");

const FIND: &str = "
    select job_id, job_type, status, about, result, error_message, waiting_reason, due_at, lease_expires_at,
           created_at, started_at, completed_at
      from pipeline_jobs
     where job_id = $1";

const COUNT: &str = "select status, count from count_jobs()";

const LAG: &str = "select job_lag_seconds() as lag_seconds";

const LIST_OF_EVENT: &str = "
    select j.job_id, j.job_type, j.status, j.about, j.result, j.error_message, j.waiting_reason, j.due_at,
           j.lease_expires_at, j.created_at, j.started_at, j.completed_at
      from events e
      join pipeline_jobs j on j.tenant_id = e.tenant_id and j.event_id = e.event_id
     where e.tenant_id = $1 and e.provider = $2 and e.dedupe_key = sha256(convert_to($3, 'UTF8'))
     order by j.job_id";

const HOLD: &str = "
    select request = 'CANCEL' as is_to_be_cancelled
      from pipeline_jobs
     where job_id = $1 and fence = $2 and status = 'RUNNING'
       for no key update";

const NAME: &str =
    "update pipeline_jobs set about = $3 where job_id = $1 and fence = $2 and status = 'RUNNING'";

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

const COMPLETE: &str = "
    update pipeline_jobs
       set status = 'COMPLETED', result = $3, metrics = $4, completed_at = now(), lease_expires_at = null,
           request = null, requested_at = null
     where job_id = $1 and fence = $2 and status = 'RUNNING'";

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

/// Only while there is room, and none that was told to come already.
const NEXT_IN_LINE: &str = "
    with next as (
        update pipeline_jobs
           set due_at = now()
         where job_id = (
               select job_id
                 from pipeline_jobs
                where tenant_id = $1 and waiting_reason = 'fair share' and due_at > now()
                  and (select count(*) from pipeline_jobs
                        where tenant_id = $1 and status = 'RUNNING' and lease_expires_at > now()) < $2
                order by job_id
                limit 1
                  for update skip locked)
        returning tenant_id, job_id
    ), doorbell as (
        insert into outbox (tenant_id, job_id)
        select tenant_id, job_id from next
        on conflict (tenant_id, job_id) do update set ring_at = excluded.ring_at
    )
    select job_id from next";

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
    lease_expires_at: Option<Timestamp>,
}

/// Tries to claim the transaction's tenant's job for `lease`. While `share` jobs of the tenant are running it stands in
/// line instead; about as many, since two claims at the same moment do not see each other.
pub async fn claim(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    job_id: JobId,
    lease: Duration,
    share: u32,
) -> Result<Claimed, StoreError> {
    let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX) as f64;
    let rows = tx
        .inner
        .query_typed(
            CLAIM,
            &[(&job_id.0, Type::UUID), (&lease_ms, Type::FLOAT8), (&i64::from(share), Type::INT8)],
        )
        .await?;
    if let Some(row) = rows.first() {
        let claim = Box::new(claim_from_row(row, tenant_id, job_id)?);
        let is_cancelled = row.try_get::<_, &str>("status")? == JobStatus::Cancelled.as_str();
        return Ok(if is_cancelled { Claimed::Cancelled(claim) } else { Claimed::Ours(claim) });
    }
    let Some(job) = find(tx, job_id).await? else { return Ok(Claimed::Unknown) };
    Ok(match (job.status, job.lease_expires_at) {
        (JobStatus::Running, Some(until)) => Claimed::Held(until),
        (status, _) if status.is_final() => Claimed::Ended(status),
        _ if job.waiting_reason == Some(WaitingReason::FairShare) => Claimed::InLine,
        _ => Claimed::NotDue(job.due_at),
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
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    share: u32,
) -> Result<Option<JobId>, StoreError> {
    let rows = tx
        .inner
        .query_typed(NEXT_IN_LINE, &[(&tenant_id.0, Type::UUID), (&i64::from(share), Type::INT8)])
        .await?;
    rows.first().map(|row| Ok(JobId(row.try_get("job_id")?))).transpose()
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

/// Makes sure that the claim is still the latest, and keeps it so until the transaction ends. True if somebody wants
/// the job cancelled.
pub(crate) async fn hold(tx: &TenantTx<'_>, claim: &Claim) -> Result<bool, StoreError> {
    let rows =
        tx.inner.query_typed(HOLD, &[(&claim.job_id.0, Type::UUID), (&claim.fence, Type::INT8)]).await?;
    let row = rows.first().ok_or(StoreError::LeaseLost(claim.job_id))?;
    Ok(row.try_get::<_, Option<bool>>("is_to_be_cancelled")? == Some(true))
}

/// Says what the job is about, in the words of its owner.
pub async fn name(tx: &TenantTx<'_>, claim: &Claim, about: &str) -> Result<(), StoreError> {
    let changed = tx
        .inner
        .execute_typed(
            NAME,
            &[(&claim.job_id.0, Type::UUID), (&claim.fence, Type::INT8), (&about, Type::TEXT)],
        )
        .await?;
    held(claim, changed)
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

/// Ends the job well.
pub async fn complete(
    tx: &TenantTx<'_>,
    claim: &Claim,
    result: &Value,
    metrics: &Value,
) -> Result<(), StoreError> {
    let changed = tx
        .inner
        .execute_typed(
            COMPLETE,
            &[
                (&claim.job_id.0, Type::UUID),
                (&claim.fence, Type::INT8),
                (result, Type::JSONB),
                (metrics, Type::JSONB),
            ],
        )
        .await?;
    held(claim, changed)
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
        settings: row.try_get::<_, Option<Value>>("settings")?.unwrap_or_else(|| Value::Object(Map::new())),
        is_dry_run: row.try_get("is_dry_run")?,
    })
}

fn job_from_row(row: &Row) -> Result<Job, StoreError> {
    Ok(Job {
        job_id: JobId(row.try_get("job_id")?),
        job_type: row.try_get("job_type")?,
        status: row.try_get::<_, &str>("status")?.parse()?,
        about: row.try_get("about")?,
        result: row.try_get("result")?,
        error_message: row.try_get("error_message")?,
        waiting_reason: row.try_get::<_, Option<&str>>("waiting_reason")?.map(str::parse).transpose()?,
        due_at: row.try_get("due_at")?,
        created_at: row.try_get("created_at")?,
        started_at: row.try_get("started_at")?,
        completed_at: row.try_get("completed_at")?,
        lease_expires_at: row.try_get("lease_expires_at")?,
    })
}
