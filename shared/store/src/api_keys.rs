//! API keys, of which only the hash is known here.

use serde_json::Value;
use tokio_postgres::types::Type;
use zixly_domain::{ApiKeyId, TenantId};

use crate::{Session, StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("api_keys::FIND", FIND),
    ("api_keys::INSERT", INSERT),
    ("api_keys::NOTE_USE", NOTE_USE),
    ("api_keys::LIST", LIST),
    ("api_keys::FIND_OWN", FIND_OWN),
    ("api_keys::REVOKE", REVOKE),
];

const FIND: &str = "select tenant_id, api_key_id, job_types, was_used_just_now from find_api_key($1)";

const INSERT: &str = "
    insert into api_keys (api_key_id, tenant_id, name, key_hash, job_types, created_by)
    values ($1, $2, $3, $4, $5, $6)
    on conflict do nothing";

const NOTE_USE: &str = "update api_keys set last_used_at = now() where api_key_id = $1";

const LIST: &str = "
    select coalesce(json_agg(json_build_object(
               'api_key_id', api_key_id, 'name', name, 'job_types', job_types, 'created_at', k.created_at,
               'created_by', coalesce(u.email, created_by), 'last_used_at', last_used_at, 'revoked_at', revoked_at)
               order by api_key_id desc), '[]') as api_keys
      from api_keys k
      left join users u on u.tenant_id = k.tenant_id and 'user/' || u.user_id = k.created_by";

const FIND_OWN: &str = "
    select json_build_object(
               'api_key_id', api_key_id, 'name', name, 'job_types', job_types, 'created_at', k.created_at,
               'created_by', coalesce(u.email, created_by), 'last_used_at', last_used_at, 'revoked_at', revoked_at)
               as api_key
      from api_keys k
      left join users u on u.tenant_id = k.tenant_id and 'user/' || u.user_id = k.created_by
     where api_key_id = $1";

const REVOKE: &str = "update api_keys set revoked_at = now() where api_key_id = $1 and revoked_at is null";

/// A key that is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKey {
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Which one.
    pub api_key_id: ApiKeyId,
    /// The triggers that it opens; none named is all, and steering too.
    pub job_types: Option<Vec<String>>,
    /// Whether its last use, as far as it is noted, is less than a minute ago.
    pub was_used_just_now: bool,
}

/// A key to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewKey<'a> {
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What its owner calls it.
    pub name: &'a str,
    /// SHA-256 of it.
    pub key_hash: &'a [u8; 32],
    /// The triggers that it opens; none named is all, and steering too.
    pub job_types: Option<&'a [String]>,
    /// `user/…`, where a user has made it.
    pub created_by: Option<&'a str>,
}

/// Whose the key with this SHA-256 hash is; none for an unknown or revoked key.
pub async fn find(session: &mut Session<'_>, key_hash: &[u8; 32]) -> Result<Option<FoundKey>, StoreError> {
    let rows = session.client().query_typed(FIND, &[(&key_hash.as_slice(), Type::BYTEA)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(FoundKey {
        tenant_id: TenantId(row.try_get("tenant_id")?),
        api_key_id: ApiKeyId(row.try_get("api_key_id")?),
        job_types: row.try_get("job_types")?,
        was_used_just_now: row.try_get("was_used_just_now")?,
    }))
}

/// Files a new key of the transaction's tenant. Filing the same key again changes nothing.
pub async fn insert(tx: &TenantTx<'_>, new: &NewKey<'_>) -> Result<ApiKeyId, StoreError> {
    let api_key_id = ApiKeyId::new();
    tx.inner
        .execute_typed(
            INSERT,
            &[
                (&api_key_id.0, Type::UUID),
                (&new.tenant_id.0, Type::UUID),
                (&new.name, Type::TEXT),
                (&new.key_hash.as_slice(), Type::BYTEA),
                (&new.job_types, Type::TEXT_ARRAY),
                (&new.created_by, Type::TEXT),
            ],
        )
        .await?;
    Ok(api_key_id)
}

/// Remembers that a key of the transaction's tenant was used.
pub async fn note_use(tx: &TenantTx<'_>, api_key_id: ApiKeyId) -> Result<(), StoreError> {
    tx.inner.execute_typed(NOTE_USE, &[(&api_key_id.0, Type::UUID)]).await?;
    Ok(())
}

/// The transaction's tenant's keys, the newest first, in the words of `ApiKey`.
pub async fn list(tx: &TenantTx<'_>) -> Result<Value, StoreError> {
    Ok(tx.inner.query_typed_one(LIST, &[]).await?.try_get("api_keys")?)
}

/// A key of the transaction's tenant, in the words of `ApiKey`.
pub async fn find_own(tx: &TenantTx<'_>, api_key_id: ApiKeyId) -> Result<Option<Value>, StoreError> {
    let rows = tx.inner.query_typed(FIND_OWN, &[(&api_key_id.0, Type::UUID)]).await?;
    rows.first().map(|row| Ok(row.try_get("api_key")?)).transpose()
}

/// Ends a key of the transaction's tenant for good; false where it has ended.
pub async fn revoke(tx: &TenantTx<'_>, api_key_id: ApiKeyId) -> Result<bool, StoreError> {
    Ok(tx.inner.execute_typed(REVOKE, &[(&api_key_id.0, Type::UUID)]).await? == 1)
}
