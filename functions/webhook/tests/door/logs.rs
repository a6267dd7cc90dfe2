//! What the function logs, as Lambda would get it.

use std::{cell::RefCell, sync::Once};

use lambda_http::http::{Method, StatusCode};
use serde_json::json;
use tracing::level_filters::LevelFilter;
use zixly_domain::Role;
use zixly_lambda_kit::telemetry::subscriber;
use zixly_testkit::LogLines;

use crate::scene::{Door, XERO_KEY, sign};

thread_local! {
    /// A test has a thread of its own, with all that it starts.
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The log of this test.
pub struct Logs(());

impl Logs {
    /// Begins with nothing.
    pub fn capture() -> Self {
        static STARTED: Once = Once::new();
        // One subscriber for all threads: with one for this thread only, whatever another thread logs first is off for
        // every thread.
        STARTED.call_once(|| {
            let write = |line: &[u8]| LINES.with_borrow_mut(|lines| lines.extend_from_slice(line));
            tracing::subscriber::set_global_default(subscriber(LevelFilter::TRACE, write)).unwrap();
            tracing::callsite::rebuild_interest_cache();
        });
        LINES.take();
        Self(())
    }

    pub fn text(&self) -> String {
        String::from_utf8(LINES.with_borrow(Clone::clone)).unwrap()
    }

    pub fn lines(&self) -> LogLines {
        LogLines::read(&self.text())
    }
}

#[tokio::test]
async fn nothing_that_is_sent_stands_in_the_log() {
    let logs = Logs::capture();
    let door = Door::new().await;
    let tenant_id = door.tenant("organisation-marker").await;
    let (key, viewer) = (door.api_key(tenant_id).await, door.user(tenant_id, Role::Viewer).await);
    let event = json!({
        "resourceUrl": "https://api.xero.com/marker", "resourceId": "resource-marker", "tenantType": "ORGANISATION",
        "tenantId": "organisation-marker", "eventCategory": "INVOICE", "eventType": "UPDATE",
        "eventDateUtc": "2026-10-01T09:12:44.917", "email": "ottoline@example.com",
    });
    let body = json!({ "events": [event], "firstEventSequence": 1, "lastEventSequence": 1, "entropy": "S0m3r4nd0mt3xt" });
    let signature = sign(XERO_KEY, &[body.to_string().as_bytes()]);
    assert_eq!(door.post(&body.to_string(), Some(&signature)).await.status(), StatusCode::OK);
    assert_eq!(door.post("not JSON marker", Some(&signature)).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(door.post_signed("not JSON marker").await.status(), StatusCode::OK);
    let sweep = json!({
        "ticker": "TICK-MARK", "fast_range": [5, 14], "slow_range": [20, 25], "step": 1, "strategy_type": "SMA",
    });
    for (credential, status) in [(&key, 202), (&viewer, 403), (&"Bearer eyJ-marker.a.b".to_owned(), 401)] {
        let headers = [
            ("authorization", credential.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", "key-marker"),
        ];
        let answer =
            door.send(Method::POST, "/webhook/trading-sweep", &headers, sweep.to_string().as_bytes()).await;
        assert_eq!(answer.status(), status);
    }
    let wrong = json!({ "job_type": "ottoline@example.com", "parameters": {} });
    assert_eq!(door.call("/webhook/generic-job", &key, &wrong).await.status(), 422);
    assert_eq!(door.get("/webhook/jobs/marker?marker=1", Some(&key)).await.status(), StatusCode::NOT_FOUND);

    let lines = logs.lines();
    let accepted: Vec<_> = lines.called("delivery.accepted").collect();
    let delivery = door.database.text("select delivery_id::text from events").await;
    assert_eq!(accepted.len(), 2);
    assert!(accepted.iter().any(|line| line["delivery.id"] == delivery && line["jobs"] == 1), "{accepted:?}");
    assert_eq!(lines.called("delivery.refused").count(), 1);
    let answered: Vec<_> = lines
        .called("request.answered")
        .map(|line| (line["http.route"].as_str().unwrap(), line["http.status"].as_u64().unwrap()))
        .collect();
    let sweep = "/webhook/trading-sweep";
    assert_eq!(
        answered,
        [
            (sweep, 202),
            (sweep, 403),
            (sweep, 401),
            ("/webhook/generic-job", 422),
            ("/webhook/jobs/{id}", 404)
        ]
    );
    let triggered: Vec<_> = lines.called("job.triggered").collect();
    assert_eq!(triggered[0]["tenant.id"], tenant_id.to_string());
    assert!(triggered[0]["caller"].as_str().unwrap().starts_with("api-key/"));

    let token = |authorization: &str| authorization.trim_start_matches("Bearer ").to_owned();
    lines.assert_without([
        ("what was sent", "marker".to_owned()),
        ("a parameter", "TICK-MARK".to_owned()),
        ("an e-mail address", "ottoline".to_owned()),
        ("a signature", signature),
        ("an API key", token(&key)),
        ("a token", token(&viewer)),
    ]);
}
