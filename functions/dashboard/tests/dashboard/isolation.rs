//! Nobody sees another tenant's rows, whatever he asks for. A route without a case here fails.

use jiff::{SignedDuration, Timestamp};
use lambda_http::http::{Method, StatusCode};
use zixly_dashboard::routes::Route;
use zixly_domain::{Role, UserId};

use crate::scene::{CONTRACT, Scene, text, token};

#[test]
fn the_openapi_file_has_the_routes_that_there_are() {
    let routes = Route::ALL.iter().map(|route| ("GET".to_owned(), route.template().to_owned())).collect();
    assert_eq!(CONTRACT.operations(), routes);
}

/// What another tenant's user asks for at each route.
enum Case {
    /// The same for everybody.
    Public,
    /// A path that names another tenant's thing.
    Foreign(String),
    /// A list or a sum, in which nothing of another tenant's may be found.
    Own(&'static str),
}

#[tokio::test]
async fn another_tenants_ids_are_unknown_at_every_route() {
    let scene = Scene::new().await;
    let (ours, theirs) = (scene.database.tenant("ours").await, scene.database.tenant("theirs").await);
    let rich = scene.rich_job(theirs).await;
    let waiting = scene.job(theirs, "xero-invoice-to-hubspot", "QUEUED", "INV-theirs", 0).await;
    let admin = scene.user(ours, Role::Admin).await;
    let since = (Timestamp::now() - SignedDuration::from_mins(5)).to_string();
    for route in Route::ALL {
        let case = match route {
            Route::Config | Route::Health => Case::Public,
            Route::Job => Case::Foreign(format!("/api/pipelines/jobs/{}", rich.job_id)),
            Route::Delivery => Case::Foreign(format!("/api/pipelines/deliveries/{}", rich.delivery_id)),
            Route::Results => Case::Foreign(format!("/api/pipelines/results/{}", rich.job_id)),
            Route::Me
            | Route::Overview
            | Route::Jobs
            | Route::Deliveries
            | Route::Errors
            | Route::SyncStatus
            | Route::ServiceMetrics
            | Route::Audit
            | Route::Ticket
            | Route::Stream => Case::Own(route.template()),
        };
        let asked = |path: String| {
            let (scene, admin, since) = (&scene, &admin, &since);
            async move {
                let headers = [("authorization", admin.as_str()), ("last-event-id", since)];
                scene.ask(Method::GET, &path, &headers).await
            }
        };
        match case {
            Case::Public => assert_eq!(asked(route.template().to_owned()).await.status(), StatusCode::OK),
            Case::Foreign(path) => {
                let answer = asked(path.clone()).await;
                CONTRACT.assert_problem(&answer, StatusCode::NOT_FOUND);
                // Nor does it help to say that one is of the other tenant.
                let answer = asked(format!("{path}?tenant={theirs}")).await;
                CONTRACT.assert_problem(&answer, StatusCode::NOT_FOUND);
            }
            Case::Own(path) => {
                let answer = asked(path.to_owned()).await;
                assert_eq!(answer.status(), StatusCode::OK, "{path}");
                let found = text(&answer);
                for id in
                    [theirs.to_string(), rich.job_id.to_string(), waiting.to_string(), "INV-theirs".into()]
                {
                    assert!(!found.contains(&id), "{path} shows {id}");
                }
                let answer = asked(format!("{path}?tenant={theirs}")).await;
                CONTRACT.assert_problem(&answer, StatusCode::NOT_FOUND);
            }
        }
    }
}

#[tokio::test]
async fn the_right_tenant_sees_them_all() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let rich = scene.rich_job(tenant).await;
    let admin = scene.user(tenant, Role::Admin).await;
    for path in [
        format!("/api/pipelines/jobs/{}", rich.job_id),
        format!("/api/pipelines/deliveries/{}", rich.delivery_id),
        format!("/api/pipelines/results/{}", rich.job_id),
        "/api/me".into(),
        "/api/dashboards".into(),
        "/api/pipelines/errors".into(),
        "/api/sync-status".into(),
        "/api/service-metrics".into(),
        "/api/audit".into(),
        "/api/realtime-ticket".into(),
    ] {
        scene.json(&path, &admin).await;
    }
}

#[tokio::test]
async fn without_a_good_token_nothing_is_shown() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    scene.rich_job(tenant).await;
    let expired = token(UserId::new(), Timestamp::now() - SignedDuration::from_hours(2));
    let stranger = token(UserId::new(), Timestamp::now() + SignedDuration::from_hours(1));
    for route in Route::ALL.iter().filter(|route| !matches!(route, Route::Config | Route::Health)) {
        let path = route.template().replace("{id}", "01900000-0000-7000-8000-000000000000");
        for credential in ["", "Bearer x", "Basic x", &expired, &stranger] {
            let answer = scene.get(&path, credential).await;
            CONTRACT.assert_problem(&answer, StatusCode::UNAUTHORIZED);
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        }
    }
}

#[tokio::test]
async fn a_platform_admin_looks_at_one_tenant_at_a_time() {
    let scene = Scene::new().await;
    let (own, other) = (scene.database.tenant("own").await, scene.database.tenant("other").await);
    let job = scene.job(other, "xero-invoice-to-hubspot", "QUEUED", "INV-1", 0).await.to_string();
    let admin = scene.platform_admin(own).await;
    assert_eq!(scene.json("/api/me", &admin).await["tenants"].as_array().unwrap().len(), 2);
    assert!(!scene.json("/api/pipelines/jobs", &admin).await.to_string().contains(&job));
    let switched = scene.json(&format!("/api/pipelines/jobs?tenant={other}"), &admin).await;
    assert!(switched.to_string().contains(&job));
    let me = scene.json(&format!("/api/me?tenant={other}"), &admin).await;
    assert_eq!((me["tenant"]["name"].as_str(), me["role"].as_str()), (Some("other"), Some("ADMIN")));
    let nobody = format!("/api/me?tenant={}", UserId::new());
    assert_eq!(scene.get(&nobody, &admin).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_audit_log_is_for_admins() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    for role in [Role::Viewer, Role::Editor] {
        let user = scene.user(tenant, role).await;
        let answer = scene.get("/api/audit", &user).await;
        CONTRACT.assert_problem(&answer, StatusCode::FORBIDDEN);
        assert!(text(&answer).contains(role.as_str()));
    }
}
