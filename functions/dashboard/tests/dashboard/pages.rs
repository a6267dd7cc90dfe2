//! The pages as a browser gets them.

use lambda_http::http::{Method, StatusCode};

use crate::scene::{Scene, text};

#[tokio::test]
async fn every_address_that_is_no_file_is_the_page() {
    let scene = Scene::new().await;
    let page = scene.get("/", "").await;
    assert_eq!(page.status(), StatusCode::OK, "{}", text(&page));
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers()["cache-control"], "no-cache");
    for path in ["/jobs", "/jobs/01900000-0000-7000-8000-000000000000/steps/read-invoice", "/sign-in"] {
        assert_eq!(scene.get(path, "").await.body(), page.body(), "{path}");
    }
    assert_eq!(scene.get("/assets/gone-1234.js", "").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(scene.get("/api/nothing", "").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_asset_is_kept_for_ever_and_sent_small() {
    let scene = Scene::new().await;
    let page = text(&scene.get("/", "").await);
    let script =
        page.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("the page has a script");
    let mut sizes = Vec::new();
    for encoding in ["br", "gzip", "identity"] {
        let answer = scene.ask(Method::GET, script, &[("accept-encoding", encoding)]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{script}");
        assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(answer.headers()["content-type"], "text/javascript; charset=utf-8");
        let said = answer.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(said.as_deref(), Some(encoding).filter(|encoding| *encoding != "identity"));
        sizes.push(answer.body().len());
    }
    assert!(sizes[0] <= sizes[1] && sizes[1] < sizes[2], "{sizes:?}");
}

#[tokio::test]
async fn a_page_may_do_what_it_needs_and_no_more() {
    let scene = Scene::new().await;
    let page = scene.get("/", "").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self';",
        "frame-ancestors 'none'",
        "connect-src 'self' https://project.example.com https://hooks.example.com wss://live.example.com \
         https://payloads.example.com;",
    ] {
        assert!(policy.contains(part), "{part} is not in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(page.headers()[name], value);
    }
    assert!(!text(&page).contains("style=\""), "the policy would not let an inline style be");
}
