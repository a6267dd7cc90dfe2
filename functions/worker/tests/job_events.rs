//! What a worker says of its jobs to whoever looks at them, and that no job waits for that.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use jsonschema::Draft;
use scene::{INVOICE_ID, Scene, handle};
use serde_json::{Value, json};
use zixly_domain::{JobId, Workflow};
use zixly_queues::Carried;

/// The events that were sent about the scene's tenant, in the order of their times.
async fn told(scene: &Scene) -> Vec<Value> {
    let mut events = Vec::new();
    loop {
        let messages = scene.aws.receive(&scene.job_event_queue_url).await;
        if messages.is_empty() {
            events.sort_by_key(|event: &Value| event["at"].as_str().unwrap().to_owned());
            return events;
        }
        for message in messages {
            let carried = Carried::parse(message.body().unwrap()).unwrap();
            let Carried::Event(event) = carried else { panic!("{carried:?} is no event") };
            assert_eq!(event.tenant_id, scene.tenant_id);
            let event: Value = serde_json::from_str(&event.text).unwrap();
            assert_is_job_event(&event);
            events.push(event);
        }
    }
}

/// As the dashboard's openapi.json describes it.
fn assert_is_job_event(event: &Value) {
    let document: Value =
        serde_json::from_str(include_str!("../../dashboard/openapi.json")).expect("openapi.json is JSON");
    let schema = json!({ "$ref": "#/components/schemas/JobEvent", "components": document["components"] });
    let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
    let validator = options.build(&schema).expect("the schema is one");
    let errors: Vec<String> = validator.iter_errors(event).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} {event}");
}

fn statuses(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["job"]["status"].as_str().unwrap()).collect()
}

async fn request(scene: &Scene, job_id: JobId, request: &str) {
    let update = format!(
        "update pipeline_jobs set request = '{request}', requested_at = now() where job_id = '{job_id}'"
    );
    scene.database.superuser().await.batch_execute(&update).await.unwrap();
}

#[tokio::test]
async fn a_job_is_told_of_when_it_begins_and_when_it_ends() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    handle(&scene.worker(), scene.ring(job_id)).await;
    let events = told(&scene).await;
    assert_eq!(statuses(&events), ["RUNNING", "COMPLETED"]);
    for event in &events {
        assert_eq!(event["type"], "job");
        assert_eq!(event["job"]["job_id"], json!(job_id));
        assert_eq!(event["job"]["job_type"], "xero-invoice-to-hubspot");
        assert_eq!(event["job"]["provider"], "xero");
        assert!(!event.to_string().contains(INVOICE_ID), "no parameter is in it: {event}");
    }
    let (began, ended) = (&events[0]["job"], &events[1]["job"]);
    assert_eq!((&began["about"], &ended["about"]), (&Value::Null, &json!("INV-0006")));
    assert_eq!((&began["completed_at"], &began["duration_ms"]), (&Value::Null, &Value::Null));
    assert_eq!(ended["completed_at"], events[1]["at"]);
    assert!(ended["duration_ms"].is_u64() && ended["error"].is_null(), "{ended}");
}

#[tokio::test]
async fn a_job_that_waits_says_why() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    scene.fault(json!({ "provider": "xero", "fault": "rate_limit", "retry_after_s": 30 })).await;
    handle(&scene.worker(), scene.ring(job_id)).await;
    let events = told(&scene).await;
    assert_eq!(statuses(&events), ["RUNNING", "QUEUED"]);
    let waiting = &events[1]["job"];
    assert_eq!(waiting["waiting_reason"], "rate budget");
    assert!(waiting["due_at"].as_str() > events[1]["at"].as_str(), "{waiting}");
}

#[tokio::test]
async fn a_job_that_fails_says_why_and_one_that_is_cancelled_that_it_was() {
    let scene = Scene::empty().await;
    let worker = scene.worker();
    // Parameters that say nothing can never succeed.
    let job_id = scene.start(Workflow::XeroInvoiceToHubspot, json!({}), None).await;
    handle(&worker, scene.ring(job_id)).await;
    let events = told(&scene).await;
    assert_eq!(statuses(&events), ["RUNNING", "FAILED"]);
    assert_eq!(events[1]["job"]["error"], scene.job_column(job_id, "error_message").await);

    let job_id = scene.job_for_invoice(2).await;
    request(&scene, job_id, "CANCEL").await;
    handle(&worker, scene.ring(job_id)).await;
    assert_eq!(statuses(&told(&scene).await), ["CANCELLED"]);
}

#[tokio::test]
async fn a_queue_that_is_not_there_keeps_no_job_from_ending() {
    let mut scene = Scene::paid_invoice().await;
    let nowhere = format!("{}/000000000000/no-such-queue", scene.aws.endpoint);
    scene.settings.insert("JOB_EVENT_QUEUE_URL".to_owned(), nowhere);
    let job_id = scene.job_for_invoice(1).await;
    assert_eq!(handle(&scene.worker(), scene.ring(job_id)).await.batch_item_failures, []);
    assert_eq!(scene.status(job_id).await, "COMPLETED");
}
