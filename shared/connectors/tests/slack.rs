//! Slack's answers, good and bad.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{any, body_json, header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};
use zixly_connectors::slack::{Slack, SlackEndpoints};
use zixly_connectors::{ConnectorError, ReauthorisationReason, http_client};

const TOKEN: &str = "xoxb-token-that-nobody-may-see";
const HOOK_PATH: &str = "/services/T0001/B0001/path-that-nobody-may-see";

fn slack_at(url: &str) -> Slack {
    let endpoints = SlackEndpoints {
        api_url: format!("{url}/api").parse().expect("an http URL"),
        hooks_url: format!("{url}/services").parse().expect("an http URL"),
    };
    Slack::new(http_client(), endpoints)
}

fn token() -> SecretString {
    SecretString::from(TOKEN)
}

async fn server_with(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// What a refusal with this code comes to, inside HTTP 200.
async fn refusal(code: &str) -> ConnectorError {
    let answer = ResponseTemplate::new(200).set_body_json(json!({ "ok": false, "error": code }));
    let server = server_with(answer.insert_header("Retry-After", "7")).await;
    slack_at(&server.uri()).post_message(&token(), "C1", "hello", "key").await.expect_err("Slack says no")
}

async fn post_to_webhook(answer: ResponseTemplate) -> Result<(), ConnectorError> {
    let server = server_with(answer).await;
    let url = SecretString::from(format!("{}{HOOK_PATH}", server.uri()));
    let outcome = slack_at(&server.uri()).post_to_webhook(&url, "hello").await;
    if let Err(error) = &outcome {
        let words = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        let shown = format!("{error:?} {error} {words}");
        assert!(!shown.contains("nobody-may-see") && !shown.contains(&server.uri()), "{shown}");
    }
    outcome
}

#[tokio::test]
async fn a_message_is_plain_text_with_the_key_of_its_effect() {
    let server = MockServer::start().await;
    let message = json!({
        "channel": "C024BE91L",
        "text": "Smith &amp; Sons &lt;!channel&gt; paid *INV-0006*",
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "metadata": { "event_type": "zixly_job", "event_payload": { "effect_key": "job-1/notify" } },
    });
    Mock::given(method("POST"))
        .and(path("/api/chat.postMessage"))
        .and(header("authorization", format!("Bearer {TOKEN}")))
        .and(header("content-type", "application/json; charset=utf-8"))
        .and(body_json(message))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({ "ok": true, "channel": "C024BE91L", "ts": "1790000000.000100" })),
        )
        .mount(&server)
        .await;
    let text = "Smith & Sons <!channel> paid *INV-0006*";
    let ts = slack_at(&server.uri()).post_message(&token(), "C024BE91L", text, "job-1/notify").await.unwrap();
    assert_eq!(ts, "1790000000.000100");
}

#[tokio::test]
async fn a_message_is_found_by_the_key_of_its_effect_on_whichever_page() {
    let server = MockServer::start().await;
    let message = |ts: &str, event_type: &str, payload: Value| json!({ "type": "message", "ts": ts, "metadata": { "event_type": event_type, "event_payload": payload } });
    let first = json!({
        "ok": true,
        "messages": [
            { "type": "message", "ts": "9.1", "text": "by a person" },
            message("9.2", "other_app", json!({ "effect_key": "key" })),
            message("9.3", "zixly_job", json!({ "effect_key": 7 })),
            message("9.4", "zixly_job", json!([])),
        ],
        "has_more": true,
        "response_metadata": { "next_cursor": "bmV4dA==" },
    });
    let second = json!({
        "ok": true,
        "messages": [message("9.5", "zixly_job", json!({ "effect_key": "key" }))],
        "has_more": false,
        "response_metadata": { "next_cursor": "" },
    });
    let history = || {
        Mock::given(method("GET"))
            .and(path("/api/conversations.history"))
            .and(query_param("channel", "C1"))
            // A minute earlier than asked for.
            .and(query_param("oldest", "1789999940.000000"))
            .and(query_param("include_all_metadata", "true"))
    };
    history()
        .and(query_param_is_missing("cursor"))
        .respond_with(ResponseTemplate::new(200).set_body_json(first))
        .mount(&server)
        .await;
    history()
        .and(query_param("cursor", "bmV4dA=="))
        .respond_with(ResponseTemplate::new(200).set_body_json(second))
        .mount(&server)
        .await;
    let since = Timestamp::from_second(1_790_000_000).unwrap();
    let find = async |key| slack_at(&server.uri()).find_message(&token(), "C1", key, since).await.unwrap();
    assert_eq!(find("key").await.as_deref(), Some("9.5"));
    assert_eq!(find("other").await, None);
}

#[tokio::test]
async fn a_channel_without_end_is_given_up() {
    let endless = json!({ "ok": true, "messages": [], "has_more": true, "response_metadata": { "next_cursor": "again" } });
    let server = server_with(ResponseTemplate::new(200).set_body_json(endless)).await;
    let slack = slack_at(&server.uri());
    let error = slack.find_message(&token(), "C1", "key", Timestamp::UNIX_EPOCH).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Malformed { .. }), "{error:?}");
}

