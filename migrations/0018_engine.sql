-- What a worker asks between two calls to a provider is one question to the database: claim a job; record a step and begin
-- the next; state an intent; settle it; end the job. Each checks the fence, so that who has lost a job writes nothing.
-- Their statements are planned once a connection, not at each call.

-- Takes a job that is due, or whose worker's lease has run out, or that somebody wants something of, and removes its
-- doorbell: it has been heard. With as many others of the tenant running as may, the job stands in line instead.
--
-- Gives nothing for a job that the tenant does not have. Where the job is not claimed, the columns from job_type on say
-- nothing. `done` are the steps that are done, [[name, output]], in order.
create function claim_job(tenant_id uuid, job_id uuid, lease_ms float8, share bigint)
returns table (
    is_claimed boolean,
    status text,
    waiting_reason text,
    due_at timestamptz,
    lease_expires_at timestamptz,
    fence bigint,
    created_at timestamptz,
    started_at timestamptz,
    job_type text,
    workflow_version smallint,
    parameters jsonb,
    about text,
    event_id uuid,
    delivery_id uuid,
    triggered_by text,
    is_dry_run boolean,
    settings jsonb,
    done jsonb
)
language plpgsql rows 1 set search_path = '' set lock_timeout = '4s' as $$
#variable_conflict use_column
declare
    job record;
    is_due boolean;
    is_wanted boolean;
begin
    perform set_config('app.tenant_id', claim_job.tenant_id::text, true);
    select j.status, j.request, j.waiting_reason, j.due_at, j.lease_expires_at, j.fence, j.created_at, j.started_at,
           j.job_type, j.workflow_version, j.parameters, j.about, j.event_id, j.triggered_by, j.dry_run
      into job
      from public.pipeline_jobs j
     where j.tenant_id = claim_job.tenant_id and j.job_id = claim_job.job_id
       for no key update;
    if not found then
        return;
    end if;
    is_wanted := job.status = 'QUEUED' and job.request is not null
              or job.status in ('FAILED', 'CANCELLED') and job.request is not distinct from 'RETRY';
    is_due := job.status = 'QUEUED' and (job.waiting_reason is null or coalesce(job.due_at <= now(), false));

    if is_due and not is_wanted
       and (select count(*) from public.pipeline_jobs r
             where r.tenant_id = claim_job.tenant_id and r.status = 'RUNNING' and r.lease_expires_at > now()) >= share
    then
        is_due := false;
        job.waiting_reason := 'fair share';
        job.due_at := now() + interval '1 minute';
        update public.pipeline_jobs j
           set waiting_reason = job.waiting_reason, due_at = job.due_at
         where j.tenant_id = claim_job.tenant_id and j.job_id = claim_job.job_id;
        -- Rung by the job that makes room. This is for when that ring is lost.
        insert into public.outbox as o (tenant_id, job_id, ring_at)
        values (claim_job.tenant_id, claim_job.job_id, job.due_at)
        on conflict on constraint outbox_pkey do update set ring_at = excluded.ring_at;
        insert into public.waits (tenant_id, job_id, reason, due_at)
        values (claim_job.tenant_id, claim_job.job_id, job.waiting_reason, job.due_at)
        on conflict do nothing;
    end if;

    if not (is_due or is_wanted or job.status = 'RUNNING' and job.lease_expires_at < now()) then
        return query select false, job.status, job.waiting_reason, job.due_at, job.lease_expires_at, job.fence,
                            job.created_at, job.started_at, null, null::int2, null::jsonb, null, null::uuid, null::uuid,
                            null, null::boolean, null::jsonb, null::jsonb;
        return;
    end if;

    if job.status in ('FAILED', 'CANCELLED') then
        -- Who asks for another run of a failed job gives its failed step all its attempts again.
        update public.steps s
           set status = 'WAITING', attempts = 0, failures = 0, finished_at = null
         where s.tenant_id = claim_job.tenant_id and s.job_id = claim_job.job_id and s.status <> 'DONE';
    end if;
    if job.fence > 0 or job.waiting_reason is not null then
        update public.waits w
           set ended_at = now()
         where w.tenant_id = claim_job.tenant_id and w.job_id = claim_job.job_id and w.ended_at is null;
    end if;
    delete from public.outbox o where o.tenant_id = claim_job.tenant_id and o.job_id = claim_job.job_id;

    return query
    with claimed as (
        update public.pipeline_jobs j
           set status = case when job.request = 'CANCEL' then 'CANCELLED' else 'RUNNING' end,
               fence = j.fence + 1,
               lease_expires_at =
                   case when job.request = 'CANCEL' then null else now() + lease_ms * interval '1 millisecond' end,
               started_at = case when job.request = 'RETRY' then now() else coalesce(j.started_at, now()) end,
               completed_at = case when job.request = 'CANCEL' then now() end,
               error_message = null,
               waiting_reason = null,
               due_at = null,
               request = null,
               requested_at = null
         where j.tenant_id = claim_job.tenant_id and j.job_id = claim_job.job_id
        returning j.status, j.lease_expires_at, j.fence, j.started_at
    )
    select true, c.status, null, null::timestamptz, c.lease_expires_at, c.fence, job.created_at, c.started_at,
           job.job_type, job.workflow_version, job.parameters, job.about, job.event_id,
           (select e.delivery_id from public.events e
             where e.tenant_id = claim_job.tenant_id and e.event_id = job.event_id),
           job.triggered_by, job.dry_run is not null,
           -- What is tried may be other settings than the saved ones.
           coalesce(nullif(job.dry_run -> 'settings', 'null'),
                    (select s.settings from public.workflow_settings s
                      where s.tenant_id = claim_job.tenant_id and s.job_type = job.job_type),
                    '{}'),
           case when job.fence = 0 then '[]'
                else (select coalesce(jsonb_agg(jsonb_build_array(s.name, s.output) order by s.position), '[]')
                        from public.steps s
                       where s.tenant_id = claim_job.tenant_id and s.job_id = claim_job.job_id and s.status = 'DONE') end
      from claimed c;
