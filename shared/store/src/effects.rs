//! Effects: writes in somebody else's system, each with a row before it and an id after it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::{Row, types::Type};
use zixly_domain::{ConnectionId, EffectId, EffectStatus, JobId, Provider};

use crate::{
    StoreError, TenantTx,
    jobs::{self, Claim},
};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("effects::LOCK_TARGET", LOCK_TARGET),
    ("effects::FIND", FIND),
    ("effects::UNSETTLED_ELSEWHERE", UNSETTLED_ELSEWHERE),
    ("effects::INSERT", INSERT),
    ("effects::TAKE_OVER", TAKE_OVER),
    ("effects::WRITE_AGAIN", WRITE_AGAIN),
    ("effects::DONE", DONE),
    ("effects::REFUSED", REFUSED),
    ("effects::UNKNOWN", UNKNOWN),
    ("effects::DRY_RUN", DRY_RUN),
    ("effects::LIST_PROJECTS_MADE", LIST_PROJECTS_MADE),
    ("effects::LIST_ASANA_PROJECTS", LIST_ASANA_PROJECTS),
];

/// Until the transaction ends. Intents on one record are stated one after the other.
const LOCK_TARGET: &str = "select pg_advisory_xact_lock(hashtextextended($1::text || '/' || $2::text, 0))";

const FIND: &str = "
    select effect_id, status, provider_record_id, intended_at,
           extract(epoch from clock_timestamp() - intended_at)::float8 as seconds_ago
      from effects
     where effect_key = $1
       for update";

/// A job that has ended will settle nothing any more, so it holds nobody up.
const UNSETTLED_ELSEWHERE: &str = "
    select e.job_id
      from effects e
      join pipeline_jobs j on j.tenant_id = e.tenant_id and j.job_id = e.job_id
     where e.connection_id is not distinct from $1
       and e.target = $2
       and e.status = 'INTENDED'
       and e.job_id <> $3
       and j.status in ('QUEUED', 'RUNNING')
     limit 1";

const INSERT: &str = "
    insert into effects (tenant_id, effect_id, effect_key, job_id, step, connection_id, provider, target, action,
                         request, status)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'INTENDED')";

/// In the words of the index that is made for it.
const LIST_ASANA_PROJECTS: &str = "
    select provider_record_id as project
      from effects
     where connection_id = $1
       and provider = 'asana' and step = 'create-project' and status = 'DONE'
     union
    select resource_id from webhook_endpoints where connection_id = $1";

/// What was refused is meant anew; what is in doubt keeps the time at which it was sent.
const TAKE_OVER: &str = "
    update effects
       set job_id = $2, step = $3, status = 'INTENDED', settled_at = null,
           intended_at = case when status = 'REFUSED' then now() else intended_at end,
           writes = case when status = 'REFUSED' then writes + 1 else writes end
     where effect_id = $1";

const WRITE_AGAIN: &str = "
    update effects
       set intended_at = now(), writes = writes + 1
     where effect_id = $1 and status = 'INTENDED'";

/// By whoever knows, whatever has become of the lease: it is a fact about the provider's system.
const DONE: &str = "
    update effects
       set status = 'DONE', provider_record_id = $2, settled_by = $3, settled_at = now()
     where effect_id = $1 and status <> 'DONE'";

const REFUSED: &str = "
    update effects
       set status = 'REFUSED', settled_at = now()
     where effect_id = $1 and status = 'INTENDED'";

const UNKNOWN: &str = "
    update effects
       set status = 'UNKNOWN', settled_at = now()
     where effect_id = $1 and status = 'INTENDED'";

/// Under a key of the job's own: nothing is kept from being written by what was only tried.
const DRY_RUN: &str = "
    insert into effects (tenant_id, effect_id, effect_key, job_id, step, connection_id, provider, target, action,
                         request, status, settled_at)
    values ($1, $2, 'dry-run/' || $4::uuid::text || '/' || $3, $4, $5, $6, $7, $8, $9, $10, 'DRY_RUN', now())
    on conflict on constraint effects_once do nothing";

