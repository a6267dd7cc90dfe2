//! Tenants: the customer businesses.

use serde_json::Value;
use tokio_postgres::types::Type;
use zixly_domain::{TenantId, UserId};

use crate::{Session, StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] =
    &[("tenants::INSERT", INSERT), ("tenants::LIST_FOR", LIST_FOR), ("tenants::HOLD", HOLD)];

const INSERT: &str = "
    insert into tenants (tenant_id, name)
    values ($1, $2)
    on conflict do nothing";

const LIST_FOR: &str = "
    select coalesce(json_agg(json_build_object('tenant_id', tenant_id, 'name', name, 'created_at', created_at,
                                               'users', users, 'connections', connections)), '[]') as tenants
      from list_tenants_for($1)";

const HOLD: &str = "select from tenants where tenant_id = $1 for update";

/// Makes the transaction's tenant, unless it is there.
pub async fn insert(tx: &TenantTx<'_>, tenant_id: TenantId, name: &str) -> Result<(), StoreError> {
    tx.inner.execute_typed(INSERT, &[(&tenant_id.0, Type::UUID), (&name, Type::TEXT)]).await?;
    Ok(())
}

/// All tenants in the words of `Tenants`, by name, if the user is a platform admin; none otherwise.
pub async fn list_for(session: &mut Session<'_>, user_id: UserId) -> Result<Value, StoreError> {
    let rows = session.client().query_typed(LIST_FOR, &[(&user_id.0, Type::UUID)]).await?;
    Ok(rows.first().expect("an aggregate has one row").try_get("tenants")?)
}

/// Keeps everybody else from changing who is ADMIN of the tenant, until the transaction ends.
pub async fn hold(tx: &TenantTx<'_>, tenant_id: TenantId) -> Result<(), StoreError> {
    tx.inner.query_typed(HOLD, &[(&tenant_id.0, Type::UUID)]).await?;
    Ok(())
}