end
$$;

-- Makes sure that the claim is still the latest, and keeps it so until the transaction ends. Gives whether somebody wants
-- the job cancelled, or null if the claim is void. For the functions below, so nothing is set that they have set.
create function hold_job(tenant_id uuid, job_id uuid, fence bigint)
returns boolean
language plpgsql as $$
#variable_conflict use_column
declare
    is_to_be_cancelled boolean;
begin
    perform pg_catalog.set_config('app.tenant_id', hold_job.tenant_id::text, true);
    select coalesce(j.request = 'CANCEL', false) into is_to_be_cancelled
      from public.pipeline_jobs j
     where j.tenant_id = hold_job.tenant_id and j.job_id = hold_job.job_id and j.fence = hold_job.fence
       and j.status = 'RUNNING'
       for no key update;
    return is_to_be_cancelled;
end
$$;

-- Records the step that is done, with its output, the external records that it touched ([[related_record_id, system_name,
-- record_type, record_id, action]]), what the job turned out to be about and the business that it is; and begins an
-- attempt at the next step, unless somebody wants the job cancelled. Either may be null: there is a first step and a last.
--
-- Gives the attempts at the next step, and the tenant's connections as they stand when it begins. Gives nothing if the
-- claim is void.
create function record_step(
    tenant_id uuid,
    job_id uuid,
    fence bigint,
    done_step text,
    output jsonb,
    records jsonb,
    about text,
    business_key text,
    next_step text,
    next_position smallint
)
returns table (is_to_be_cancelled boolean, attempts smallint, failures smallint, connections jsonb)
language plpgsql rows 1 set search_path = '' set lock_timeout = '4s' as $$
#variable_conflict use_column
begin
    is_to_be_cancelled := public.hold_job(record_step.tenant_id, record_step.job_id, record_step.fence);
    if is_to_be_cancelled is null then
        return;
    end if;

    if done_step is not null then
        update public.steps s
           set status = 'DONE', output = record_step.output, error = null, finished_at = now()
         where s.tenant_id = record_step.tenant_id and s.job_id = record_step.job_id and s.name = done_step
           and s.status = 'RUNNING';
        if not found then
            return;
        end if;
        if records <> '[]' then
            insert into public.workflow_related_records
                   (tenant_id, related_record_id, job_id, system_name, record_type, record_id, action)
            select record_step.tenant_id, (r.record ->> 0)::uuid, record_step.job_id, r.record ->> 1, r.record ->> 2,
                   r.record ->> 3, r.record ->> 4
              from jsonb_array_elements(records) as r (record)
            on conflict on constraint workflow_related_records_once do nothing;
        end if;
        if business_key is not null then
            begin
                update public.pipeline_jobs j
                   set about = coalesce(record_step.about, j.about), business_key = record_step.business_key
                 where j.tenant_id = record_step.tenant_id and j.job_id = record_step.job_id
                   and j.business_key is null
                   and not exists (select from public.pipeline_jobs other
                                    where other.tenant_id = record_step.tenant_id and other.job_type = j.job_type
                                      and other.business_key = record_step.business_key);
                if found then
                    about := null;
                end if;
            exception when unique_violation then
                -- Another job has taken it in this very moment, and what both do is done once.
            end;
        end if;
        if about is not null then
            update public.pipeline_jobs j
               set about = record_step.about
             where j.tenant_id = record_step.tenant_id and j.job_id = record_step.job_id;
        end if;
    end if;

    if next_step is not null and not is_to_be_cancelled then
        insert into public.steps as s (tenant_id, job_id, name, position, status, attempts)
        values (record_step.tenant_id, record_step.job_id, next_step, next_position, 'RUNNING', 1)
        on conflict on constraint steps_pkey do update
           set status = 'RUNNING', attempts = s.attempts + 1, attempted_at = now(), finished_at = null
         where s.status <> 'DONE'
        returning s.attempts, s.failures into attempts, failures;
        if not found then
            return;
        end if;
        select coalesce(jsonb_agg(jsonb_build_object(
                   'connection_id', c.connection_id, 'token_set_id', c.token_set_id, 'provider', c.provider,
                   'account_id', c.account_id, 'healthy', c.status = 'HEALTHY', 'created_at', c.created_at,
                   'updated_at', c.updated_at) order by c.connection_id), '[]')
          into connections
          from public.connections c
         where c.tenant_id = record_step.tenant_id and c.status <> 'REMOVED';
    end if;
    return next;
