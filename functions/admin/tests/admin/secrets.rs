//! No token, code, key or secret stands in a row, an answer or the log.

use std::sync::{Arc, Mutex};

use lambda_http::http::{Method, StatusCode};
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;
use zixly_lambda_kit::telemetry::subscriber;
use zixly_testkit::query;

use crate::scene::{CLIENT_SECRET, Scene, text};

/// Every value of every row of every table, as text.
async fn all_rows(scene: &Scene) -> String {
    let url = scene.database.url_as("zixly", scene.database.name());
    let tables = "select c.relname from pg_class c
                   where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'";
    let mut rows = String::new();
    for table in query(&url, tables).await {
        for row in query(&url, &format!("select t::text from {} t", table[0])).await {
            rows.push_str(&row[0]);
            rows.push('\n');
        }
    }
    rows
}

#[tokio::test]
async fn nothing_secret_stands_anywhere_but_in_secrets_manager() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&log);
    let write = move |line: &[u8]| written.lock().unwrap().extend_from_slice(line);
    let _guard = tracing::subscriber::set_default(subscriber(LevelFilter::TRACE, write));

    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let admin = scene.admin(tenant).await;
    scene.account("hubspot", "portal", json!({ "id": 815, "name": "bay.example" })).await;
    let way = scene.way("hubspot", &admin, &json!({}), &["815"]).await;
    let mut answers = text(&scene.come_back(&way.path, &way.cookie).await);
    let granted = scene.control("grant", &json!({ "provider": "slack", "accounts": ["T1/B1"] })).await;
    let hook = granted["access_token"].as_str().unwrap().to_owned();
    let new = json!({ "provider": "slack", "key": hook });
    let path = "/api/admin/connections";
    answers += &scene.json(Method::POST, path, &admin, Some(&new), StatusCode::CREATED).await.to_string();
    let new = json!({ "name": "till" });
    let made = scene.json(Method::POST, "/api/admin/api-keys", &admin, Some(&new), StatusCode::CREATED).await;
    let key = made["key"].as_str().unwrap().to_owned();
    for path in ["/api/admin/connections", "/api/admin/api-keys", "/api/admin/users", "/api/admin/workflows"]
    {
        answers += &scene.get(path, &admin).await.to_string();
    }
    // An error on the way, with all of it in hand.
    let failing = scene.way("hubspot", &admin, &json!({}), &["815"]).await;
    scene.control("faults", &json!({ "provider": "hubspot", "fault": "malformed", "times": 1 })).await;
    answers += &text(&scene.come_back(&failing.path, &failing.cookie).await);

    let stored = scene.aws.token_sets().await;
    let mut secrets: Vec<String> = stored
        .iter()
        .filter_map(|text| serde_json::from_str::<Value>(text).ok())
        .flat_map(|set| [set["access_token"].clone(), set["refresh_token"].clone()])
        .filter_map(|token| token.as_str().filter(|token| !token.is_empty()).map(ToOwned::to_owned))
        .collect();
    assert!(
        secrets.iter().any(|secret| secret.starts_with("na1-")),
        "HubSpot's tokens are stored: {secrets:?}"
    );
    for way in [&way, &failing] {
        let (_, query) = way.path.split_once('?').unwrap();
        let parameters = form_urlencoded::parse(query.as_bytes());
        secrets.extend(parameters.filter(|(name, _)| name != "shop").map(|(_, value)| value.into_owned()));
        secrets.push(way.cookie.split_once('=').unwrap().1.to_owned());
    }
    secrets.extend([hook, key, CLIENT_SECRET.to_owned(), "sb_secret_local".to_owned()]);
    secrets.push(admin.trim_start_matches("Bearer ").to_owned());
    let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    assert!(log.contains("consent.given"), "the log is looked at");
    let rows = all_rows(&scene).await;
    assert!(rows.contains("connection.connect"), "the rows are looked at");
    for secret in secrets {
        assert!(!rows.contains(&secret), "a row holds {secret}");
        assert!(!answers.contains(&secret), "an answer holds {secret}");
        assert!(!log.contains(&secret), "the log holds {secret}");
    }
}
