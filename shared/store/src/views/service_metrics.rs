//! How the service does for a tenant: the last hour, minute by minute.

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::{Row, types::Type};
use zixly_domain::TenantId;

use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] =
    &[("views::service_metrics::MINUTES", MINUTES), ("views::service_metrics::OLDEST_RING", OLDEST_RING)];

const MINUTES: &str = "
    select date_trunc('minute', completed_at) as at, count(*) as ended, count(*) filter (where status = 'FAILED') as failed,
           (extract(epoch from percentile_cont(0.95) within group (order by completed_at - started_at)) * 1000)::float8
               as p95_ms
      from pipeline_jobs
     where tenant_id = $1 and completed_at >= $2 and completed_at < $3 and status <> 'CANCELLED'
     group by 1
     order by 1";

const OLDEST_RING: &str = "select min(ring_at) as ring_at from outbox where tenant_id = $1 and ring_at <= $2";

/// How many minutes are shown.
const MINUTES_SHOWN: i32 = 60;

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
    let minute = SignedDuration::from_mins(1);
    let end = Timestamp::from_second(now.as_second().div_euclid(60) * 60).unwrap_or(now);
    let begin = end - minute * MINUTES_SHOWN;
    let parameters =
        [(&tenant_id.0 as _, Type::UUID), (&begin as _, Type::TIMESTAMPTZ), (&end as _, Type::TIMESTAMPTZ)];
    let from_row = |row: &Row| {
        Ok(Minute {
            at: row.try_get("at")?,
            ended: row.try_get("ended")?,
            failed: row.try_get("failed")?,
            p95_ms: row.try_get("p95_ms")?,
        })
    };
    let rows = tx.inner.query_typed(MINUTES, &parameters).await?;
    let found = rows.iter().map(from_row).collect::<Result<Vec<Minute>, StoreError>>()?;
    let mut found = found.into_iter().peekable();
    // A minute in which nothing ended has no row.
    let of = |number| {
        let at = begin + minute * number;
        found.next_if(|minute| minute.at == at).unwrap_or(Minute { at, ended: 0, failed: 0, p95_ms: None })
    };
    Ok((0..MINUTES_SHOWN).map(of).collect())
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
