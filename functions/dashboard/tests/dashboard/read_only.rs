//! The function cannot write: not through its methods, not with its database role, not with its IAM role.

use lambda_http::http::{Method, StatusCode};
use zixly_dashboard::routes::Route;
use zixly_domain::Role as UserRole;
use zixly_testkit::{Role, query, refusal};

use crate::scene::Scene;

#[tokio::test]
async fn no_method_but_get_is_taken() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let admin = scene.user(tenant, UserRole::Admin).await;
    for route in Route::ALL {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
            let answer = scene.ask(method, route.template(), &[("authorization", &admin)]).await;
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(answer.headers()["allow"], "GET, HEAD");
        }
    }
}

/// Asks the catalogue for everything that the role could change, and then tries.
#[tokio::test]
async fn the_database_role_can_write_nothing() {
    let scene = Scene::new().await;
    let url = scene.database.url_as("zixly", scene.database.name());
    let writable = "
        select c.relname || ' ' || p.privilege
          from pg_class c
         cross join unnest(array['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as p (privilege)
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
           and (has_table_privilege('zixly_dashboard', c.oid, p.privilege)
                or p.privilege in ('INSERT', 'UPDATE', 'REFERENCES')
                   and has_any_column_privilege('zixly_dashboard', c.oid, p.privilege))
         union all
        select proname || ' writes'
          from pg_proc
         where pronamespace = 'public'::regnamespace and provolatile = 'v' and prosecdef
           and has_function_privilege('zixly_dashboard', oid, 'EXECUTE')
         union all
        select c.relname || ' sequence' from (select oid, relname from pg_class where relkind = 'S' offset 0) c
         where has_sequence_privilege('zixly_dashboard', c.oid, 'USAGE, UPDATE')
         union all
        select 'creates in ' || nspname from pg_namespace
         where nspname = 'public' and has_schema_privilege('zixly_dashboard', oid, 'CREATE')";
    assert_eq!(query(&url, writable).await, Vec::<Vec<String>>::new());

    let url = scene.database.url(Role::Dashboard);
    for statement in [
        "insert into tenants (tenant_id, name) values (gen_random_uuid(), 'x')",
        "update pipeline_jobs set status = 'FAILED'",
        "delete from effects",
        "truncate deliveries",
        "create table x (y int)",
        "select * from api_keys",
        "select * from token_sets",
        "select * from callback_tokens",
    ] {
        assert_eq!(refusal(&url, statement).await.as_deref(), Some("42501"), "{statement}");
    }
}

/// Reads the actions of the policy out of the Terraform that makes it.
#[test]
fn the_iam_role_can_write_nothing() {
    let file = include_str!("../../../../terraform/modules/pipeline/dashboard.tf");
    let permissions = file.split("permissions = {").nth(1).unwrap().split("\n  }").next().unwrap();
    let actions: Vec<&str> = permissions
        .split('"')
        .filter(|text| {
            text.split_once(':').is_some_and(|(service, _)| service.chars().all(char::is_alphanumeric))
        })
        .collect();
    assert!(actions.len() >= 4, "the policy is read: {actions:?}");
    for action in actions {
        let (_, verb) = action.split_once(':').unwrap();
        assert!(verb.starts_with("Get") && !verb.contains('*'), "{action} is no reading");
    }
}
