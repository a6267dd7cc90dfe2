-- The trading API and Amazon SES belong to the installation, so a write there goes over nobody's connection.
alter table effects alter column connection_id drop not null;

alter table effects
    -- How often the write was sent, as far as we know.
    add column writes smallint not null default 1 check (writes >= 1),
    -- UNKNOWN: it was sent at most once, and nobody can find out whether it arrived: an e-mail, an incoming webhook.
    drop constraint effects_status_check,
    add constraint effects_status_check check (status in ('INTENDED', 'DONE', 'REFUSED', 'UNKNOWN'));

grant update (writes) on effects to zixly_worker;

-- What a tenant wants of a workflow, by the workflow's own names: {"notifications": [...]}.
alter table workflow_settings add column settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object');

-- A job takes the business key of what it has read, which the event could not know.
grant update (business_key) on pipeline_jobs to zixly_worker;

-- A job whose tenant has enough others running stands in line, and is rung when one of those is done.
alter table pipeline_jobs
    drop constraint pipeline_jobs_waiting_reason_check,
    add constraint pipeline_jobs_waiting_reason_check check (waiting_reason in
        ('backoff', 'rate budget', 'poll', 'callback', 'reauthorisation', 'other job', 'fair share'));

create index pipeline_jobs_in_line on pipeline_jobs (tenant_id, job_id) where waiting_reason = 'fair share';

-- Attempts at a step that ended badly. The one that ended well is the step's own row.
create table attempts (
    tenant_id  uuid not null,
    job_id     uuid not null,
    step       text not null,
    started_at timestamptz not null,
    ended_at   timestamptz not null default now(),
    error      text not null,
    primary key (tenant_id, job_id, step, started_at),
    foreign key (tenant_id, job_id, step) references steps
);

-- When the latest attempt began; started_at is when the first did.
alter table steps add column attempted_at timestamptz not null default now();

alter table attempts enable row level security;
alter table attempts force row level security;
create policy own_rows on attempts
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

grant insert, select, update (error) on attempts to zixly_worker;
grant update (attempted_at) on steps to zixly_worker;
