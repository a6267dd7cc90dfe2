//! Who has done what, the newest first.

use serde_json::Value;
use tokio_postgres::types::Type;
use uuid::Uuid;
use zixly_domain::TenantId;

use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[("views::audit::LIST", LIST)];

const LIST: &str = "
    select a.entry_id,
           json_build_object(
               'entry_id', a.entry_id, 'at', a.recorded_at, 'actor', a.actor,
               'actor_email', (select u.email from users u
                                where u.tenant_id = a.tenant_id and a.actor = 'user/' || u.user_id),
               'action', a.action, 'subject', a.subject, 'source_address', a.source_address,
               'before', a.before, 'after', a.after) as entry
      from audit_log a
     where a.tenant_id = $1 and (a.entry_id < $2 or $2 is null)
     order by a.entry_id desc
     limit $3";

/// The tenant's entries that come after one, at most `limit`, in the words of `AuditEntry`.
pub async fn list(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<(Uuid, Value)>, StoreError> {
    let parameters =
        [(&tenant_id.0 as _, Type::UUID), (&after as _, Type::UUID), (&i64::from(limit) as _, Type::INT8)];
    let rows = tx.inner.query_typed(LIST, &parameters).await?;
    rows.iter().map(|row| Ok((row.try_get("entry_id")?, row.try_get("entry")?))).collect()
}
