-- What runs by the clock: lost doorbells, dead leases, fallback polls, and deliveries by the day, archived before they
-- are dropped.
do $$
begin
    create role zixly_scheduler login;
exception when duplicate_object or unique_violation then
    null;
end $$;

-- A tenant's doorbells in the order in which they are due, since tenants are served in turn.
drop index outbox_ring_at;
create index outbox_ring_at on outbox (tenant_id, ring_at);
create index pipeline_jobs_leases on pipeline_jobs (lease_expires_at) where status = 'RUNNING';

-- Where a provider's events may be lost, or there are none: what was asked last, and when to ask again.
create table polls (
    tenant_id     uuid not null,
    connection_id uuid not null,
    job_type      text not null,
    -- How far the last poll got, in the words of its workflow.
    cursor        jsonb,
    next_at       timestamptz not null,
    last_job_id   uuid not null,
    primary key (tenant_id, connection_id, job_type),
    foreign key (tenant_id, connection_id) references connections (tenant_id, connection_id),
    foreign key (tenant_id, last_job_id) references pipeline_jobs
);
alter table polls enable row level security;
alter table polls force row level security;
create policy own_rows on polls
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

-- One row an object in S3, each with some deliveries of one day, and with what proves that it has them all.
create table delivery_archives (
    object_key        text primary key,
    day               date not null,
    first_delivery_id uuid not null,
    last_delivery_id  uuid not null check (last_delivery_id >= first_delivery_id),
    row_count         int not null check (row_count > 0),
    -- Of the object as it lies in S3.
    sha256            bytea not null check (length(sha256) = 32),
    archived_at       timestamptz not null default now()
);
create index delivery_archives_day on delivery_archives (day, last_delivery_id);

-- The least id that a delivery of this day can have: UUIDv7 begins with the time in milliseconds.
create function first_delivery_id(day date)
returns uuid language sql immutable strict parallel safe set search_path = '' as $$
    select (lpad(to_hex((extract(epoch from day::timestamp at time zone 'UTC') * 1000)::bigint), 12, '0')
            || repeat('0', 20))::uuid
$$;

