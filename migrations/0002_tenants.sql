create table tenants (
    tenant_id  uuid primary key,
    name       text not null check (name <> ''),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table users (
    user_id    uuid primary key,
    tenant_id  uuid not null references tenants,
    email      text not null unique,
    role       text not null default 'VIEWER' check (role in ('ADMIN', 'EDITOR', 'VIEWER')),
    created_at timestamptz not null default now()
);
create index users_tenant on users (tenant_id);

create table api_keys (
    api_key_id uuid primary key,
    tenant_id  uuid not null references tenants,
    name       text not null check (name <> ''),
    -- SHA-256 of the key. The key has 256 random bits, so a slow hash would protect nothing.
    key_hash   bytea not null unique check (length(key_hash) = 32),
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);
create index api_keys_tenant on api_keys (tenant_id);
