//! What somebody wants of a job: to cancel it, or to try it again. Noted on the job, which the worker that holds or
//! claims it next reads.

use tokio_postgres::types::Type;
use zixly_domain::{JobId, JobStatus, TenantId, Workflow};

use crate::{StoreError, TenantTx, jobs};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[("requests::NOTE", NOTE), ("requests::WAKE", WAKE)];

const NOTE: &str = "
    with requested as (
        update pipeline_jobs
           set request = $3, requested_by = $4, requested_at = now()
         where tenant_id = $1 and job_id = $2 and status = any ($5) and job_type is distinct from $6
        returning tenant_id, job_id, status
    ), doorbell as (
        insert into outbox (tenant_id, job_id)
        select tenant_id, job_id from requested
        on conflict (tenant_id, job_id) do update set ring_at = excluded.ring_at
    )
    select status from requested";

const LIVE: [JobStatus; 2] = [JobStatus::Queued, JobStatus::Running];
const ENDED_BADLY: [JobStatus; 2] = [JobStatus::Failed, JobStatus::Cancelled];

/// A wish to cancel is stronger: it stays.
const WAKE: &str = "
    with requested as (
        update pipeline_jobs
           set request = coalesce(request, 'WAKE'), requested_at = coalesce(requested_at, now())
         where tenant_id = $1 and job_id = $2 and status in ('QUEUED', 'RUNNING')
        returning tenant_id, job_id
    ), doorbell as (
        insert into outbox (tenant_id, job_id)
        select tenant_id, job_id from requested
        on conflict (tenant_id, job_id) do update set ring_at = excluded.ring_at
    )
    select job_id from requested";

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requested {
    /// It is noted, and the worker is to be rung. The job had this status at that moment.
    Noted(JobStatus),
    /// A job of this status cannot have it.
    Impossible(JobStatus),
    /// The tenant has no such job.
    NoJob,
}

/// Asks for the end of a live job of the transaction's tenant. It ends before its next step. What a person asks for by
/// law is done, whatever anybody else wants.
pub async fn cancel(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    job_id: JobId,
    requested_by: &str,
) -> Result<Requested, StoreError> {
    let spared = Some(Workflow::ShopifyPrivacyRequest);
    note(tx, tenant_id, job_id, "CANCEL", requested_by, LIVE, spared).await
}

/// Asks for another run of a job of the transaction's tenant that has failed or was cancelled. The steps that are done
/// stay done, the one that failed has all its attempts again.
pub async fn retry(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    job_id: JobId,
    requested_by: &str,
) -> Result<Requested, StoreError> {
    note(tx, tenant_id, job_id, "RETRY", requested_by, ENDED_BADLY, None).await
}

/// Ends a live job's wait, whatever it waits for; false if the job has ended.
pub(crate) async fn wake(tx: &TenantTx<'_>, tenant_id: TenantId, job_id: JobId) -> Result<bool, StoreError> {
    let rows = tx.inner.query_typed(WAKE, &[(&tenant_id.0, Type::UUID), (&job_id.0, Type::UUID)]).await?;
    Ok(!rows.is_empty())
}

/// Notes the wish if the job has one of the statuses that can have it, and is not on the workflow that is spared.
async fn note(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    job_id: JobId,
    wish: &str,
    requested_by: &str,
    possible: [JobStatus; 2],
    spared: Option<Workflow>,
) -> Result<Requested, StoreError> {
    let rows = tx
        .inner
        .query_typed(
            NOTE,
            &[
                (&tenant_id.0, Type::UUID),
                (&job_id.0, Type::UUID),
                (&wish, Type::TEXT),
                (&requested_by, Type::TEXT),
                (&possible.map(JobStatus::as_str).as_slice(), Type::TEXT_ARRAY),
                (&spared.map(Workflow::as_str), Type::TEXT),
            ],
        )
        .await?;
    if let Some(row) = rows.first() {
        return Ok(Requested::Noted(row.try_get::<_, &str>("status")?.parse()?));
    }
    Ok(jobs::find(tx, job_id).await?.map_or(Requested::NoJob, |job| Requested::Impossible(job.status)))
}
