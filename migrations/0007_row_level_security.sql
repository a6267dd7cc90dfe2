-- A tenant sees its own rows, whatever the query. After a transaction the setting is an empty string, not null.
do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array[
        'tenants', 'users', 'api_keys', 'connections', 'deliveries', 'deliveries_default', 'events',
        'pipeline_jobs', 'outbox', 'steps', 'effects', 'workflow_related_records'
    ] loop
        execute format('alter table %I enable row level security', tenant_table);
        execute format('alter table %I force row level security', tenant_table);
        execute format(
            'create policy own_rows on %I
                 using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
                 with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)',
            tenant_table);
    end loop;
end $$;

-- A delivery for several tenants, or for nobody, can be filed but not read.
create policy platform_rows on deliveries for insert to zixly_webhook, zixly_worker with check (tenant_id is null);

-- Whose event is this, whose key is this: asked before the tenant is known. The functions answer for exactly what
-- they are asked, and their owner can read nothing else.
create policy router_reads on connections for select to zixly_router using (true);
create policy router_reads on api_keys for select to zixly_router using (true);
grant select (connection_id, tenant_id, provider, account_id) on connections to zixly_router;
grant select (tenant_id, key_hash, revoked_at) on api_keys to zixly_router;

create function find_connections(provider text, account_ids text[])
returns table (account_id text, tenant_id uuid, connection_id uuid)
language sql stable security definer set search_path = '' as $$
    select c.account_id, c.tenant_id, c.connection_id
      from public.connections c
     where c.provider = find_connections.provider
       and c.account_id = any (find_connections.account_ids)
$$;

create function find_tenant_by_api_key(key_hash bytea)
returns table (tenant_id uuid)
language sql stable security definer set search_path = '' as $$
    select k.tenant_id
      from public.api_keys k
     where k.key_hash = find_tenant_by_api_key.key_hash
       and k.revoked_at is null
$$;

-- Whoever runs this is not always a superuser (Supabase), and may give a function only to a role that it is in and
-- that may create in the schema; both for this moment only.
grant zixly_router to current_user;
grant create on schema public to zixly_router;
alter function find_connections owner to zixly_router;
alter function find_tenant_by_api_key owner to zixly_router;
revoke create on schema public from zixly_router;
revoke zixly_router from current_user;
revoke all on function find_connections, find_tenant_by_api_key from public;

grant usage on schema public to zixly_router, zixly_webhook, zixly_worker;
grant execute on function find_connections to zixly_webhook, zixly_worker;
grant execute on function find_tenant_by_api_key to zixly_webhook;

grant insert on deliveries, events, pipeline_jobs, outbox to zixly_webhook, zixly_worker;
grant select on events, pipeline_jobs, outbox to zixly_webhook, zixly_worker;
grant select on connections, token_sets, steps, effects, workflow_related_records to zixly_worker;
grant update (status, result, metrics, error_message, about, waiting_reason, due_at, fence, lease_expires_at,
              started_at, completed_at) on pipeline_jobs to zixly_worker;
grant update (ring_at), delete on outbox to zixly_worker;
grant update (status, updated_at) on connections to zixly_worker;
grant update (refresh_fence, refresh_lease_expires_at) on token_sets to zixly_worker;
grant insert on steps, effects, workflow_related_records to zixly_worker;
grant update (status, attempts, failures, output, error, finished_at) on steps to zixly_worker;
grant update (job_id, step, status, provider_record_id, settled_by, settled_at, intended_at) on effects
      to zixly_worker;

-- Supabase gives every new table to the roles of its public API; none of these tables is for them.
do $$
declare
    api_role text;
begin
    foreach api_role in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = api_role) then
            execute format('revoke all on all tables in schema public from %I', api_role);
            execute format('revoke all on all functions in schema public from %I', api_role);
        end if;
    end loop;
end $$;
