//! Doorbells that nobody has heard and leases that nobody renews, of all tenants: ids only, so that someone rings.

use std::time::Duration;

use tokio_postgres::{Row, types::Type};
use zixly_domain::{JobId, TenantId};

use crate::{Session, StoreError};

pub(crate) const STATEMENTS: &[(&str, &str)] =
    &[("sweeps::TAKE_DOORBELLS", TAKE_DOORBELLS), ("sweeps::FIND_DEAD_LEASES", FIND_DEAD_LEASES)];

const TAKE_DOORBELLS: &str = "
    select tenant_id, job_id
      from take_doorbells($1 * interval '1 millisecond', $2 * interval '1 millisecond', $3)";

const FIND_DEAD_LEASES: &str = "select tenant_id, job_id from find_dead_leases($1)";

/// Takes up to `limit` jobs whose doorbell has been due for `grace`, tenants in turn and each one's oldest first, and
/// puts those doorbells off by `again`: whoever takes them rings them now, and has them back until a worker has heard.
pub async fn take_doorbells(
    session: &mut Session<'_>,
    grace: Duration,
    again: Duration,
    limit: i32,
) -> Result<Vec<(TenantId, JobId)>, StoreError> {
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let tx = session.begin_unbound()?;
    let rows = tx
        .inner
        .query_typed(
            TAKE_DOORBELLS,
            &[
                (&milliseconds(grace), Type::FLOAT8),
                (&milliseconds(again), Type::FLOAT8),
                (&limit, Type::INT4),
            ],
        )
        .await?;
    tx.commit().await?;
    rows.iter().map(from_row).collect()
}

/// Up to `limit` jobs whose worker's lease has run out, the one that has been dead for longest first.
pub async fn find_dead_leases(
    session: &mut Session<'_>,
    limit: i32,
) -> Result<Vec<(TenantId, JobId)>, StoreError> {
    let rows = session.client().query_typed(FIND_DEAD_LEASES, &[(&limit, Type::INT4)]).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &Row) -> Result<(TenantId, JobId), StoreError> {
    Ok((TenantId(row.try_get("tenant_id")?), JobId(row.try_get("job_id")?)))
}
