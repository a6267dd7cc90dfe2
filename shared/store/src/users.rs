//! Users: who signs in, for which tenant, with which role.

use tokio_postgres::types::Type;
use zixly_domain::{Role, TenantId, UserId};

use crate::{Session, StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] =
    &[("users::FIND", FIND), ("users::INSERT", INSERT), ("users::MAKE_PLATFORM_ADMIN", MAKE_PLATFORM_ADMIN)];

const FIND: &str = "select tenant_id, role from find_user($1)";

const INSERT: &str = "
    insert into users (user_id, tenant_id, email, role)
    values ($1, $2, $3, $4)
    on conflict (user_id) do update set email = excluded.email, role = excluded.role";

const MAKE_PLATFORM_ADMIN: &str = "update users set is_platform_admin = true where user_id = $1";

/// The tenant and the role of a user; none for somebody who is nobody's user.
pub async fn find(
    session: &mut Session<'_>,
    user_id: UserId,
) -> Result<Option<(TenantId, Role)>, StoreError> {
    let rows = session.client().query_typed(FIND, &[(&user_id.0, Type::UUID)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some((TenantId(row.try_get("tenant_id")?), row.try_get::<_, &str>("role")?.parse()?)))
}

/// Makes a user of the transaction's tenant, or gives the one that there is another address or role.
pub async fn insert(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    user_id: UserId,
    email: &str,
    role: Role,
) -> Result<(), StoreError> {
    tx.inner
        .execute_typed(
            INSERT,
            &[
                (&user_id.0, Type::UUID),
                (&tenant_id.0, Type::UUID),
                (&email, Type::TEXT),
                (&role.as_str(), Type::TEXT),
            ],
        )
        .await?;
    Ok(())
}

/// Lets a user of the transaction's tenant look at every tenant.
pub async fn make_platform_admin(tx: &TenantTx<'_>, user_id: UserId) -> Result<(), StoreError> {
    tx.inner.execute_typed(MAKE_PLATFORM_ADMIN, &[(&user_id.0, Type::UUID)]).await?;
    Ok(())
}
