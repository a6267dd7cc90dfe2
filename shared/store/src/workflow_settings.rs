//! Which workflows a tenant runs, and how it wants them.

use serde::Serialize;
use serde_json::Value;
use tokio_postgres::types::{Json, Type};
use zixly_domain::{TenantId, Workflow};

use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] =
    &[("workflow_settings::SET", SET), ("workflow_settings::LIST", LIST)];

const SET: &str = "
    insert into workflow_settings (tenant_id, job_type, enabled, settings)
    values ($1, $2, $3, $4)
    on conflict (tenant_id, job_type) do update
       set enabled = excluded.enabled, settings = excluded.settings, updated_at = now()";

const LIST: &str = "
    select job_type, json_build_object('is_enabled', enabled, 'settings', settings, 'updated_at', updated_at) as shown
      from workflow_settings";

/// Switches a workflow of the transaction's tenant on or off, and says how the tenant wants it.
pub async fn set(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    workflow: Workflow,
    enabled: bool,
    settings: &(impl Serialize + std::fmt::Debug + Sync),
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

/// What the transaction's tenant has ever set: by the workflow's name, `is_enabled`, `settings` and `updated_at`.
pub async fn list(tx: &TenantTx<'_>) -> Result<Vec<(String, Value)>, StoreError> {
    let rows = tx.inner.query_typed(LIST, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get("job_type")?, row.try_get("shown")?))).collect()
}
