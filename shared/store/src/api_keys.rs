//! API keys, of which only the hash is known here.

use tokio_postgres::types::Type;
use zixly_domain::{ApiKeyId, TenantId};

use crate::{Session, StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] =
    &[("api_keys::FIND_TENANT", FIND_TENANT), ("api_keys::INSERT", INSERT)];

const FIND_TENANT: &str = "select tenant_id from find_tenant_by_api_key($1)";

const INSERT: &str = "
    insert into api_keys (api_key_id, tenant_id, name, key_hash)
    values ($1, $2, $3, $4)
    on conflict (key_hash) do nothing";

/// The tenant whose key has this SHA-256 hash; none for an unknown or revoked key.
pub async fn find_tenant(
    session: &mut Session<'_>,
    key_hash: &[u8; 32],
) -> Result<Option<TenantId>, StoreError> {
    let rows = session.client().query_typed(FIND_TENANT, &[(&key_hash.as_slice(), Type::BYTEA)]).await?;
    rows.first().map(|row| Ok(TenantId(row.try_get("tenant_id")?))).transpose()
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
