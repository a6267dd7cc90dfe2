//! Users come by invitation, change roles and go, and an ADMIN is always left.

use lambda_http::http::{Method, StatusCode};
use serde_json::json;
use zixly_domain::Role;

use crate::scene::{CONTRACT, Scene, text};

const USERS: &str = "/api/admin/users";

#[tokio::test]
async fn a_user_is_invited_promoted_and_removed() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let admin = scene.admin(tenant).await;
    let new = json!({ "email": "pat@ours.example", "role": "VIEWER" });
    let made = scene.json(Method::POST, USERS, &admin, Some(&new), StatusCode::CREATED).await;
    let one = format!("{USERS}/{}", made["user_id"].as_str().unwrap());
    let role = json!({ "role": "ADMIN" });
    let changed = scene.json(Method::PATCH, &one, &admin, Some(&role), StatusCode::OK).await;
    assert_eq!(
        (changed["email"].as_str(), changed["role"].as_str()),
        (Some("pat@ours.example"), Some("ADMIN"))
    );
    scene.json(Method::DELETE, &one, &admin, None, StatusCode::NO_CONTENT).await;
    let answer = scene.ask(Method::DELETE, &one, &admin, None).await;
    CONTRACT.assert_problem(&answer, StatusCode::NOT_FOUND);
    assert_eq!(scene.deeds(tenant).await, ["user.invite", "user.role", "user.remove"]);
    // He is gone at Supabase Auth too, so that he can be invited again.
    let again = scene.json(Method::POST, USERS, &admin, Some(&new), StatusCode::CREATED).await;
    assert_ne!(again["user_id"], made["user_id"]);
}

#[tokio::test]
async fn a_removed_user_is_answered_no_more() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let admin = scene.admin(tenant).await;
    let (user_id, removed) = scene.user(tenant, Role::Admin).await;
    scene.get(USERS, &removed).await;
    scene.json(Method::DELETE, &format!("{USERS}/{user_id}"), &admin, None, StatusCode::NO_CONTENT).await;
    let answer = scene.ask(Method::GET, USERS, &removed, None).await;
    CONTRACT.assert_problem(&answer, StatusCode::UNAUTHORIZED);
    // Nor do his pages hear of anything.
    let told = scene.aws.receive(&scene.job_event_queue_url).await;
    assert!(
        told[0].body().unwrap().contains("ends_sessions")
            && told[0].body().unwrap().contains(&tenant.to_string())
    );
}

#[tokio::test]
async fn whoever_runs_the_installation_is_removed_by_nobody() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let admin = scene.admin(tenant).await;
    scene.platform_admin(tenant).await;
    let users = scene.get(USERS, &admin).await;
    let viewer = users["users"].as_array().unwrap().iter().find(|it| it["role"] == "VIEWER").unwrap();
    let one = format!("{USERS}/{}", viewer["user_id"].as_str().unwrap());
    let answer = scene.ask(Method::DELETE, &one, &admin, None).await;
    CONTRACT.assert_problem(&answer, StatusCode::CONFLICT);
    assert_eq!(scene.get(USERS, &admin).await["users"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_last_admin_stays() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let (user_id, admin) = scene.user(tenant, Role::Admin).await;
    let one = format!("{USERS}/{user_id}");
    let role = json!({ "role": "VIEWER" });
    for (method, body) in [(Method::PATCH, Some(&role)), (Method::DELETE, None)] {
        let answer = scene.ask(method, &one, &admin, body).await;
        CONTRACT.assert_problem(&answer, StatusCode::CONFLICT);
        assert!(text(&answer).contains("last ADMIN"));
    }
    assert!(scene.deeds(tenant).await.is_empty());
}

/// Two ADMINs who remove each other in the same moment must not both succeed.
#[tokio::test]
async fn of_two_admins_who_remove_each_other_one_stays() {
    let scene = Scene::new().await;
    for _ in 0..5 {
        let tenant = scene.database.tenant("ours").await;
        let ((one, one_is), (other, other_is)) =
            (scene.user(tenant, Role::Admin).await, scene.user(tenant, Role::Admin).await);
        let (by_one, by_other) = (format!("{USERS}/{other}"), format!("{USERS}/{one}"));
        let (first, second) = tokio::join!(
            scene.ask(Method::DELETE, &by_one, &one_is, None),
            scene.ask(Method::DELETE, &by_other, &other_is, None),
        );
        let removed = [&first, &second].iter().filter(|answer| answer.status().is_success()).count();
        assert_eq!(removed, 1, "{} {}", text(&first), text(&second));
        let sql = format!("select count(*) from users where tenant_id = '{tenant}' and role = 'ADMIN'");
        assert_eq!(scene.database.count(&sql).await, 1);
    }
}

#[tokio::test]
async fn an_address_that_is_in_use_cannot_be_invited_and_nobody_learns_where() {
    let scene = Scene::new().await;
    let (ours, theirs) = (scene.database.tenant("ours").await, scene.database.tenant("theirs").await);
    let (us, them) = (scene.admin(ours).await, scene.admin(theirs).await);
    let new = json!({ "email": "pat@somewhere.example", "role": "EDITOR" });
    scene.json(Method::POST, USERS, &them, Some(&new), StatusCode::CREATED).await;
    let answer = scene.ask(Method::POST, USERS, &us, Some(&new)).await;
    CONTRACT.assert_problem(&answer, StatusCode::CONFLICT);
    assert!(!text(&answer).contains("theirs"));
    for (email, role) in [("pat", "EDITOR"), ("pat@x.example", "OWNER"), ("a b@x.example", "VIEWER")] {
        let new = json!({ "email": email, "role": role });
        let answer = scene.ask(Method::POST, USERS, &us, Some(&new)).await;
        CONTRACT.assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn when_no_invitation_can_be_sent_nobody_is_added() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let admin = scene.admin(tenant).await;
    let fault =
        json!({ "provider": "auth", "fault": "status", "status": 500, "match": { "path": "/v1/invite" } });
    scene.control("faults", &fault).await;
    let new = json!({ "email": "pat@ours.example", "role": "VIEWER" });
    let answer = scene.ask(Method::POST, USERS, &admin, Some(&new)).await;
    CONTRACT.assert_problem(&answer, StatusCode::BAD_GATEWAY);
    assert_eq!(scene.get(USERS, &admin).await["users"].as_array().unwrap().len(), 1);
}
