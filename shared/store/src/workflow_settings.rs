//! Which workflows a tenant runs, and how it wants them: written by whoever sets the tenant up.

use tokio_postgres::types::{Json, Type};
use zixly_domain::{TenantId, Workflow, WorkflowSettings};

use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[("workflow_settings::SET", SET)];

const SET: &str = "
    insert into workflow_settings (tenant_id, job_type, enabled, settings)
    values ($1, $2, $3, $4)
    on conflict (tenant_id, job_type) do update
       set enabled = excluded.enabled, settings = excluded.settings, updated_at = now()";

/// Switches a workflow of the transaction's tenant on or off, and says how the tenant wants it.
pub async fn set(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    workflow: Workflow,
    enabled: bool,
    settings: &WorkflowSettings,
) -> Result<(), StoreError> {
    tx.inner
        .execute_typed(
            SET,
            &[
                (&tenant_id.0, Type::UUID),
                (&workflow.as_str(), Type::TEXT),
                (&enabled, Type::BOOL),
                (&Json(settings), Type::JSONB),
            ],
        )
        .await?;
    Ok(())
}
