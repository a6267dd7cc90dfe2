//! A connection is authorised anew and its jobs go on; it ends, here and at the provider.

use jiff::{SignedDuration, Timestamp};
use lambda_http::http::{Method, StatusCode};
use serde_json::{Value, json};
use zixly_domain::{JobId, TenantId, TokenSet, TokenSetId};
use zixly_secrets::TokenSets;

use crate::scene::{CONTRACT, Scene, text};

const ORGANISATION: &str = "7d1f0a52-5b0e-4a55-9f38-0d5c1c0f6a11";
const OTHER: &str = "9e2f0a52-5b0e-4a55-9f38-0d5c1c0f6a12";
const CONNECTIONS: &str = "/api/admin/connections";

async fn world() -> (Scene, TenantId, String) {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let admin = scene.admin(tenant).await;
    scene.account("xero", "organisation", json!({ "id": ORGANISATION, "name": "Bay Books" })).await;
    scene.account("xero", "organisation", json!({ "id": OTHER, "name": "Bay Café" })).await;
    scene.account("hubspot", "portal", json!({ "id": 815, "name": "bay.example" })).await;
    scene.account("asana", "workspace", json!({ "gid": "1200000000000815", "name": "Bay" })).await;
    scene
        .account(
            "shopify",
            "shop",
            json!({ "domain": "bay-books.myshopify.com", "name": "Bay Books Online" }),
        )
        .await;
    (scene, tenant, admin)
}

async fn id_of(scene: &Scene, admin: &str, name: &str) -> String {
    let list = scene.get(CONNECTIONS, admin).await;
    let found = list["connections"].as_array().unwrap().iter().find(|it| it["account_name"] == name);
    found.unwrap()["connection_id"].as_str().unwrap().to_owned()
}

async fn disconnect(scene: &Scene, admin: &str, name: &str) {
    let path = format!("{CONNECTIONS}/{}", id_of(scene, admin, name).await);
    scene.json(Method::DELETE, &path, admin, None, StatusCode::NO_CONTENT).await;
}

async fn waiting_job(scene: &Scene, tenant: TenantId, reason: &str) -> JobId {
    let job_id = JobId::new();
    let due = Timestamp::now() + SignedDuration::from_hours(6);
    let sql = format!(
        "insert into pipeline_jobs (tenant_id, job_id, job_type, workflow_version, parameters, waiting_reason, due_at)
         values ('{tenant}', '{job_id}', 'xero-invoice-to-hubspot', 1, '{{}}', '{reason}', '{due}')"
    );
    scene.database.superuser().await.batch_execute(&sql).await.unwrap();
    job_id
}

#[tokio::test]
async fn a_new_consent_heals_the_connection_and_wakes_its_tenants_jobs() {
    let (scene, tenant, admin) = world().await;
    let other = scene.database.tenant("theirs").await;
    scene.connect("hubspot", &admin, &json!({}), &["815"]).await;
    let sql = "update connections set status = 'NEEDS_AUTHORISATION'";
    scene.database.superuser().await.batch_execute(sql).await.unwrap();
    let job = waiting_job(&scene, tenant, "reauthorisation").await;
    let busy = waiting_job(&scene, tenant, "rate budget").await;
    let theirs = waiting_job(&scene, other, "reauthorisation").await;
    scene.connect("hubspot", &admin, &json!({}), &["815"]).await;
    assert_eq!(scene.connections(&admin).await, ["hubspot bay.example HEALTHY"]);
    let due = "select string_agg(job_id::text, ' ') from pipeline_jobs where due_at <= now()";
    assert_eq!(scene.database.text(due).await, job.to_string(), "and not {busy} or {theirs}");
    let rung: Vec<Value> = scene
        .aws
        .receive(&scene.job_queue_url)
        .await
        .iter()
        .map(|message| serde_json::from_str(message.body().unwrap()).unwrap())
        .collect();
    assert_eq!(rung.len(), 1);
    assert!(rung[0].to_string().contains(&job.to_string()));
    // The old tokens are gone, and the row is the same.
    assert_eq!(scene.database.count("select count(*) from connections").await, 1);
}

#[tokio::test]
async fn of_two_organisations_of_one_consent_one_can_end() {
    let (scene, tenant, admin) = world().await;
    scene.connect("xero", &admin, &json!({}), &[ORGANISATION, OTHER]).await;
    disconnect(&scene, &admin, "Bay Café").await;
    assert_eq!(scene.connections(&admin).await, ["xero Bay Books HEALTHY"]);
    assert_eq!(calls(&scene, "xero").await.to_string().matches("DELETE").count(), 1);
    disconnect(&scene, &admin, "Bay Books").await;
    assert_eq!(scene.connections(&admin).await, Vec::<String>::new());
    let deeds = scene.deeds(tenant).await;
    assert_eq!(deeds[2..], ["connection.disconnect", "connection.disconnect"]);
    // And again.
    scene.connect("xero", &admin, &json!({}), &[ORGANISATION]).await;
    assert_eq!(scene.connections(&admin).await, ["xero Bay Books HEALTHY"]);
}

