//! How the service does for a tenant: the last hour, minute by minute.

use jiff::Timestamp;
use tokio_postgres::{Row, types::Type};
use zixly_domain::TenantId;

use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] =
    &[("views::service_metrics::MINUTES", MINUTES), ("views::service_metrics::OLDEST_RING", OLDEST_RING)];

const MINUTES: &str = "
    select m.at, count(j.job_id) as ended, count(*) filter (where j.status = 'FAILED') as failed,
           (extract(epoch from percentile_cont(0.95) within group (order by j.completed_at - j.started_at)) * 1000)::float8
               as p95_ms
      from generate_series(date_trunc('minute', $2::timestamptz) - interval '60 minutes',
                           date_trunc('minute', $2::timestamptz) - interval '1 minute', interval '1 minute') as m (at)
      left join pipeline_jobs j
        on j.tenant_id = $1 and j.completed_at >= m.at and j.completed_at < m.at + interval '1 minute'
       and j.status <> 'CANCELLED'
     group by m.at
     order by m.at";

const OLDEST_RING: &str = "select min(ring_at) as ring_at from outbox where tenant_id = $1 and ring_at <= $2";

/// What ended in a minute.
#[derive(Debug, Clone, PartialEq)]
pub struct Minute {
    /// Its beginning.
    pub at: Timestamp,
    /// How many jobs were completed or failed.
    pub ended: i64,
    /// How many of them failed.
    pub failed: i64,
    /// The duration that 95 of 100 stayed below.
    pub p95_ms: Option<f64>,
}

/// The tenant's last sixty whole minutes before `now`, the oldest first.
pub async fn minutes(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    now: Timestamp,
) -> Result<Vec<Minute>, StoreError> {
    let parameters = [(&tenant_id.0 as _, Type::UUID), (&now as _, Type::TIMESTAMPTZ)];
    let minute = |row: &Row| {
        Ok(Minute {
            at: row.try_get("at")?,
            ended: row.try_get("ended")?,
            failed: row.try_get("failed")?,
            p95_ms: row.try_get("p95_ms")?,
        })
    };
    tx.inner.query_typed(MINUTES, &parameters).await?.iter().map(minute).collect()
}

/// When the tenant's job was to be rung that has been waiting for a worker for longest; none if none does.
pub async fn oldest_ring(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let parameters = [(&tenant_id.0 as _, Type::UUID), (&now as _, Type::TIMESTAMPTZ)];
    Ok(tx.inner.query_typed_one(OLDEST_RING, &parameters).await?.try_get("ring_at")?)
}