/// In the words of the index that is made for it.
const LIST_PROJECTS_MADE: &str = "
    select provider_record_id as project
      from effects
     where connection_id = $1
       and provider = 'asana' and step = 'create-project' and status = 'DONE'
     order by effect_id desc";

/// The projects of an Asana workspace that jobs have made, the newest first.
pub async fn list_projects_made(
    tx: &TenantTx<'_>,
    connection_id: ConnectionId,
) -> Result<Vec<String>, StoreError> {
    let rows = tx.inner.query_typed(LIST_PROJECTS_MADE, &[(&connection_id.0, Type::UUID)]).await?;
    rows.iter().map(|row| Ok(row.try_get("project")?)).collect()
}

/// The projects of an Asana workspace that jobs have made, and those that a webhook watches.
pub async fn list_asana_projects(
    tx: &TenantTx<'_>,
    connection_id: ConnectionId,
) -> Result<Vec<String>, StoreError> {
    let rows = tx.inner.query_typed(LIST_ASANA_PROJECTS, &[(&connection_id.0, Type::UUID)]).await?;
    rows.iter().map(|row| Ok(row.try_get("project")?)).collect()
}

/// A write that a step is about to make.
pub struct NewEffect<'a> {
    /// The same for every attempt at the same write, whichever job makes it.
    pub effect_key: &'a str,
    /// The step that makes it.
    pub step: &'a str,
    /// Over which connection; none to a system that belongs to the installation and not to a tenant.
    pub connection_id: Option<ConnectionId>,
    /// At whom.
    pub provider: Provider,
    /// The record that is written to: `contact 100451`.
    pub target: &'a str,
    /// For a person: `PATCH contact 100451`.
    pub action: &'a str,
    /// What is written.
    pub request: &'a Value,
}

/// What a step has to do about a write that it intends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// Write: nobody has tried it.
    Write(EffectId),
    /// Look whether it is there, and write if it is not: someone tried, and what came of it is not known.
    LookFirst(Tried),
    /// Nothing: it is done, and this is the provider's id of the record.
    Done(String),
    /// Nothing: it was sent, and nobody can find out whether it arrived.
    Unknown,
    /// Wait: that job has a write to the same record of which it is not yet known whether it was made.
    HeldBy(JobId),
}

/// A write of which it is not known whether it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// Which write.
    pub effect_id: EffectId,
    /// When it was last about to be sent.
    pub intended_at: Timestamp,
    /// How long that is ago, by the clock of the database.
    pub ago: Duration,
}

/// How it is known that a write was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettledBy {
    /// The provider answered it.
    Answer,
    /// We looked, and it was there.
    Look,
}

impl SettledBy {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Look => "look",
        }
    }
}

/// States the intent to write, before writing. The transaction must be committed before the write is made.
pub async fn intend(tx: &TenantTx<'_>, claim: &Claim, new: &NewEffect<'_>) -> Result<Intent, StoreError> {
    jobs::hold(tx, claim).await?;
    let connection_id = new.connection_id.map(|id| id.to_string()).unwrap_or_default();
    tx.inner.query_typed(LOCK_TARGET, &[(&connection_id, Type::TEXT), (&new.target, Type::TEXT)]).await?;
    let rows = tx.inner.query_typed(FIND, &[(&new.effect_key, Type::TEXT)]).await?;
    let known = rows.first();
    let status: Option<EffectStatus> =
        known.map(|row| row.try_get::<_, &str>("status")).transpose()?.map(str::parse).transpose()?;
    if let (Some(row), Some(EffectStatus::Done)) = (known, status) {
        return Ok(Intent::Done(row.try_get("provider_record_id")?));
    }
    if status == Some(EffectStatus::Unknown) {
        return Ok(Intent::Unknown);
    }
    if let Some(job_id) = unsettled_elsewhere(tx, claim, new).await? {
        return Ok(Intent::HeldBy(job_id));
    }
    let Some(row) = known else { return Ok(Intent::Write(insert(tx, claim, new, INSERT).await?)) };
    let effect_id = EffectId(row.try_get("effect_id")?);
    take_over(tx, claim, new, effect_id).await?;
    match status {
        Some(EffectStatus::Refused) => Ok(Intent::Write(effect_id)),
        _ => Ok(Intent::LookFirst(tried_from_row(row, effect_id)?)),
    }
}

