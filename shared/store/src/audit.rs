//! The audit log: who has done what. Entries are only ever added.

use serde_json::Value;
use tokio_postgres::types::Type;
use uuid::Uuid;
use zixly_domain::TenantId;

use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[("audit::RECORD", RECORD)];

const RECORD: &str = "
    insert into audit_log (tenant_id, entry_id, actor, action, subject, source_address, before, after)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Something that somebody has done.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed<'a> {
    /// `user/…` or `api-key/…`.
    pub actor: &'a str,
    /// In two words: `job.retry`.
    pub action: &'a str,
    /// To what: `job/…`.
    pub subject: &'a str,
    /// Where the request came from.
    pub source_address: Option<&'a str>,
    /// What it was like before; without secrets.
    pub before: Option<Value>,
    /// What it is like now; without secrets.
    pub after: Option<Value>,
}

/// Adds an entry, which stands or falls with the transaction.
pub async fn record(tx: &TenantTx<'_>, tenant_id: TenantId, deed: &Deed<'_>) -> Result<(), StoreError> {
    tx.inner
        .execute_typed(
            RECORD,
            &[
                (&tenant_id.0, Type::UUID),
                (&Uuid::now_v7(), Type::UUID),
                (&deed.actor, Type::TEXT),
                (&deed.action, Type::TEXT),
                (&deed.subject, Type::TEXT),
                (&deed.source_address, Type::TEXT),
                (&deed.before, Type::JSONB),
                (&deed.after, Type::JSONB),
            ],
        )
        .await?;
    Ok(())
}
