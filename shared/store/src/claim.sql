with before as (
    select job_id, status, request from pipeline_jobs where job_id = $1 for no key update
), claimed as (
    update pipeline_jobs j
       set status = case when before.request = 'CANCEL' then 'CANCELLED' else 'RUNNING' end,
           fence = j.fence + 1,
           lease_expires_at =
               case when before.request = 'CANCEL' then null else now() + $2 * interval '1 millisecond' end,
           started_at = case when before.request = 'RETRY' then now() else coalesce(j.started_at, now()) end,
           completed_at = case when before.request = 'CANCEL' then now() end,
           error_message = null,
           waiting_reason = null,
           due_at = null,
           request = null,
           requested_at = null
      from before
     where j.job_id = before.job_id
       and (j.status = 'QUEUED' and (j.waiting_reason is null or j.due_at <= now() or j.request is not null)
            or j.status = 'RUNNING' and j.lease_expires_at < now()
            or j.status in ('FAILED', 'CANCELLED') and j.request = 'RETRY')
    returning j.tenant_id, j.job_id, j.event_id, j.job_type, j.workflow_version, j.parameters, j.status, j.fence,
              j.created_at, j.started_at
), heard as (
    delete from outbox where job_id in (select job_id from claimed)
), begun_anew as (
    -- Who asks for another run of a failed job gives its failed step all its attempts again.
    update steps
       set status = 'WAITING', attempts = 0, failures = 0, finished_at = null
      from before
     where steps.job_id = before.job_id
       and before.status in ('FAILED', 'CANCELLED')
       and before.request = 'RETRY'
       and steps.status <> 'DONE'
)
select event_id, job_type, workflow_version, parameters, status, fence, created_at, started_at from claimed
