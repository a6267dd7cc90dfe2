-- One row a POST, as it came. Ids are UUIDv7, so a range of ids is a range of time, and a partition can be
-- archived and dropped whole.
create table deliveries (
    delivery_id     uuid not null primary key,
    -- The one tenant that all of it is for. Null when it is for several or for nobody: then the raw bytes are
    -- the platform's, and each tenant sees its own events only.
    tenant_id       uuid,
    provider        text not null,
    received_at     timestamptz not null,
    headers         jsonb not null,
    body            bytea not null,
    outcome         text not null
                    check (outcome in ('ACCEPTED', 'DUPLICATE', 'UNMATCHED', 'MALFORMED', 'EMPTY')),
    -- Why nothing, or not everything, was to be done, in words for a person.
    note            text,
    event_count     int not null check (event_count >= 0),
    new_event_count int not null check (new_event_count between 0 and event_count),
    check (outcome <> 'MALFORMED' or note is not null),
    check (outcome <> 'UNMATCHED' or note is not null)
) partition by range (delivery_id);
create table deliveries_default partition of deliveries default;
create index deliveries_tenant on deliveries (tenant_id, delivery_id);

create table events (
    tenant_id     uuid not null,
    event_id      uuid not null,
    connection_id uuid not null,
    -- No foreign key: the event outlives the delivery, which is dropped with its partition.
    delivery_id   uuid not null,
    provider      text not null,
    account_id    text not null,
    category      text not null,
    action        text not null,
    resource_id   text not null,
    occurred_at   timestamptz,
    received_at   timestamptz not null,
    -- SHA-256 of what makes the change this change, so that no provider's long id can outgrow the index.
    dedupe_key    bytea not null check (length(dedupe_key) = 32),
    payload       jsonb not null,
    -- Why no workflow was started, in words for a person.
    unhandled     text,
    primary key (tenant_id, event_id),
    foreign key (tenant_id, connection_id) references connections (tenant_id, connection_id),
    -- For ever, not for a window: a provider may repeat an event a month later.
    constraint events_once unique (tenant_id, provider, dedupe_key)
);
create index events_delivery on events (tenant_id, delivery_id);
