//! An owner connects his accounts, at the simulated providers' own pages; and everything that can go wrong on the way.

use jiff::{SignedDuration, Timestamp};
use lambda_http::http::{Method, StatusCode};
use serde_json::json;
use zixly_domain::Role;

use crate::scene::{CONTRACT, Scene, Way, text};

const ORGANISATION: &str = "7d1f0a52-5b0e-4a55-9f38-0d5c1c0f6a11";
const OTHER: &str = "9e2f0a52-5b0e-4a55-9f38-0d5c1c0f6a12";
const SHOP: &str = "bay-books.myshopify.com";

async fn world() -> (Scene, zixly_domain::TenantId, String) {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let admin = scene.admin(tenant).await;
    scene.account("xero", "organisation", json!({ "id": ORGANISATION, "name": "Bay Books" })).await;
    scene.account("xero", "organisation", json!({ "id": OTHER, "name": "Bay Café" })).await;
    scene.account("hubspot", "portal", json!({ "id": 815, "name": "bay.example" })).await;
    scene.account("shopify", "shop", json!({ "domain": SHOP, "name": "Bay Books Online" })).await;
    scene.account("asana", "workspace", json!({ "gid": "1200000000000815", "name": "Bay" })).await;
    (scene, tenant, admin)
}

/// A failure is a page with a sentence and a way back, and nothing was connected.
async fn assert_fails(scene: &Scene, admin: &str, way: &Way, status: StatusCode, words: &str) {
    let answer = scene.come_back(&way.path, &way.cookie).await;
    let page = text(&answer);
    assert_eq!(answer.status(), status, "{page}");
    assert!(page.contains(words), "{page}");
    assert!(page.contains("Back to Connections"), "{page}");
    assert_eq!(scene.connections(admin).await, Vec::<String>::new());
}

#[tokio::test]
async fn every_provider_is_connected_by_its_own_page() {
    let (scene, tenant, admin) = world().await;
    scene.connect("xero", &admin, &json!({}), &[ORGANISATION, OTHER]).await;
    scene.connect("hubspot", &admin, &json!({}), &["815"]).await;
    scene.connect("shopify", &admin, &json!({ "shop": SHOP }), &[]).await;
    scene.connect("asana", &admin, &json!({}), &[]).await;
    let connected = scene.connections(&admin).await;
    for expected in [
        "xero Bay Books HEALTHY",
        "xero Bay Café HEALTHY",
        "hubspot bay.example HEALTHY",
        "shopify Bay Books Online HEALTHY",
        "asana Bay HEALTHY",
    ] {
        assert!(connected.iter().any(|it| it == expected), "{expected} of {connected:?}");
    }
    assert!(scene.deeds(tenant).await.iter().all(|deed| deed == "connection.connect"));
    // Both organisations are opened by one token set.
    let sql = "select count(distinct token_set_id) from connections where provider = 'xero'";
    assert_eq!(scene.database.count(sql).await, 1);
}

#[tokio::test]
async fn a_callback_counts_once() {
    let (scene, _, admin) = world().await;
    let way = scene.way("hubspot", &admin, &json!({}), &["815"]).await;
    assert_eq!(scene.come_back(&way.path, &way.cookie).await.status(), StatusCode::SEE_OTHER);
    let again = scene.come_back(&way.path, &way.cookie).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    assert!(text(&again).contains("used before"));
    assert_eq!(scene.connections(&admin).await.len(), 1);
}

