//! What the real binary logs: a job can be followed by ids, and nothing secret or personal stands there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use scene::{CHANNEL, CLIENT_SECRET, EMAIL, INVOICE_ID, Scene};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};
use zixly_domain::{JobId, Workflow};
use zixly_testkit::LogLines;

const MAIN: Workflow = Workflow::XeroInvoiceToHubspot;
const TRACE: &str = "1-67891233-abcdef012345678912345678";

/// A paid invoice about somebody whom nobody else is called like.
async fn marked_invoice() -> Scene {
    let scene = Scene::paid_invoice().await;
    let contact = json!({ "Name": "Ottoline Marker", "EmailAddress": EMAIL });
    let change = json!({ "InvoiceNumber": "INV-MARKER-6", "Total": 81726.35, "AmountPaid": 81726.35, "Contact": contact });
    scene.seed_invoice(change).await;
    scene.tell_the_team(MAIN).await;
    scene
}

/// Rings a worker of its own for the job, with a message as SQS hands it over; gives its log.
async fn ring(scene: &Scene, job_id: JobId) -> LogLines {
    let mut batch = serde_json::to_value(scene.ring(job_id)).unwrap();
    let header = format!("Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1");
    batch["Records"][0]["attributes"] = json!({ "AWSTraceHeader": header });
    let worker = scene.talkative_worker_process().await;
    assert_eq!(worker.invoke(batch).await.unwrap()["batchItemFailures"], json!([]));
    worker.into_log().await
}

/// What must stand in no log: all that is said about the customer, and all that opens something.
async fn markers(scene: &Scene) -> Vec<(&'static str, String)> {
    let mut markers = vec![
        ("an e-mail address", EMAIL.to_owned()),
        ("a name", "Ottoline".to_owned()),
        ("an invoice number", "INV-MARKER".to_owned()),
        ("an amount", "81726.35".to_owned()),
        ("a client secret", CLIENT_SECRET.to_owned()),
        ("an API key", "trading-key".to_owned()),
        ("a URL", scene.simulator.url.clone()),
        ("a database's address", "postgres://".to_owned()),
        ("a message", format!("\"{CHANNEL}")),
    ];
    for token_set_id in [scene.xero_token_set, scene.hubspot_token_set, scene.shopify_token_set] {
        let stored = scene.token_sets().fetch(token_set_id).await.unwrap().token_set;
        markers.push(("an access token", stored.access_token.expose_secret().to_owned()));
        markers.push(("a refresh token", stored.refresh_token.expose_secret().to_owned()));
    }
    markers
}

fn text<'a>(line: &'a Map<String, Value>, field: &str) -> &'a str {
    line.get(field).and_then(Value::as_str).unwrap_or_else(|| panic!("there is no {field} in {line:?}"))
}

#[tokio::test]
async fn a_job_is_followed_from_its_delivery_to_its_effects_by_ids() {
    let scene = marked_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    let lines = ring(&scene, job_id).await;
    assert_eq!(scene.status(job_id).await, "COMPLETED");

    let delivery = scene.database.text("select delivery_id::text from deliveries").await;
    let of_delivery: Vec<_> = lines.with("delivery.id", &delivery).collect();
    let steps: Vec<(&str, &str)> = of_delivery
        .iter()
        .filter(|line| line["message"] == "step.finished")
        .map(|line| (text(line, "step"), line.get("provider").and_then(Value::as_str).unwrap_or("none")))
        .collect();
    assert_eq!(
        steps,
        [
            ("read-invoice", "xero"),
            ("check-invoice", "none"),
            ("find-contact", "hubspot"),
            ("update-contact", "hubspot"),
            ("store-report", "none"),
            ("notify", "slack"),
        ]
    );
    let ledger = "select string_agg(effect_id || ' ' || provider || ' ' || step || ' ' || settled_by, ', ' order by effect_id)
                    from effects";
    let effects: Vec<String> = of_delivery
        .iter()
        .filter(|line| line["message"] == "effect.settled")
        .map(|line| ["effect.id", "provider", "step", "settled_by"].map(|field| text(line, field)).join(" "))
        .collect();
    assert_eq!(effects.join(", "), scene.database.text(ledger).await);

    let finished: Vec<_> = lines.called("job.finished").collect();
    assert_eq!(finished.len(), 1);
    assert_eq!(text(finished[0], "outcome"), "COMPLETED");
    for line in of_delivery {
        assert_eq!(text(line, "tenant.id"), scene.tenant_id.to_string());
        assert_eq!(text(line, "job.id"), job_id.to_string());
        assert_eq!(text(line, "job_type"), MAIN.as_str());
        assert_eq!(text(line, "event.id"), scene.job_column(job_id, "event_id").await);
        assert_eq!(text(line, "message.id"), "message-0");
        // The sender's trace, and the invocation's own.
        assert_eq!(text(line, "message.xrayTraceId"), TRACE);
        assert_eq!(text(line, "xrayTraceId"), "1-5759e988-bd862e3fe1be46a994272793");
        assert_eq!(text(line, "requestId"), "0");
    }
    lines.assert_without(markers(&scene).await);
}

#[tokio::test]
async fn what_a_provider_says_about_a_person_is_for_the_owner_and_not_for_the_log() {
    // It repeats all that it was sent, as providers do when they do not like a part of it.
    let echo = MockServer::start().await;
    let repeat = |request: &Request| {
        let body = String::from_utf8_lossy(&request.body);
        let words =
            format!("not valid: {body} at {} with {:?}", request.url, request.headers.get("authorization"));
        ResponseTemplate::new(400).set_body_json(json!({ "status": "error", "message": words }))
    };
    Mock::given(any()).respond_with(repeat).mount(&echo).await;
    let mut scene = marked_invoice().await;
    scene.settings.insert("HUBSPOT_API_URL".to_owned(), echo.uri());
    let job_id = scene.job_for_invoice(1).await;
    let lines = ring(&scene, job_id).await;

    assert_eq!(scene.status(job_id).await, "FAILED");
    let shown = scene.job_column(job_id, "error_message").await;
    assert!(shown.contains(EMAIL), "the owner is told: {shown}");
    let errors: Vec<&str> =
        lines.called("step.finished").filter_map(|line| line.get("error")?.as_str()).collect();
    assert_eq!(errors, ["HubSpot rejected the request with status 400"]);
    lines.assert_without(markers(&scene).await);
}

#[tokio::test]
async fn a_row_that_the_database_refuses_is_not_quoted() {
    let scene = marked_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    // PostgreSQL quotes the whole row in the detail of such a refusal, and the value in the message of the other.
    let refuse =
        "alter table workflow_related_records add constraint no_markers check (record_id is null) not valid";
    scene.database.superuser().await.batch_execute(refuse).await.unwrap();
    let lines = ring(&scene, job_id).await;

    assert_eq!(scene.status(job_id).await, "FAILED");
    let error = lines.called("step.finished").find_map(|line| line.get("error")?.as_str()).unwrap();
    assert!(error.contains("no_markers") && error.contains("23514"), "{error}");
    lines.assert_without(markers(&scene).await);
    lines.assert_without([("an id of a record", INVOICE_ID)]);
}
