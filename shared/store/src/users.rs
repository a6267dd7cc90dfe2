//! Users: who signs in, for which tenant, with which role.

use serde_json::Value;
use tokio_postgres::types::Type;
use zixly_domain::{Role, TenantId, UserId};

use crate::{Session, StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("users::FIND", FIND),
    ("users::INSERT", INSERT),
    ("users::INVITE", INVITE),
    ("users::LIST", LIST),
    ("users::FIND_OWN", FIND_OWN),
    ("users::HAS_OTHER_ADMIN", HAS_OTHER_ADMIN),
    ("users::SET_ROLE", SET_ROLE),
    ("users::REMOVE", REMOVE),
    ("users::MAKE_PLATFORM_ADMIN", MAKE_PLATFORM_ADMIN),
];

const FIND: &str = "select tenant_id, role from find_user($1)";

const INSERT: &str = "
    insert into users (user_id, tenant_id, email, role)
    values ($1, $2, $3, $4)
    on conflict (user_id) do update set email = excluded.email, role = excluded.role";

/// The address, or the person, may be another tenant's.
const INVITE: &str = "
    insert into users (user_id, tenant_id, email, role)
    values ($1, $2, $3, $4)
    on conflict do nothing";

const LIST: &str = "
    select coalesce(json_agg(json_build_object('user_id', user_id, 'email', email, 'role', role,
                                               'created_at', created_at) order by email), '[]') as users
      from users";

const FIND_OWN: &str = "
    select role, is_platform_admin,
           json_build_object('user_id', user_id, 'email', email, 'role', role, 'created_at', created_at) as shown
      from users
     where user_id = $1";

const HAS_OTHER_ADMIN: &str =
    "select exists (select from users where role = 'ADMIN' and user_id <> $1) as has_other";

const SET_ROLE: &str = "update users set role = $2 where user_id = $1";

const REMOVE: &str = "delete from users where user_id = $1";

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

/// Makes a user of the transaction's tenant. False where the address or the person is in use already, here or at another
/// tenant.
pub async fn invite(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    user_id: UserId,
    email: &str,
    role: Role,
) -> Result<bool, StoreError> {
    let made = tx
        .inner
        .execute_typed(
            INVITE,
            &[
                (&user_id.0, Type::UUID),
                (&tenant_id.0, Type::UUID),
                (&email, Type::TEXT),
                (&role.as_str(), Type::TEXT),
            ],
        )
        .await?;
    Ok(made == 1)
}

/// The transaction's tenant's users by address, in the words of `User`.
pub async fn list(tx: &TenantTx<'_>) -> Result<Value, StoreError> {
    Ok(tx.inner.query_typed_one(LIST, &[]).await?.try_get("users")?)
}

/// A user, as an administrator sees him.
#[derive(Debug, Clone)]
pub struct ShownUser {
    /// What he may do in his tenant.
    pub role: Role,
    /// Whether he runs the installation.
    pub is_platform_admin: bool,
    /// In the words of `User`.
    pub shown: Value,
}

/// A user of the transaction's tenant.
pub async fn find_own(tx: &TenantTx<'_>, user_id: UserId) -> Result<Option<ShownUser>, StoreError> {
    let rows = tx.inner.query_typed(FIND_OWN, &[(&user_id.0, Type::UUID)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(ShownUser {
        role: row.try_get::<_, &str>("role")?.parse()?,
        is_platform_admin: row.try_get("is_platform_admin")?,
        shown: row.try_get("shown")?,
    }))
}

/// Whether the transaction's tenant has an ADMIN besides this user.
pub async fn has_other_admin(tx: &TenantTx<'_>, user_id: UserId) -> Result<bool, StoreError> {
    Ok(tx.inner.query_typed_one(HAS_OTHER_ADMIN, &[(&user_id.0, Type::UUID)]).await?.try_get("has_other")?)
}

/// Gives a user of the transaction's tenant another role.
pub async fn set_role(tx: &TenantTx<'_>, user_id: UserId, role: Role) -> Result<(), StoreError> {
    tx.inner.execute_typed(SET_ROLE, &[(&user_id.0, Type::UUID), (&role.as_str(), Type::TEXT)]).await?;
    Ok(())
}

/// Removes a user of the transaction's tenant. From then on no function answers him.
pub async fn remove(tx: &TenantTx<'_>, user_id: UserId) -> Result<(), StoreError> {
    tx.inner.execute_typed(REMOVE, &[(&user_id.0, Type::UUID)]).await?;
    Ok(())
}