#[tokio::test]
async fn a_no_inside_a_success_is_sorted_by_its_code() {
    for code in ["ratelimited", "rate_limited"] {
        let error = refusal(code).await;
        let wait = Some(Duration::from_secs(7));
        assert!(
            matches!(error, ConnectorError::RateLimited { retry_after, .. } if retry_after == wait),
            "{error:?}"
        );
    }
    for code in ["internal_error", "fatal_error"] {
        let error = refusal(code).await;
        assert!(matches!(error, ConnectorError::Unavailable { status: 200, .. }), "{error:?}");
        assert!(error.outcome_is_doubtful());
    }
    for (codes, expected) in [
        (
            ["invalid_auth", "token_revoked", "account_inactive", "not_authed"].as_slice(),
            ReauthorisationReason::Disconnected,
        ),
        (&["missing_scope"], ReauthorisationReason::ScopeMissing),
    ] {
        for code in codes {
            let error = refusal(code).await;
            let ConnectorError::ReauthorisationNeeded { reason, .. } = error else {
                panic!("{code}: {error:?}")
            };
            assert_eq!(reason, expected, "{code}");
        }
    }
    for code in ["channel_not_found", "is_archived", "msg_too_long", "something_new"] {
        let error = refusal(code).await;
        let ConnectorError::Rejected { words, .. } = &error else { panic!("{code}: {error:?}") };
        assert_eq!(words.0, code);
        assert!(!error.outcome_is_doubtful());
    }
}

#[tokio::test]
async fn an_incoming_webhook_gets_the_text_and_nothing_else() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(HOOK_PATH))
        .and(body_json(json!({ "text": "a &lt; b" })))
        .respond_with(ResponseTemplate::new(200).set_body_string("ok"))
        .mount(&server)
        .await;
    let url = SecretString::from(format!("{}{HOOK_PATH}", server.uri()));
    slack_at(&server.uri()).post_to_webhook(&url, "a < b").await.unwrap();
    assert!(!server.received_requests().await.unwrap()[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn an_incoming_webhook_says_no_in_words() {
    for (status, code) in [(404, "no_service"), (403, "invalid_token"), (404, "no_active_hooks")] {
        let error = post_to_webhook(ResponseTemplate::new(status).set_body_string(code)).await.unwrap_err();
        assert!(matches!(error, ConnectorError::ReauthorisationNeeded { .. }), "{code}: {error:?}");
    }
    for (status, code) in [(400, "invalid_payload"), (410, "channel_is_archived")] {
        let error = post_to_webhook(ResponseTemplate::new(status).set_body_string(code)).await.unwrap_err();
        let ConnectorError::Rejected { status: told, words, .. } = error else { panic!("{error:?}") };
        assert_eq!((told, words.0.as_str()), (status, code));
    }
    let echo = ResponseTemplate::new(400).set_body_string(format!("nothing at {HOOK_PATH}"));
    let error = post_to_webhook(echo).await.unwrap_err();
    assert!(matches!(&error, ConnectorError::Rejected { words, .. } if words.0 == "nothing at [removed]"));
    let limit = ResponseTemplate::new(429).insert_header("Retry-After", "30").set_body_string("rate_limited");
    let error = post_to_webhook(limit).await.unwrap_err();
    assert!(matches!(error, ConnectorError::RateLimited { retry_after: Some(_), .. }), "{error:?}");
    let error = post_to_webhook(ResponseTemplate::new(503)).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Unavailable { status: 503, .. }), "{error:?}");
    // Whatever that was, it was not Slack.
    let error = post_to_webhook(ResponseTemplate::new(200).set_body_string("<html>")).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Malformed { .. }), "{error:?}");
    let error = post_to_webhook(ResponseTemplate::new(302).insert_header("Location", "/")).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Rejected { status: 302, .. }), "{error:?}");
}

#[tokio::test]
async fn a_webhook_that_nobody_answers_is_not_named() {
    let slow = ResponseTemplate::new(200).set_body_string("ok").set_delay(Duration::from_secs(30));
    let server = server_with(slow).await;
    let endpoints = SlackEndpoints {
        api_url: server.uri().parse().expect("an http URL"),
        hooks_url: server.uri().parse().expect("an http URL"),
    };
    let impatient = zixly_connectors::http_client_with_timeout(Duration::from_millis(100));
    let url = SecretString::from(format!("{}{HOOK_PATH}", server.uri()));
    let error = Slack::new(impatient, endpoints).post_to_webhook(&url, "hello").await.unwrap_err();
    assert!(matches!(error, ConnectorError::Unreachable { .. }), "{error:?}");
    assert!(error.outcome_is_doubtful());
    assert!(!format!("{error:?}").contains("nobody-may-see"), "{error:?}");
}

#[tokio::test]
async fn nothing_is_posted_to_an_address_that_is_not_slacks() {
    let server = server_with(ResponseTemplate::new(200).set_body_string("ok")).await;
    let slack = slack_at(&server.uri());
    for url in [
        String::new(),
        "hooks".to_owned(),
        "https://169.254.169.254/services/latest".to_owned(),
        format!("{}/elsewhere/x", server.uri()),
        format!("{}/services/../elsewhere/x", server.uri()),
        format!("{}/services/", server.uri()),
        format!("{}{HOOK_PATH}?to=x", server.uri()),
        format!("{}{HOOK_PATH}", server.uri().replace("http://", "http://user@")),
    ] {
        let error = slack.post_to_webhook(&SecretString::from(url.clone()), "hello").await.unwrap_err();
        assert!(matches!(error, ConnectorError::NoSuchAccount { .. }), "{url}: {error:?}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}
