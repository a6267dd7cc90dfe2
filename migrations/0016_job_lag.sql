-- How late the workers are: for /metrics and for an alarm, over all tenants.

-- Since when a job that no worker holds is due: since somebody wants something of it, since its wait is over, or since it
-- was made. Null while it waits for somebody to ring.
create index pipeline_jobs_due on pipeline_jobs
    ((case when request is not null then requested_at when waiting_reason is null then created_at else due_at end))
    where status <> 'RUNNING' and (status = 'QUEUED' or request is not null);

grant select (due_at, requested_at, created_at) on pipeline_jobs to zixly_router;

-- Both ends are read from an index, however many jobs there are. The job of a dead worker is due since its lease ran out.
create function job_lag_seconds()
returns double precision
language sql stable security definer set search_path = '' as $$
    select greatest(0, extract(epoch from now() - least(
               (select min(case when j.request is not null then j.requested_at
                                when j.waiting_reason is null then j.created_at
                                else j.due_at end)
                  from public.pipeline_jobs j
                 where j.status <> 'RUNNING' and (j.status = 'QUEUED' or j.request is not null)),
               (select min(j.lease_expires_at) from public.pipeline_jobs j where j.status = 'RUNNING'))))
$$;

grant zixly_router to current_user;
grant create on schema public to zixly_router;
alter function job_lag_seconds owner to zixly_router;
revoke create on schema public from zixly_router;
-- Given and taken while still in the role that owns it.
revoke all on function job_lag_seconds from public;
grant execute on function job_lag_seconds to zixly_webhook, zixly_scheduler;
do $$
declare
    api_role text;
begin
    foreach api_role in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = api_role) then
            execute format('revoke all on function job_lag_seconds from %I', api_role);
        end if;
    end loop;
end $$;
revoke zixly_router from current_user;