fn tried_from_row(row: &Row, effect_id: EffectId) -> Result<Tried, StoreError> {
    let seconds: f64 = row.try_get("seconds_ago")?;
    Ok(Tried {
        effect_id,
        intended_at: row.try_get("intended_at")?,
        // A clock that was set back makes it longer, and no harm is done.
        ago: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
    })
}

async fn unsettled_elsewhere(
    tx: &TenantTx<'_>,
    claim: &Claim,
    new: &NewEffect<'_>,
) -> Result<Option<JobId>, StoreError> {
    let rows = tx
        .inner
        .query_typed(
            UNSETTLED_ELSEWHERE,
            &[
                (&new.connection_id.map(|id| id.0), Type::UUID),
                (&new.target, Type::TEXT),
                (&claim.job_id.0, Type::UUID),
            ],
        )
        .await?;
    rows.first().map(|row| Ok(JobId(row.try_get("job_id")?))).transpose()
}

/// Records a write that is not made, since its job is a dry run. A second time it changes nothing.
pub async fn dry_run(tx: &TenantTx<'_>, claim: &Claim, new: &NewEffect<'_>) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    insert(tx, claim, new, DRY_RUN).await?;
    Ok(())
}

async fn insert(
    tx: &TenantTx<'_>,
    claim: &Claim,
    new: &NewEffect<'_>,
    statement: &str,
) -> Result<EffectId, StoreError> {
    let effect_id = EffectId::new();
    tx.inner
        .execute_typed(
            statement,
            &[
                (&claim.tenant_id.0, Type::UUID),
                (&effect_id.0, Type::UUID),
                (&new.effect_key, Type::TEXT),
                (&claim.job_id.0, Type::UUID),
                (&new.step, Type::TEXT),
                (&new.connection_id.map(|id| id.0), Type::UUID),
                (&new.provider.as_str(), Type::TEXT),
                (&new.target, Type::TEXT),
                (&new.action, Type::TEXT),
                (new.request, Type::JSONB),
            ],
        )
        .await?;
    Ok(effect_id)
}

async fn take_over(
    tx: &TenantTx<'_>,
    claim: &Claim,
    new: &NewEffect<'_>,
    effect_id: EffectId,
) -> Result<(), StoreError> {
    tx.inner
        .execute_typed(
            TAKE_OVER,
            &[(&effect_id.0, Type::UUID), (&claim.job_id.0, Type::UUID), (&new.step, Type::TEXT)],
        )
        .await?;
    Ok(())
}

/// States that the write is about to be sent once more. The transaction must be committed before it is.
pub async fn write_again(tx: &TenantTx<'_>, claim: &Claim, effect_id: EffectId) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    tx.inner.execute_typed(WRITE_AGAIN, &[(&effect_id.0, Type::UUID)]).await?;
    Ok(())
}

/// Records that the write was made, with the provider's id of the record.
pub async fn done(
    tx: &TenantTx<'_>,
    effect_id: EffectId,
    provider_record_id: &str,
    settled_by: SettledBy,
) -> Result<(), StoreError> {
    tx.inner
        .execute_typed(
            DONE,
            &[
                (&effect_id.0, Type::UUID),
                (&provider_record_id, Type::TEXT),
                (&settled_by.as_str(), Type::TEXT),
            ],
        )
        .await?;
    Ok(())
}

/// Records that the write is known not to have been made. Only by the worker that
/// still holds the job: another one may have made it since.
pub async fn refused(tx: &TenantTx<'_>, claim: &Claim, effect_id: EffectId) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    tx.inner.execute_typed(REFUSED, &[(&effect_id.0, Type::UUID)]).await?;
    Ok(())
}

/// Records that the write was sent, and that nobody can find out whether it arrived: it is not sent again.
pub async fn unknown(tx: &TenantTx<'_>, claim: &Claim, effect_id: EffectId) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    tx.inner.execute_typed(UNKNOWN, &[(&effect_id.0, Type::UUID)]).await?;
    Ok(())
}
