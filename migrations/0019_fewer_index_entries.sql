-- What is null is in no index that keeps something unique: most events have one key, and most jobs come from an event.
-- The tables are held while the three are made anew, some seconds for each million rows; in the order in which a claim
-- takes them, or each would wait for the other.
lock table pipeline_jobs, events, workflow_related_records in access exclusive mode;

alter table events drop constraint events_once_by_other_key;
create unique index events_once_by_other_key on events (tenant_id, provider, other_dedupe_key)
    where other_dedupe_key is not null;

alter table pipeline_jobs
    drop constraint pipeline_jobs_one_per_business,
    drop constraint pipeline_jobs_one_per_idempotency_key;
create unique index pipeline_jobs_one_per_business on pipeline_jobs (tenant_id, job_type, business_key)
    where business_key is not null;
create unique index pipeline_jobs_one_per_idempotency_key on pipeline_jobs (tenant_id, idempotency_key)
    where idempotency_key is not null;

-- A record is found by its job, and is there once.
alter table workflow_related_records drop constraint workflow_related_records_pkey;
