create table steps (
    tenant_id   uuid not null,
    job_id      uuid not null,
    name        text not null,
    position    smallint not null check (position >= 1),
    status      text not null check (status in ('RUNNING', 'WAITING', 'DONE', 'FAILED')),
    -- Attempts begun, a wait not counted, and those that ended in a recorded failure. The rest were cut off.
    attempts    smallint not null check (attempts >= 0),
    failures    smallint not null default 0 check (failures between 0 and attempts),
    output      jsonb,
    error       text,
    started_at  timestamptz not null default now(),
    finished_at timestamptz,
    primary key (tenant_id, job_id, name),
    foreign key (tenant_id, job_id) references pipeline_jobs,
    constraint steps_done_with_output check ((status = 'DONE') = (output is not null)),
    constraint steps_failed_with_reason check (status <> 'FAILED' or error is not null),
    constraint steps_finished check ((status in ('RUNNING', 'WAITING')) = (finished_at is null))
);

-- A write in somebody else's system: the row is here before the write, and says so after it.
create table effects (
    tenant_id          uuid not null,
    effect_id          uuid not null,
    -- Made from what is to be written, not from the job: two jobs that mean the same write share one effect.
    effect_key         text not null,
    job_id             uuid not null,
    step               text not null,
    connection_id      uuid not null,
    -- The record that is written to: contact 100451. Writes to it are made one after the other, so that a look
    -- after a doubtful one tells the truth.
    target             text not null,
    provider           text not null,
    -- For a person: PATCH contact 100451.
    action             text not null,
    request            jsonb not null,
    status             text not null check (status in ('INTENDED', 'DONE', 'REFUSED')),
    provider_record_id text,
    -- How a doubtful outcome was settled: the write was made by us, or found to be there when we looked.
    settled_by         text check (settled_by in ('answer', 'look')),
    intended_at        timestamptz not null default now(),
    settled_at         timestamptz,
    primary key (tenant_id, effect_id),
    foreign key (tenant_id, job_id) references pipeline_jobs,
    foreign key (tenant_id, connection_id) references connections (tenant_id, connection_id),
    constraint effects_once unique (tenant_id, effect_key),
    constraint effects_done_with_record
        check ((status = 'DONE') = (provider_record_id is not null and settled_by is not null)),
    constraint effects_settled check ((status = 'INTENDED') = (settled_at is null))
);
create index effects_job on effects (tenant_id, job_id);
create index effects_unsettled on effects (tenant_id, connection_id, target) where status = 'INTENDED';

create table workflow_related_records (
    tenant_id         uuid not null,
    related_record_id uuid not null,
    job_id            uuid not null,
    system_name       text not null,
    record_type       text not null,
    record_id         text not null,
    action            text not null check (action in ('READ', 'CREATE', 'UPDATE')),
    created_at        timestamptz not null default now(),
    primary key (tenant_id, related_record_id),
    foreign key (tenant_id, job_id) references pipeline_jobs,
    constraint workflow_related_records_once unique (tenant_id, job_id, system_name, record_type, record_id, action)
);
