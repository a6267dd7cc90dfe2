//! What holds for the schema as a whole, on every PostgreSQL version that the tests are given.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use tokio_postgres::{
    Client,
    types::{ToSql, Type},
};
use zixly_domain::TenantId;
use zixly_store::migrations::migrate;
use zixly_testkit::{Role, TestDatabase, query};

async fn texts(client: &Client, query: &str) -> Vec<String> {
    client.query_typed(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_schema_is_made_on_every_server_and_made_once() {
    for database in TestDatabase::create_on_every_server().await {
        let version = database.text("show server_version").await;
        let again = migrate(&database.superuser_store(), &[]).await.unwrap();
        assert!(again.is_empty(), "PostgreSQL {version} applied {again:?} twice");
    }
}

/// On Supabase the owner may make roles and pass by row security, but is no superuser.
#[tokio::test]
async fn the_schema_is_made_by_an_owner_who_is_no_superuser() {
    for database in TestDatabase::create_on_every_server().await {
        let superuser = database.superuser().await;
        let owner = format!("owner_{}", TenantId::new().0.simple());
        let role = format!("create role {owner} login createrole bypassrls");
        // The roles are the cluster's and there already; on Supabase the owner has made them, and so may give them.
        let roles = format!(
            "grant zixly_router, zixly_webhook, zixly_worker, zixly_scheduler, zixly_dashboard to {owner}
             with admin option"
        );
        for statement in [role, roles, format!("create database {owner} owner {owner}")] {
            superuser.batch_execute(&statement).await.unwrap();
        }
        let applied = migrate(&database.store_as(&owner, &owner), &[]).await.unwrap();
        assert!(!applied.is_empty());
        let open_to_everybody = "select proname from pg_proc
                                  where pronamespace = 'public'::regnamespace and prosecdef
                                    and has_function_privilege('pg_monitor', oid, 'execute')";
        let url = database.url_as(&owner, &owner);
        assert_eq!(query(&url, open_to_everybody).await, Vec::<Vec<String>>::new());
    }
}

/// Supabase Realtime sends a signed-in user the changes that his policies let him see.
#[tokio::test]
async fn on_supabase_a_signed_in_user_may_listen_to_his_own_tenants_jobs() {
    let server = TestDatabase::create().await;
    let superuser = server.superuser().await;
    for role in ["anon", "authenticated"] {
        // Made by another test at this moment, or before.
        let _ = superuser.batch_execute(&format!("create role {role} nologin")).await;
    }
    let name = format!("supabase_{}", TenantId::new().0.simple());
    superuser.batch_execute(&format!("create database {name}")).await.unwrap();
    let url = server.url_as("zixly", &name);
    query(&url, "create publication supabase_realtime").await;
    migrate(&server.store_as("zixly", &name), &[]).await.unwrap();
    let published =
        "select tablename from pg_publication_tables where pubname = 'supabase_realtime' order by 1";
    assert_eq!(query(&url, published).await, [["pipeline_jobs"], ["steps"]]);

    let (tenant, other, user) = (TenantId::new(), TenantId::new(), TenantId::new());
    for (tenant, about) in [(tenant, "ours"), (other, "theirs")] {
        let job = TenantId::new();
        query(&url, &format!("insert into tenants (tenant_id, name) values ('{tenant}', '{about}')")).await;
        let insert = format!(
            "insert into pipeline_jobs (tenant_id, job_id, job_type, workflow_version, parameters, about)
             values ('{tenant}', '{job}', 'x', 1, '{{}}', '{about}')"
        );
        query(&url, &insert).await;
    }
    let insert =
        format!("insert into users (user_id, tenant_id, email) values ('{user}', '{tenant}', 'a@b.example')");
    query(&url, &insert).await;
    let as_user = |sql: &str| {
        format!(
            "select set_config('role', 'authenticated', false),
                    set_config('request.jwt.claims', '{{\"sub\":\"{user}\"}}', false); {sql}"
        )
    };
    let seen = as_user("select about from pipeline_jobs");
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let rows = client.simple_query(&seen).await.unwrap();
    let abouts: Vec<&str> = rows
        .iter()
        .filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) if row.columns().len() == 1 => row.get(0),
            _ => None,
        })
        .collect();
    assert_eq!(abouts, ["ours"]);
    for forbidden in ["select parameters from pipeline_jobs", "select * from effects", "select * from users"]
    {
        assert!(client.simple_query(&as_user(forbidden)).await.is_err(), "{forbidden} was allowed");
    }
}

