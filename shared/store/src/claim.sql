with before as (
    select job_id, status, request,
           -- As many others of the tenant are running as may: this one stands in line.
           (select count(*) from pipeline_jobs r
             where r.tenant_id = pipeline_jobs.tenant_id and r.status = 'RUNNING' and r.lease_expires_at > now()) >= $3
               as is_crowded
      from pipeline_jobs
     where job_id = $1
       for no key update
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
       and (j.status = 'QUEUED' and j.request is not null
            or j.status = 'QUEUED' and (j.waiting_reason is null or j.due_at <= now()) and not before.is_crowded
            or j.status = 'RUNNING' and j.lease_expires_at < now()
            or j.status in ('FAILED', 'CANCELLED') and j.request = 'RETRY')
    returning j.tenant_id, j.job_id, j.event_id, j.triggered_by, j.job_type, j.workflow_version, j.parameters, j.status, j.fence,
              j.created_at, j.started_at, j.about, j.dry_run
), in_line as (
    update pipeline_jobs j
       set waiting_reason = 'fair share', due_at = now() + interval '1 minute'
      from before
     where j.job_id = before.job_id
       and j.status = 'QUEUED' and j.request is null and (j.waiting_reason is null or j.due_at <= now())
       and before.is_crowded
    returning j.tenant_id, j.job_id, j.due_at
), hung_up as (
    -- Rung by the job that makes room. This is for when that ring is lost.
    insert into outbox (tenant_id, job_id, ring_at)
    select tenant_id, job_id, due_at from in_line
    on conflict (tenant_id, job_id) do update set ring_at = excluded.ring_at
), stood_in_line as (
    insert into waits (tenant_id, job_id, reason, due_at)
    select tenant_id, job_id, 'fair share', due_at from in_line
    on conflict do nothing
), went_on as (
    update waits w
       set ended_at = now()
      from claimed c
     where w.tenant_id = c.tenant_id and w.job_id = c.job_id and w.ended_at is null
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
select c.event_id, e.delivery_id, c.triggered_by, c.job_type, c.workflow_version, c.parameters, c.status, c.fence, c.created_at, c.started_at, c.about,
       c.dry_run is not null as is_dry_run,
       -- What is tried may be other settings than the saved ones.
       coalesce(nullif(c.dry_run -> 'settings', 'null'), s.settings) as settings
  from claimed c
  left join events e on e.tenant_id = c.tenant_id and e.event_id = c.event_id
  left join workflow_settings s on s.tenant_id = c.tenant_id and s.job_type = c.job_type
