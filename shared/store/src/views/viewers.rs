//! Who looks, and whose rows he may look at.

use tokio_postgres::types::Type;
use zixly_domain::{Role, TenantId, UserId};

use crate::{Session, StoreError};

pub(crate) const STATEMENTS: &[(&str, &str)] =
    &[("views::viewers::FIND", FIND), ("views::viewers::LIST_TENANTS", LIST_TENANTS)];

const FIND: &str = "select tenant_id, tenant_name, role, email, is_platform_admin from find_viewer($1)";

const LIST_TENANTS: &str = "select tenant_id, name from list_tenants_of_viewer($1)";

/// A tenant, as a list of them shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Names it.
    pub tenant_id: TenantId,
    /// As its people call it.
    pub name: String,
}

/// A signed-in user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Where he belongs.
    pub tenant: Tenant,
    /// What he may do there.
    pub role: Role,
    /// Where he gets mail.
    pub email: String,
    /// Whether he may look at every tenant.
    pub is_platform_admin: bool,
}

/// The user; none for somebody who is nobody's user.
pub async fn find(session: &mut Session<'_>, user_id: UserId) -> Result<Option<Viewer>, StoreError> {
    let rows = session.client().query_typed(FIND, &[(&user_id.0, Type::UUID)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Viewer {
        tenant: Tenant { tenant_id: TenantId(row.try_get("tenant_id")?), name: row.try_get("tenant_name")? },
        role: row.try_get::<_, &str>("role")?.parse()?,
        email: row.try_get("email")?,
        is_platform_admin: row.try_get("is_platform_admin")?,
    }))
}

/// The tenants that the user may look at, by name.
pub async fn list_tenants(session: &mut Session<'_>, user_id: UserId) -> Result<Vec<Tenant>, StoreError> {
    let rows = session.client().query_typed(LIST_TENANTS, &[(&user_id.0, Type::UUID)]).await?;
    rows.iter()
        .map(|row| Ok(Tenant { tenant_id: TenantId(row.try_get("tenant_id")?), name: row.try_get("name")? }))
        .collect()
}
