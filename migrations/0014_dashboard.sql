-- What the dashboard reads, and the role that may do nothing else.

do $$
begin
    create role zixly_dashboard login;
exception when duplicate_object or unique_violation then
    null;
end $$;

-- Whoever runs the installation; may look at every tenant, one at a time.
alter table users add column is_platform_admin boolean not null default false;

-- The lists are by tenant and the newest first, which a UUIDv7 gives. With these a list that is filtered by status or by
-- workflow reads what it shows and no more, and what ended today is found without looking at what did not.
-- The first takes the place of an index on the status alone.
drop index pipeline_jobs_status;
create index pipeline_jobs_status on pipeline_jobs (tenant_id, status, job_id);
create index pipeline_jobs_job_type on pipeline_jobs (tenant_id, job_type, job_id);
-- What a job is about, as it is looked for. A column, since row-level security lets no index be searched by lower(about):
-- that function could tell of other tenants' rows.
alter table pipeline_jobs add column about_key text collate "C" generated always as (lower(about)) stored;
create index pipeline_jobs_about on pipeline_jobs (tenant_id, about_key) where about_key is not null;
create index pipeline_jobs_completed on pipeline_jobs (tenant_id, completed_at) where completed_at is not null;

-- The times in which a job was not running and why; the row of the job says it of the present only.
create table waits (
    tenant_id  uuid not null,
    job_id     uuid not null,
    started_at timestamptz not null default now(),
    reason     text not null,
    due_at     timestamptz,
    -- When a worker claimed the job again.
    ended_at   timestamptz,
    primary key (tenant_id, job_id, started_at),
    foreign key (tenant_id, job_id) references pipeline_jobs
);

-- Who has done what. Rows are only ever added.
create table audit_log (
    tenant_id      uuid not null references tenants,
    entry_id       uuid not null,
    recorded_at    timestamptz not null default now(),
    -- user/… or api-key/…
    actor          text not null check (actor <> ''),
    -- What was done, in two words: job.retry.
    action         text not null check (action <> ''),
    -- To what: job/….
    subject        text not null check (subject <> ''),
    source_address text,
    before         jsonb,
    after          jsonb,
    primary key (tenant_id, entry_id)
);

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array['waits', 'audit_log'] loop
        execute format('alter table %I enable row level security', tenant_table);
        execute format('alter table %I force row level security', tenant_table);
        execute format(
            'create policy own_rows on %I
                 using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
                 with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)',
            tenant_table);
    end loop;
end $$;

grant select, insert, update (ended_at) on waits to zixly_worker;
grant insert on audit_log to zixly_webhook;

-- Who looks, and at what he may look.
grant select (email, is_platform_admin) on users to zixly_router;
create policy router_reads on tenants for select to zixly_router using (true);
grant select (tenant_id, name) on tenants to zixly_router;

create function find_viewer(user_id uuid)
returns table (tenant_id uuid, tenant_name text, role text, email text, is_platform_admin boolean)
language sql stable security definer set search_path = '' as $$
    select u.tenant_id, t.name, u.role, u.email, u.is_platform_admin
      from public.users u
      join public.tenants t using (tenant_id)
     where u.user_id = find_viewer.user_id
$$;

-- All of them for a platform admin, for anybody else his own.
create function list_tenants_of_viewer(user_id uuid)
returns table (tenant_id uuid, name text)
language sql stable security definer set search_path = '' as $$
    select t.tenant_id, t.name
      from public.users u
      join public.tenants t on u.is_platform_admin or t.tenant_id = u.tenant_id
     where u.user_id = list_tenants_of_viewer.user_id
     order by t.name, t.tenant_id
$$;

-- The tenant of whoever Supabase says is signed in.
create function tenant_of_session()
returns uuid
language sql stable security definer set search_path = '' as $$
    select u.tenant_id
      from public.users u
     where u.user_id = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;

-- What a migration makes later must not be readable by itself, so each table is named.
grant usage on schema public to zixly_dashboard;
grant select on tenants, users, connections, deliveries, events, pipeline_jobs, outbox, steps, attempts, waits, effects,
                workflow_related_records, workflow_settings, polls, audit_log
      to zixly_dashboard;

grant zixly_router to current_user;
grant create on schema public to zixly_router;
alter function find_viewer owner to zixly_router;
alter function list_tenants_of_viewer owner to zixly_router;
alter function tenant_of_session owner to zixly_router;
revoke create on schema public from zixly_router;
revoke all on function find_viewer, list_tenants_of_viewer, tenant_of_session from public;
grant execute on function find_viewer, list_tenants_of_viewer to zixly_dashboard;

-- On Supabase: a page may also listen to Supabase Realtime, which sends a signed-in user what its own policies let him see.
do $$
declare
    api_role text;
begin
    foreach api_role in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = api_role) then
            execute format('revoke all on waits, audit_log from %I', api_role);
            execute format('revoke all on function find_viewer, list_tenants_of_viewer, tenant_of_session from %I', api_role);
        end if;
    end loop;
    if exists (select from pg_roles where rolname = 'authenticated')
       and exists (select from pg_publication where pubname = 'supabase_realtime') then
        grant execute on function tenant_of_session to authenticated;
        create policy session_reads on pipeline_jobs for select to authenticated
            using (tenant_id = (select tenant_of_session()));
        create policy session_reads on steps for select to authenticated
            using (tenant_id = (select tenant_of_session()));
        -- Nothing that came from or goes to a provider.
        grant usage on schema public to authenticated;
        grant select (tenant_id, job_id, job_type, status, about, waiting_reason, due_at, created_at, started_at,
                      completed_at)
              on pipeline_jobs to authenticated;
        grant select (tenant_id, job_id, name, position, status, attempts, failures, started_at, finished_at)
              on steps to authenticated;
        alter publication supabase_realtime add table pipeline_jobs, steps;
    end if;
end $$;

revoke zixly_router from current_user;
