//! A key is shown once, kept as a hash, and revoked for good.

use lambda_http::http::{Method, StatusCode};
use serde_json::json;
use zixly_auth::ApiKey;
use zixly_store::api_keys;
use zixly_testkit::Role;

use crate::scene::{CONTRACT, Scene};

const KEYS: &str = "/api/admin/api-keys";

#[tokio::test]
async fn a_key_opens_what_it_was_made_for_until_it_is_revoked() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let admin = scene.admin(tenant).await;
    let new = json!({ "name": "till", "job_types": ["trading-sweep"] });
    let made = scene.json(Method::POST, KEYS, &admin, Some(&new), StatusCode::CREATED).await;
    let key = ApiKey::parse(made["key"].as_str().unwrap()).unwrap();
    let list = scene.get(KEYS, &admin).await;
    assert_eq!(list["api_keys"][0]["name"], "till");
    assert!(!list.to_string().contains(key.expose()), "it is shown once");

    let store = scene.database.store(Role::Webhook);
    let mut session = store.session().await.unwrap();
    let found = api_keys::find(&mut session, &key.hash()).await.unwrap().unwrap();
    assert_eq!((found.tenant_id, found.job_types), (tenant, Some(vec!["trading-sweep".to_owned()])));
    assert!(!found.was_used_just_now);
    let tx = session.begin(tenant).unwrap();
    api_keys::note_use(&tx, found.api_key_id).await.unwrap();
    tx.commit().await.unwrap();
    assert!(scene.get(KEYS, &admin).await["api_keys"][0]["last_used_at"].is_string());

    let one = format!("{KEYS}/{}", found.api_key_id);
    for _ in 0..2 {
        scene.json(Method::DELETE, &one, &admin, None, StatusCode::NO_CONTENT).await;
    }
    assert!(api_keys::find(&mut session, &key.hash()).await.unwrap().is_none());
    assert_eq!(scene.deeds(tenant).await, ["key.make", "key.revoke"]);
}

#[tokio::test]
async fn a_key_for_nothing_that_there_is_is_not_made() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let admin = scene.admin(tenant).await;
    for job_types in [json!([]), json!(["fax"]), json!(["xero-paid-invoices-poll"]), json!("trading-sweep")] {
        let new = json!({ "name": "key", "job_types": job_types });
        let answer = scene.ask(Method::POST, KEYS, &admin, Some(&new)).await;
        CONTRACT.assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    }
}
