-- A delivery is filed with one question to the database: whose events they are, the events, the jobs that they start,
-- their doorbells and the bytes as they came. The functions that ask it one by one may still run while this is applied.

-- A UUIDv7 as of now, for PostgreSQL before 18. Nothing is set for it, so that it is taken into the statement.
create function uuid_v7()
returns uuid
language sql volatile as $$
    select pg_catalog.encode(
        pg_catalog.set_bit(pg_catalog.set_bit(
            pg_catalog.overlay(
                pg_catalog.uuid_send(pg_catalog.gen_random_uuid()),
                pg_catalog.substring(
                    pg_catalog.int8send((extract(epoch from pg_catalog.clock_timestamp()) * 1000)::bigint), 3),
                1, 6),
            52, 1), 53, 1), 'hex')::uuid
$$;

-- In a language whose statements are planned once a connection, not at each call.
grant zixly_router to current_user;
grant create on schema public to zixly_router;
create or replace function find_targets(provider text, accounts text[])
returns table (account text, tenant_id uuid, connection_id uuid, account_id text, workflows text[])
language plpgsql stable security definer set search_path = '' as $$
#variable_conflict use_column
begin
    return query
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
     where c.status <> 'REMOVED' or c.provider = 'shopify';
end
$$;
revoke create on schema public from zixly_router;
revoke zixly_router from current_user;

-- Events are [{account, category, action, resource_id, occurred_at, dedupe_key, other_dedupe_key, payload, jobs, unhandled,
-- unknown}], with the jobs that each may start: [{job_type, is_optional, workflow_version, parameters, account_parameter,
-- business}]. What only the database knows is the account, which becomes the job's account_parameter and begins its
-- business key, and whether the tenant has the workflow switched on. The words are the caller's, for whichever turns out
-- to be the case: `unhandled` for an event that starts nothing, `unknown` for an account that nobody has connected.
--
-- Two deliveries with the same events, or about the same business, wait for each other; so that they do not do it for
-- ever, the events come in the order of business and dedupe_key. One that waits for four seconds gives up.
--
-- A delivery without events has the outcome that it came with. With `replayed_for`, nothing but that tenant's jobs is
-- made: those of events that are known and have none yet.
--
-- Gives {outcome, new_event_count, jobs: [[tenant_id, job_id]], new_job_types}, with the jobs that a worker is to be rung
-- for: a repetition rings for those whose doorbell nobody has heard.
create function file_delivery(
    delivery_id uuid,
    provider text,
    received_at timestamptz,
    headers jsonb,
    body bytea,
    outcome text,
    notes text[],
    accounts text[],
    events jsonb,
    replayed_for uuid
)
returns jsonb
language plpgsql set search_path = '' set lock_timeout = '4s' as $$
#variable_conflict use_column
declare
    target record;
    event jsonb;
    job jsonb;
    -- The jobs of an event that the tenant has switched on.
    wanted jsonb;
    event_key bytea;
    filed_event uuid;
    made_job uuid;
    is_new boolean;
    known_accounts text[] := '{}';
    tenants uuid[] := '{}';
    said text[] := '{}';
    jobs jsonb := '[]';
    new_job_types text[] := '{}';
    handled_count int := 0;
    new_event_count int := 0;
    event_count int := jsonb_array_length(events);
    owner uuid;
