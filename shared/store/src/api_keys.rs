//! API keys, of which only the hash is known here.

use tokio_postgres::{Row, types::Type};
use zixly_domain::{ApiKeyId, TenantId};

use crate::{Session, StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[("api_keys::FIND", FIND), ("api_keys::INSERT", INSERT)];

const FIND: &str = "select tenant_id, api_key_id from find_api_key($1)";

const INSERT: &str = "
    insert into api_keys (api_key_id, tenant_id, name, key_hash)
    values ($1, $2, $3, $4)
    on conflict (key_hash) do nothing";

/// Whose the key with this SHA-256 hash is; none for an unknown or revoked key.
pub async fn find(
    session: &mut Session<'_>,
    key_hash: &[u8; 32],
) -> Result<Option<(TenantId, ApiKeyId)>, StoreError> {
    let rows = session.client().query_typed(FIND, &[(&key_hash.as_slice(), Type::BYTEA)]).await?;
    let from_row =
        |row: &Row| Ok((TenantId(row.try_get("tenant_id")?), ApiKeyId(row.try_get("api_key_id")?)));
    rows.first().map(from_row).transpose()
}

/// Files a new key of a tenant under `name`. Filing the same key again changes nothing.
pub async fn insert(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    name: &str,
    key_hash: &[u8; 32],
) -> Result<(), StoreError> {
    tx.inner
        .execute_typed(
            INSERT,
            &[
                (&ApiKeyId::new().0, Type::UUID),
                (&tenant_id.0, Type::UUID),
                (&name, Type::TEXT),
                (&key_hash.as_slice(), Type::BYTEA),
            ],
        )
        .await?;
    Ok(())
}
