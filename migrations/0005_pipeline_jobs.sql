-- Tenant first in every key: a tenant's list is one index range, and a child row cannot name another tenant's job.
create table pipeline_jobs (
    tenant_id        uuid not null,
    job_id           uuid not null,
    event_id         uuid,
    job_type         text not null,
    workflow_version smallint not null,
    status           text not null default 'QUEUED'
                     check (status in ('QUEUED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    parameters       jsonb not null,
    -- What the job is about, as its owner would call it: INV-0006.
    about            text,
    result           jsonb,
    metrics          jsonb,
    error_message    text,
    waiting_reason   text check (waiting_reason in
                     ('backoff', 'rate budget', 'poll', 'callback', 'reauthorisation', 'other job')),
    due_at           timestamptz,
    -- Counts the claims. A worker may write only while its number is the latest.
    fence            bigint not null default 0,
    lease_expires_at timestamptz,
    created_at       timestamptz not null default now(),
    started_at       timestamptz,
    completed_at     timestamptz,
    primary key (tenant_id, job_id),
    foreign key (tenant_id, event_id) references events,
    constraint pipeline_jobs_one_per_event unique (tenant_id, event_id, job_type),
    constraint pipeline_jobs_leased_while_running check ((status = 'RUNNING') = (lease_expires_at is not null)),
    constraint pipeline_jobs_started_before_running check (status <> 'RUNNING' or started_at is not null),
    constraint pipeline_jobs_completed_when_final
        check ((status in ('COMPLETED', 'FAILED', 'CANCELLED')) = (completed_at is not null)),
    constraint pipeline_jobs_failed_with_reason check ((status = 'FAILED') = (error_message is not null)),
    constraint pipeline_jobs_waits_while_queued check (waiting_reason is null or status = 'QUEUED'),
    constraint pipeline_jobs_due_only_while_waiting check (due_at is null or waiting_reason is not null)
);

-- A job whose doorbell has not been heard yet. The worker that claims the job removes the row, so what is left
-- after ring_at has to be rung again.
create table outbox (
    tenant_id uuid not null,
    job_id    uuid not null,
    ring_at   timestamptz not null default now(),
    primary key (tenant_id, job_id),
    foreign key (tenant_id, job_id) references pipeline_jobs
);
create index outbox_ring_at on outbox (ring_at);
