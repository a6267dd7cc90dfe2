//! What comes of messages that are no plain doorbell.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use aws_lambda_events::sqs::SqsEvent;
use jiff::Timestamp;
use scene::{INVOICE_ID, Scene, batch, handle};
use serde_json::json;
use zixly_domain::{DeliveryId, JobId, Provider};
use zixly_queues::{CarriedBody, CarriedDelivery, Message};

async fn buried_reasons(scene: &Scene) -> Vec<String> {
    let buried = scene.aws.receive(&scene.dead_letter_queue_url).await;
    buried
        .iter()
        .map(|message| message.message_attributes().unwrap()["reason"].string_value().unwrap().to_owned())
        .collect()
}

fn carried(scene: &Scene) -> Message {
    let body = format!(
        r#"{{"events":[{{"resourceId":"{INVOICE_ID}","tenantId":"{}","tenantType":"ORGANISATION",
           "eventCategory":"INVOICE","eventType":"UPDATE","eventDateUtc":"2026-10-01T09:12:44.917"}}],
           "firstEventSequence": 1,"lastEventSequence": 1,"entropy":"S0m3r4Nd0mt3xt"}}"#,
        scene.organisation_id
    );
    Message::File(CarriedDelivery {
        delivery_id: DeliveryId::new(),
        provider: Provider::Xero,
        received_at: Timestamp::now(),
        headers: json!({ "content-type": "application/json" }),
        body: CarriedBody::Inline(body.into_bytes()),
    })
}

#[tokio::test]
async fn a_message_that_nobody_can_read_is_laid_aside_with_the_reason() {
    let scene = Scene::empty().await;
    let worker = scene.worker();
    assert_eq!(handle(&worker, batch(&["not json", ""])).await.batch_item_failures, []);
    let reasons = buried_reasons(&scene).await;
    assert_eq!(reasons.len(), 2);
    assert!(
        reasons
            .iter()
            .all(|reason| reason.starts_with("the message is not in a format of ours (line 1, column ")),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn one_bad_message_does_not_hold_up_its_neighbours() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    let mut messages: SqsEvent = batch(&["not json"]);
    messages.records.extend(scene.ring(job_id).records);
    assert_eq!(handle(&scene.worker(), messages).await.batch_item_failures, []);
    assert_eq!(scene.status(job_id).await, "COMPLETED");
}

#[tokio::test]
async fn a_doorbell_for_a_job_of_another_tenant_is_laid_aside() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    let stranger = scene.database.tenant("stranger").await;
    let message = Message::Ring { tenant_id: stranger, job_id };
    handle(&scene.worker(), batch(&[&message.to_body()])).await;
    assert_eq!(buried_reasons(&scene).await, [format!("tenant {stranger} has no job {job_id}")]);
    assert_eq!(scene.status(job_id).await, "QUEUED");
}

#[tokio::test]
async fn a_job_that_this_version_cannot_run_fails_and_is_laid_aside() {
    let scene = Scene::empty().await;
    let job_id = JobId::new();
    let insert = format!(
        "insert into pipeline_jobs (tenant_id, job_id, job_type, workflow_version, parameters)
         values ('{}', '{job_id}', 'xero-to-fax', 1, '{{}}')",
        scene.tenant_id
    );
    scene.database.superuser().await.batch_execute(&insert).await.unwrap();
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "FAILED");
    let reason = "this worker cannot run the job: \"xero-to-fax\" is not a workflow; known are xero-invoice-to-hubspot, ";
    let message = scene.job_column(job_id, "error_message").await;
    assert!(message.starts_with(reason), "{message}");
    assert_eq!(buried_reasons(&scene).await, [message]);
}

#[tokio::test]
async fn a_delivery_that_the_queue_carried_is_filed_once_and_its_job_is_rung() {
    let scene = Scene::paid_invoice().await;
    let worker = scene.worker();
    let body = carried(&scene).to_body();
    for _ in 0..2 {
        assert_eq!(handle(&worker, batch(&[&body])).await.batch_item_failures, []);
    }
    assert_eq!(scene.database.count("select count(*) from deliveries").await, 1);
    assert_eq!(scene.database.count("select count(*) from pipeline_jobs").await, 1);
    let rung = scene.aws.receive(&scene.job_queue_url).await;
    let bodies: Vec<&str> = rung.iter().filter_map(|message| message.body()).collect();
    let job_id: JobId = scene.database.text("select job_id::text from pipeline_jobs").await.parse().unwrap();
    let ring = Message::Ring { tenant_id: scene.tenant_id, job_id }.to_body();
    // The second message rings again, since nobody has heard the first one yet.
    assert_eq!(bodies, [&ring, &ring]);
}

