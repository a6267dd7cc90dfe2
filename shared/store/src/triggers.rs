//! Jobs that are started by a call or by a look at a provider, and not by an event.

use serde_json::{Value, json};
use tokio_postgres::types::Type;
use zixly_domain::{Event, EventId, JobId, JobRequest, JobStatus, TenantId};

use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("triggers::START", START),
    ("triggers::IS_ENABLED", IS_ENABLED),
    ("triggers::FIND_BY_IDEMPOTENCY_KEY", FIND_BY_IDEMPOTENCY_KEY),
    ("triggers::FIND_EVENT", FIND_EVENT),
];

/// The job and its doorbell; nothing where a job has the same idempotency key, or means the same business.
const START: &str = "
    with started as (
        insert into pipeline_jobs (tenant_id, job_id, job_type, workflow_version, parameters, business_key,
                                   idempotency_key, request_hash, triggered_by, dry_run)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict do nothing
        returning job_id
    ), doorbell as (
        insert into outbox (tenant_id, job_id)
        select $1, job_id from started
    )
    select job_id from started";

const IS_ENABLED: &str =
    "select exists (select from workflow_settings where job_type = $1 and enabled) as is_enabled";

const FIND_BY_IDEMPOTENCY_KEY: &str = "
    select job_id, status, request_hash = $2 as is_same
      from pipeline_jobs
     where tenant_id = $3 and idempotency_key = $1";

const FIND_EVENT: &str = "
    select provider, account_id, category, action, resource_id, occurred_at, payload
      from events
     where tenant_id = $1 and event_id = $2";

/// What makes a repeated call the same call.
#[derive(Debug, Clone, Copy)]
pub struct Idempotency<'a> {
    /// What the caller sent as `Idempotency-Key`.
    pub key: &'a str,
    /// SHA-256 of what he asked for.
    pub request_hash: [u8; 32],
}

/// What became of a call for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// There is a new job, to be rung for.
    New(JobId),
    /// The same call was made before, and this is its job.
    Before(JobId, JobStatus),
    /// Another call was made with the same idempotency key.
    KeyTaken,
    /// The tenant has switched the workflow off.
    SwitchedOff,
}

/// Starts a job of the transaction's tenant for somebody who called.
pub async fn start(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    request: &JobRequest,
    triggered_by: &str,
    idempotency: Option<Idempotency<'_>>,
) -> Result<Started, StoreError> {
    // First the key: the answer to a repeated call stays the same, whatever has been switched since.
    if let Some(before) = find_before(tx, tenant_id, idempotency).await? {
        return Ok(before);
    }
    let job_type = request.workflow.as_str();
    let rows = tx.inner.query_typed(IS_ENABLED, &[(&job_type, Type::TEXT)]).await?;
    if !rows.first().expect("a question has an answer").try_get::<_, bool>("is_enabled")? {
        return Ok(Started::SwitchedOff);
    }
    insert_unless_before(tx, tenant_id, request, None, triggered_by, idempotency).await
}

/// Starts a dry run for somebody who called: with these settings, or with the saved ones. The workflow may be off, since
/// nothing is written.
pub async fn start_dry_run(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    request: &JobRequest,
    settings: Option<&Value>,
    triggered_by: &str,
    idempotency: Option<Idempotency<'_>>,
) -> Result<Started, StoreError> {
    if let Some(before) = find_before(tx, tenant_id, idempotency).await? {
        return Ok(before);
    }
    // The business is that of the job which does it.
    let request = JobRequest { business_key: None, ..request.clone() };
    let dry_run = json!({ "settings": settings });
    insert_unless_before(tx, tenant_id, &request, Some(&dry_run), triggered_by, idempotency).await
}

/// An event of the transaction's tenant, without the keys by which its repetitions are told.
pub async fn find_event(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    event_id: EventId,
) -> Result<Option<Event>, StoreError> {
    let rows =
        tx.inner.query_typed(FIND_EVENT, &[(&tenant_id.0, Type::UUID), (&event_id.0, Type::UUID)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Event {
        provider: row.try_get::<_, &str>("provider")?.parse()?,
        account_id: row.try_get("account_id")?,
        category: row.try_get("category")?,
        action: row.try_get("action")?,
        resource_id: row.try_get("resource_id")?,
        occurred_at: row.try_get("occurred_at")?,
        dedupe_key: String::new(),
        other_dedupe_key: None,
        payload: row.try_get("payload")?,
    }))
}

/// Starts a job of the transaction's tenant unless there is, or was, one for the same business; the new one is to be
/// rung for. The caller has seen to it that the workflow is on.
pub async fn start_once(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    request: &JobRequest,
) -> Result<Option<JobId>, StoreError> {
    insert(tx, tenant_id, request, None, None, None).await
}

async fn insert_unless_before(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    request: &JobRequest,
    dry_run: Option<&Value>,
    triggered_by: &str,
    idempotency: Option<Idempotency<'_>>,
) -> Result<Started, StoreError> {
    match insert(tx, tenant_id, request, dry_run, Some(triggered_by), idempotency).await? {
        Some(job_id) => Ok(Started::New(job_id)),
        // The same call at the same moment was faster.
        None => Ok(find_before(tx, tenant_id, idempotency).await?.unwrap_or(Started::KeyTaken)),
    }
}

async fn find_before(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    idempotency: Option<Idempotency<'_>>,
) -> Result<Option<Started>, StoreError> {
    let Some(Idempotency { key, request_hash }) = idempotency else { return Ok(None) };
    let rows = tx
        .inner
        .query_typed(
            FIND_BY_IDEMPOTENCY_KEY,
            &[(&key, Type::TEXT), (&request_hash.as_slice(), Type::BYTEA), (&tenant_id.0, Type::UUID)],
        )
        .await?;
    let Some(row) = rows.first() else { return Ok(None) };
    if !row.try_get::<_, bool>("is_same")? {
        return Ok(Some(Started::KeyTaken));
    }
    let job_id = JobId(row.try_get("job_id")?);
    Ok(Some(Started::Before(job_id, row.try_get::<_, &str>("status")?.parse()?)))
}

async fn insert(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    request: &JobRequest,
    dry_run: Option<&Value>,
    triggered_by: Option<&str>,
    idempotency: Option<Idempotency<'_>>,
) -> Result<Option<JobId>, StoreError> {
    let request_hash = idempotency.as_ref().map(|idempotency| idempotency.request_hash.as_slice());
    let rows = tx
        .inner
        .query_typed(
            START,
            &[
                (&tenant_id.0, Type::UUID),
                (&JobId::new().0, Type::UUID),
                (&request.workflow.as_str(), Type::TEXT),
                (&request.workflow.current_version().cast_signed(), Type::INT2),
                (&request.parameters, Type::JSONB),
                (&request.business_key, Type::TEXT),
                (&idempotency.map(|idempotency| idempotency.key), Type::TEXT),
                (&request_hash, Type::BYTEA),
                (&triggered_by, Type::TEXT),
                (&dry_run, Type::JSONB),
            ],
        )
        .await?;
    rows.first().map(|row| Ok(JobId(row.try_get("job_id")?))).transpose()
}
