-- How each combination of a sweep did.
create table trading_sweep_results (
    tenant_id     uuid not null,
    result_id     uuid not null,
    job_id        uuid not null,
    ticker        text not null,
    strategy_type text not null,
    -- In bars.
    fast_window   int not null check (fast_window >= 1),
    slow_window   int not null check (slow_window >= 1),
    score         numeric not null,
    total_return  numeric not null,
    max_drawdown  numeric not null,
    trades        int not null check (trades >= 0),
    created_at    timestamptz not null default now(),
    primary key (tenant_id, result_id),
    foreign key (tenant_id, job_id) references pipeline_jobs,
    constraint trading_sweep_results_once unique (tenant_id, job_id, fast_window, slow_window)
);
-- The best of a job come first.
create index trading_sweep_results_score on trading_sweep_results (tenant_id, job_id, score desc);

alter table trading_sweep_results enable row level security;
alter table trading_sweep_results force row level security;
create policy own_rows on trading_sweep_results
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert on trading_sweep_results to zixly_worker;
do $$
declare
    api_role text;
begin
    foreach api_role in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = api_role) then
            execute format('revoke all on trading_sweep_results from %I', api_role);
        end if;
    end loop;
end $$;
