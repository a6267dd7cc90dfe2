//! The main job, from its doorbell to its end, against the simulator.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use scene::{ALL_STEPS_DONE, EMAIL, Scene, handle};
use serde_json::{Value, json};

#[tokio::test]
async fn a_paid_invoice_marks_its_customer_once_and_leaves_a_report() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");

    let writes = scene.writes().await;
    assert_eq!(writes.len(), 1);
    assert_eq!(
        (&writes[0]["method"], &writes[0]["path"]),
        (&json!("PATCH"), &json!("/crm/objects/2026-03/contacts/100451"))
    );
    let written = json!({
        "lifecyclestage": "customer",
        "zixly_last_paid_amount": "148062.76",
        "zixly_last_paid_currency": "NZD",
        "zixly_last_paid_invoice": "INV-0006",
        "zixly_last_paid_on": "2019-03-19",
    });
    assert_eq!(writes[0]["body"], json!({ "properties": written }));

    assert_eq!(scene.steps().await, ALL_STEPS_DONE);
    assert_eq!(scene.job_column(job_id, "about").await, "INV-0006");
    let result: Value = serde_json::from_str(&scene.job_column(job_id, "result").await).unwrap();
    assert_eq!(result["summary"], "Contact 100451 in HubSpot is marked as having paid invoice INV-0006.");
    let report: Value =
        serde_json::from_slice(&scene.aws.object(result["report"]["key"].as_str().unwrap()).await).unwrap();
    assert_eq!(report["written"], written);
    assert_eq!(
        scene
            .database
            .text(
                "select string_agg(system_name || ' ' || record_type || ' ' || action, ', ' order by created_at, action)
                   from workflow_related_records"
            )
            .await,
        "xero invoice READ, hubspot contact READ, hubspot contact UPDATE"
    );
    assert_eq!(
        scene
            .database
            .text("select status || ' ' || provider_record_id || ' ' || settled_by from effects")
            .await,
        "DONE 100451 answer"
    );
}

#[tokio::test]
async fn a_redelivered_message_repeats_nothing() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    let worker = scene.worker();
    scene.run_to_the_end(&worker, job_id).await;
    let calls = scene.calls().await;
    for _ in 0..3 {
        assert_eq!(handle(&worker, scene.ring(job_id)).await.batch_item_failures, []);
    }
    assert_eq!(scene.calls().await, calls);
}

#[tokio::test]
async fn two_workers_on_one_doorbell_do_the_work_once() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job_for_invoice(1).await;
    let (one, two) = (scene.worker(), scene.worker());
    tokio::join!(handle(&one, scene.ring(job_id)), handle(&two, scene.ring(job_id)));
    assert_eq!(scene.status(job_id).await, "COMPLETED");
    assert_eq!(scene.writes().await.len(), 1);
    assert_eq!(scene.calls().await.iter().filter(|call| call.contains("Invoices")).count(), 1);
}

#[tokio::test]
async fn another_event_about_the_same_payment_writes_nothing_again() {
    let scene = Scene::paid_invoice().await;
    let worker = scene.worker();
    for occurrence in 1..=3 {
        let job_id = scene.job_for_invoice(occurrence).await;
        assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
    }
    assert_eq!(scene.writes().await.len(), 1);
    assert_eq!(scene.database.count("select count(*) from effects").await, 1);
}