#[tokio::test]
async fn of_two_callbacks_at_once_one_counts() {
    let (scene, _, admin) = world().await;
    let way = scene.way("hubspot", &admin, &json!({}), &["815"]).await;
    let (one, other) =
        tokio::join!(scene.come_back(&way.path, &way.cookie), scene.come_back(&way.path, &way.cookie));
    let mut statuses = [one.status().as_u16(), other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
}

#[tokio::test]
async fn a_consent_ends_in_the_browser_in_which_it_was_begun() {
    let (scene, _, admin) = world().await;
    let way = scene.way("hubspot", &admin, &json!({}), &["815"]).await;
    let (_, another) = scene.start("hubspot", &admin, &json!({})).await;
    for cookie in ["", "zixly-consent-hubspot=x", &another] {
        let stolen = Way { path: way.path.clone(), cookie: cookie.to_owned() };
        assert_fails(&scene, &admin, &stolen, StatusCode::CONFLICT, "another browser").await;
    }
    // Whoever tried in vain has not used it up.
    assert_eq!(scene.come_back(&way.path, &way.cookie).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_state_that_is_not_ours_or_of_another_provider_leads_nowhere() {
    let (scene, _, admin) = world().await;
    let (_, cookie) = scene.start("hubspot", &admin, &json!({})).await;
    for path in ["/oauth/hubspot/callback?code=x", "/oauth/hubspot/callback?code=x&state=abc"] {
        let way = Way { path: path.to_owned(), cookie: cookie.clone() };
        assert_fails(&scene, &admin, &way, StatusCode::BAD_REQUEST, "no state of ours").await;
    }
    let way = scene.way("hubspot", &admin, &json!({}), &["815"]).await;
    let elsewhere = Way {
        path: way.path.replace("/hubspot/", "/asana/"),
        cookie: way.cookie.replace("consent-hubspot", "consent-asana"),
    };
    assert_fails(&scene, &admin, &elsewhere, StatusCode::BAD_REQUEST, "another question").await;
    let fax = scene.come_back("/oauth/fax/callback", "").await;
    assert_eq!(fax.status(), StatusCode::NOT_FOUND);
    let answer = scene.ask(Method::POST, "/oauth/slack/start", &admin, Some(&json!({}))).await;
    CONTRACT.assert_problem(&answer, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn whoever_says_no_is_told_that_nothing_has_changed() {
    let (scene, _, admin) = world().await;
    for provider in ["xero", "hubspot", "asana"] {
        let (url, cookie) = scene.start(provider, &admin, &json!({})).await;
        let way = Way { path: scene.decide(&url, "cancel", &[]).await, cookie };
        assert_fails(&scene, &admin, &way, StatusCode::FORBIDDEN, "Nothing was connected").await;
    }
}

#[tokio::test]
async fn a_code_that_is_too_old_or_somebody_elses_is_told_so() {
    let (scene, _, admin) = world().await;
    let way = scene.way("xero", &admin, &json!({}), &[ORGANISATION]).await;
    scene.control("clock", &json!({ "advance_s": 301 })).await;
    assert_fails(&scene, &admin, &way, StatusCode::CONFLICT, "too old").await;
    let way = scene.way("hubspot", &admin, &json!({}), &["815"]).await;
    let (path, _) = way.path.split_once("code=").unwrap();
    let state = way.path.split("state=").nth(1).unwrap();
    let forged = Way { path: format!("{path}code=forged&state={state}"), cookie: way.cookie };
    assert_fails(&scene, &admin, &forged, StatusCode::CONFLICT, "does not take this code").await;
}

/// Of two consents at Asana in one browser, the code of the one with the question of the other: PKCE tells them apart.
#[tokio::test]
async fn a_code_of_another_question_is_refused_by_its_verifier() {
    let (scene, _, admin) = world().await;
    let first = scene.way("asana", &admin, &json!({}), &[]).await;
    let second = scene.way("asana", &admin, &json!({}), &[]).await;
    let part = |way: &Way, name: &str| {
        let query = way.path.split_once('?').unwrap().1.to_owned();
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).unwrap().1.into_owned()
    };
    let path =
        format!("/oauth/asana/callback?code={}&state={}", part(&first, "code"), part(&second, "state"));
    let mixed = Way { path, cookie: second.cookie };
    assert_fails(&scene, &admin, &mixed, StatusCode::CONFLICT, "does not take this code").await;
}

#[tokio::test]
async fn ten_minutes_are_the_most() {
    let (scene, _, admin) = world().await;
    let way = scene.way("hubspot", &admin, &json!({}), &["815"]).await;
    let sql = "update oauth_requests set expires_at = now() - interval '1 second'";
    scene.database.superuser().await.batch_execute(sql).await.unwrap();
    assert_fails(&scene, &admin, &way, StatusCode::CONFLICT, "ten minutes").await;
}

#[tokio::test]
async fn whoever_lost_the_role_meanwhile_connects_nothing() {
    let (scene, tenant, admin) = world().await;
    let (user_id, second) = scene.user(tenant, Role::Admin).await;
    let way = scene.way("hubspot", &second, &json!({}), &["815"]).await;
    let path = format!("/api/admin/users/{user_id}");
    scene.json(Method::PATCH, &path, &admin, Some(&json!({ "role": "EDITOR" })), StatusCode::OK).await;
    assert_fails(&scene, &admin, &way, StatusCode::FORBIDDEN, "Only an ADMIN").await;
}

#[tokio::test]
async fn shopify_has_to_have_signed_it_for_the_shop_that_was_asked() {
    let (scene, _, admin) = world().await;
    scene.account("shopify", "shop", json!({ "domain": "other.myshopify.com", "name": "Other" })).await;
    let asked = json!({ "shop": SHOP });
    let way = scene.way("shopify", &admin, &asked, &[]).await;
    let tampered = Way { path: way.path.replace("bay-books", "evil-books"), cookie: way.cookie.clone() };
    assert_fails(&scene, &admin, &tampered, StatusCode::BAD_REQUEST, "cannot be taken for Shopify").await;
    let unsigned = way.path.split('&').filter(|it| !it.contains("hmac=")).collect::<Vec<_>>().join("&");
    let unsigned = Way { path: unsigned, cookie: way.cookie.clone() };
    assert_fails(&scene, &admin, &unsigned, StatusCode::BAD_REQUEST, "hmac is missing").await;
    // Rightly signed by another shop, with the state of ours.
    let (url, cookie) = scene.start("shopify", &admin, &asked).await;
    let elsewhere = url.replace("bay-books.myshopify.com", "other.myshopify.com");
    let wrong = Way { path: scene.decide(&elsewhere, "allow", &[]).await, cookie };
    assert_fails(&scene, &admin, &wrong, StatusCode::BAD_REQUEST, "another shop answered").await;
    for shop in
        ["evil.example", "https://bay-books.myshopify.com", "bay-books.myshopify.com.evil.example", ""]
    {
        let asked = json!({ "shop": shop });
        let answer = scene.ask(Method::POST, "/oauth/shopify/start", &admin, Some(&asked)).await;
        CONTRACT.assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(scene.come_back(&way.path, &way.cookie).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_provider_that_fails_is_named_and_nothing_is_kept() {
    let (scene, _, admin) = world().await;
    let way = scene.way("hubspot", &admin, &json!({}), &["815"]).await;
    let fault = json!({
        "provider": "hubspot", "fault": "status", "status": 503, "match": { "path": "/oauth/2026-03/token" },
    });
    scene.control("faults", &fault).await;
    assert_fails(&scene, &admin, &way, StatusCode::BAD_GATEWAY, "HubSpot cannot answer now").await;
    assert_eq!(scene.database.count("select count(*) from token_sets").await, 0);
}

#[tokio::test]
async fn what_was_begun_and_never_ended_is_forgotten() {
    let (scene, _, admin) = world().await;
    scene.start("hubspot", &admin, &json!({})).await;
    let old = Timestamp::now() - SignedDuration::from_hours(2);
    let sql = format!("update oauth_requests set expires_at = '{old}'");
    scene.database.superuser().await.batch_execute(&sql).await.unwrap();
    scene.start("xero", &admin, &json!({})).await;
    assert_eq!(scene.database.text("select string_agg(provider, ',') from oauth_requests").await, "xero");
}
