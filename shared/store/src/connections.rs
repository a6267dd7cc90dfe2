//! Connections: a tenant's authorised links to accounts at providers.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio_postgres::{Row, types::Type};
use zixly_domain::{ConnectionId, JobId, Provider, TenantId, TokenSetId};

use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("connections::LIST", LIST),
    ("connections::FIND", FIND),
    ("connections::INSERT", INSERT),
    ("connections::NEEDS_AUTHORISATION", NEEDS_AUTHORISATION),
    ("connections::LIST_SHOWN", LIST_SHOWN),
    ("connections::FIND_SHOWN", FIND_SHOWN),
    ("connections::IS_TOKEN_SET_NEEDED", IS_TOKEN_SET_NEEDED),
    ("connections::IS_CONNECTED_ELSEWHERE", IS_CONNECTED_ELSEWHERE),
    ("connections::REMOVE", REMOVE),
    ("connections::LIST_REMOVED", LIST_REMOVED),
    ("connections::POLL_NOW", POLL_NOW),
    ("connections::END_WAITS", END_WAITS),
];

const LIST: &str = "
    select connection_id, token_set_id, provider, account_id, status, created_at, updated_at
      from connections
     where provider = $1
       and (account_id = $2 or $2 is null)
       and status <> 'REMOVED'
     order by connection_id";

const FIND: &str = "
    select connection_id, token_set_id, provider, account_id, status, created_at, updated_at
      from connections
     where provider = $1
       and connection_id = $2
       and status <> 'REMOVED'";

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

const LIST_SHOWN: &str = "
    select coalesce(json_agg(json_build_object(
               'connection_id', connection_id, 'provider', provider, 'account_id', account_id,
               'account_name', account_name, 'state', status, 'created_at', created_at)
               order by provider, account_name, connection_id), '[]') as connections
      from connections
     where status <> 'REMOVED'";

const FIND_SHOWN: &str = "
    select token_set_id, provider, account_id,
           json_build_object(
               'connection_id', connection_id, 'provider', provider, 'account_id', account_id,
               'account_name', account_name, 'state', status, 'created_at', created_at) as shown
      from connections
     where connection_id = $1
       and status <> 'REMOVED'";

const IS_TOKEN_SET_NEEDED: &str = "select is_token_set_needed($1, $2) as is_needed";

const IS_CONNECTED_ELSEWHERE: &str = "select is_connected_elsewhere($1, $2) as is_connected";

/// Not one that was authorised anew in the meantime, or has ended before.
const REMOVE: &str = "
    update connections
       set status = 'REMOVED', updated_at = now()
     where connection_id = $1
       and token_set_id = $2
       and status <> 'REMOVED'";

const LIST_REMOVED: &str = "
    select account_id from connections where provider = $1 and status = 'REMOVED'";

/// What is kept up at a provider is looked after at once: its webhooks may be gone.
const POLL_NOW: &str = "update polls set next_at = now() where connection_id = $1";

const END_WAITS: &str = "select job_id from end_waits_for_authorisation()";

/// A tenant's link to one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Names the connection.
    pub connection_id: ConnectionId,
    /// The tokens that open it.
    pub token_set_id: TokenSetId,
    /// Where the account is.
    pub provider: Provider,
    /// The provider's id of the account.
    pub account_id: String,
    /// False once the provider has said that someone must authorise it again.
    pub healthy: bool,
    /// When the account was first connected.
    pub created_at: Timestamp,
    /// When it was last connected again, or found to need it.
    pub updated_at: Timestamp,
}