async fn ends_with_nothing_to_do(scene: Scene, summary: &str) {
    let job_id = scene.job_for_invoice(1).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    let result: Value = serde_json::from_str(&scene.job_column(job_id, "result").await).unwrap();
    assert_eq!(result, json!({ "outcome": "nothing to do", "summary": summary }));
    assert_eq!(scene.writes().await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_unpaid_invoice_ends_the_job_in_words() {
    let scene = Scene::paid_invoice().await;
    scene.seed_invoice(json!({ "Status": "AUTHORISED" })).await;
    ends_with_nothing_to_do(scene, "Invoice INV-0006 is AUTHORISED, not PAID.").await;
}

#[tokio::test]
async fn a_bill_ends_the_job_in_words() {
    let scene = Scene::paid_invoice().await;
    scene.seed_invoice(json!({ "Type": "ACCPAY" })).await;
    ends_with_nothing_to_do(scene, "INV-0006 is a bill, not a sales invoice.").await;
}

#[tokio::test]
async fn a_customer_without_an_address_ends_the_job_in_words() {
    let scene = Scene::paid_invoice().await;
    scene
        .seed_invoice(
            json!({ "Contact": { "ContactID": "430fa14a-f945-44d3-9f97-5df5e28441b8", "Name": "Liam" } }),
        )
        .await;
    ends_with_nothing_to_do(scene, "The customer of invoice INV-0006 has no e-mail address in Xero.").await;
}

#[tokio::test]
async fn a_customer_unknown_to_hubspot_ends_the_job_in_words() {
    let scene = Scene::empty().await;
    scene.seed_invoice(json!({})).await;
    ends_with_nothing_to_do(scene, &format!("HubSpot has no contact with the e-mail address {EMAIL}.")).await;
}

#[tokio::test]
async fn an_invoice_that_is_gone_ends_the_job_in_words() {
    ends_with_nothing_to_do(
        Scene::empty().await,
        "Xero has no invoice a03ffcd2-5d91-4c7e-b483-318584e9e439 any more.",
    )
    .await;
}

#[tokio::test]
async fn an_expired_token_is_refreshed_once() {
    let scene = Scene::paid_invoice().await;
    scene.fault(json!({ "provider": "xero", "fault": "expire" })).await;
    scene.fault(json!({ "provider": "hubspot", "fault": "expire" })).await;
    let job_id = scene.job_for_invoice(1).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    let refreshes = scene.calls().await.into_iter().filter(|call| call.contains("token")).collect::<Vec<_>>();
    assert_eq!(refreshes, ["POST /connect/token", "POST /oauth/2026-03/token"]);
    assert_eq!(scene.writes().await.len(), 1);
    // The new pair is in Secrets Manager, so another worker needs no refresh of its own.
    let another = scene.job_for_invoice(2).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), another).await, "COMPLETED");
    assert_eq!(scene.calls().await.iter().filter(|call| call.contains("token")).count(), 2);
}

#[tokio::test]
async fn a_revoked_authorisation_parks_the_job_and_says_so() {
    let scene = Scene::paid_invoice().await;
    scene.fault(json!({ "provider": "xero", "fault": "revoke" })).await;
    let job_id = scene.job_for_invoice(1).await;
    let worker = scene.worker();
    handle(&worker, scene.ring(job_id)).await;
    assert_eq!(scene.status(job_id).await, "QUEUED");
    assert_eq!(scene.job_column(job_id, "waiting_reason").await, "reauthorisation");
    let state = "select status from connections where provider = 'xero'";
    assert_eq!(scene.database.text(state).await, "NEEDS_AUTHORISATION");

    let calls = scene.calls().await;
    scene.hurry().await;
    handle(&worker, scene.ring(job_id)).await;
    assert_eq!(scene.calls().await, calls, "nobody is called in vain");
    assert_eq!(scene.database.text("select attempts::text from steps").await, "0", "a wait costs no attempt");
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_at_no_attempt() {
    let mut scene = Scene::paid_invoice().await;
    scene
        .fault(json!({
            "provider": "hubspot", "match": { "path": "/contacts/" }, "fault": "rate_limit", "retry_after_s": 7, "times": 4,
        }))
        .await;
    let job_id = scene.job_for_invoice(1).await;
    for _ in 0..4 {
        handle(&scene.worker(), scene.ring(job_id)).await;
        assert_eq!(scene.job_column(job_id, "waiting_reason").await, "rate budget");
        let wait_s: f64 =
            scene.job_column(job_id, "extract(epoch from due_at - now())").await.parse().unwrap();
        assert!((6.0..=8.5).contains(&wait_s), "waits {wait_s} s");
        scene.outwait_limits().await;
    }
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(scene.writes().await.len(), 1);
}

#[tokio::test]
async fn a_provider_that_stays_down_fails_the_job_after_three_attempts() {
    let scene = Scene::paid_invoice().await;
    scene
        .fault(json!({ "provider": "xero", "match": { "path": "/Invoices" }, "fault": "status", "status": 503, "times": 9 }))
        .await;
    let job_id = scene.job_for_invoice(1).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "FAILED");
    assert_eq!(scene.calls().await.iter().filter(|call| call.contains("Invoices")).count(), 3);
    let reason = scene.job_column(job_id, "error_message").await;
    assert!(reason.starts_with("read-invoice: Xero "), "{reason}");
}

