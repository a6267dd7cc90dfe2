-- The version of the token set, as Secrets Manager names it, whose refresh token the provider has refused: nobody sends
-- that again. A new consent stores another version, so nothing has to be cleared.
alter table token_sets add column refused_version text;
grant update (refused_version) on token_sets to zixly_worker;

-- A token set can serve connections of several tenants, and when it ends it ends for all of them.
create policy router_marks on connections for update to zixly_router using (true) with check (true);
grant select (token_set_id, status), update (status, updated_at) on connections to zixly_router;

create function end_connections(token_set_id uuid)
returns bigint
language sql volatile security definer set search_path = '' as $$
    with ended as (
        update public.connections c
           set status = 'NEEDS_AUTHORISATION', updated_at = now()
         where c.token_set_id = end_connections.token_set_id
           and c.status = 'HEALTHY'
        returning c.connection_id
    )
    select count(*) from ended
$$;

grant zixly_router to current_user;
grant create on schema public to zixly_router;
alter function end_connections owner to zixly_router;
revoke create on schema public from zixly_router;
-- Given and taken while still in the role that owns it.
revoke all on function end_connections from public;
grant execute on function end_connections to zixly_worker;
do $$
declare
    api_role text;
begin
    foreach api_role in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = api_role) then
            execute format('revoke all on function end_connections from %I', api_role);
        end if;
    end loop;
end $$;
revoke zixly_router from current_user;
