-- The projects that a fallback poll asks Asana about.
create index effects_asana_projects on effects (tenant_id, connection_id)
    where provider = 'asana' and step = 'create-project' and status = 'DONE';

-- What a shop's request to see or to remove a person's data looks for.
create index events_of_shop on events (tenant_id, account_id, resource_id, event_id) where provider = 'shopify';
create index events_of_shop_customer on events (tenant_id, account_id, (payload -> 'customer' ->> 'id'))
    where provider = 'shopify';
-- The name of the job that removed the personal parts stands in their place.
create index events_removed on events (tenant_id, (payload ->> 'removed_by')) where provider = 'shopify';

grant update (payload) on events to zixly_worker;
grant update (request) on effects to zixly_worker;
grant update (parameters) on pipeline_jobs to zixly_worker;

-- The raw bytes of what a tenant's events came in. A delivery for several tenants has no tenant of its own, so the
-- worker cannot reach it by itself: it is blanked for whoever has an event in it.
create policy router_blanks on deliveries for update to zixly_router using (true) with check (true);
grant select (tenant_id, delivery_id) on events to zixly_router;
grant update (body) on deliveries to zixly_router;

create function blank_deliveries(delivery_ids uuid[], removed_by uuid)
returns bigint
language sql volatile security definer set search_path = '' as $$
    with blanked as (
        update public.deliveries d
           set body = convert_to(json_build_object('removed_by', removed_by)::text, 'UTF8')
         where d.delivery_id = any (delivery_ids)
           and exists (select from public.events e
                        where e.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
                          and e.delivery_id = d.delivery_id)
        returning d.delivery_id
    )
    select count(*) from blanked
$$;

grant zixly_router to current_user;
grant create on schema public to zixly_router;
alter function blank_deliveries owner to zixly_router;
revoke create on schema public from zixly_router;
-- Given and taken while still in the role that owns it.
revoke all on function blank_deliveries from public;
grant execute on function blank_deliveries to zixly_worker;
do $$
declare
    api_role text;
begin
    foreach api_role in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = api_role) then
            execute format('revoke all on function blank_deliveries from %I', api_role);
        end if;
    end loop;
end $$;
revoke zixly_router from current_user;