#[tokio::test]
async fn every_provider_is_told_that_a_connection_ends() {
    let (scene, _, admin) = world().await;
    scene.connect("hubspot", &admin, &json!({}), &["815"]).await;
    scene.connect("shopify", &admin, &json!({ "shop": "bay-books.myshopify.com" }), &[]).await;
    scene.connect("asana", &admin, &json!({}), &[]).await;
    let list = scene.get(CONNECTIONS, &admin).await;
    for connection in list["connections"].as_array().unwrap() {
        let path = format!("{CONNECTIONS}/{}", connection["connection_id"].as_str().unwrap());
        let answer = scene.ask(Method::DELETE, &path, &admin, None).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{connection}: {}", text(&answer));
        let answer = scene.ask(Method::DELETE, &path, &admin, None).await;
        CONTRACT.assert_problem(&answer, StatusCode::NOT_FOUND);
    }
    assert_eq!(scene.connections(&admin).await, Vec::<String>::new());
    for (provider, call) in
        [("hubspot", "/token/revoke"), ("shopify", "graphql.json"), ("asana", "/oauth_revoke")]
    {
        let calls = calls(&scene, provider).await;
        let told = calls.as_array().unwrap().iter().any(|it| {
            it["path"].as_str().is_some_and(|path| path.ends_with(call)) && it["status"].as_u64() < Some(300)
        });
        assert!(told, "{provider}: {calls}");
    }
    assert!(scene.aws.token_sets().await.is_empty());
}

async fn calls(scene: &Scene, provider: &str) -> Value {
    let url = format!("{}/_sim/calls?provider={provider}", scene.simulator.url);
    scene.http.get(url).send().await.unwrap().json().await.unwrap()
}

/// Xero and Shopify take an authorisation back with an access token only, and both have new refresh tokens at each use.
#[tokio::test]
async fn tokens_that_have_ended_are_renewed_to_be_taken_back() {
    let (scene, _, admin) = world().await;
    scene.connect("xero", &admin, &json!({}), &[ORGANISATION]).await;
    scene.connect("shopify", &admin, &json!({ "shop": "bay-books.myshopify.com" }), &[]).await;
    let stored = TokenSets::new(&scene.aws.config, scene.aws.secret_prefix());
    for id in
        scene.database.text("select string_agg(token_set_id::text, ' ') from connections").await.split(' ')
    {
        let id: TokenSetId = id.parse().unwrap();
        let token_set = stored.fetch(id).await.unwrap().token_set;
        stored.create(id, &TokenSet { expires_at: Timestamp::now(), ..token_set }).await.unwrap();
    }
    for provider in ["xero", "shopify"] {
        scene.control("faults", &json!({ "provider": provider, "fault": "expire" })).await;
    }
    disconnect(&scene, &admin, "Bay Books").await;
    disconnect(&scene, &admin, "Bay Books Online").await;
    let xero = calls(&scene, "xero").await.to_string();
    assert!(xero.contains("DELETE"), "{xero}");
    let refreshed = calls(&scene, "shopify").await.to_string().matches("access_token").count();
    assert_eq!(refreshed, 2, "once for the code, once for the renewal");
}

#[tokio::test]
async fn a_provider_that_is_away_keeps_the_connection_and_one_that_knows_it_no_more_does_not() {
    let (scene, _, admin) = world().await;
    scene.connect("hubspot", &admin, &json!({}), &["815"]).await;
    let fault = json!({ "provider": "hubspot", "fault": "status", "status": 503, "times": 1 });
    scene.control("faults", &fault).await;
    let path = format!("{CONNECTIONS}/{}", id_of(&scene, &admin, "bay.example").await);
    let answer = scene.ask(Method::DELETE, &path, &admin, None).await;
    CONTRACT.assert_problem(&answer, StatusCode::BAD_GATEWAY);
    assert!(text(&answer).contains("the connection stays"), "{}", text(&answer));
    scene.control("disconnect", &json!({ "provider": "hubspot", "account": 815 })).await;
    scene.json(Method::DELETE, &path, &admin, None, StatusCode::NO_CONTENT).await;
}

