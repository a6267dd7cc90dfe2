//! Who may do what, route by route: a route without a case here does not compile.

use jiff::{SignedDuration, Timestamp};
use lambda_http::http::{Method, StatusCode};
use serde_json::{Value, json};
use zixly_admin::Route;
use zixly_auth::ApiKey;
use zixly_domain::{Provider, Role, TenantId, UserId};
use zixly_store::api_keys::{self, NewKey};

use crate::scene::{CONTRACT, Scene, text};

#[test]
fn the_openapi_file_has_the_routes_that_there_are() {
    let routes = Route::ALL.iter().map(|route| {
        let (method, path) = route.template();
        (method.to_string(), path.to_owned())
    });
    assert_eq!(CONTRACT.operations(), routes.collect());
}

/// A request to a route that would be taken from the right person.
struct Case {
    path: String,
    body: Option<Value>,
    /// Whether the path names a thing of the tenant's.
    is_about: bool,
}

struct Things {
    user: UserId,
    api_key: String,
    connection: String,
}

async fn things(scene: &Scene, tenant_id: TenantId) -> Things {
    let (user, _) = scene.user(tenant_id, Role::Viewer).await;
    let account = format!("T{}", tenant_id.0.simple());
    let (connection, _) = scene.database.connect_account(tenant_id, Provider::Slack, &account).await;
    let store = scene.database.superuser_store();
    let mut session = store.session().await.unwrap();
    let tx = session.begin(tenant_id).unwrap();
    let key_hash = ApiKey::generate().hash();
    let new = NewKey { tenant_id, name: "theirs", key_hash: &key_hash, job_types: None, created_by: None };
    let api_key = api_keys::insert(&tx, &new).await.unwrap().to_string();
    tx.commit().await.unwrap();
    Things { user, api_key, connection: connection.to_string() }
}

fn case(route: Route, things: &Things, unique: &str) -> Case {
    let path = route.template().1;
    let own = |body: Option<Value>| Case { path: path.to_owned(), body, is_about: false };
    let about = |id: &str, body: Option<Value>| Case { path: path.replace("{id}", id), body, is_about: true };
    match route {
        Route::ListTenants
        | Route::ListUsers
        | Route::ListApiKeys
        | Route::ListWorkflows
        | Route::ListConnections => own(None),
        Route::CreateTenant => {
            own(Some(json!({ "name": "New", "admin_email": format!("{unique}@first.example") })))
        }
        Route::InviteUser => {
            own(Some(json!({ "email": format!("{unique}@second.example"), "role": "VIEWER" })))
        }
        Route::ChangeRole => about(&things.user.to_string(), Some(json!({ "role": "EDITOR" }))),
        Route::RemoveUser => about(&things.user.to_string(), None),
        Route::CreateApiKey => own(Some(json!({ "name": "key" }))),
        Route::RevokeApiKey => about(&things.api_key, None),
        Route::SetWorkflow => Case {
            path: path.replace("{job_type}", "trading-sweep"),
            body: Some(json!({ "is_enabled": false, "settings": {} })),
            is_about: false,
        },
        Route::ConnectByKey => own(Some(json!({ "provider": "slack", "key": "xoxb-nothing" }))),
        Route::Disconnect => about(&things.connection, None),
        Route::StartConsent => {
            Case { path: path.replace("{provider}", "xero"), body: Some(json!({})), is_about: false }
        }
        Route::EndConsent => Case { path: path.replace("{provider}", "xero"), body: None, is_about: false },
    }
}

#[tokio::test]
async fn each_role_may_do_at_each_route_what_it_may_and_no_more() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    for (name, role) in [("viewer", Role::Viewer), ("editor", Role::Editor), ("admin", Role::Admin)] {
        let (_, who) = scene.user(tenant, role).await;
        for route in Route::ALL.iter().filter(|route| **route != Route::EndConsent) {
            let things = things_again(&scene, tenant).await;
            let case = case(*route, &things, name);
            let answer = scene.ask(route.template().0, &case.path, &who, case.body.as_ref()).await;
            let is_platforms = matches!(route, Route::ListTenants | Route::CreateTenant);
            if role == Role::Admin && !is_platforms {
                let taken = answer.status().is_success()
                    || *route == Route::ConnectByKey && answer.status() == StatusCode::UNPROCESSABLE_ENTITY;
                assert!(taken, "{route:?} as {role}: {}", text(&answer));
            } else {
                CONTRACT.assert_problem(&answer, StatusCode::FORBIDDEN);
                let said = text(&answer);
                assert!(is_platforms || said.contains(role.as_str()), "{said}");
            }
        }
    }
    let platform = scene.platform_admin(tenant).await;
    for route in [Route::ListTenants, Route::CreateTenant] {
        let things = things_again(&scene, tenant).await;
        let case = case(route, &things, "platform");
        let answer = scene.ask(route.template().0, &case.path, &platform, case.body.as_ref()).await;
        assert!(answer.status().is_success(), "{route:?}: {}", text(&answer));
    }
}

/// What was there may have been removed by the role before.
async fn things_again(scene: &Scene, tenant: TenantId) -> Things {
    let sql = "delete from connections";
    scene.database.superuser().await.batch_execute(sql).await.unwrap();
    things(scene, tenant).await
}

