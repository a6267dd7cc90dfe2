//! Connections: a tenant's authorised links to accounts at providers.

use jiff::Timestamp;
use tokio_postgres::{Row, types::Type};
use zixly_domain::{ConnectionId, JobId, Provider, TenantId, TokenSetId};

use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("connections::LIST", LIST),
    ("connections::FIND", FIND),
    ("connections::INSERT", INSERT),
    ("connections::NEEDS_AUTHORISATION", NEEDS_AUTHORISATION),
    ("connections::AUTHORISED", AUTHORISED),
];

const LIST: &str = "
    select connection_id, token_set_id, account_id, status, created_at, updated_at
      from connections
     where provider = $1
       and (account_id = $2 or $2 is null)
     order by connection_id";

const FIND: &str = "
    select connection_id, token_set_id, account_id, status, created_at, updated_at
      from connections
     where provider = $1
       and connection_id = $2";

const INSERT: &str = "
    insert into connections (connection_id, tenant_id, token_set_id, provider, account_id, account_name)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (tenant_id, provider, account_id) do update
       set token_set_id = excluded.token_set_id, account_name = excluded.account_name, status = 'HEALTHY',
           updated_at = now()
    returning connection_id";

const NEEDS_AUTHORISATION: &str = "
    update connections
       set status = 'NEEDS_AUTHORISATION', updated_at = now()
     where connection_id = $1
       and token_set_id = $2
       and status = 'HEALTHY'";

const AUTHORISED: &str = "
    with healed as (
        update connections
           set status = 'HEALTHY', updated_at = now()
         where tenant_id = $1 and token_set_id = $2
        returning tenant_id
    ), woken as (
        update pipeline_jobs
           set due_at = now()
         where tenant_id in (select tenant_id from healed)
           and status = 'QUEUED' and waiting_reason = 'reauthorisation'
        returning tenant_id, job_id
    ), doorbell as (
        insert into outbox (tenant_id, job_id)
        select tenant_id, job_id from woken
        on conflict (tenant_id, job_id) do update set ring_at = excluded.ring_at
    )
    select job_id from woken";

/// A tenant's link to one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Names the connection.
    pub connection_id: ConnectionId,
    /// The tokens that open it.
    pub token_set_id: TokenSetId,
    /// The provider's id of the account.
    pub account_id: String,
    /// False once the provider has said that someone must authorise it again.
    pub healthy: bool,
    /// When the account was first connected.
    pub created_at: Timestamp,
    /// When it was last connected again, or found to need it.
    pub updated_at: Timestamp,
}

/// What is needed to make a connection.
pub struct NewConnection<'a> {
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The tokens that open it.
    pub token_set_id: TokenSetId,
    /// Where the account is.
    pub provider: Provider,
    /// The provider's id of the account.
    pub account_id: &'a str,
    /// What its owner calls it.
    pub account_name: &'a str,
}

/// The tenant's connections to `provider`, oldest first; only the one to `account_id` if that is given.
pub async fn list(
    tx: &TenantTx<'_>,
    provider: Provider,
    account_id: Option<&str>,
) -> Result<Vec<Connection>, StoreError> {
    let rows =
        tx.inner.query_typed(LIST, &[(&provider.as_str(), Type::TEXT), (&account_id, Type::TEXT)]).await?;
    rows.iter().map(from_row).collect()
}

/// The tenant's connection of this id, if it is one to `provider`.
pub async fn find(
    tx: &TenantTx<'_>,
    provider: Provider,
    connection_id: ConnectionId,
) -> Result<Option<Connection>, StoreError> {
    let rows = tx
        .inner
        .query_typed(FIND, &[(&provider.as_str(), Type::TEXT), (&connection_id.0, Type::UUID)])
        .await?;
    rows.first().map(from_row).transpose()
}

/// Makes a connection, or renews the authorisation of the one that the tenant has to this account.
pub async fn insert(tx: &TenantTx<'_>, new: &NewConnection<'_>) -> Result<ConnectionId, StoreError> {
    let rows = tx
        .inner
        .query_typed(
            INSERT,
            &[
                (&ConnectionId::new().0, Type::UUID),
                (&new.tenant_id.0, Type::UUID),
                (&new.token_set_id.0, Type::UUID),
                (&new.provider.as_str(), Type::TEXT),
                (&new.account_id, Type::TEXT),
                (&new.account_name, Type::TEXT),
            ],
        )
        .await?;
    Ok(ConnectionId(rows.first().expect("an upsert has one row").try_get("connection_id")?))
}

/// Records that the provider no longer accepts this connection's authorisation; nothing if the owner has authorised it
/// anew in the meantime.
pub async fn needs_authorisation(tx: &TenantTx<'_>, connection: &Connection) -> Result<(), StoreError> {
    let Connection { connection_id, token_set_id, .. } = connection;
    tx.inner
        .execute_typed(NEEDS_AUTHORISATION, &[(&connection_id.0, Type::UUID), (&token_set_id.0, Type::UUID)])
        .await?;
    Ok(())
}

/// Records that the tenant has authorised this token set anew, and ends the waits of its jobs for that: these are to be
/// rung. One that waits for another connection looks once and waits again.
pub async fn authorised(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    token_set_id: TokenSetId,
) -> Result<Vec<JobId>, StoreError> {
    let rows = tx
        .inner
        .query_typed(AUTHORISED, &[(&tenant_id.0, Type::UUID), (&token_set_id.0, Type::UUID)])
        .await?;
    rows.iter().map(|row| Ok(JobId(row.try_get("job_id")?))).collect()
}

fn from_row(row: &Row) -> Result<Connection, StoreError> {
    Ok(Connection {
        connection_id: ConnectionId(row.try_get("connection_id")?),
        token_set_id: TokenSetId(row.try_get("token_set_id")?),
        account_id: row.try_get("account_id")?,
        healthy: row.try_get::<_, &str>("status")? == "HEALTHY",
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
