-- What lets a person or a program start and steer jobs, and what keeps one piece of business to one job.

-- Which workflows a tenant runs. No row means that it is off.
create table workflow_settings (
    tenant_id  uuid not null references tenants,
    job_type   text not null,
    enabled    boolean not null default true,
    updated_at timestamptz not null default now(),
    primary key (tenant_id, job_type)
);

-- Before there were settings, every tenant ran the main job. The owner of the tables is held to one tenant's rows
-- like everybody else, so he lets himself see them for this statement.
alter table tenants no force row level security;
insert into workflow_settings (tenant_id, job_type) select tenant_id, 'xero-invoice-to-hubspot' from tenants;
alter table tenants force row level security;

-- Shopify's own pages disagree on which of two ids tells a repetition, so both are remembered.
alter table events add column other_dedupe_key bytea check (length(other_dedupe_key) = 32);
alter table events add constraint events_once_by_other_key unique (tenant_id, provider, other_dedupe_key);

alter table pipeline_jobs
    -- What the job means in the world, where several events mean the same: shop/order.
    add column business_key    text,
    -- What the caller of a trigger sent, and SHA-256 of the request that came with it.
    add column idempotency_key text check (length(idempotency_key) between 1 and 255),
    add column request_hash    bytea check (length(request_hash) = 32),
    -- Who started it, when it was no event: api-key/… or user/…
    add column triggered_by    text,
    -- What somebody wants of the job; the worker that holds or claims it next does it.
    add column request         text check (request in ('CANCEL', 'RETRY', 'WAKE')),
    add column requested_by    text,
    add column requested_at    timestamptz,
    add constraint pipeline_jobs_one_per_business unique (tenant_id, job_type, business_key),
    add constraint pipeline_jobs_one_per_idempotency_key unique (tenant_id, idempotency_key),
    add constraint pipeline_jobs_idempotency_key_with_request
        check ((idempotency_key is null) = (request_hash is null)),
    add constraint pipeline_jobs_requested check ((request is null) = (requested_at is null));

-- Where an external API may call back, once, for one job. The token itself is known to that API only.
create table callback_tokens (
    tenant_id  uuid not null,
    token_hash bytea not null unique check (length(token_hash) = 32),
    job_id     uuid not null,
    expires_at timestamptz not null,
    used_at    timestamptz,
    -- What the caller said.
    answer     jsonb,
    primary key (tenant_id, token_hash),
    foreign key (tenant_id, job_id) references pipeline_jobs,
    constraint callback_tokens_used_with_answer check ((used_at is null) = (answer is null))
);
create index callback_tokens_job on callback_tokens (tenant_id, job_id);

-- Where Asana delivers to: one unguessable endpoint a webhook, since a delivery names neither account nor webhook.
-- Its secret is in Secrets Manager.
create table webhook_endpoints (
    endpoint      text primary key check (length(endpoint) between 32 and 80),
    tenant_id     uuid not null,
    connection_id uuid not null,
    provider      text not null,
    -- What is watched: a project's gid.
    resource_id   text not null,
    -- A handshake is taken only while registering.
    registering_until timestamptz,
    created_at    timestamptz not null default now(),
    foreign key (tenant_id, connection_id) references connections (tenant_id, connection_id),
    unique (tenant_id, connection_id, resource_id)
);

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array['workflow_settings', 'callback_tokens', 'webhook_endpoints'] loop
        execute format('alter table %I enable row level security', tenant_table);
        execute format('alter table %I force row level security', tenant_table);
        execute format(
            'create policy own_rows on %I
                 using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
                 with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)',
            tenant_table);
    end loop;
end $$;

-- Asked before the tenant is known, like find_connections.
create policy router_reads on users for select to zixly_router using (true);
create policy router_reads on workflow_settings for select to zixly_router using (true);
create policy router_reads on callback_tokens for select to zixly_router using (true);
create policy router_reads on webhook_endpoints for select to zixly_router using (true);
create policy router_reads on pipeline_jobs for select to zixly_router using (true);
grant select (user_id, tenant_id, role) on users to zixly_router;
grant select (api_key_id) on api_keys to zixly_router;
grant select (tenant_id, job_type, enabled) on workflow_settings to zixly_router;
grant select (tenant_id, token_hash) on callback_tokens to zixly_router;
grant select (endpoint, tenant_id, connection_id, provider, registering_until) on webhook_endpoints to zixly_router;
grant select (status) on pipeline_jobs to zixly_router;

