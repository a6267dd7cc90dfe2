with new_events as (
    insert into events (tenant_id, event_id, connection_id, delivery_id, provider, account_id, category, action,
                        resource_id, occurred_at, received_at, dedupe_key, payload, unhandled)
    select $1, e.event_id, e.connection_id, $2, $3, e.account_id, e.category, e.action,
           e.resource_id, e.occurred_at, $4, sha256(convert_to(e.dedupe_key, 'UTF8')), e.payload, e.unhandled
      from unnest($5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[], $11::timestamptz[],
                  $12::text[], $13::jsonb[], $14::text[])
           as e (event_id, connection_id, account_id, category, action, resource_id, occurred_at,
                 dedupe_key, payload, unhandled)
    -- Two deliveries that carry the same events wait for each other here; in one order, they cannot deadlock.
     order by e.dedupe_key
    on conflict on constraint events_once do nothing
    returning event_id
), new_jobs as (
    insert into pipeline_jobs (tenant_id, job_id, event_id, job_type, workflow_version, parameters)
    select $1, j.job_id, j.event_id, j.job_type, j.workflow_version, j.parameters
      from unnest($15::uuid[], $16::uuid[], $17::text[], $18::int2[], $19::jsonb[])
           as j (job_id, event_id, job_type, workflow_version, parameters)
      join new_events using (event_id)
    returning job_id
), doorbells as (
    insert into outbox (tenant_id, job_id)
    select $1, job_id from new_jobs
)
select (select count(*) from new_events) as new_event_count,
       array(select job_id from new_jobs) as job_ids
