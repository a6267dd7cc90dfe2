//! Tenants: written by whoever sets one up.

use tokio_postgres::types::Type;
use zixly_domain::TenantId;

use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[("tenants::INSERT", INSERT)];

const INSERT: &str = "
    insert into tenants (tenant_id, name)
    values ($1, $2)
    on conflict (tenant_id) do update set name = excluded.name, updated_at = now()";

/// Makes the transaction's tenant, or renames it.
pub async fn insert(tx: &TenantTx<'_>, tenant_id: TenantId, name: &str) -> Result<(), StoreError> {
    tx.inner.execute_typed(INSERT, &[(&tenant_id.0, Type::UUID), (&name, Type::TEXT)]).await?;
    Ok(())
}