begin
    for target in
        select t.account, t.tenant_id, t.connection_id, t.account_id, t.workflows
          from public.find_targets(file_delivery.provider, accounts) t
         where replayed_for is null or t.tenant_id = replayed_for
         order by t.tenant_id, t.connection_id, t.account
    loop
        known_accounts := known_accounts || target.account;
        if target.tenant_id <> all (tenants) then
            tenants := tenants || target.tenant_id;
        end if;
        perform set_config('app.tenant_id', target.tenant_id::text, true);

        for place in 0 .. event_count - 1 loop
            event := events->place;
            continue when event->>'account' <> target.account;
            event_key := sha256(convert_to(event->>'dedupe_key', 'UTF8'));
            wanted := '[]';
            for number in 0 .. jsonb_array_length(event->'jobs') - 1 loop
                job := event->'jobs'->number;
                if not (job->'is_optional')::boolean or job->>'job_type' = any (target.workflows) then
                    wanted := wanted || job;
                end if;
            end loop;
            if wanted = '[]' then
                said := said || (event->>'unhandled');
            else
                handled_count := handled_count + 1;
            end if;

            filed_event := public.uuid_v7();
            insert into public.events (tenant_id, event_id, connection_id, delivery_id, provider, account_id, category,
                                       action, resource_id, occurred_at, received_at, dedupe_key, other_dedupe_key,
                                       payload, unhandled)
            values (target.tenant_id, filed_event, target.connection_id, file_delivery.delivery_id,
                    file_delivery.provider, target.account_id, event->>'category', event->>'action',
                    event->>'resource_id', (event->>'occurred_at')::timestamptz, file_delivery.received_at, event_key,
                    sha256(convert_to(event->>'other_dedupe_key', 'UTF8')), event->'payload',
                    case when wanted = '[]' then event->>'unhandled' end)
            on conflict do nothing;
            is_new := found;

            if is_new then
                new_event_count := new_event_count + 1;
            else
                filed_event := (select e.event_id from public.events e
                                 where e.tenant_id = target.tenant_id and e.provider = file_delivery.provider
                                   and e.dedupe_key = event_key);
                jobs := jobs || coalesce(
                    (select jsonb_agg(jsonb_build_array(o.tenant_id, o.job_id))
                       from public.pipeline_jobs j
                       join public.outbox o on o.tenant_id = j.tenant_id and o.job_id = j.job_id
                      where j.tenant_id = target.tenant_id and j.event_id = filed_event and o.ring_at <= now()
                        and not jobs @> jsonb_build_array(jsonb_build_array(o.tenant_id, o.job_id))), '[]');
                continue when replayed_for is null or filed_event is null;
            end if;

            for number in 0 .. jsonb_array_length(wanted) - 1 loop
                job := wanted->number;
                made_job := public.uuid_v7();
                insert into public.pipeline_jobs (tenant_id, job_id, event_id, job_type, workflow_version, parameters,
                                                  business_key)
                values (target.tenant_id, made_job, filed_event, job->>'job_type', (job->'workflow_version')::int2,
                        (job->'parameters') || jsonb_build_object(job->>'account_parameter', target.account_id),
                        target.account_id || '/' || (job->>'business'))
                on conflict do nothing;
                if found then
                    insert into public.outbox (tenant_id, job_id) values (target.tenant_id, made_job);
                    jobs := jobs || jsonb_build_array(jsonb_build_array(target.tenant_id, made_job));
                    new_job_types := new_job_types || (job->>'job_type');
                    if not is_new then
                        update public.events e set unhandled = null
                         where e.tenant_id = target.tenant_id and e.event_id = filed_event and e.unhandled is not null;
                    end if;
                elsif is_new and job ? 'business' then
                    update public.events e
                       set unhandled = 'Another event about the same business has started its job already.'
                     where e.tenant_id = target.tenant_id and e.event_id = filed_event;
                end if;
            end loop;
        end loop;
    end loop;

    if replayed_for is null then
        if event_count > 0 then
            outcome := case when handled_count = 0 then 'UNMATCHED' when new_event_count = 0 then 'DUPLICATE'
                            else 'ACCEPTED' end;
        end if;
        -- The raw bytes are a tenant's if nobody else is spoken of in them, and the platform's otherwise.
        if cardinality(tenants) = 1 and cardinality(notes) = 0 and accounts <@ known_accounts then
            owner := tenants[1];
        else
            perform set_config('app.tenant_id', '', true);
            said := array(select distinct event->>'unknown'
                            from jsonb_array_elements(events) as event
                           where event->>'account' <> all (known_accounts) order by 1) || said;
        end if;
        if cardinality(notes) + cardinality(said) > 0 then
            -- A body has up to a hundred events; a note is read by a person.
            said := (notes || array(select sentence from unnest(said) with ordinality as s (sentence, place)
                                     group by sentence order by min(place)))[1:10];
        end if;
        insert into public.deliveries (delivery_id, tenant_id, provider, received_at, headers, body, outcome, note,
                                       event_count, new_event_count)
        values (file_delivery.delivery_id, owner, file_delivery.provider, file_delivery.received_at, headers, body,
                outcome, nullif(array_to_string(said, ' '), ''), greatest(event_count, new_event_count),
                new_event_count)
        on conflict do nothing;
    end if;
    return jsonb_build_object('outcome', outcome, 'new_event_count', new_event_count, 'jobs', jobs,
                              'new_job_types', new_job_types);
end
$$;

revoke all on function uuid_v7, file_delivery from public;
grant execute on function uuid_v7, file_delivery to zixly_webhook, zixly_worker;

do $$
declare
    api_role text;
begin
    foreach api_role in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = api_role) then
            execute format('revoke all on function uuid_v7, file_delivery from %I', api_role);
        end if;
    end loop;
end $$;