-- Finds what an event is for by account, or by the endpoint that it came to, with the workflows that are on. The one
-- of before stays until no function of before runs.
create function find_targets(provider text, accounts text[])
returns table (account text, tenant_id uuid, connection_id uuid, account_id text, workflows text[])
language sql stable security definer set search_path = '' as $$
    select found.account, c.tenant_id, c.connection_id, c.account_id,
           array(select s.job_type from public.workflow_settings s where s.tenant_id = c.tenant_id and s.enabled)
      from (select c.account_id as account, c.connection_id
              from public.connections c
             where c.provider = find_targets.provider and c.account_id = any (find_targets.accounts)
             union all
            select e.endpoint, e.connection_id
              from public.webhook_endpoints e
             where e.provider = find_targets.provider and e.endpoint = any (find_targets.accounts)) as found
      join public.connections c using (connection_id)
$$;

create function find_endpoint(endpoint text)
returns table (tenant_id uuid, provider text, is_registering boolean)
language sql stable security definer set search_path = '' as $$
    select e.tenant_id, e.provider, coalesce(e.registering_until > now(), false)
      from public.webhook_endpoints e
     where e.endpoint = find_endpoint.endpoint
$$;

create function find_api_key(key_hash bytea)
returns table (tenant_id uuid, api_key_id uuid)
language sql stable security definer set search_path = '' as $$
    select k.tenant_id, k.api_key_id
      from public.api_keys k
     where k.key_hash = find_api_key.key_hash
       and k.revoked_at is null
$$;

create function find_user(user_id uuid)
returns table (tenant_id uuid, role text)
language sql stable security definer set search_path = '' as $$
    select u.tenant_id, u.role from public.users u where u.user_id = find_user.user_id
$$;

create function find_tenant_by_callback(token_hash bytea)
returns table (tenant_id uuid)
language sql stable security definer set search_path = '' as $$
    select t.tenant_id from public.callback_tokens t where t.token_hash = find_tenant_by_callback.token_hash
$$;

-- For /metrics: numbers only.
create function count_jobs()
returns table (status text, count bigint)
language sql stable security definer set search_path = '' as $$
    select j.status, count(*) from public.pipeline_jobs j group by j.status
$$;
create index pipeline_jobs_status on pipeline_jobs (status);

grant zixly_router to current_user;
grant create on schema public to zixly_router;
alter function find_targets owner to zixly_router;
alter function find_endpoint owner to zixly_router;
alter function find_api_key owner to zixly_router;
alter function find_user owner to zixly_router;
alter function find_tenant_by_callback owner to zixly_router;
alter function count_jobs owner to zixly_router;
revoke create on schema public from zixly_router;
revoke all on function find_targets, find_endpoint, find_api_key, find_user, find_tenant_by_callback, count_jobs
    from public;

grant execute on function find_targets to zixly_webhook, zixly_worker;
grant execute on function find_endpoint, find_api_key, find_user, find_tenant_by_callback, count_jobs
    to zixly_webhook;
grant select on deliveries, callback_tokens, workflow_settings to zixly_webhook;
grant update (request, requested_by, requested_at) on pipeline_jobs to zixly_webhook, zixly_worker;
grant update (ring_at) on outbox to zixly_webhook;
grant update (used_at, answer) on callback_tokens to zixly_webhook;
grant update (unhandled) on events to zixly_webhook, zixly_worker;
grant select, insert on callback_tokens to zixly_worker;
grant select on workflow_settings, webhook_endpoints to zixly_worker;

-- What each instance of a function has measured since it started, in a row of its own, so that no row is hot. Numbers
-- without a tenant.
create table metric_shards (
    instance_id uuid primary key,
    function    text not null,
    series      jsonb not null,
    updated_at  timestamptz not null default now()
) with (fillfactor = 50);
grant select on metric_shards to zixly_webhook;
grant insert, update (series, updated_at) on metric_shards to zixly_webhook, zixly_worker;

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

-- Only now: whoever is not in the role that owns the functions can take nobody's right to them away.
revoke zixly_router from current_user;