#[tokio::test]
async fn a_removed_connection_is_nobodys_any_more() {
    let (scene, tenant, admin) = world().await;
    scene.connect("hubspot", &admin, &json!({}), &["815"]).await;
    disconnect(&scene, &admin, "bay.example").await;
    let sql = "select count(*) from find_targets('hubspot', array['815'])";
    assert_eq!(scene.database.count(sql).await, 0);
    let store = scene.database.store(zixly_testkit::Role::Worker);
    let mut session = store.session().await.unwrap();
    let tx = session.begin(tenant).unwrap();
    let found = zixly_store::connections::list(&tx, zixly_domain::Provider::HubSpot, None).await.unwrap();
    assert!(found.is_empty());
}

/// The law asks for data to be removed after the app is gone, and nothing else is listened to.
#[tokio::test]
async fn a_shop_that_was_disconnected_may_still_ask_what_the_law_gives_it() {
    let (scene, _, admin) = world().await;
    scene.connect("shopify", &admin, &json!({ "shop": "bay-books.myshopify.com" }), &[]).await;
    disconnect(&scene, &admin, "Bay Books Online").await;
    let sql = "select count(*) || ' ' || max(cardinality(workflows))
                 from find_targets('shopify', array['bay-books.myshopify.com'])";
    assert_eq!(scene.database.text(sql).await, "1 0");
}

#[tokio::test]
async fn another_tenant_with_the_same_shop_is_not_cut_off() {
    let (scene, _, admin) = world().await;
    let other = scene.database.tenant("other").await;
    let other_admin = scene.admin(other).await;
    let shop = json!({ "shop": "bay-books.myshopify.com" });
    scene.connect("shopify", &admin, &shop, &[]).await;
    scene.connect("shopify", &other_admin, &shop, &[]).await;
    let before = calls(&scene, "shopify").await.as_array().unwrap().len();
    disconnect(&scene, &other_admin, "Bay Books Online").await;
    assert_eq!(calls(&scene, "shopify").await.as_array().unwrap().len(), before, "the shop was told nothing");
    assert_eq!(scene.connections(&admin).await, ["shopify Bay Books Online HEALTHY"]);
    assert_eq!(scene.aws.token_sets().await.len(), 1);
}

#[tokio::test]
async fn of_two_connections_that_end_at_once_nothing_is_left() {
    let (scene, tenant, admin) = world().await;
    scene.connect("xero", &admin, &json!({}), &[ORGANISATION, OTHER]).await;
    let (one, two) = (id_of(&scene, &admin, "Bay Books").await, id_of(&scene, &admin, "Bay Café").await);
    let paths = [one, two].map(|id| format!("{CONNECTIONS}/{id}"));
    let [first, second] = paths.each_ref().map(|path| scene.ask(Method::DELETE, path, &admin, None));
    let (first, second) = tokio::join!(first, second);
    assert_eq!([first.status(), second.status()], [StatusCode::NO_CONTENT; 2]);
    assert!(scene.aws.token_sets().await.is_empty());
    assert_eq!(scene.deeds(tenant).await.len(), 4);
}

#[tokio::test]
async fn what_was_disconnected_does_not_come_back_with_something_else() {
    let (scene, _, admin) = world().await;
    scene.account("asana", "workspace", json!({ "gid": "1200000000000816", "name": "Elsewhere" })).await;
    scene.connect("asana", &admin, &json!({}), &[]).await;
    disconnect(&scene, &admin, "Elsewhere").await;
    scene.connect("asana", &admin, &json!({}), &[]).await;
    let connected = scene.connections(&admin).await;
    assert!(connected.iter().any(|it| it == "asana Bay HEALTHY"), "{connected:?}");
    assert!(!connected.iter().any(|it| it.contains("Elsewhere")), "{connected:?}");
}

#[tokio::test]
async fn slack_is_connected_by_a_key_that_is_tried_first() {
    let (scene, _, admin) = world().await;
    let granted = scene.control("grant", &json!({ "provider": "slack", "accounts": ["T1/B1"] })).await;
    let key = granted["access_token"].as_str().unwrap();
    let new = json!({ "provider": "slack", "key": key });
    let made = scene.json(Method::POST, CONNECTIONS, &admin, Some(&new), StatusCode::CREATED).await;
    assert_eq!(made["account_id"], "T1/B1");
    for key in ["", "x", "https://evil.example/services/T1/B1/x", "http://169.254.169.254/", "xoxb-unknown"] {
        let new = json!({ "provider": "slack", "key": key });
        let answer = scene.ask(Method::POST, CONNECTIONS, &admin, Some(&new)).await;
        CONTRACT.assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(key.is_empty() || key == "x" || !text(&answer).contains(key), "{}", text(&answer));
    }
}
