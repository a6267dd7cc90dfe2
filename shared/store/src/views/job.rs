//! One job with all that belongs to it, in one round trip.

use serde_json::Value;
use tokio_postgres::types::Type;
use zixly_domain::{JobId, TenantId};

use super::jobs::{self, JobSummary, summary};
use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[("views::job::FIND", FIND)];

const FIND: &str = concat!("select ", summary!(), ", ", include_str!("job.sql"));

/// A job and what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobDetail {
    /// As a list shows it.
    pub summary: JobSummary,
    /// Everything else, in the words of `JobDetail` in the dashboard's OpenAPI file, but for what only the function
    /// knows: the addresses of records and the files of results.
    pub rest: Value,
}

/// The tenant's job; none if it has no such one.
pub async fn find(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    job_id: JobId,
) -> Result<Option<JobDetail>, StoreError> {
    let rows = tx.inner.query_typed(FIND, &[(&tenant_id.0, Type::UUID), (&job_id.0, Type::UUID)]).await?;
    let detail = |row| Ok(JobDetail { summary: jobs::from_row(row)?, rest: row.try_get("rest")? });
    rows.first().map(detail).transpose()
}