#[tokio::test]
async fn a_refused_write_fails_the_job_at_once_with_the_providers_words() {
    let scene = Scene::paid_invoice().await;
    scene
        .fault(json!({
            "provider": "hubspot", "match": { "method": "PATCH" }, "fault": "status", "status": 400, "times": 9,
        }))
        .await;
    let job_id = scene.job_for_invoice(1).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "FAILED");
    let reason = scene.job_column(job_id, "error_message").await;
    assert!(reason.starts_with("update-contact: HubSpot "), "{reason}");
    assert_eq!(scene.database.text("select status from effects").await, "REFUSED");
    assert_eq!(scene.calls().await.iter().filter(|call| call.starts_with("PATCH")).count(), 1);
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_found_and_not_repeated() {
    let scene = Scene::paid_invoice().await;
    scene
        .fault(json!({ "provider": "hubspot", "match": { "method": "PATCH" }, "fault": "malformed", "times": 1 }))
        .await;
    let job_id = scene.job_for_invoice(1).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    assert_eq!(scene.writes().await.len(), 1);
    assert_eq!(scene.database.text("select status || ' ' || settled_by from effects").await, "DONE look");
}

#[tokio::test]
async fn a_tenant_without_hubspot_is_told_to_connect_it() {
    let scene = Scene::paid_invoice().await;
    scene
        .database
        .superuser()
        .await
        .batch_execute("delete from connections where provider = 'hubspot'")
        .await
        .unwrap();
    let job_id = scene.job_for_invoice(1).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "FAILED");
    assert_eq!(
        scene.job_column(job_id, "error_message").await,
        "find-contact: HubSpot is not connected; connect it, then retry the job"
    );
}

/// Were the second invoice written in between, the look for the first one would not find it and write it again.
#[tokio::test]
async fn another_invoice_of_the_same_customer_waits_for_a_doubtful_write() {
    let scene = Scene::paid_invoice().await;
    let second_invoice = "b13ffcd2-5d91-4c7e-b483-318584e9e440";
    scene.seed_invoice(json!({ "InvoiceID": second_invoice, "InvoiceNumber": "INV-0007" })).await;
    scene
        .fault(json!({ "provider": "hubspot", "match": { "method": "PATCH" }, "fault": "malformed", "times": 1 }))
        .await;
    let worker = scene.worker();
    let first = scene.job_for_invoice(1).await;
    handle(&worker, scene.ring(first)).await;
    assert_eq!(scene.job_column(first, "waiting_reason").await, "backoff");

    let second = scene.job_for(second_invoice, 1).await;
    handle(&worker, scene.ring(second)).await;
    assert_eq!(scene.job_column(second, "waiting_reason").await, "other job");

    assert_eq!(scene.run_to_the_end(&worker, first).await, "COMPLETED");
    assert_eq!(scene.run_to_the_end(&worker, second).await, "COMPLETED");
    let written: Vec<Value> = scene
        .writes()
        .await
        .iter()
        .map(|write| write["body"]["properties"]["zixly_last_paid_invoice"].clone())
        .collect();
    assert_eq!(written, ["INV-0006", "INV-0007"]);
}

#[tokio::test]
async fn a_wrong_client_secret_parks_the_job_instead_of_failing_it() {
    let mut scene = Scene::paid_invoice().await;
    scene.fault(json!({ "provider": "xero", "fault": "expire" })).await;
    let secret = json!({
        "database_url": scene.database.url(zixly_testkit::Role::Worker),
        "xero_client_id": "client", "xero_client_secret": "old", "hubspot_client_id": "client", "hubspot_client_secret": "old",
    });
    let name = scene.aws.secret("worker-with-old-secret", &secret.to_string()).await;
    scene.settings.insert("FUNCTION_SECRET_ARN".to_owned(), name);
    let job_id = scene.job_for_invoice(1).await;
    handle(&scene.worker(), scene.ring(job_id)).await;
    assert_eq!(scene.job_column(job_id, "status || ' ' || waiting_reason").await, "QUEUED backoff");
    assert_eq!(
        scene.database.text("select status from connections where provider = 'xero'").await,
        "HEALTHY"
    );
}
