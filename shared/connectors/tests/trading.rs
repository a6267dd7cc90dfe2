//! The trading API's answers, good and bad.

use secrecy::SecretString;
use serde_json::json;
use wiremock::matchers::{any, body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};
use zixly_connectors::trading::{Sweep, SweepOrder, TradingApi};
use zixly_connectors::{ConnectorError, http_client};

const KEY: &str = "key-that-nobody-may-see";
const TOKEN: &str = "token-that-nobody-may-see";

fn api_at(url: &str) -> TradingApi {
    TradingApi::new(
        http_client(),
        format!("{url}/trading").parse().expect("an http URL"),
        SecretString::from(KEY),
    )
}

async fn submit(api: &TradingApi) -> Result<String, ConnectorError> {
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
async fn a_failed_sweep_says_why_without_secrets() {
    let server = MockServer::start().await;
    let failed = json!({ "sweep_id": "1", "status": "failed", "error": format!("no data\r\n for {KEY}") });
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(failed)).mount(&server).await;
    let Sweep::Failed(words) = api_at(&server.uri()).fetch_sweep("1").await.unwrap() else {
        panic!("it has failed")
    };
    assert_eq!(words.0, "no data for [removed]");
}

#[tokio::test]
async fn a_sweep_is_found_by_the_key_that_it_was_submitted_with() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/trading/sweeps"))
        .and(query_param("idempotency_key", "job 1&2"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "sweeps": [{ "sweep_id": "42" }] })))
        .mount(&server)
        .await;
    let found = api_at(&server.uri()).find_by_key("job 1&2").await.unwrap();
    assert_eq!(found.as_deref(), Some("42"));
}

#[tokio::test]
async fn a_key_that_fits_no_header_is_never_sent() {
    let server = MockServer::start().await;
    let broken = SecretString::from(format!("{KEY}\r\nHost: elsewhere"));
    let api = TradingApi::new(http_client(), server.uri().parse().expect("an http URL"), broken);
    let error = submit(&api).await.unwrap_err();
    assert!(!error.outcome_is_doubtful() && !format!("{error:?}").contains(KEY), "{error:?}");
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_rejection_repeats_no_callback_token() {
    let problem = json!({ "error": format!("{TOKEN} is no token") });
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(400).set_body_json(problem)).mount(&server).await;
    let error = submit(&api_at(&server.uri())).await.unwrap_err();
    assert!(matches!(&error, ConnectorError::Rejected { words, .. } if words.0 == "[removed] is no token"));
    assert_eq!(error.to_string(), "the trading API rejected the request with status 400");
}
