//! Slack, Amazon SES and the trading API as the simulator plays them: each write as the connector makes it, and the look
//! after one whose answer never came.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;
use zixly_connectors::ses::{Email, Ses, SesEndpoints};
use zixly_connectors::slack::{Slack, SlackEndpoints};
use zixly_connectors::trading::{Sweep, SweepOrder, TradingApi};
use zixly_connectors::{ConnectorError, ProviderUrl, http_client, http_client_with_timeout};
use zixly_simulator::{ClientCredentials, Running, Simulator, SimulatorConfig};

struct World(Running);

impl World {
    async fn start() -> Self {
        let app = || ClientCredentials { id: "app".to_owned(), secret: "secret".to_owned() };
        let mut config = SimulatorConfig::new(app(), app(), Uuid::nil(), 1);
        config.trading_sweep_takes = Duration::ZERO;
        config.slack_limits.messages_per_second = 1000;
        Self(Simulator::start(config, ([127, 0, 0, 1], 0).into()).await.expect("a port is free"))
    }

    fn url(&self, path: &str) -> ProviderUrl {
        format!("{}/{path}", self.0.url).parse().expect("an http URL")
    }

    /// Patient, but not with an answer that never comes.
    fn slack(&self, timeout: Duration) -> Slack {
        let endpoints =
            SlackEndpoints { api_url: self.url("slack/api"), hooks_url: self.url("slack/services") };
        Slack::new(http_client_with_timeout(timeout), endpoints)
    }

    async fn control(&self, route: &str, body: Value) -> Value {
        let url = format!("{}/_sim/{route}", self.0.url);
        let answer = http_client().post(url).json(&body).send().await.expect("the simulator is up");
        assert!(answer.status().is_success(), "{route} answered {}", answer.status());
        answer.json().await.unwrap_or_default()
    }

    async fn grant(&self, account: &str) -> SecretString {
        let granted = self.control("grant", json!({ "provider": "slack", "accounts": [account] })).await;
        SecretString::from(granted["access_token"].as_str().expect("it is a text"))
    }

    async fn keys(&self) -> Vec<String> {
        let effects = http_client().get(format!("{}/_sim/effects", self.0.url)).send().await;
        let effects: Vec<Value> = effects.expect("the simulator is up").json().await.expect("it is a list");
        effects.iter().map(|effect| effect["key"].as_str().expect("it is a text").to_owned()).collect()
    }
}

#[tokio::test]
async fn a_slack_message_whose_answer_never_came_is_found_and_not_posted_again() {
    let world = World::start().await;
    let token = world.grant("T0001").await;
    let patient = world.slack(Duration::from_secs(10));
    let began = Timestamp::now();
    world.control("faults", json!({ "provider": "slack", "fault": "timeout_after_commit" })).await;
    let error = world
        .slack(Duration::from_millis(300))
        .post_message(&token, "C1", "A & B paid", "job-1/notify")
        .await
        .expect_err("no answer comes");
    assert!(error.outcome_is_doubtful(), "{error:?}");
    let ts = patient.find_message(&token, "C1", "job-1/notify", began).await.expect("Slack answers");
    assert!(ts.is_some());
    assert_eq!(patient.find_message(&token, "C1", "job-2/notify", began).await.expect("Slack answers"), None);
    let all = patient.list_messages(&token, "C1", "job-1/notify", began, Timestamp::now()).await;
    assert_eq!(all.expect("Slack answers"), Vec::from_iter(ts));
    assert_eq!(world.keys().await, ["job-1/notify"]);
}

#[tokio::test]
async fn a_no_of_slack_inside_a_success_is_an_error() {
    let world = World::start().await;
    let token = world.grant("T0001").await;
    let slack = world.slack(Duration::from_secs(10));
    let post = async || slack.post_message(&token, "C1", "Paid", "key").await;
    world.control("faults", json!({ "provider": "slack", "fault": "status", "status": 200 })).await;
    let error = post().await.expect_err("Slack has failed inside");
    assert!(matches!(error, ConnectorError::Unavailable { status: 200, .. }) && error.outcome_is_doubtful());
    world.control("faults", json!({ "provider": "slack", "fault": "rate_limit", "retry_after_s": 7 })).await;
    let error = post().await.expect_err("Slack limits");
    let seven_seconds = Some(Duration::from_secs(7));
    assert!(
        matches!(error, ConnectorError::RateLimited { retry_after, .. } if retry_after == seven_seconds),
        "{error:?}"
    );
    world.control("faults", json!({ "provider": "slack", "fault": "revoke" })).await;
    let error = post().await.expect_err("the token is revoked");
    assert!(matches!(error, ConnectorError::ReauthorisationNeeded { .. }), "{error:?}");
}

