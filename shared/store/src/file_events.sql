with given as (
    select *
      from unnest($5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[], $11::timestamptz[],
                  $12::text[], $13::text[], $14::jsonb[], $15::text[])
           as e (event_id, connection_id, account_id, category, action, resource_id, occurred_at,
                 dedupe_key, other_dedupe_key, payload, unhandled)
), new_events as (
    insert into events (tenant_id, event_id, connection_id, delivery_id, provider, account_id, category, action,
                        resource_id, occurred_at, received_at, dedupe_key, other_dedupe_key, payload, unhandled)
    select $1, e.event_id, e.connection_id, $2, $3, e.account_id, e.category, e.action,
           e.resource_id, e.occurred_at, $4, sha256(convert_to(e.dedupe_key, 'UTF8')),
           sha256(convert_to(e.other_dedupe_key, 'UTF8')), e.payload, e.unhandled
      from given e
    -- Two deliveries that carry the same events wait for each other here; in one order, they cannot deadlock.
     order by e.dedupe_key
    on conflict do nothing
    returning event_id
), to_start as (
    select event_id as given_id, event_id from new_events
     union all
    select g.event_id, known.event_id
      from given g
      join events known on known.tenant_id = $1 and known.provider = $3
                       and known.dedupe_key = sha256(convert_to(g.dedupe_key, 'UTF8'))
     where $22
), new_jobs as (
    insert into pipeline_jobs (tenant_id, job_id, event_id, job_type, workflow_version, parameters, business_key)
    select $1, j.job_id, s.event_id, j.job_type, j.workflow_version, j.parameters, j.business_key
      from unnest($16::uuid[], $17::uuid[], $18::text[], $19::int2[], $20::jsonb[], $21::text[])
           as j (job_id, event_id, job_type, workflow_version, parameters, business_key)
      join to_start s on s.given_id = j.event_id
     order by j.business_key, s.event_id, j.job_type
    on conflict do nothing
    returning job_id, event_id, job_type
), doorbells as (
    insert into outbox (tenant_id, job_id)
    select $1, job_id from new_jobs
), handled_now as (
    update events set unhandled = null
     where $22 and tenant_id = $1 and unhandled is not null
       and event_id in (select event_id from new_jobs)
)
select array(select event_id from new_events) as new_event_ids,
       array(select job_id from new_jobs) as job_ids,
       array(select job_type from new_jobs) as job_types