#[tokio::test]
async fn another_tenants_things_are_unknown_at_every_route() {
    let scene = Scene::new().await;
    let (ours, theirs) = (scene.database.tenant("ours").await, scene.database.tenant("theirs").await);
    let admin = scene.admin(ours).await;
    let things = things(&scene, theirs).await;
    for route in Route::ALL.iter().filter(|route| **route != Route::EndConsent) {
        let case = case(*route, &things, "foreign");
        let method = route.template().0;
        // Nor does it help to say that one is of the other tenant.
        let answer = scene
            .ask(method.clone(), &format!("{}?tenant={theirs}", case.path), &admin, case.body.as_ref())
            .await;
        CONTRACT.assert_problem(&answer, StatusCode::NOT_FOUND);
        if case.is_about {
            let answer = scene.ask(method, &case.path, &admin, case.body.as_ref()).await;
            CONTRACT.assert_problem(&answer, StatusCode::NOT_FOUND);
        } else if method == Method::GET && !matches!(route, Route::ListTenants) {
            let answer = text(&scene.ask(method, &case.path, &admin, None).await);
            for id in [&things.user.to_string(), &things.api_key, &things.connection] {
                assert!(!answer.contains(id.as_str()), "{route:?} shows {id}");
            }
        }
    }
    assert!(scene.deeds(theirs).await.is_empty());
    assert_eq!(scene.database.count("select count(*) from connections where status = 'REMOVED'").await, 0);
    let platform = scene.platform_admin(ours).await;
    let path = format!("/api/admin/users/{}?tenant={theirs}", things.user);
    let body = json!({ "role": "EDITOR" });
    scene.json(Method::PATCH, &path, &platform, Some(&body), StatusCode::OK).await;
    assert_eq!(scene.deeds(theirs).await, ["user.role"]);
}

#[tokio::test]
async fn without_a_good_token_nothing_is_done() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let things = things(&scene, tenant).await;
    let expired = scene.token(UserId::new(), Timestamp::now() - SignedDuration::from_hours(2));
    let stranger = scene.token(UserId::new(), Timestamp::now() + SignedDuration::from_hours(1));
    for route in Route::ALL.iter().filter(|route| **route != Route::EndConsent) {
        let case = case(*route, &things, "nobody");
        for credential in ["", "Bearer x", "Basic x", &expired, &stranger] {
            let answer = scene.ask(route.template().0, &case.path, credential, case.body.as_ref()).await;
            CONTRACT.assert_problem(&answer, StatusCode::UNAUTHORIZED);
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        }
    }
}

#[tokio::test]
async fn a_body_is_small_json_that_says_so() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let admin = scene.admin(tenant).await;
    let things = things(&scene, tenant).await;
    for route in Route::ALL {
        let case = case(*route, &things, "body");
        if case.body.is_none() {
            continue;
        }
        let method = route.template().0;
        let path = if matches!(route, Route::CreateTenant) { continue } else { case.path.as_str() };
        let authorized = ("authorization", admin.as_str());
        let form = [authorized, ("content-type", "application/x-www-form-urlencoded")];
        let answer = scene.ask_with(method.clone(), path, &form, "a=b").await;
        CONTRACT.assert_problem(&answer, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let json = [authorized, ("content-type", "application/json; charset=utf-8")];
        let answer = scene.ask_with(method.clone(), path, &json, "{").await;
        CONTRACT.assert_problem(&answer, StatusCode::BAD_REQUEST);
        let large = format!("{{\"name\": \"{}\"}}", "x".repeat(70_000));
        let answer = scene.ask_with(method.clone(), path, &json, &large).await;
        CONTRACT.assert_problem(&answer, StatusCode::PAYLOAD_TOO_LARGE);
        let answer = scene.ask_with(method, path, &json, r#"{"surprise": 1}"#).await;
        CONTRACT.assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

/// Asks the catalogue for what the role may do to jobs, and then tries.
#[tokio::test]
async fn the_database_role_cannot_name_a_job_and_adds_to_the_audit_log_only() {
    let scene = Scene::new().await;
    let url = scene.database.url_as("zixly", scene.database.name());
    let sql = "
        select c.relname || ' ' || p.privilege
          from pg_class c
         cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) as p (privilege)
         where c.relname in ('pipeline_jobs', 'outbox', 'steps', 'attempts', 'effects', 'events', 'deliveries',
                             'callback_tokens', 'waits', 'workflow_related_records')
           and (has_table_privilege('zixly_admin', c.oid, p.privilege)
                or p.privilege in ('SELECT', 'INSERT', 'UPDATE')
                   and has_any_column_privilege('zixly_admin', c.oid, p.privilege))
         union all
        select 'audit_log ' || p.privilege
          from unnest(array['UPDATE', 'DELETE', 'TRUNCATE']) as p (privilege)
         where has_table_privilege('zixly_admin', 'audit_log', p.privilege)
            or p.privilege = 'UPDATE' and has_any_column_privilege('zixly_admin', 'audit_log', p.privilege)";
    assert_eq!(zixly_testkit::query(&url, sql).await, Vec::<Vec<String>>::new());
    let url = scene.database.url(zixly_testkit::Role::Admin);
    for statement in [
        "update pipeline_jobs set status = 'FAILED'",
        "select * from effects",
        "update audit_log set actor = 'nobody'",
        "delete from audit_log",
        "update users set is_platform_admin = true",
        "update api_keys set key_hash = '\\x00'",
    ] {
        assert_eq!(zixly_testkit::refusal(&url, statement).await.as_deref(), Some("42501"), "{statement}");
    }
}
