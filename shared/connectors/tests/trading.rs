//! The trading API's answers, good and bad.

use std::net::TcpListener;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use wiremock::matchers::{any, body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};
use zixly_connectors::trading::{Sweep, SweepOrder, TradingApi, TradingError};
use zixly_connectors::{MalformedAnswer, http_client, http_client_with_timeout};

const KEY: &str = "key-that-nobody-may-see";
const TOKEN: &str = "token-that-nobody-may-see";

fn api_at(url: &str) -> TradingApi {
    TradingApi::new(
        http_client(),
        format!("{url}/trading").parse().expect("an http URL"),
        SecretString::from(KEY),
    )
}

async fn submit(api: &TradingApi) -> Result<String, TradingError> {
    let order = SweepOrder {
        ticker: "BTC-USD",
        fast_range: [5, 50],
        slow_range: [20, 200],
        step: 5,
        strategy_type: "SMA",
        callback_url: "https://hooks.example.com/webhook/sweep-callback",
        callback_token: &SecretString::from(TOKEN),
    };
    api.submit("job-1", &order).await
}

/// What `answer` comes to, as the answer to a submission and to a question.
async fn errors_of(answer: ResponseTemplate) -> [TradingError; 2] {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let api = api_at(&server.uri());
    let submitted = submit(&api).await.expect_err("the answer is a failure");
    let fetched = api.fetch_sweep("1").await.expect_err("the answer is a failure");
    for error in [&submitted, &fetched] {
        let shown = format!("{error:?} {error}");
        assert!(!shown.contains(KEY) && !shown.contains(TOKEN), "{shown}");
    }
    [submitted, fetched]
}

#[tokio::test]
async fn a_sweep_is_submitted_under_its_key() {
    let server = MockServer::start().await;
    let order = json!({
        "ticker": "BTC-USD", "fast_range": [5, 50], "slow_range": [20, 200], "step": 5, "strategy_type": "SMA",
        "callback_url": "https://hooks.example.com/webhook/sweep-callback", "callback_token": TOKEN,
    });
    Mock::given(method("POST"))
        .and(path("/trading/sweeps"))
        .and(header("authorization", format!("Bearer {KEY}")))
        .and(header("idempotency-key", "job-1"))
        .and(body_json(order))
        .respond_with(ResponseTemplate::new(202).set_body_json(json!({ "sweep_id": "42" })))
        .mount(&server)
        .await;
    let api = api_at(&server.uri());
    assert_eq!(submit(&api).await.unwrap(), "42");
    submit(&api).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].body, requests[1].body);
}

#[tokio::test]
async fn a_sweep_is_running_until_it_has_rows_with_exact_numbers() {
    let server = MockServer::start().await;
    let at = |id: &str| Mock::given(method("GET")).and(path(format!("/trading/sweeps/{id}")));
    let running = json!({ "sweep_id": "1", "status": "running", "submitted_at": "2026-10-01T00:00:00.000Z" });
    at("1").respond_with(ResponseTemplate::new(200).set_body_json(running)).mount(&server).await;
    let done = json!({ "sweep_id": "2", "status": "done", "rows": [{
        "ticker": "BTC-USD", "strategy_type": "SMA", "fast_window": 12, "slow_window": 26, "score": "187.30",
        "total_return": "-3.01", "max_drawdown": "12.00", "trades": 17,
    }]});
    at("2").respond_with(ResponseTemplate::new(200).set_body_json(done)).mount(&server).await;
    let api = api_at(&server.uri());
    assert_eq!(api.fetch_sweep("1").await.unwrap(), Sweep::Running);
    let Sweep::Done(rows) = api.fetch_sweep("2").await.unwrap() else { panic!("it is done") };
    let row = &rows[0];
    assert_eq!((rows.len(), row.fast_window, row.slow_window, row.trades), (1, 12, 26, 17));
    assert_eq!((row.score.to_string(), row.total_return.to_string()), ("187.30".into(), "-3.01".into()));
}

#[tokio::test]
async fn a_limit_says_how_long_to_wait_if_the_api_does() {
    for error in errors_of(ResponseTemplate::new(429).insert_header("Retry-After", "30")).await {
        let half_a_minute = Some(Duration::from_secs(30));
        assert!(matches!(error, TradingError::RateLimited { retry_after } if retry_after == half_a_minute));
    }
    for error in errors_of(ResponseTemplate::new(429)).await {
        assert!(matches!(error, TradingError::RateLimited { retry_after: None }));
    }
}

#[tokio::test]
async fn a_refused_key_and_a_bad_day_are_classes_of_their_own() {
    for error in errors_of(ResponseTemplate::new(401)).await {
        assert!(matches!(error, TradingError::Unauthorised));
    }
    for error in errors_of(ResponseTemplate::new(503).insert_header("Retry-After", "5")).await {
        assert!(matches!(error, TradingError::Unavailable { status: 503, retry_after: Some(_) }));
    }
}

#[tokio::test]
async fn a_rejection_is_told_in_the_apis_words_without_secrets() {
    let problem = json!({ "error": format!("step must be at least 1, not {KEY}") });
    for error in errors_of(ResponseTemplate::new(422).set_body_json(problem)).await {
        let TradingError::Rejected { status, words } = error else { panic!("{error:?}") };
        assert_eq!((status, words.0.as_str()), (422, "step must be at least 1, not [removed]"));
    }
    let problem = json!({ "error": format!("{TOKEN} is no token") });
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(400).set_body_json(problem)).mount(&server).await;
    let error = submit(&api_at(&server.uri())).await.unwrap_err();
    assert!(matches!(error, TradingError::Rejected { words, .. } if words.0 == "[removed] is no token"));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_says_no_more_than_where() {
    for body in ["<html>", "", "[]", r#"{"sweep_id":7,"status":"lost"}"#, r#"{"status":"done","rows":[{}]}"#]
    {
        for error in errors_of(ResponseTemplate::new(200).set_body_string(body)).await {
            assert!(matches!(error, TradingError::Malformed(_)), "{body}: {error:?}");
        }
    }
    let [error, _] = errors_of(ResponseTemplate::new(200).set_body_string("<html>")).await;
    assert!(matches!(error, TradingError::Malformed(MalformedAnswer::NotJson)));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for error in errors_of(ResponseTemplate::new(302).insert_header("Location", "/elsewhere")).await {
        assert!(matches!(error, TradingError::Rejected { status: 302, .. }));
    }
}

#[tokio::test]
async fn an_api_that_is_silent_or_away_is_unreachable_and_its_address_is_not_told() {
    let server = MockServer::start().await;
    let late = ResponseTemplate::new(202).set_delay(Duration::from_secs(30));
    Mock::given(any()).respond_with(late).mount(&server).await;
    let impatient = TradingApi::new(
        http_client_with_timeout(Duration::from_millis(100)),
        server.uri().parse().expect("an http URL"),
        SecretString::from(KEY),
    );
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for (api, url) in [(impatient, server.uri()), (api_at(&closed), closed)] {
        let error = submit(&api).await.unwrap_err();
        assert!(matches!(error, TradingError::Unreachable(_)), "{error:?}");
        assert!(!format!("{error:?}").contains(&format!("{url}/")), "{error:?}");
        assert!(!format!("{api:?}").contains(KEY));
    }
}