create function delivery_day(delivery_id uuid)
returns date language sql immutable strict parallel safe set search_path = '' as $$
    select (to_timestamp(('x' || left(replace(delivery_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
            at time zone 'UTC')::date
$$;

create function delivery_partition(day date)
returns text language sql immutable strict parallel safe set search_path = '' as $$
    select 'deliveries_' || to_char(day::timestamp, 'YYYYMMDD')
$$;

-- Cross-tenant work of the scheduler: ids only, but for deliveries that are to be archived.
create policy router_reads on outbox for select to zixly_router using (true);
create policy router_updates on outbox for update to zixly_router using (true);
create policy router_deletes on outbox for delete to zixly_router using (true);
create policy router_reads on polls for select to zixly_router using (true);
create policy router_reads on deliveries for select to zixly_router using (true);
create policy router_reads on deliveries_default for select to zixly_router using (true);
create policy router_deletes on deliveries_default for delete to zixly_router using (true);
grant select, delete, update (ring_at) on outbox to zixly_router;
grant select (tenant_id, job_id, lease_expires_at, request) on pipeline_jobs to zixly_router;
grant select (tenant_id, connection_id, job_type, next_at, last_job_id) on polls to zixly_router;
grant select (status) on connections to zixly_router;
grant select on deliveries to zixly_router;
grant select, delete on deliveries_default to zixly_router;
grant select, insert, delete on delivery_archives to zixly_router;

-- Takes up to `page` doorbells that are due since `grace`, the oldest of each tenant and as many of one as of another,
-- and puts each off by `again`. The doorbell of a job that has ended is of no use to anybody, and goes.
create function take_doorbells(grace interval, again interval, page int)
returns table (tenant_id uuid, job_id uuid)
language sql volatile strict security definer set search_path = '' as $$
    with recursive tenants as (
        (select o.tenant_id from public.outbox o order by o.tenant_id limit 1)
        union all
        select (select o.tenant_id from public.outbox o where o.tenant_id > t.tenant_id order by o.tenant_id limit 1)
          from tenants t
         where t.tenant_id is not null
    ), waiting as (
        select t.tenant_id
          from tenants t
         where exists (select from public.outbox o where o.tenant_id = t.tenant_id and o.ring_at <= now() - grace)
    ), share as (
        select greatest(1, page / greatest(1, count(*)))::int as size from waiting
    ), due as materialized (
        select d.tenant_id, d.job_id
          from share,
               waiting w
         cross join lateral (
               select o.tenant_id, o.job_id, o.ring_at
                 from public.outbox o
                where o.tenant_id = w.tenant_id and o.ring_at <= now() - grace
                order by o.ring_at
                limit share.size
                  for update skip locked) as d
         order by d.ring_at
         limit page
    ), useless as (
        delete from public.outbox o
         using due d, public.pipeline_jobs j
         where o.tenant_id = d.tenant_id and o.job_id = d.job_id
           and j.tenant_id = d.tenant_id and j.job_id = d.job_id
           and j.status in ('COMPLETED', 'FAILED', 'CANCELLED') and j.request is null
        returning o.tenant_id, o.job_id
    )
    update public.outbox o
       set ring_at = now() + again
      from due d
     where o.tenant_id = d.tenant_id and o.job_id = d.job_id
       and not exists (select from useless u where u.tenant_id = d.tenant_id and u.job_id = d.job_id)
    returning o.tenant_id, o.job_id
$$;

create function find_dead_leases(page int)
returns table (tenant_id uuid, job_id uuid)
language sql stable strict security definer set search_path = '' as $$
    select j.tenant_id, j.job_id
      from public.pipeline_jobs j
     where j.status = 'RUNNING' and j.lease_expires_at < now()
     order by j.lease_expires_at
     limit page
$$;

-- The connections that it is time to poll, for each provider that a workflow of its tenant needs asked. Not while the
-- last poll is still at it, and not where nobody would let us in.
create function find_due_polls(providers text[], workflows text[], job_types text[], page int)
returns table (tenant_id uuid, connection_id uuid, job_type text)
language sql stable strict security definer set search_path = '' as $$
    select c.tenant_id, c.connection_id, k.job_type
      from unnest(providers, workflows, job_types) as k (provider, workflow, job_type)
      join public.connections c on c.provider = k.provider and c.status = 'HEALTHY'
      join public.workflow_settings s on s.tenant_id = c.tenant_id and s.job_type = k.workflow and s.enabled
      left join public.polls p
        on p.tenant_id = c.tenant_id and p.connection_id = c.connection_id and p.job_type = k.job_type
     where (p.next_at is null or p.next_at <= now())
       and not exists (select from public.pipeline_jobs j
                        where j.tenant_id = p.tenant_id and j.job_id = p.last_job_id
                          and j.status in ('QUEUED', 'RUNNING'))
     order by p.next_at nulls first
     limit page
$$;

-- The oldest day before `before` that still has deliveries here, or an empty partition.
create function find_day_to_archive(before date)
returns date language sql stable strict security definer set search_path = '' as $$
    select min(d.day)
      from (select to_date(right(c.relname, 8), 'YYYYMMDD') as day
              from pg_catalog.pg_inherits i
              join pg_catalog.pg_class c on c.oid = i.inhrelid
             where i.inhparent = 'public.deliveries'::regclass and c.relname ~ '^deliveries_[0-9]{8}$'
             union all
            (select public.delivery_day(o.delivery_id)
               from public.deliveries_default o
              order by o.delivery_id
              limit 1)) as d
     where d.day < least(before, (now() at time zone 'UTC')::date - 7)
$$;

-- The next deliveries of a day that are not archived yet, whole, as a line of JSON each; `jsonb_populate_record` makes
-- rows of them again. At least one, however large, and otherwise no more than `page_bytes` of bodies.
create function read_deliveries_to_archive(day date, page int, page_bytes bigint)
returns table (delivery_id uuid, line text)
language sql stable strict security definer set search_path = '' set bytea_output = 'hex' set timezone = 'UTC' as $$
    select d.delivery_id, row_to_json(d)::text
      from (select p.delivery_id
              from (select n.delivery_id,
                           sum(octet_length(n.body)) over (order by n.delivery_id) - octet_length(n.body) as bytes_before
                      from (select o.delivery_id, o.body
                              from public.deliveries o
                             where o.delivery_id >= public.first_delivery_id(day)
                               and o.delivery_id < public.first_delivery_id(day + 1)
                               -- Rows of the default partition go as they are archived; others stay until all are.
                               and o.delivery_id > case
                                       when to_regclass('public.' || public.delivery_partition(day)) is null
                                       then '00000000-0000-0000-0000-000000000000'
                                       else coalesce(
                                           (select a.last_delivery_id
                                              from public.delivery_archives a
                                             where a.day = read_deliveries_to_archive.day
                                             order by a.last_delivery_id desc
                                             limit 1),
                                           '00000000-0000-0000-0000-000000000000')
                                   end
                             order by o.delivery_id
                             limit page) as n) as p
             where p.bytes_before < page_bytes) as next
      join public.deliveries d using (delivery_id)
     where day < (now() at time zone 'UTC')::date - 7
     order by d.delivery_id
$$;

-- Remembers that these deliveries lie in S3. What was in the default partition leaves it at that: a day without a
-- partition has nothing that could be dropped.
create function record_delivery_archive(
    day date, first_delivery_id uuid, last_delivery_id uuid, row_count int, object_key text, sha256 bytea)
returns void language plpgsql strict security definer set search_path = '' as $$
declare
    deleted_count int;
begin
    insert into public.delivery_archives (object_key, day, first_delivery_id, last_delivery_id, row_count, sha256)
    values (object_key, day, first_delivery_id, last_delivery_id, row_count, sha256)
    on conflict on constraint delivery_archives_pkey do nothing;
    if to_regclass('public.' || public.delivery_partition(day)) is null then
        delete from public.deliveries_default d
         where d.delivery_id between record_delivery_archive.first_delivery_id
                                 and record_delivery_archive.last_delivery_id;
        get diagnostics deleted_count = row_count;
        if deleted_count <> record_delivery_archive.row_count then
            raise exception 'object % has % deliveries, but there are %', object_key,
                record_delivery_archive.row_count, deleted_count;
        end if;
    end if;
end $$;

-- Whether all of a day is archived. If not, because one came late, its archiving begins anew.
create function confirm_delivery_archive(day date)
returns boolean language plpgsql strict security definer set search_path = '' as $$
declare
    is_whole boolean;
begin
    select (select coalesce(sum(a.row_count), 0)
              from public.delivery_archives a
             where a.day = confirm_delivery_archive.day) = count(*)
      into is_whole
      from public.deliveries d
     where d.delivery_id >= public.first_delivery_id(confirm_delivery_archive.day)
       and d.delivery_id < public.first_delivery_id(confirm_delivery_archive.day + 1);
    if not is_whole then
        delete from public.delivery_archives a where a.day = confirm_delivery_archive.day;
    end if;
    return is_whole;
end $$;

-- Partitions are made and dropped by their owner, who need not see a row for that. While it waits for a lock, every
-- statement on the table queues up behind it: so not for long, and again in a minute.
create function make_delivery_partition(day date)
returns text language plpgsql strict security definer set search_path = '' set lock_timeout = '200ms' as $$
declare
    today constant date := (now() at time zone 'UTC')::date;
    partition constant text := public.delivery_partition(day);
    api_role text;
begin
    if day < today or day > today + 31 then
        raise exception '% is not one of the next 31 days', day;
    end if;
    if to_regclass('public.' || partition) is not null then
        return 'THERE';
    end if;
    if not pg_try_advisory_xact_lock(hashtext('make_delivery_partition')) then
        return 'BUSY';
    end if;
    -- Made beside the table and then attached, which lets deliveries be filed meanwhile.
    begin
        execute format('create table public.%I (like public.deliveries including all)', partition);
        execute format('alter table public.%I enable row level security', partition);
        execute format('alter table public.%I force row level security', partition);
        execute format(
            'create policy own_rows on public.%I
                 using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
                 with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)',
            partition);
        foreach api_role in array array['anon', 'authenticated'] loop
            if exists (select from pg_catalog.pg_roles where rolname = api_role) then
                execute format('revoke all on public.%I from %I', partition, api_role);
            end if;
        end loop;
        execute format('alter table public.deliveries attach partition public.%I for values from (%L) to (%L)',
                       partition, public.first_delivery_id(day), public.first_delivery_id(day + 1));
    exception
        when lock_not_available then
            return 'BUSY';
        -- The day has begun without a partition, and goes on in the default one.
        when check_violation then
            return 'BEGUN';
    end;
    return 'MADE';
end $$;

create function drop_archived_deliveries(day date)
returns text language plpgsql strict security definer set search_path = '' set lock_timeout = '200ms' as $$
declare
    partition constant text := public.delivery_partition(day);
begin
    if day >= (now() at time zone 'UTC')::date - 7 then
        raise exception 'the deliveries of % are not old enough to be dropped', day;
    end if;
    if to_regclass('public.' || partition) is null then
        return 'DROPPED';
    end if;
    -- Nothing more comes in while it is counted. One that comes afterwards waits, and goes to the default partition.
    execute format('lock table public.%I in share mode', partition);
    if not public.confirm_delivery_archive(day) then
        return 'CHANGED';
    end if;
    execute format('drop table public.%I', partition);
    return 'DROPPED';
exception when lock_not_available then
    return 'BUSY';
end $$;

grant zixly_router to current_user;
grant create on schema public to zixly_router;
alter function take_doorbells owner to zixly_router;
alter function find_dead_leases owner to zixly_router;
alter function find_due_polls owner to zixly_router;
alter function find_day_to_archive owner to zixly_router;
alter function read_deliveries_to_archive owner to zixly_router;
alter function record_delivery_archive owner to zixly_router;
alter function confirm_delivery_archive owner to zixly_router;
revoke create on schema public from zixly_router;
-- Given and taken while still in the role that owns them.
revoke all on function take_doorbells, find_dead_leases, find_due_polls, find_day_to_archive,
    read_deliveries_to_archive, record_delivery_archive, confirm_delivery_archive from public;
grant execute on function take_doorbells, find_dead_leases, find_due_polls, find_day_to_archive,
    read_deliveries_to_archive, record_delivery_archive to zixly_scheduler;
-- Whoever owns the tables drops a partition only after asking whether all of it is archived.
grant execute on function confirm_delivery_archive to current_user;
-- On PostgreSQL 15 an owner who is no superuser was out of that role when he said so of the first two look-ups.
revoke all on function find_connections, find_tenant_by_api_key from public;
grant execute on function find_connections to zixly_webhook, zixly_worker;
grant execute on function find_tenant_by_api_key to zixly_webhook;
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
revoke zixly_router from current_user;

revoke all on function make_delivery_partition, drop_archived_deliveries from public;
grant usage on schema public to zixly_scheduler;
grant execute on function make_delivery_partition, drop_archived_deliveries to zixly_scheduler;
grant select, insert, update (next_at, last_job_id) on polls to zixly_scheduler;
grant insert on pipeline_jobs, outbox to zixly_scheduler;
grant select, insert, update (series, updated_at), delete on metric_shards to zixly_scheduler;
grant select on polls, metric_shards to zixly_worker;
grant update (cursor) on polls to zixly_worker;