#[tokio::test]
async fn a_migration_edited_after_it_was_applied_is_refused() {
    let database = TestDatabase::create().await;
    let edit = "update schema_migrations set checksum = 'other' where name = '0002_tenants'";
    database.superuser().await.batch_execute(edit).await.unwrap();
    let error = migrate(&database.superuser_store(), &[]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "migration 0002_tenants was edited after it was applied: add a new migration instead"
    );
}

#[tokio::test]
async fn every_tenant_table_has_forced_row_security_and_a_policy() {
    for database in TestDatabase::create_on_every_server().await {
        let open = texts(
            &database.superuser().await,
            "select c.relname::text
               from pg_class c
               join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
              where c.relnamespace = 'public'::regnamespace
                and c.relkind in ('r', 'p')
                and not (c.relrowsecurity and c.relforcerowsecurity
                         and exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'own_rows'))",
        )
        .await;
        assert!(open.is_empty(), "these tables are open to every tenant: {open:?}");
    }
}

#[tokio::test]
async fn no_function_role_can_get_around_row_security() {
    let database = TestDatabase::create().await;
    let mighty = texts(
        &database.superuser().await,
        "select rolname::text from pg_roles
          where rolname like 'zixly\\_%' and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)",
    )
    .await;
    assert!(mighty.is_empty(), "these roles could see every tenant: {mighty:?}");
}

#[tokio::test]
async fn a_role_without_a_tenant_sees_nothing() {
    let database = TestDatabase::create().await;
    let tenant = database.tenant("demo").await;
    database.connect_account(tenant, zixly_domain::Provider::Xero, "org").await;
    let mut config: tokio_postgres::Config = database.url(Role::Worker).parse().unwrap();
    config.connect_timeout(std::time::Duration::from_secs(5));
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(texts(&client, "select account_id from connections").await, Vec::<String>::new());
    for statement in ["select * from api_keys", "select * from deliveries", "update tenants set name = 'x'"] {
        assert!(client.batch_execute(statement).await.is_err(), "{statement} was allowed");
    }
}

/// The statements that a function's role may not run, with the reason.
const SUPERUSER_ONLY: &[&str] = &["users::INSERT", "users::MAKE_PLATFORM_ADMIN"];

/// Runs every statement through PgBouncer in transaction mode, from several clients in turn so that each gets
/// whichever server connection is free. With NULL for every parameter most match nothing, and some offend against
/// a constraint; what must not happen is a complaint about a prepared statement or a type.
#[tokio::test]
async fn every_statement_works_through_a_transaction_pooler() {
    let database = TestDatabase::create().await;
    let direct = database.superuser().await;
    let mut clients = Vec::new();
    for role in [
        Role::Webhook,
        Role::Worker,
        Role::Scheduler,
        Role::Dashboard,
        Role::Admin,
        Role::Webhook,
        Role::Worker,
    ] {
        let (client, connection) = database
            .url(role)
            .parse::<tokio_postgres::Config>()
            .unwrap()
            .connect(tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        clients.push((role, client));
    }
    let mut run_somewhere = std::collections::BTreeSet::new();
    for _ in 0..3 {
        for (name, sql) in zixly_store::statements() {
            #[expect(clippy::disallowed_methods, reason = "asks for the types, past the pooler")]
            let types: Vec<Type> = direct.prepare(sql).await.unwrap().params().to_vec();
            for (role, client) in &mut clients {
                let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
                    types.iter().map(|kind| (&Null as &(dyn ToSql + Sync), kind.clone())).collect();
                let tx = client.transaction().await.unwrap();
                let bind = format!("select set_config('app.tenant_id', '{}', true)", TenantId::new());
                tx.query_typed(&bind, &[]).await.unwrap();
                match tx.query_typed(sql, &parameters).await {
                    Ok(_) => {
                        run_somewhere.insert(*name);
                    }
                    Err(error) => {
                        let error = error.as_db_error().expect("the server answers");
                        // A constraint or a row policy was offended, so the statement ran.
                        let ran = error.code().code().starts_with("23")
                            || error.message().contains("row-level security");
                        if ran {
                            run_somewhere.insert(*name);
                        } else if error.code().code() != "42501" {
                            panic!("{name} as {role:?} failed: {error:?}");
                        }
                    }
                }
            }
        }
    }
    for (name, _) in zixly_store::statements() {
        let expected = !SUPERUSER_ONLY.contains(name);
        assert_eq!(run_somewhere.contains(name), expected, "{name}: run by a function's role?");
    }
}

#[derive(Debug)]
struct Null;

impl ToSql for Null {
    fn to_sql(
        &self,
        _: &Type,
        _: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(tokio_postgres::types::IsNull::Yes)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}
