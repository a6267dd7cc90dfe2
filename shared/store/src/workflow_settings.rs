//! Which workflows a tenant runs: written by whoever sets the tenant up.

use tokio_postgres::types::Type;
use zixly_domain::{TenantId, Workflow};

use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[("workflow_settings::SET", SET)];

const SET: &str = "
    insert into workflow_settings (tenant_id, job_type, enabled)
    values ($1, $2, $3)
    on conflict (tenant_id, job_type) do update set enabled = excluded.enabled, updated_at = now()";

/// Switches a workflow of the transaction's tenant on or off.
pub async fn set(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    workflow: Workflow,
    enabled: bool,
) -> Result<(), StoreError> {
    tx.inner
        .execute_typed(
            SET,
            &[(&tenant_id.0, Type::UUID), (&workflow.as_str(), Type::TEXT), (&enabled, Type::BOOL)],
        )
        .await?;
    Ok(())
}
