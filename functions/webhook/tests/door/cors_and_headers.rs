//! Which web pages may call. The headers that every answer has are looked at with every answer, in
//! [`crate::contract`].

use lambda_http::{
    Body, Response,
    http::{Method, StatusCode},
};
use zixly_webhook::routes::Route;

use crate::scene::{Door, ORIGIN};

const JOB: &str = "/webhook/jobs/01930000-0000-7000-8000-000000000000";

#[tokio::test]
async fn a_configured_page_may_read_answers_and_no_other_may() {
    let door =
        Door::new().await.with_setting("ALLOWED_ORIGINS", &format!("{ORIGIN}, https://second.example.com"));
    for origin in [ORIGIN, "https://second.example.com"] {
        for path in ["/health", JOB, "/nothing"] {
            let answer = from(&door, Method::GET, path, origin).await;
            assert_eq!(answer.headers()["access-control-allow-origin"], origin, "{path}");
            assert_eq!(answer.headers()["vary"], "origin");
            let exposed =
                "idempotent-replayed, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after";
            assert_eq!(answer.headers()["access-control-expose-headers"], exposed);
            assert!(!answer.headers().contains_key("access-control-allow-credentials"));
        }
    }
    for origin in [
        "https://evil.example.com",
        "https://app.example.com.evil.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://APP.example.com",
        "null",
        "*",
        "",
    ] {
        let answer = from(&door, Method::GET, "/health", origin).await;
        assert_no_cors(&answer);
        assert_eq!(answer.headers()["vary"], "origin", "{origin}");
    }
}

#[tokio::test]
async fn a_configured_page_is_told_what_it_may_send() {
    let door = Door::new().await;
    for route in Route::ALL {
        let path = route.template().replace("{id}", "1").replace("{endpoint}", &"e".repeat(40));
        let answer = from(&door, Method::OPTIONS, &path, ORIGIN).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert!(answer.body().is_empty());
        let headers = answer.headers();
        assert_eq!(headers["access-control-allow-origin"], ORIGIN);
        assert_eq!(headers["access-control-allow-methods"], route.method().as_str());
        assert_eq!(headers["access-control-allow-headers"], "authorization, content-type, idempotency-key");
        assert_eq!(headers["access-control-max-age"], "600");

        assert_no_cors(&from(&door, Method::OPTIONS, &path, "https://evil.example.com").await);
        assert_no_cors(&door.send(Method::OPTIONS, &path, &[], b"").await);
    }
}

#[tokio::test]
async fn without_configured_pages_none_may_call() {
    let door = Door::new().await.with_setting("ALLOWED_ORIGINS", "");
    for (method, path) in [(Method::GET, "/health"), (Method::OPTIONS, JOB)] {
        let answer = from(&door, method, path, ORIGIN).await;
        assert_no_cors(&answer);
        assert!(!answer.headers().contains_key("vary"));
    }
}

/// The setting is a list of pages, and a star is none.
#[tokio::test]
async fn a_star_in_the_settings_opens_nothing() {
    let door = Door::new().await.with_setting("ALLOWED_ORIGINS", "*");
    assert_no_cors(&from(&door, Method::GET, "/health", ORIGIN).await);
}

async fn from(door: &Door, method: Method, path: &str, origin: &str) -> Response<Body> {
    let headers = [("origin", origin), ("access-control-request-method", "POST")];
    door.send(method, path, &headers, b"").await
}

#[track_caller]
fn assert_no_cors(answer: &Response<Body>) {
    let found = answer.headers().keys().find(|name| name.as_str().starts_with("access-control-"));
    assert_eq!(found, None);
}