end
$$;

-- Ends the job well, with the last step that is done, if that is not recorded yet. Gives whether the claim was good.
create function complete_job(
    tenant_id uuid,
    job_id uuid,
    fence bigint,
    done_step text,
    output jsonb,
    records jsonb,
    about text,
    business_key text,
    result jsonb,
    metrics jsonb
)
returns boolean
language plpgsql set search_path = '' set lock_timeout = '4s' as $$
#variable_conflict use_column
begin
    perform from public.record_step(complete_job.tenant_id, complete_job.job_id, complete_job.fence, done_step, output,
                                    records, about, business_key, null, null);
    if not found then
        return false;
    end if;
    update public.pipeline_jobs j
       set status = 'COMPLETED', result = complete_job.result, metrics = complete_job.metrics, completed_at = now(),
           lease_expires_at = null, request = null, requested_at = null
     where j.tenant_id = complete_job.tenant_id and j.job_id = complete_job.job_id;
    return true;
end
$$;

-- The tenant's job that has stood in line for longest and was not told to come yet, which is told so now; none while as
-- many as may are running.
create function next_in_line(tenant_id uuid, share bigint)
returns uuid
language plpgsql set search_path = '' set lock_timeout = '4s' as $$
#variable_conflict use_column
declare
    chosen uuid;
begin
    perform set_config('app.tenant_id', next_in_line.tenant_id::text, true);
    select j.job_id into chosen
      from public.pipeline_jobs j
     where j.tenant_id = next_in_line.tenant_id and j.waiting_reason = 'fair share' and j.due_at > now()
       and (select count(*) from public.pipeline_jobs r
             where r.tenant_id = next_in_line.tenant_id and r.status = 'RUNNING' and r.lease_expires_at > now()) < share
     order by j.job_id
     limit 1
       for update skip locked;
    if chosen is not null then
        update public.pipeline_jobs j set due_at = now()
         where j.tenant_id = next_in_line.tenant_id and j.job_id = chosen;
        insert into public.outbox (tenant_id, job_id) values (next_in_line.tenant_id, chosen)
        on conflict on constraint outbox_pkey do update set ring_at = excluded.ring_at;
    end if;
    return chosen;
end
$$;

-- States the intent to write, before writing, and says what is to be done:
--   WRITE    nobody has tried it;
--   LOOK     look whether it is there, and write if it is not: someone tried, and what came of it is not known;
--   DONE     nothing, and this is the provider's id of the record;
--   UNKNOWN  nothing: it was sent, and nobody can find out whether it arrived;
--   HELD     wait: held_by has a write to the same record of which it is not yet known whether it was made.
-- Gives nothing if the claim is void.
create function intend_effect(
    tenant_id uuid,
    job_id uuid,
    fence bigint,
    new_effect_id uuid,
    effect_key text,
    step text,
    connection_id uuid,
    provider text,
    target text,
    action text,
    request jsonb
)
returns table (
    intent text,
    effect_id uuid,
    provider_record_id text,
    held_by uuid,
    intended_at timestamptz,
    seconds_ago float8
)
language plpgsql rows 1 set search_path = '' set lock_timeout = '4s' as $$
#variable_conflict use_column
declare
    known record;
