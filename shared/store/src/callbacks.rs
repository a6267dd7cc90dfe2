//! Where an external API may call back: once, for one job, within a time. Only the token's hash is known here.

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::types::Type;
use zixly_domain::{JobId, TenantId};

use crate::{Session, StoreError, TenantTx, jobs::Claim, requests};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("callbacks::FIND_TENANT", FIND_TENANT),
    ("callbacks::USE", USE),
    ("callbacks::LOOK", LOOK),
    ("callbacks::ISSUE", ISSUE),
    ("callbacks::ANSWER", ANSWER),
];

const FIND_TENANT: &str = "select tenant_id from find_tenant_by_callback($1)";

const USE: &str = "
    update callback_tokens
       set used_at = now(), answer = $2
     where token_hash = $1 and used_at is null and expires_at > now()
    returning job_id";

const LOOK: &str = "select used_at is not null as is_used from callback_tokens where token_hash = $1";

const ISSUE: &str = "
    insert into callback_tokens (tenant_id, token_hash, job_id, expires_at)
    values ($1, $2, $3, $4)
    on conflict do nothing";

const ANSWER: &str = "
    select answer
      from callback_tokens
     where tenant_id = $1 and job_id = $2 and used_at is not null
     order by used_at desc
     limit 1";

/// What became of a call back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalledBack {
    /// Kept, and the job is to be rung for.
    Kept(JobId),
    /// Kept, but its job has ended without it.
    TooLate(JobId),
    /// The token was used before.
    Used,
    /// The token's time is over.
    Expired,
}

/// Whose token has this hash; none for an unknown one.
pub async fn find_tenant(
    session: &mut Session<'_>,
    token_hash: &[u8; 32],
) -> Result<Option<TenantId>, StoreError> {
    let rows = session.client().query_typed(FIND_TENANT, &[(&token_hash.as_slice(), Type::BYTEA)]).await?;
    rows.first().map(|row| Ok(TenantId(row.try_get("tenant_id")?))).transpose()
}

/// Uses a token of the tenant up: keeps the caller's answer and ends the wait of the token's job.
pub async fn call_back(
    session: &mut Session<'_>,
    tenant_id: TenantId,
    token_hash: &[u8; 32],
    answer: &Value,
) -> Result<CalledBack, StoreError> {
    let token_hash = token_hash.as_slice();
    let tx = session.begin(tenant_id)?;
    let rows = tx.inner.query_typed(USE, &[(&token_hash, Type::BYTEA), (answer, Type::JSONB)]).await?;
    let Some(row) = rows.first() else {
        let rows = tx.inner.query_typed(LOOK, &[(&token_hash, Type::BYTEA)]).await?;
        let is_used = rows.first().map(|row| row.try_get("is_used")).transpose()?;
        return Ok(if is_used == Some(true) { CalledBack::Used } else { CalledBack::Expired });
    };
    let job_id = JobId(row.try_get("job_id")?);
    let woken = requests::wake(&tx, tenant_id, job_id).await?;
    tx.commit().await?;
    Ok(if woken { CalledBack::Kept(job_id) } else { CalledBack::TooLate(job_id) })
}

/// Lets the bearer of a token call back about the claimed job until `expires_at`. A second time it changes nothing.
pub async fn issue(
    tx: &TenantTx<'_>,
    claim: &Claim,
    token_hash: &[u8; 32],
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    tx.inner
        .execute_typed(
            ISSUE,
            &[
                (&claim.tenant_id.0, Type::UUID),
                (&token_hash.as_slice(), Type::BYTEA),
                (&claim.job_id.0, Type::UUID),
                (&expires_at, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    Ok(())
}

/// What was called back about the claimed job, if anything was.
pub async fn answer(tx: &TenantTx<'_>, claim: &Claim) -> Result<Option<Value>, StoreError> {
    let rows = tx
        .inner
        .query_typed(ANSWER, &[(&claim.tenant_id.0, Type::UUID), (&claim.job_id.0, Type::UUID)])
        .await?;
    rows.first().map(|row| Ok(row.try_get("answer")?)).transpose()
}
