-- What an owner sets up without an engineer: tenants, users, connections, API keys, and how the workflows should run.

do $$
begin
    create role zixly_admin login;
exception when duplicate_object or unique_violation then
    null;
end $$;

-- A removed connection stays, since events and effects name it; nobody calls over it, and nobody is shown it.
alter table connections
    drop constraint connections_status_check,
    add constraint connections_status_check check (status in ('HEALTHY', 'NEEDS_AUTHORISATION', 'REMOVED'));

alter table api_keys
    -- The triggers that it opens; null for all, and to cancel, retry and replay.
    add column job_types    text[] check (cardinality(job_types) > 0),
    add column created_by   text,
    -- To the minute.
    add column last_used_at timestamptz;

-- A consent that somebody has begun at a provider. What the browser shows at its end is kept as SHA-256 only: the state that
-- goes by the provider, and the cookie that does not.
create table oauth_requests (
    state_hash  bytea primary key check (length(state_hash) = 32),
    cookie_hash bytea not null check (length(cookie_hash) = 32),
    tenant_id   uuid not null references tenants,
    user_id     uuid not null references users on delete cascade,
    provider    text not null,
    -- Where Shopify was asked; the other providers let the user choose.
    shop        text,
    expires_at  timestamptz not null
);
create index oauth_requests_tenant on oauth_requests (tenant_id);
create index oauth_requests_user on oauth_requests (user_id);
alter table oauth_requests enable row level security;
alter table oauth_requests force row level security;
create policy own_rows on oauth_requests
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

alter table pipeline_jobs
    -- Null for a real run. Otherwise nothing is written at a provider, and `settings` in here stand in for the saved ones.
    add column dry_run jsonb check (jsonb_typeof(dry_run) = 'object');

-- What somebody has started by hand or tried out, found again when a person wants his data removed.
create index pipeline_jobs_triggered on pipeline_jobs (tenant_id, job_type) where triggered_by is not null;

alter table effects
    drop constraint effects_status_check,
    -- DRY_RUN: it would have been written.
    add constraint effects_status_check check (status in ('INTENDED', 'DONE', 'REFUSED', 'UNKNOWN', 'DRY_RUN'));

grant usage on schema public to zixly_admin;
grant select on tenants, users, api_keys, connections, token_sets, workflow_settings, polls, audit_log, oauth_requests
      to zixly_admin;
grant insert (tenant_id, name) on tenants to zixly_admin;
-- Whoever changes who is ADMIN holds the tenant's row, so that two at once do not leave it without one.
grant update (updated_at) on tenants to zixly_admin;
grant insert (user_id, tenant_id, email, role), update (role), delete on users to zixly_admin;
grant insert (api_key_id, tenant_id, name, key_hash, job_types, created_by), update (revoked_at) on api_keys to zixly_admin;
grant insert (connection_id, tenant_id, token_set_id, provider, account_id, account_name),
      update (token_set_id, account_name, status, updated_at) on connections to zixly_admin;
grant insert (token_set_id, provider), update (refresh_fence, refresh_lease_expires_at) on token_sets to zixly_admin;
grant insert (tenant_id, job_type, enabled, settings), update (enabled, settings, updated_at)
      on workflow_settings to zixly_admin;
grant update (next_at) on polls to zixly_admin;
grant insert on audit_log to zixly_admin;
grant insert, delete on oauth_requests to zixly_admin;

grant select (api_key_id, tenant_id, last_used_at), update (last_used_at) on api_keys to zixly_webhook;
grant insert, update (endpoint, registering_until), delete on webhook_endpoints to zixly_worker;

-- Which consent is this the end of: asked before the tenant is known. It is good once, so asking takes it away.
create policy router_takes on oauth_requests for all to zixly_router using (true);
grant select, delete on oauth_requests to zixly_router;

create function take_oauth_request(state_hash bytea, cookie_hash bytea)
returns table (tenant_id uuid, user_id uuid, provider text, shop text, is_expired boolean)
language sql volatile security definer set search_path = '' as $$
    delete from public.oauth_requests r
     where r.state_hash = take_oauth_request.state_hash
       and r.cookie_hash = take_oauth_request.cookie_hash
    returning r.tenant_id, r.user_id, r.provider, r.shop, r.expires_at <= now()
$$;

-- Ends the waits of the tenant's jobs for an authorisation, and no others: whoever has the authorisation may change nothing
-- else about a job. These are to be rung.
create policy router_wakes on pipeline_jobs for update to zixly_router using (waiting_reason = 'reauthorisation');
create policy router_rings on outbox for all to zixly_router using (true);
grant select (tenant_id, job_id, waiting_reason), update (due_at) on pipeline_jobs to zixly_router;
grant select, insert (tenant_id, job_id), update (ring_at) on outbox to zixly_router;