begin
    if public.hold_job(intend_effect.tenant_id, intend_effect.job_id, intend_effect.fence) is null then
        return;
    end if;
    -- Until the transaction ends. Intents on one record are stated one after the other.
    perform pg_advisory_xact_lock(
        hashtextextended(coalesce(intend_effect.connection_id::text, '') || '/' || intend_effect.target, 0));
    select e.effect_id, e.status, e.provider_record_id, e.intended_at,
           extract(epoch from clock_timestamp() - e.intended_at)::float8 as seconds_ago
      into known
      from public.effects e
     where e.tenant_id = intend_effect.tenant_id and e.effect_key = intend_effect.effect_key
       for update;
    effect_id := known.effect_id;
    if known.status in ('DONE', 'UNKNOWN') then
        intent := known.status;
        provider_record_id := known.provider_record_id;
        return next;
        return;
    end if;

    -- A job that has ended will settle nothing any more, so it holds nobody up.
    select e.job_id into held_by
      from public.effects e
      join public.pipeline_jobs j on j.tenant_id = e.tenant_id and j.job_id = e.job_id
     where e.tenant_id = intend_effect.tenant_id
       and e.connection_id is not distinct from intend_effect.connection_id
       and e.target = intend_effect.target
       and e.status = 'INTENDED'
       and e.job_id <> intend_effect.job_id
       and j.status in ('QUEUED', 'RUNNING')
     limit 1;
    if held_by is not null then
        intent := 'HELD';
    elsif known.effect_id is null then
        intent := 'WRITE';
        effect_id := new_effect_id;
        insert into public.effects (tenant_id, effect_id, effect_key, job_id, step, connection_id, provider, target,
                                    action, request, status)
        values (intend_effect.tenant_id, new_effect_id, intend_effect.effect_key, intend_effect.job_id,
                intend_effect.step, intend_effect.connection_id, intend_effect.provider, intend_effect.target,
                intend_effect.action, intend_effect.request, 'INTENDED');
    elsif known.status = 'REFUSED' then
        -- Meant anew.
        intent := 'WRITE';
        update public.effects e
           set job_id = intend_effect.job_id, step = intend_effect.step, status = 'INTENDED', settled_at = null,
               intended_at = now(), writes = writes + 1
         where e.tenant_id = intend_effect.tenant_id and e.effect_id = known.effect_id;
    else
        -- What is in doubt keeps the time at which it was sent.
        intent := 'LOOK';
        intended_at := known.intended_at;
        seconds_ago := known.seconds_ago;
        update public.effects e
           set job_id = intend_effect.job_id, step = intend_effect.step
         where e.tenant_id = intend_effect.tenant_id and e.effect_id = known.effect_id;
    end if;
    return next;
end
$$;

-- Records that the write was made, by whoever knows, whatever has become of the lease: it is a fact about the provider's
-- system.
create function settle_effect(tenant_id uuid, effect_id uuid, provider_record_id text, settled_by text)
returns void
language plpgsql set search_path = '' set lock_timeout = '4s' as $$
#variable_conflict use_column
begin
    perform set_config('app.tenant_id', settle_effect.tenant_id::text, true);
    update public.effects e
       set status = 'DONE', provider_record_id = settle_effect.provider_record_id,
           settled_by = settle_effect.settled_by, settled_at = now()
     where e.tenant_id = settle_effect.tenant_id and e.effect_id = settle_effect.effect_id and e.status <> 'DONE';
end
$$;

revoke all on function claim_job, hold_job, record_step, complete_job, next_in_line, intend_effect, settle_effect
    from public;
grant execute on function claim_job, hold_job, record_step, complete_job, next_in_line, intend_effect, settle_effect
    to zixly_worker;

do $$
declare
    api_role text;
begin
    foreach api_role in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = api_role) then
            execute format('revoke all on function claim_job, hold_job, record_step, complete_job, next_in_line, '
                           'intend_effect, settle_effect from %I', api_role);
        end if;
    end loop;
end $$;
