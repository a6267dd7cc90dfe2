//! The numbers, the timeline and the durations of the first page.

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::types::Type;
use uuid::Uuid;
use zixly_domain::TenantId;

use super::first_id_at;
use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("views::overview::NUMBERS", NUMBERS),
    ("views::overview::TIMELINE", TIMELINE),
    ("views::overview::DOTS", DOTS),
];

const NUMBERS: &str = "
    with ended as (
        select status, completed_at - started_at as duration
          from pipeline_jobs
         where tenant_id = $1 and completed_at >= $2
         order by completed_at desc
         limit 10000
    )
    select json_build_object(
               'queued', (select count(*) from pipeline_jobs
                           where tenant_id = $1 and status = 'QUEUED' and waiting_reason is null),
               'waiting', (select count(*) from pipeline_jobs
                            where tenant_id = $1 and status = 'QUEUED' and waiting_reason is not null),
               'running', (select count(*) from pipeline_jobs where tenant_id = $1 and status = 'RUNNING'),
               'failed_today', (select count(*) from pipeline_jobs
                                 where tenant_id = $1 and completed_at >= $2 and status = 'FAILED'),
               'completed_today', (select count(*) from pipeline_jobs
                                    where tenant_id = $1 and completed_at >= $2 and status = 'COMPLETED'),
               'p95_duration_ms', (select round(extract(epoch from percentile_cont(0.95)
                                                within group (order by duration)) * 1000)::bigint
                                     from ended where status <> 'CANCELLED'),
               'oldest_waiting', (select json_build_object('job_id', job_id, 'about', about, 'since', created_at,
                                                           'reason', waiting_reason)
                                    from pipeline_jobs
                                   where tenant_id = $1 and status = 'QUEUED'
                                   order by job_id
                                   limit 1)) as numbers";

/// A count for each bucket and status, each out of a piece of the index on the status.
const TIMELINE: &str = "
    select json_agg(json_build_object(
               'at', bucket.at,
               'QUEUED', (select count(*) from pipeline_jobs where tenant_id = $1 and status = 'QUEUED'
                             and job_id >= bucket.first_id and job_id < bucket.end_id),
               'RUNNING', (select count(*) from pipeline_jobs where tenant_id = $1 and status = 'RUNNING'
                              and job_id >= bucket.first_id and job_id < bucket.end_id),
               'COMPLETED', (select count(*) from pipeline_jobs where tenant_id = $1 and status = 'COMPLETED'
                                and job_id >= bucket.first_id and job_id < bucket.end_id),
               'FAILED', (select count(*) from pipeline_jobs where tenant_id = $1 and status = 'FAILED'
                             and job_id >= bucket.first_id and job_id < bucket.end_id),
               'CANCELLED', (select count(*) from pipeline_jobs where tenant_id = $1 and status = 'CANCELLED'
                                and job_id >= bucket.first_id and job_id < bucket.end_id))
               order by bucket.at) as buckets
      from unnest($2::timestamptz[], $3::uuid[], $4::uuid[]) as bucket (at, first_id, end_id)";

const DOTS: &str = "
    select coalesce(json_agg(json_build_object(
               'job_id', job_id, 'at', completed_at, 'status', status, 'job_type', job_type, 'about', about,
               'duration_ms', greatest(0, round(extract(epoch from completed_at - coalesce(started_at, created_at)) * 1000)::bigint))
               order by completed_at desc), '[]') as dots
      from (select *
              from pipeline_jobs
             where tenant_id = $1 and completed_at >= $2 and completed_at < $3
             order by completed_at desc
             limit $4) j";

/// How the tenant's jobs stand, in the words of `Numbers`. Today began at `today`.
pub async fn numbers(tx: &TenantTx<'_>, tenant_id: TenantId, today: Timestamp) -> Result<Value, StoreError> {
    let parameters = [(&tenant_id.0 as _, Type::UUID), (&today as _, Type::TIMESTAMPTZ)];
    Ok(tx.inner.query_typed_one(NUMBERS, &parameters).await?.try_get("numbers")?)
}

/// The tenant's jobs by when they were made and how they stand now, in the words of `Bucket`, for the times between each
/// two of `edges`.
pub async fn timeline(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    edges: &[Timestamp],
) -> Result<Value, StoreError> {
    let ids: Vec<Uuid> = edges.iter().copied().map(first_id_at).collect();
    let count = edges.len().saturating_sub(1);
    let parameters = [
        (&tenant_id.0 as _, Type::UUID),
        (&&edges[..count] as _, Type::TIMESTAMPTZ_ARRAY),
        (&&ids[..count] as _, Type::UUID_ARRAY),
        (&&ids[ids.len() - count..] as _, Type::UUID_ARRAY),
    ];
    Ok(tx.inner.query_typed_one(TIMELINE, &parameters).await?.try_get("buckets")?)
}

/// The tenant's jobs that ended between two times, the newest first and at most `limit`, in the words of `Dot`.
pub async fn dots(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    (from, to): (Timestamp, Timestamp),
    limit: u32,
) -> Result<Value, StoreError> {
    let parameters = [
        (&tenant_id.0 as _, Type::UUID),
        (&from as _, Type::TIMESTAMPTZ),
        (&to as _, Type::TIMESTAMPTZ),
        (&i64::from(limit) as _, Type::INT8),
    ];
    Ok(tx.inner.query_typed_one(DOTS, &parameters).await?.try_get("dots")?)
}
