-- One role a function, without a password until the operator sets one. Roles belong to the cluster, not to the
-- database, so another database may have made them already, or be making them at this moment.
do $$
declare
    function_role text;
begin
    foreach function_role in array array['zixly_webhook', 'zixly_worker'] loop
        begin
            execute format('create role %I login', function_role);
        exception when duplicate_object or unique_violation then
            null;
        end;
    end loop;

    -- Owns the look-ups that must see all tenants: which tenant an account or an API key belongs to.
    begin
        create role zixly_router nologin;
    exception when duplicate_object or unique_violation then
        null;
    end;
end $$;
