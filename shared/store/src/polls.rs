//! Polls: where a provider's events may be lost, or there are none, it is asked from time to time, and so it is whether
//! its webhooks are still there. The scheduler starts each poll; the job that it starts remembers how far it got.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::types::Type;
use zixly_domain::{ConnectionId, JobId, Provider, TenantId, Workflow};

use crate::{
    Session, StoreError, TenantTx,
    jobs::{self, Claim},
};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("polls::FIND_DUE", FIND_DUE),
    ("polls::START", START),
    ("polls::CURSOR", CURSOR),
    ("polls::SET_CURSOR", SET_CURSOR),
];

const FIND_DUE: &str = "select tenant_id, connection_id, job_type from find_due_polls($1, $2, $3, $4)";

/// Two schedulers at once meet in the poll's row: the second finds it no longer due.
const START: &str = "
    with due as (
        insert into polls (tenant_id, connection_id, job_type, next_at, last_job_id)
        values ($1, $2, $3, now() + $4 * interval '1 millisecond', $5)
        on conflict (tenant_id, connection_id, job_type) do update
           set next_at = excluded.next_at, last_job_id = excluded.last_job_id
         where polls.next_at <= now()
        returning tenant_id, job_type, last_job_id
    ), job as (
        insert into pipeline_jobs (tenant_id, job_id, job_type, workflow_version, parameters)
        select tenant_id, last_job_id, job_type, $6, $7 from due
    ), doorbell as (
        insert into outbox (tenant_id, job_id) select tenant_id, last_job_id from due
    )
    select last_job_id from due";

const CURSOR: &str = "
    select cursor from polls where tenant_id = $1 and connection_id = $2 and job_type = $3";

const SET_CURSOR: &str = "
    update polls set cursor = $4 where tenant_id = $1 and connection_id = $2 and job_type = $3";

/// What is polled, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollKind {
    /// Who is asked.
    pub provider: Provider,
    /// The workflow that would otherwise miss something; its tenant has it switched on.
    pub workflow: Workflow,
    /// The workflow that asks.
    pub poll: Workflow,
}

/// A connection that it is time to poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuePoll {
    /// Whose connection.
    pub tenant_id: TenantId,
    /// Which connection.
    pub connection_id: ConnectionId,
    /// The workflow that asks.
    pub poll: Workflow,
}

/// Up to `limit` polls that are due, of all tenants, the longest due first. None whose last job is still live, and none
/// on a connection that needs authorisation.
pub async fn find_due(
    session: &mut Session<'_>,
    kinds: &[PollKind],
    limit: i32,
) -> Result<Vec<DuePoll>, StoreError> {
    let providers: Vec<&str> = kinds.iter().map(|kind| kind.provider.as_str()).collect();
    let workflows: Vec<&str> = kinds.iter().map(|kind| kind.workflow.as_str()).collect();
    let polls: Vec<&str> = kinds.iter().map(|kind| kind.poll.as_str()).collect();
    let rows = session
        .client()
        .query_typed(
            FIND_DUE,
            &[
                (&providers, Type::TEXT_ARRAY),
                (&workflows, Type::TEXT_ARRAY),
                (&polls, Type::TEXT_ARRAY),
                (&limit, Type::INT4),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(DuePoll {
                tenant_id: TenantId(row.try_get("tenant_id")?),
                connection_id: ConnectionId(row.try_get("connection_id")?),
                poll: row.try_get::<_, &str>("job_type")?.parse()?,
            })
        })
        .collect()
}

/// Makes the poll's job with its doorbell, and has the next poll due after `every`; none if another scheduler was
/// first.
pub async fn start(tx: &TenantTx<'_>, due: &DuePoll, every: Duration) -> Result<Option<JobId>, StoreError> {
    let every_ms = every.as_secs_f64() * 1000.0;
    let rows = tx
        .inner
        .query_typed(
            START,
            &[
                (&due.tenant_id.0, Type::UUID),
                (&due.connection_id.0, Type::UUID),
                (&due.poll.as_str(), Type::TEXT),
                (&every_ms, Type::FLOAT8),
                (&JobId::new().0, Type::UUID),
                (&due.poll.current_version().cast_signed(), Type::INT2),
                (&json!({ "connection_id": due.connection_id }), Type::JSONB),
            ],
        )
        .await?;
    rows.first().map(|row| Ok(JobId(row.try_get("last_job_id")?))).transpose()
}

/// How far the polls of a connection have got, as one of them last said; none before the first has ended well.
pub async fn cursor(
    tx: &TenantTx<'_>,
    claim: &Claim,
    connection_id: ConnectionId,
) -> Result<Option<Value>, StoreError> {
    let rows = tx
        .inner
        .query_typed(
            CURSOR,
            &[
                (&claim.tenant_id.0, Type::UUID),
                (&connection_id.0, Type::UUID),
                (&claim.job_type, Type::TEXT),
            ],
        )
        .await?;
    rows.first().map_or(Ok(None), |row| Ok(row.try_get("cursor")?))
}

/// Remembers how far the poll got, while its claim is the latest.
pub async fn set_cursor(
    tx: &TenantTx<'_>,
    claim: &Claim,
    connection_id: ConnectionId,
    cursor: &Value,
) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    tx.inner
        .execute_typed(
            SET_CURSOR,
            &[
                (&claim.tenant_id.0, Type::UUID),
                (&connection_id.0, Type::UUID),
                (&claim.job_type, Type::TEXT),
                (cursor, Type::JSONB),
            ],
        )
        .await?;
    Ok(())
}