create function end_waits_for_authorisation()
returns table (job_id uuid)
language sql volatile security definer set search_path = '' as $$
    with woken as (
        update public.pipeline_jobs j
           set due_at = now()
         where j.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
           and j.status = 'QUEUED'
           and j.waiting_reason = 'reauthorisation'
        returning j.tenant_id, j.job_id
    ), doorbell as (
        insert into public.outbox (tenant_id, job_id)
        select w.tenant_id, w.job_id from woken w
        on conflict (tenant_id, job_id) do update set ring_at = now()
    )
    select w.job_id from woken w
$$;

-- All tenants, for a platform admin; nothing for anybody else.
grant select (created_at) on tenants to zixly_router;

create function list_tenants_for(user_id uuid)
returns table (tenant_id uuid, name text, created_at timestamptz, users bigint, connections bigint)
language sql stable security definer set search_path = '' as $$
    select t.tenant_id, t.name, t.created_at,
           (select count(*) from public.users u where u.tenant_id = t.tenant_id),
           (select count(*) from public.connections c where c.tenant_id = t.tenant_id and c.status <> 'REMOVED')
      from public.users a
     cross join public.tenants t
     where a.user_id = list_tenants_for.user_id and a.is_platform_admin
     order by t.name, t.tenant_id
$$;

-- Whether tokens, or an account, serve another connection too, whichever tenant's: then nothing is taken back or removed.
create function is_token_set_needed(token_set_id uuid, connection_id uuid)
returns boolean
language sql stable security definer set search_path = '' as $$
    select exists (select from public.connections c
                    where c.token_set_id = is_token_set_needed.token_set_id
                      and c.connection_id <> is_token_set_needed.connection_id
                      and c.status <> 'REMOVED')
$$;

create function is_connected_elsewhere(provider text, account_id text)
returns boolean
language sql stable security definer set search_path = '' as $$
    select exists (select from public.connections c
                    where c.provider = is_connected_elsewhere.provider
                      and c.account_id = is_connected_elsewhere.account_id
                      and c.tenant_id <> nullif(current_setting('app.tenant_id', true), '')::uuid
                      and c.status <> 'REMOVED')
$$;

grant zixly_router to current_user;
grant create on schema public to zixly_router;

create or replace function find_targets(provider text, accounts text[])
returns table (account text, tenant_id uuid, connection_id uuid, account_id text, workflows text[])
language sql stable security definer set search_path = '' as $$
    select found.account, c.tenant_id, c.connection_id, c.account_id,
           -- What a shop asks for by law it asks for after it has removed us, and no workflow is switched on for that.
           case when c.status = 'REMOVED' then '{}'
                else array(select s.job_type from public.workflow_settings s
                            where s.tenant_id = c.tenant_id and s.enabled) end
      from (select c.account_id as account, c.connection_id
              from public.connections c
             where c.provider = find_targets.provider and c.account_id = any (find_targets.accounts)
             union all
            select e.endpoint, e.connection_id
              from public.webhook_endpoints e
             where e.provider = find_targets.provider and e.endpoint = any (find_targets.accounts)) as found
      join public.connections c using (connection_id)
     where c.status <> 'REMOVED' or c.provider = 'shopify'
$$;

drop function find_api_key(bytea);
grant select (job_types, last_used_at) on api_keys to zixly_router;
create function find_api_key(key_hash bytea)
returns table (tenant_id uuid, api_key_id uuid, job_types text[], was_used_just_now boolean)
language sql stable security definer set search_path = '' as $$
    select k.tenant_id, k.api_key_id, k.job_types, coalesce(k.last_used_at > now() - interval '1 minute', false)
      from public.api_keys k
     where k.key_hash = find_api_key.key_hash
       and k.revoked_at is null
$$;

alter function take_oauth_request owner to zixly_router;
alter function end_waits_for_authorisation owner to zixly_router;
alter function list_tenants_for owner to zixly_router;
alter function is_token_set_needed owner to zixly_router;
alter function is_connected_elsewhere owner to zixly_router;
alter function find_api_key owner to zixly_router;
revoke create on schema public from zixly_router;
revoke all on function take_oauth_request, end_waits_for_authorisation, list_tenants_for, is_token_set_needed,
                       is_connected_elsewhere, find_api_key from public;
grant execute on function find_api_key to zixly_webhook;
grant execute on function find_viewer, list_tenants_of_viewer, list_tenants_for, take_oauth_request,
                          end_waits_for_authorisation, is_token_set_needed, is_connected_elsewhere
      to zixly_admin;

-- Supabase gives every new table and function to the roles of its public API; none of these is for them.
do $$
declare
    api_role text;
begin
    foreach api_role in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = api_role) then
            execute format('revoke all on oauth_requests from %I', api_role);
            execute format('revoke all on function take_oauth_request, end_waits_for_authorisation, list_tenants_for, '
                           'is_token_set_needed, is_connected_elsewhere, find_api_key from %I', api_role);
        end if;
    end loop;
end $$;

revoke zixly_router from current_user;