#[tokio::test]
async fn while_the_database_is_away_a_message_is_put_off_and_not_counted() {
    let mut scene = Scene::paid_invoice().await;
    let secret = json!({
        "database_url": "postgres://zixly_worker@127.0.0.1:1/nowhere",
        "xero_client_id": "client", "xero_client_secret": "x", "hubspot_client_id": "client", "hubspot_client_secret": "x",
    });
    let name = scene.aws.secret("worker-without-database", &secret.to_string()).await;
    scene.settings.insert("FUNCTION_SECRET_ARN".to_owned(), name);
    let worker = scene.worker();
    let (ring, carried) = (scene.ring(JobId::new()), batch(&[&carried(&scene).to_body()]));
    assert_eq!(handle(&worker, ring).await.batch_item_failures, []);
    assert_eq!(handle(&worker, carried).await.batch_item_failures, []);
    assert_eq!(scene.aws.waiting_count(&scene.job_queue_url).await, 2);
}

#[tokio::test]
async fn a_doorbell_that_rings_too_early_is_hung_up_again_only_if_it_may_be_the_jobs_own() {
    for (due_in, kept) in [("3 seconds", 1), ("5 minutes", 0)] {
        let scene = Scene::paid_invoice().await;
        let job_id = scene.job_for_invoice(1).await;
        let later =
            format!("update pipeline_jobs set waiting_reason = 'poll', due_at = now() + interval '{due_in}'");
        scene.database.superuser().await.batch_execute(&later).await.unwrap();
        handle(&scene.worker(), scene.ring(job_id)).await;
        assert_eq!(scene.status(job_id).await, "QUEUED");
        assert_eq!(scene.aws.waiting_count(&scene.job_queue_url).await, kept, "{due_in}");
    }
}

/// The message that brought the job to who holds it comes again should he die; another beside it would only add to a
/// queue that is long already.
#[tokio::test]
async fn a_doorbell_for_a_job_that_is_held_is_not_sent_on() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    let held = "update pipeline_jobs set status = 'RUNNING', fence = 1, started_at = now(),
                       lease_expires_at = now() + interval '1 minute'";
    scene.database.superuser().await.batch_execute(held).await.unwrap();
    assert_eq!(handle(&scene.worker(), scene.ring(job_id)).await.batch_item_failures, []);
    assert_eq!(scene.aws.waiting_count(&scene.job_queue_url).await, 0);
    assert_eq!(scene.database.count("select count(*) from outbox").await, 1, "the scheduler can still ring");
}

#[tokio::test]
async fn a_batch_near_its_end_leaves_the_rest_to_the_next() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(3);
    let answer = scene.worker().handle_batch(scene.ring(job_id), soon).await;
    assert_eq!(answer.batch_item_failures.len(), 1);
    assert_eq!(scene.status(job_id).await, "QUEUED");
}

#[tokio::test]
async fn what_is_for_a_newer_worker_waits_for_it() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    scene
        .database
        .superuser()
        .await
        .batch_execute("update pipeline_jobs set workflow_version = 2")
        .await
        .unwrap();
    let mut messages = scene.ring(job_id);
    messages.records.extend(batch(&[r#"{"v":2,"type":"sing"}"#]).records);
    messages.records[1].message_id = Some("newer".to_owned());
    let answer = handle(&scene.worker(), messages).await;
    assert_eq!(answer.batch_item_failures[0].item_identifier, "newer");
    assert_eq!(scene.job_column(job_id, "status || ' ' || waiting_reason").await, "QUEUED backoff");
    assert_eq!(buried_reasons(&scene).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_silent_database_does_not_cost_the_message() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut scene = Scene::paid_invoice().await;
    let secret = json!({
        "database_url": format!("postgres://zixly_worker@{}/nowhere", silent.local_addr().unwrap()),
        "xero_client_id": "client", "xero_client_secret": "x", "hubspot_client_id": "client", "hubspot_client_secret": "x",
    });
    let name = scene.aws.secret("worker-with-silent-database", &secret.to_string()).await;
    scene.settings.insert("FUNCTION_SECRET_ARN".to_owned(), name);
    let began = std::time::Instant::now();
    assert_eq!(handle(&scene.worker(), batch(&[&carried(&scene).to_body()])).await.batch_item_failures, []);
    assert!(began.elapsed() < std::time::Duration::from_secs(10));
    assert_eq!(scene.aws.waiting_count(&scene.job_queue_url).await, 1);
}

#[tokio::test]
async fn a_job_that_kills_every_worker_fails_and_is_laid_aside() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    for _ in 0..5 {
        assert!(scene.dies_at(job_id, "begun:read-invoice=return").await);
        scene.hurry().await;
    }
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "FAILED");
    let reason = "the step read-invoice was begun 5 times without an outcome: the worker died each time";
    assert_eq!(scene.job_column(job_id, "error_message").await, reason);
    let buried = scene.aws.receive(&scene.dead_letter_queue_url).await;
    assert_eq!(buried.len(), 1);
    let attribute = &buried[0].message_attributes().unwrap()["reason"];
    assert_eq!(attribute.string_value(), Some(reason));
}