/// A [`Connection`] as `record_step` states it.
#[derive(Deserialize)]
pub(crate) struct StatedConnection {
    connection_id: ConnectionId,
    token_set_id: TokenSetId,
    provider: String,
    account_id: String,
    healthy: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<StatedConnection> for Connection {
    type Error = StoreError;

    fn try_from(stated: StatedConnection) -> Result<Self, StoreError> {
        let StatedConnection {
            connection_id,
            token_set_id,
            provider,
            account_id,
            healthy,
            created_at,
            updated_at,
        } = stated;
        let provider = provider.parse()?;
        Ok(Self { connection_id, token_set_id, provider, account_id, healthy, created_at, updated_at })
    }
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

/// What an administrator sees of a connection, and what is needed to end it.
#[derive(Debug, Clone)]
pub struct ShownConnection {
    /// The tokens that open it.
    pub token_set_id: TokenSetId,
    /// Where the account is.
    pub provider: Provider,
    /// The provider's id of the account.
    pub account_id: String,
    /// In the words of `Connection` in the admin function's OpenAPI file.
    pub shown: Value,
}

/// The transaction's tenant's connections, in the words of `Connection`.
pub async fn list_shown(tx: &TenantTx<'_>) -> Result<Value, StoreError> {
    Ok(tx.inner.query_typed_one(LIST_SHOWN, &[]).await?.try_get("connections")?)
}

/// A connection of the transaction's tenant that is not removed.
pub async fn find_shown(
    tx: &TenantTx<'_>,
    connection_id: ConnectionId,
) -> Result<Option<ShownConnection>, StoreError> {
    let rows = tx.inner.query_typed(FIND_SHOWN, &[(&connection_id.0, Type::UUID)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(ShownConnection {
        token_set_id: TokenSetId(row.try_get("token_set_id")?),
        provider: row.try_get::<_, &str>("provider")?.parse()?,
        account_id: row.try_get("account_id")?,
        shown: row.try_get("shown")?,
    }))
}

/// Whether another connection is opened by the same tokens, whichever tenant's.
pub async fn is_token_set_needed(
    tx: &TenantTx<'_>,
    token_set_id: TokenSetId,
    besides: ConnectionId,
) -> Result<bool, StoreError> {
    let parameters = [(&token_set_id.0 as _, Type::UUID), (&besides.0 as _, Type::UUID)];
    Ok(tx.inner.query_typed_one(IS_TOKEN_SET_NEEDED, &parameters).await?.try_get("is_needed")?)
}

/// Whether another tenant is connected to the same account.
pub async fn is_connected_elsewhere(
    tx: &TenantTx<'_>,
    provider: Provider,
    account_id: &str,
) -> Result<bool, StoreError> {
    let provider = provider.as_str();
    let parameters = [(&provider as _, Type::TEXT), (&account_id as _, Type::TEXT)];
    Ok(tx.inner.query_typed_one(IS_CONNECTED_ELSEWHERE, &parameters).await?.try_get("is_connected")?)
}

/// Ends a connection, whose row stays for the events and effects that name it. False if it has ended, or was authorised anew,
/// since it was looked at.
pub async fn remove(
    tx: &TenantTx<'_>,
    connection_id: ConnectionId,
    token_set_id: TokenSetId,
) -> Result<bool, StoreError> {
    let parameters = [(&connection_id.0 as _, Type::UUID), (&token_set_id.0 as _, Type::UUID)];
    Ok(tx.inner.execute_typed(REMOVE, &parameters).await? == 1)
}

/// The accounts at the provider that the transaction's tenant has disconnected.
pub async fn list_removed(tx: &TenantTx<'_>, provider: Provider) -> Result<Vec<String>, StoreError> {
    let rows = tx.inner.query_typed(LIST_REMOVED, &[(&provider.as_str(), Type::TEXT)]).await?;
    rows.iter().map(|row| Ok(row.try_get("account_id")?)).collect()
}

/// Has the polls of a connection that was just authorised made at the scheduler's next run.
pub async fn poll_now(tx: &TenantTx<'_>, connection_id: ConnectionId) -> Result<(), StoreError> {
    tx.inner.execute_typed(POLL_NOW, &[(&connection_id.0, Type::UUID)]).await?;
    Ok(())
}

/// Ends the waits of the transaction's tenant's jobs for an authorisation, now that there is a new one: these are to be
/// rung. One that waits for another connection looks once and waits again.
pub async fn end_waits(tx: &TenantTx<'_>) -> Result<Vec<JobId>, StoreError> {
    let rows = tx.inner.query_typed(END_WAITS, &[]).await?;
    rows.iter().map(|row| Ok(JobId(row.try_get("job_id")?))).collect()
}

fn from_row(row: &Row) -> Result<Connection, StoreError> {
    Ok(Connection {
        connection_id: ConnectionId(row.try_get("connection_id")?),
        token_set_id: TokenSetId(row.try_get("token_set_id")?),
        provider: row.try_get::<_, &str>("provider")?.parse()?,
        account_id: row.try_get("account_id")?,
        healthy: row.try_get::<_, &str>("status")? == "HEALTHY",
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
