//! The effects as an operator looks at them: with their jobs, over a whole tenant, and nothing is written.

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;
use zixly_domain::{
    ConnectionId, EffectId, EffectStatus, JobId, JobStatus, Provider, TenantId, WaitingReason,
};

use crate::{Session, StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("ledger::LIST_TENANTS", LIST_TENANTS),
    ("ledger::FIND_JOB", FIND_JOB),
    ("ledger::LIST_OF_JOB", LIST_OF_JOB),
    ("ledger::LIST", LIST),
    ("ledger::IS_OVERWRITTEN", IS_OVERWRITTEN),
];

const LIST_TENANTS: &str = "select tenant_id, name from tenants order by name, tenant_id";

/// By way of the tenants, which begin the key that a job is found by.
const FIND_JOB: &str = "
    select t.tenant_id, t.name
      from tenants t
      join pipeline_jobs j on j.tenant_id = t.tenant_id and j.job_id = $1";

const LIST_OF_JOB: &str = "
    select e.effect_id, e.effect_key, e.job_id, e.step, e.connection_id, e.provider, e.target, e.action, e.request,
           e.status, e.writes, e.provider_record_id, e.settled_by, e.intended_at, e.settled_at,
           j.status as job_status, j.waiting_reason, j.due_at
      from effects e
      join pipeline_jobs j on j.tenant_id = e.tenant_id and j.job_id = e.job_id
     where e.tenant_id = $1 and e.job_id = $2
     order by e.effect_id";

const LIST: &str = "
    select e.effect_id, e.effect_key, e.job_id, e.step, e.connection_id, e.provider, e.target, e.action, e.request,
           e.status, e.writes, e.provider_record_id, e.settled_by, e.intended_at, e.settled_at,
           j.status as job_status, j.waiting_reason, j.due_at
      from effects e
      join pipeline_jobs j on j.tenant_id = e.tenant_id and j.job_id = e.job_id
     where e.tenant_id = $1
       and e.status <> 'DRY_RUN'
       and (e.intended_at >= $2 or $2 is null)
       and (e.effect_id > $3 or $3 is null)
     order by e.effect_id
     limit $4";

const IS_OVERWRITTEN: &str = "
    select exists (
        select from effects later
          join effects e on e.tenant_id = later.tenant_id and e.connection_id = later.connection_id
                        and e.target = later.target and e.step = later.step
         where e.tenant_id = $1 and e.effect_id = $2
           and later.status = 'DONE' and later.settled_at > e.settled_at
    ) as is_overwritten";

/// An effect, and how its job stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Names it.
    pub effect_id: EffectId,
    /// Made from what is written, the same for every attempt at it.
    pub effect_key: String,
    /// The job that meant it last.
    pub job_id: JobId,
    /// The step of that job.
    pub step: String,
    /// Over which connection; none to a system that belongs to the installation.
    pub connection_id: Option<ConnectionId>,
    /// At whom.
    pub provider: Provider,
    /// The record that is written to: `contact 100451`.
    pub target: String,
    /// For a person: `PATCH contact 100451`.
    pub action: String,
    /// What is written.
    pub request: Value,
    /// How far it is.
    pub status: EffectStatus,
    /// How often it was sent, as far as we know.
    pub writes: u16,
    /// The provider's id of the record, once it is known.
    pub provider_record_id: Option<String>,
    /// How it is known that the write was made: `answer` or `look`.
    pub settled_by: Option<String>,
    /// When it was last about to be sent.
    pub intended_at: Timestamp,
    /// Since when its outcome is known.
    pub settled_at: Option<Timestamp>,
    /// How the job stands.
    pub job_status: JobStatus,
    /// Why the job is not running now.
    pub waiting_reason: Option<WaitingReason>,
    /// Until when it waits.
    pub due_at: Option<Timestamp>,
}

/// All tenants with their names; none for a role that row-level security holds to one tenant.
pub async fn list_tenants(session: &mut Session<'_>) -> Result<Vec<(TenantId, String)>, StoreError> {
    let rows = session.client().query_typed(LIST_TENANTS, &[]).await?;
    rows.iter().map(tenant_from_row).collect()
}

/// The tenant whose job this is, with its name; none as well for a role that is held to one tenant.
pub async fn find_tenant_of_job(
    session: &mut Session<'_>,
    job_id: JobId,
) -> Result<Option<(TenantId, String)>, StoreError> {
    let rows = session.client().query_typed(FIND_JOB, &[(&job_id.0, Type::UUID)]).await?;
    rows.first().map(tenant_from_row).transpose()
}

/// The effects that a job meant last, in the order in which they were first meant.
pub async fn list_of_job(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    job_id: JobId,
) -> Result<Vec<Entry>, StoreError> {
    let rows =
        tx.inner.query_typed(LIST_OF_JOB, &[(&tenant_id.0, Type::UUID), (&job_id.0, Type::UUID)]).await?;
    rows.iter().map(entry_from_row).collect()
}

/// Up to `limit` effects of a tenant, without those that were only tried, after the one called `after`, in the order in which they were first meant; only
/// those that were about to be sent at `since` or later, if that is given.
pub async fn list(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    since: Option<Timestamp>,
    after: Option<EffectId>,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let rows = tx
        .inner
        .query_typed(
            LIST,
            &[
                (&tenant_id.0, Type::UUID),
                (&since, Type::TIMESTAMPTZ),
                (&after.map(|after| after.0), Type::UUID),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    rows.iter().map(entry_from_row).collect()
}

/// Whether a later effect of the same step was made on the same record.
pub async fn is_overwritten(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    effect_id: EffectId,
) -> Result<bool, StoreError> {
    let rows = tx
        .inner
        .query_typed(IS_OVERWRITTEN, &[(&tenant_id.0, Type::UUID), (&effect_id.0, Type::UUID)])
        .await?;
    Ok(rows.first().expect("exists gives one row").try_get("is_overwritten")?)
}

fn tenant_from_row(row: &Row) -> Result<(TenantId, String), StoreError> {
    Ok((TenantId(row.try_get("tenant_id")?), row.try_get("name")?))
}

fn entry_from_row(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        effect_id: EffectId(row.try_get("effect_id")?),
        effect_key: row.try_get("effect_key")?,
        job_id: JobId(row.try_get("job_id")?),
        step: row.try_get("step")?,
        connection_id: row.try_get::<_, Option<Uuid>>("connection_id")?.map(ConnectionId),
        provider: row.try_get::<_, &str>("provider")?.parse()?,
        target: row.try_get("target")?,
        action: row.try_get("action")?,
        request: row.try_get("request")?,
        status: row.try_get::<_, &str>("status")?.parse()?,
        writes: row.try_get::<_, i16>("writes")?.cast_unsigned(),
        provider_record_id: row.try_get("provider_record_id")?,
        settled_by: row.try_get("settled_by")?,
        intended_at: row.try_get("intended_at")?,
        settled_at: row.try_get("settled_at")?,
        job_status: row.try_get::<_, &str>("job_status")?.parse()?,
        waiting_reason: row.try_get::<_, Option<&str>>("waiting_reason")?.map(str::parse).transpose()?,
        due_at: row.try_get("due_at")?,
    })
}