#[tokio::test]
async fn an_incoming_webhook_is_posted_to_by_its_url_alone() {
    let world = World::start().await;
    let url = world.grant("T0001/B0001").await;
    let slack = world.slack(Duration::from_secs(10));
    slack.post_to_webhook(&url, "1 < 2").await.expect("it is taken");
    assert_eq!(world.keys().await, ["1 &lt; 2"]);
    world.control("faults", json!({ "provider": "slack", "fault": "revoke" })).await;
    let error = slack.post_to_webhook(&url, "again").await.expect_err("the webhook is gone");
    assert!(matches!(error, ConnectorError::ReauthorisationNeeded { .. }), "{error:?}");
}

#[tokio::test]
async fn a_mail_is_signed_as_ses_wants_it() {
    let world = World::start().await;
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let endpoints = SesEndpoints {
        api_url: world.url("ses"),
        region: "eu-west-1".to_owned(),
        configuration_set: Some("watched".to_owned()),
    };
    let ses = Ses::new(http_client(), endpoints, SharedCredentialsProvider::new(credentials));
    let email = Email {
        from: "zixly@example.com",
        to: &["pat@example.com"],
        subject: "Paid",
        text: "INV-0006 is paid.",
        job_tag: "job-1",
    };
    let message_id = ses.send(&email, Timestamp::now()).await.expect("it is sent");
    assert!(!message_id.is_empty());
    assert_eq!(world.keys().await, ["zixly_job=job-1 pat@example.com"]);
    world.control("faults", json!({ "provider": "ses", "fault": "rate_limit" })).await;
    let error = ses.send(&email, Timestamp::now()).await.expect_err("SES limits");
    assert!(matches!(error, ConnectorError::RateLimited { .. }), "{error:?}");
    world.control("faults", json!({ "provider": "ses", "fault": "revoke" })).await;
    let error = ses.send(&email, Timestamp::now()).await.expect_err("the credentials are unknown");
    assert!(matches!(error, ConnectorError::Unauthorised { .. }), "{error:?}");
}

#[tokio::test]
async fn a_sweep_whose_submission_got_no_answer_is_found_by_its_key() {
    let world = World::start().await;
    let api = |timeout| {
        let key = SecretString::from("trading-key");
        TradingApi::new(http_client_with_timeout(timeout), world.url("trading"), key)
    };
    let patient = api(Duration::from_secs(10));
    let callback_url = format!("{}/nobody", world.0.url);
    let order = SweepOrder {
        ticker: "BTC-USD",
        fast_range: [10, 10],
        slow_range: [20, 20],
        step: 1,
        strategy_type: "SMA",
        callback_url: &callback_url,
        callback_token: &SecretString::from("one-time"),
    };
    assert_eq!(patient.find_by_key("job-1").await.expect("it answers"), None);
    world.control("faults", json!({ "provider": "trading", "fault": "timeout_after_commit" })).await;
    let error = api(Duration::from_millis(300)).submit("job-1", &order).await.expect_err("no answer comes");
    assert!(error.outcome_is_doubtful(), "{error:?}");
    let sweep_id = patient.find_by_key("job-1").await.expect("it answers").expect("it was submitted");
    assert_eq!(patient.submit("job-1", &order).await.expect("it answers"), sweep_id);
    assert_eq!(world.keys().await, ["job-1"]);
    assert!(matches!(patient.fetch_sweep(&sweep_id).await, Ok(Sweep::Done(rows)) if rows.len() == 1));

    let failure = json!({ "ticker": "BTC-USD", "error": "no prices" });
    world.control("seed", json!({ "provider": "trading", "kind": "failure", "record": failure })).await;
    let sweep_id = patient.submit("job-2", &order).await.expect("it answers");
    assert!(
        matches!(patient.fetch_sweep(&sweep_id).await, Ok(Sweep::Failed(words)) if words.0 == "no prices")
    );
}
