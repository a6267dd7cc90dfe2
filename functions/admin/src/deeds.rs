//! Everything that is done stands in the audit log, with who did it.

use serde_json::Value;
use zixly_access::Viewing;
use zixly_store::{
    StoreError, TenantTx,
    audit::{self, Deed},
};

/// Somebody who sets a tenant up, and where he sits.
pub(crate) struct Doer {
    pub(crate) name: String,
    pub(crate) address: Option<String>,
}

/// What became of what.
pub(crate) struct Change<'a> {
    /// In two words: `user.invite`.
    pub(crate) action: &'a str,
    /// `user/…`.
    pub(crate) subject: String,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

impl Doer {
    pub(crate) fn new(viewing: &Viewing, address: Option<String>) -> Self {
        Self { name: format!("user/{}", viewing.user_id), address }
    }

    /// Adds an entry, which stands or falls with the transaction.
    pub(crate) async fn record(
        &self,
        tx: &TenantTx<'_>,
        tenant_id: zixly_domain::TenantId,
        change: Change<'_>,
    ) -> Result<(), StoreError> {
        let deed = Deed {
            actor: &self.name,
            action: change.action,
            subject: &change.subject,
            source_address: self.address.as_deref(),
            before: change.before,
            after: change.after,
        };
        audit::record(tx, tenant_id, &deed).await
    }
}
