//! Connections and workflows: what is in step with the other systems, and what is not.

use serde_json::Value;
use tokio_postgres::types::Type;
use zixly_domain::TenantId;

use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[("views::sync_status::LOAD", LOAD)];

/// A connection's last event is looked for among the tenant's newest thousand.
const LOAD: &str = "
    with newest as materialized (
        select connection_id, received_at from events where tenant_id = $1 order by event_id desc limit 1000
    )
    select json_build_object(
        'connections', coalesce((
            select json_agg(json_build_object(
                       'connection_id', c.connection_id, 'token_set_id', c.token_set_id, 'provider', c.provider,
                       'account_id', c.account_id, 'account_name', c.account_name, 'state', c.status,
                       'last_event_at', (select max(n.received_at) from newest n where n.connection_id = c.connection_id),
                       'next_poll_at', (select min(p.next_at) from polls p
                                         where p.tenant_id = c.tenant_id and p.connection_id = c.connection_id))
                       order by c.provider, c.account_name, c.connection_id)
              from connections c
             where c.tenant_id = $1 and c.status <> 'REMOVED'), '[]'),
        'jobs_waiting_for_authorisation', (
            select count(*) from pipeline_jobs j
             where j.tenant_id = $1 and j.status = 'QUEUED' and j.waiting_reason = 'reauthorisation'),
        'workflows', coalesce((
            select json_agg(json_build_object(
                       'job_type', s.job_type, 'is_enabled', s.enabled, 'last_job_at', j.created_at,
                       'last_job', case when j.job_id is not null then json_build_object(
                                       'job_id', j.job_id, 'job_type', j.job_type, 'status', j.status,
                                       'about', j.about) end)
                       order by s.job_type)
              from workflow_settings s
              left join lateral (select * from pipeline_jobs j
                                  where j.tenant_id = s.tenant_id and j.job_type = s.job_type
                                  order by j.job_id desc limit 1) j on true
             where s.tenant_id = $1), '[]')) as status";

/// The tenant's connections and workflows, in the words of `SyncStatus`, but for what the rate budgets say.
pub async fn load(tx: &TenantTx<'_>, tenant_id: TenantId) -> Result<Value, StoreError> {
    Ok(tx.inner.query_typed_one(LOAD, &[(&tenant_id.0, Type::UUID)]).await?.try_get("status")?)
}
