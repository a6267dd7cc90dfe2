//! A platform admin makes a tenant; its first ADMIN is invited.

use lambda_http::http::{Method, StatusCode};
use serde_json::json;

use crate::scene::{CONTRACT, Invitations, Scene, text};

#[tokio::test]
async fn a_new_tenant_has_an_invited_admin() {
    let scene = Scene::new().await;
    let own = scene.database.tenant("Own").await;
    let platform = scene.platform_admin(own).await;
    let new = json!({ "name": " Bay Books ", "admin_email": "Owner@Bay.example" });
    let made =
        scene.json(Method::POST, "/api/admin/tenants", &platform, Some(&new), StatusCode::CREATED).await;
    assert_eq!(made["name"], "Bay Books");
    let tenants = scene.get("/api/admin/tenants", &platform).await;
    let names: Vec<_> = tenants["tenants"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["Bay Books", "Own"]);
    let tenant_id = made["tenant_id"].as_str().unwrap();
    let users = scene.get(&format!("/api/admin/users?tenant={tenant_id}"), &platform).await;
    assert_eq!(users["users"][0]["email"], "owner@bay.example");
    assert_eq!(users["users"][0]["role"], "ADMIN");
    assert_eq!(scene.deeds(tenant_id.parse().unwrap()).await, ["tenant.make", "user.invite"]);
    let mails: serde_json::Value = scene
        .http
        .get(format!("{}/_sim/mails", scene.simulator.url))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(mails.to_string().contains("owner@bay.example"), "{mails}");
}

#[tokio::test]
async fn a_tenant_whose_admin_cannot_be_invited_is_not_made() {
    let scene = Scene::new().await;
    let own = scene.database.tenant("Own").await;
    let platform = scene.platform_admin(own).await;
    let new = json!({ "name": "First", "admin_email": "owner@first.example" });
    scene.json(Method::POST, "/api/admin/tenants", &platform, Some(&new), StatusCode::CREATED).await;
    // His id is the same as before, and a user belongs to one tenant.
    let again = json!({ "name": "Second", "admin_email": "owner@first.example" });
    let answer = scene.ask(Method::POST, "/api/admin/tenants", &platform, Some(&again)).await;
    CONTRACT.assert_problem(&answer, StatusCode::CONFLICT);
    assert_eq!(scene.database.count("select count(*) from tenants where name = 'Second'").await, 0);
    for (name, email) in [("", "a@b.example"), ("x", "nobody"), ("a\nb", "a@b.example")] {
        let new = json!({ "name": name, "admin_email": email });
        let answer = scene.ask(Method::POST, "/api/admin/tenants", &platform, Some(&new)).await;
        CONTRACT.assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn where_no_invitations_are_sent_the_id_has_to_be_given() {
    let scene = Scene::with(Invitations::NotConfigured).await;
    let own = scene.database.tenant("Own").await;
    let platform = scene.platform_admin(own).await;
    let new = json!({ "name": "First", "admin_email": "owner@first.example" });
    let answer = scene.ask(Method::POST, "/api/admin/tenants", &platform, Some(&new)).await;
    CONTRACT.assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(&answer).contains("admin_user_id"), "{}", text(&answer));
    let id = uuid::Uuid::new_v4();
    let new = json!({ "name": "First", "admin_email": "owner@first.example", "admin_user_id": id });
    scene.json(Method::POST, "/api/admin/tenants", &platform, Some(&new), StatusCode::CREATED).await;
}
