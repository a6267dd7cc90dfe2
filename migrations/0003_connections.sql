-- The tokens themselves are in Secrets Manager. A token set can serve several tenants (at Xero it belongs to the
-- user who consented), so it is the platform's row, and the lease on its refresh is per token set.
create table token_sets (
    token_set_id             uuid primary key,
    provider                 text not null,
    refresh_fence            bigint not null default 0,
    refresh_lease_expires_at timestamptz,
    created_at               timestamptz not null default now()
);

create table connections (
    connection_id uuid primary key,
    tenant_id     uuid not null references tenants,
    token_set_id  uuid not null references token_sets,
    provider      text not null,
    -- The provider's id of the account: a Xero organisation, a HubSpot portal.
    account_id    text not null check (account_id <> ''),
    account_name  text not null default '',
    status        text not null default 'HEALTHY' check (status in ('HEALTHY', 'NEEDS_AUTHORISATION')),
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    unique (tenant_id, provider, account_id),
    -- For rows that name a connection: only one of their own tenant's.
    unique (tenant_id, connection_id)
);
create index connections_account on connections (provider, account_id);
