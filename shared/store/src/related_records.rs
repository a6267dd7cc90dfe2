//! External records that a job read, created or updated.

use tokio_postgres::types::Type;
use uuid::Uuid;
use zixly_domain::{JobId, Provider, RecordAction, RelatedRecordId, TenantId};

use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[("related_records::INSERT", INSERT)];

const INSERT: &str = "
    insert into workflow_related_records
           (tenant_id, related_record_id, job_id, system_name, record_type, record_id, action)
    select $1, r.related_record_id, $2, r.system_name, r.record_type, r.record_id, r.action
      from unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
           as r (related_record_id, system_name, record_type, record_id, action)
    on conflict on constraint workflow_related_records_once do nothing";

/// A record in somebody else's system, and what was done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelatedRecord {
    /// Where it is.
    pub system: Provider,
    /// What it is there: `invoice`, `contact`.
    pub record_type: &'static str,
    /// The system's id of it.
    pub record_id: String,
    /// What the job did.
    pub action: RecordAction,
}

/// Notes `records` for a job, each once.
pub(crate) async fn insert(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    job_id: JobId,
    records: &[RelatedRecord],
) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = records.iter().map(|_| RelatedRecordId::new().0).collect();
    let systems: Vec<&str> = records.iter().map(|record| record.system.as_str()).collect();
    let types: Vec<&str> = records.iter().map(|record| record.record_type).collect();
    let record_ids: Vec<&str> = records.iter().map(|record| record.record_id.as_str()).collect();
    let actions: Vec<&str> = records.iter().map(|record| record.action.as_str()).collect();
    tx.inner
        .execute_typed(
            INSERT,
            &[
                (&tenant_id.0, Type::UUID),
                (&job_id.0, Type::UUID),
                (&ids, Type::UUID_ARRAY),
                (&systems, Type::TEXT_ARRAY),
                (&types, Type::TEXT_ARRAY),
                (&record_ids, Type::TEXT_ARRAY),
                (&actions, Type::TEXT_ARRAY),
            ],
        )
        .await?;
    Ok(())
}
