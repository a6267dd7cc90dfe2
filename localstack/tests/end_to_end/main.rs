//! The deployed stack, driven from outside: deliveries through API Gateway, and what becomes of them in PostgreSQL,
//! in the queues, in S3 and at the providers.
//!
//! Deploying takes a minute, so one test does it and runs all scenarios; a failure names the scenarios that failed.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod infrastructure;
mod logs;
mod start;
mod world;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Answer, DEMO, OTHER, World, body, zixly};

/// The job whose doorbell is lost.
const LOST_JOB: &str = "01900000-0000-7000-8000-00000000dead";

#[tokio::test]
async fn the_deployed_stack_keeps_its_promises() {
    let mut world = World::deploy();
    let mut failures = Vec::new();
    macro_rules! scenarios {
        ($($scenario:path),+ $(,)?) => {$(
            let run = AssertUnwindSafe($scenario(&mut world)).catch_unwind().await;
            failures.extend(run.err().map(|panic| format!("{}: {}", stringify!($scenario), message(&*panic))));
        )+};
    }
    scenarios!(
        all_dependencies_are_healthy,
        a_doorbell_is_lost,
        every_provider_delivers_and_its_job_completes,
        a_paid_invoice_updates_hubspot_once_and_leaves_a_report,
        ten_deliveries_of_one_event_make_one_job_and_one_write,
        a_refused_delivery_leaves_nothing_but_a_count,
        the_intent_to_receive_is_answered_empty_and_without_cookies,
        two_organisations_in_one_post_make_a_job_for_each_tenant,
        what_starts_nothing_is_kept_and_says_why,
        what_needs_no_write_completes_and_says_why,
        a_job_is_shown_to_its_own_tenant_only,
        an_expired_token_is_refreshed_once,
        garbage_in_the_queue_ends_among_the_dead_letters_with_the_reason,
        the_command_line_sends_and_reports,
        a_call_is_answered_once_and_a_viewer_is_refused,
        a_scrape_is_the_same_whichever_instance_answers,
        a_killed_worker_is_taken_over_and_writes_nothing_twice,
        the_lost_doorbell_is_rung_by_the_scheduler,
        a_delivery_outlives_postgresql,
        logs::ids_lead_from_a_delivery_to_its_effects,
        logs::nothing_secret_or_personal_was_logged_by_any_scenario,
        start::each_function_asks_for_work_within_ten_milliseconds,
        infrastructure::applying_again_changes_nothing,
        infrastructure::destroying_takes_everything,
    );
    assert!(failures.is_empty(), "{} scenarios failed:\n{}", failures.len(), failures.join("\n"));
}

async fn all_dependencies_are_healthy(world: &mut World) {
    let health = world.get_path("/health", None).await;
    assert_eq!(health.status, StatusCode::OK, "{}", health.body);
    let health: Value = serde_json::from_str(&health.body).unwrap();
    let parts = ["secrets", "postgres", "queue", "counters", "payloads"];
    let checks: Value = parts.iter().map(|part| ((*part).to_owned(), json!("up"))).collect();
    assert_eq!(health, json!({ "status": "up", "checks": checks }));
}

/// As if the queue had lost the message; the first of two scenarios, for the scheduler takes up to a minute.
async fn a_doorbell_is_lost(world: &mut World) {
    let sql = format!(
        "with job as (
             insert into pipeline_jobs (tenant_id, job_id, job_type, workflow_version, parameters)
             values ('{}', '{LOST_JOB}', 'xero-invoice-to-hubspot', 1,
                     '{{\"organisation_id\":\"{}\",\"invoice_id\":\"{LOST_JOB}\"}}')
             returning tenant_id, job_id)
         insert into outbox (tenant_id, job_id) select tenant_id, job_id from job",
        world.get(DEMO.id),
        world.get(DEMO.organisation)
    );
    world.query(&sql).await;
}

async fn the_lost_doorbell_is_rung_by_the_scheduler(world: &mut World) {
    let ended =
        format!("select status from pipeline_jobs where job_id = '{LOST_JOB}' and completed_at is not null");
    world.wait_for(Duration::from_secs(150), &ended).await;
    let outbox = format!("select count(*) from outbox where job_id = '{LOST_JOB}'");
    assert_eq!(world.count(&outbox).await, 0);
}

async fn every_provider_delivers_and_its_job_completes(_: &mut World) {
    for repeated in [false, true] {
        let output = zixly(&["demo"]);
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
        for provider in ["xero", "hubspot", "shopify", "asana"] {
            assert!(told.contains(&format!("events/{provider}-")), "{provider} is missing in\n{told}");
        }
        assert_eq!(told.matches(" COMPLETED in ").count(), 5, "one of each workflow: {told}");
        assert_eq!(told.contains("no new job"), repeated, "{told}");
    }
}

async fn a_call_is_answered_once_and_a_viewer_is_refused(world: &mut World) {
    let invoice = world.seed_invoice(DEMO, json!({ "Status": "DRAFT" })).await;
    let body = json!({
        "job_type": "xero-invoice-to-hubspot",
        "parameters": { "organisation_id": world.get(DEMO.organisation), "invoice_id": invoice },
    });
    let call = async |token: &str, key: &str| world.call("/webhook/generic-job", token, key, &body).await;
    let first = call("DEMO_API_KEY", "end-to-end").await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.body);
    let again = call("TOKEN_EDITOR", "end-to-end").await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let id = |answer: &Answer| serde_json::from_str::<Value>(&answer.body).unwrap()["job_id"].clone();
    assert_eq!(id(&first), id(&again));
    let (job, status, words) = world.wait_for_job(&invoice).await;
    assert_eq!((json!(job), status.as_str()), (id(&first), "COMPLETED"), "{words}");

    let refused = call("TOKEN_VIEWER", "end-to-end-2").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains("VIEWER"), "{}", refused.body);
    let path = format!("/webhook/jobs/{job}");
    assert_eq!(world.get_path(&path, Some(world.get("TOKEN_VIEWER"))).await.status, StatusCode::OK);
    assert_eq!(
        world.get_path(&path, Some(world.get("OTHER_TOKEN_ADMIN"))).await.status,
        StatusCode::NOT_FOUND
    );
}

async fn a_scrape_is_the_same_whichever_instance_answers(world: &mut World) {
    let deliveries =
        r#"http_request_duration_seconds_count{method="POST",route="/webhook/xero",status="200"}"#;
    let scraped = async || {
        let answer = world.get_path("/metrics", None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let line = answer.body.lines().find_map(|line| line.strip_prefix(deliveries)?.trim().parse().ok());
        line.unwrap_or_else(|| panic!("{deliveries} is not in\n{}", answer.body))
    };
    let before: u64 = scraped().await;
    let empty: Vec<String> = (0..12).map(|_| body(&[])).collect();
    let posts = empty.iter().map(|body| world.deliver(body));
    for answer in futures_util::future::join_all(posts).await {
        assert_eq!(answer.status, StatusCode::OK);
    }
    // An instance saves its numbers at most a second after its answer.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let counts = [scraped().await, scraped().await, scraped().await];
    assert_eq!(counts, [before + 12; 3]);
}

async fn a_paid_invoice_updates_hubspot_once_and_leaves_a_report(world: &mut World) {
    let (invoice, contact) = world.seed_paid(DEMO, "paid@example.com").await;
    world.deliver_update(DEMO, &invoice).await;
    let (job, status, words) = world.wait_for_job(&invoice).await;
    assert_eq!(status, "COMPLETED", "{words}");

    let writes = world.seen("effects", &format!("/contacts/{contact}")).await;
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0]["method"], "PATCH");
    assert_eq!(writes[0]["body"]["properties"]["zixly_last_paid_amount"], "12.5");
    let ledger = world
        .query(&format!(
            "select status, settled_by, provider_record_id from effects
              where job_id = '{job}' and provider = 'hubspot'"
        ))
        .await;
    assert_eq!(ledger, [["DONE", "answer", contact.as_str()]]);

    let report = format!(
        "select result #>> '{{report,bucket}}', result #>> '{{report,key}}', tenant_id
           from pipeline_jobs where job_id = '{job}'"
    );
    let report = world.query(&report).await.remove(0);
    assert_eq!(report[1], format!("tenants/{}/jobs/{job}/report.json", report[2]));
    assert_eq!(world.object(&report[0], &report[1]).await["contact_id"], contact.as_str());

    let records = format!(
        "select system_name, record_type, record_id, action from workflow_related_records
          where job_id = '{job}' order by related_record_id"
    );
    assert_eq!(
        world.query(&records).await,
        [
            ["xero", "invoice", invoice.as_str(), "READ"],
            ["hubspot", "contact", contact.as_str(), "READ"],
            ["hubspot", "contact", contact.as_str(), "UPDATE"],
        ]
    );
}

async fn ten_deliveries_of_one_event_make_one_job_and_one_write(world: &mut World) {
    let (invoice, contact) = world.seed_paid(DEMO, "repeated@example.com").await;
    let body = body(&[world.event(DEMO, &invoice)]);
    for _ in 0..10 {
        assert_eq!(world.deliver(&body).await.status, StatusCode::OK);
    }
    let (_, status, words) = world.wait_for_job(&invoice).await;
    assert_eq!(status, "COMPLETED", "{words}");
    let jobs = format!("select count(*) from pipeline_jobs where parameters ->> 'invoice_id' = '{invoice}'");
    assert_eq!(world.count(&jobs).await, 1);
    let outcomes = format!(
        "select outcome, count(*) from deliveries where convert_from(body, 'UTF8') like '%{invoice}%'
          group by outcome order by outcome"
    );
    assert_eq!(world.query(&outcomes).await, [["ACCEPTED", "1"], ["DUPLICATE", "9"]]);
    assert_eq!(world.seen("effects", &format!("/contacts/{contact}")).await.len(), 1);
}

async fn a_refused_delivery_leaves_nothing_but_a_count(world: &mut World) {
    let body = body(&[world.event(DEMO, &Uuid::new_v4().to_string())]);
    let signature = world.sign(&body);
    let counted = refusals(world).await;
    let kept = world.count("select count(*) from deliveries").await;

    refused(&world.post(&body, Some("bm90IGEgc2lnbmF0dXJl")).await);
    refused(&world.post(&body, None).await);
    refused(&world.post("", Some(&world.sign(""))).await);
    refused(&world.post(&body.replacen("UPDATE", "CREATE", 1), Some(&signature)).await);

    assert_eq!(refusals(world).await, counted + 4);
    assert_eq!(world.count("select count(*) from deliveries").await, kept);
}

async fn the_intent_to_receive_is_answered_empty_and_without_cookies(world: &mut World) {
    let handshake = include_str!("../../../events/xero-intent-to-receive.json");
    let answer = world.deliver(handshake).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
    assert!(!answer.headers.contains_key("set-cookie"));
    refused(&world.post(handshake, Some("bm90IGEgc2lnbmF0dXJl")).await);
}

async fn two_organisations_in_one_post_make_a_job_for_each_tenant(world: &mut World) {
    let (demo_invoice, _) = world.seed_paid(DEMO, "both@example.com").await;
    let (other_invoice, _) = world.seed_paid(OTHER, "both@example.com").await;
    let body = body(&[world.event(DEMO, &demo_invoice), world.event(OTHER, &other_invoice)]);
    assert_eq!(world.deliver(&body).await.status, StatusCode::OK);
    for (tenant, invoice) in [(DEMO, demo_invoice), (OTHER, other_invoice)] {
        let (job, status, words) = world.wait_for_job(&invoice).await;
        assert_eq!(status, "COMPLETED", "{words}");
        let owners = format!(
            "select distinct e.tenant_id from events e join pipeline_jobs j using (tenant_id, event_id)
              where j.parameters ->> 'invoice_id' = '{invoice}'"
        );
        assert_eq!(world.query(&owners).await, [[world.get(tenant.id)]]);
        let own = world.get_path(&format!("/webhook/jobs/{job}"), Some(world.get(tenant.api_key))).await;
        assert_eq!(own.status, StatusCode::OK);
        let writes = world.seen("effects", "/contacts/").await;
        let of_portal = writes.iter().filter(|write| write["account"] == world.get(tenant.portal));
        let number = format!("INV-{}", &invoice[..8]);
        let of_invoice =
            of_portal.filter(|it| it["body"]["properties"]["zixly_last_paid_invoice"] == number.as_str());
        assert_eq!(of_invoice.count(), 1, "{writes:?}");
    }
    // Nobody may read the bytes that speak of another tenant.
    assert_eq!(
        world.count("select count(*) from deliveries where event_count = 2 and tenant_id is null").await,
        1
    );
}

async fn what_starts_nothing_is_kept_and_says_why(world: &mut World) {
    let mut unknown_organisation = world.event(DEMO, &Uuid::new_v4().to_string());
    unknown_organisation["tenantId"] = json!(Uuid::new_v4());
    let mut unknown_category = world.event(DEMO, &Uuid::new_v4().to_string());
    unknown_category["eventCategory"] = json!("PREPAYMENT");
    for (body, outcome, words) in [
        (body(&[unknown_organisation]), "UNMATCHED", "No tenant has connected Xero account"),
        (body(&[unknown_category]), "UNMATCHED", "No workflow is about this Xero PREPAYMENT UPDATE."),
        (format!("not JSON {}", Uuid::new_v4()), "MALFORMED", "correctly signed, but cannot be read"),
    ] {
        let answer = world.deliver(&body).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
        let kept =
            world.query(&format!("select outcome, note from deliveries where body = '{body}'::bytea")).await;
        assert_eq!(kept.len(), 1, "{body}");
        assert_eq!(kept[0][0], outcome);
        assert!(kept[0][1].contains(words), "{}", kept[0][1]);
    }
}

async fn what_needs_no_write_completes_and_says_why(world: &mut World) {
    for (fields, words) in [
        (json!({ "Status": "AUTHORISED" }), "is AUTHORISED, not PAID."),
        (json!({ "Type": "ACCPAY" }), "is a bill, not a sales invoice."),
        (json!({ "Contact": { "Name": "Nobody" } }), "has no e-mail address in Xero."),
        (
            json!({ "Contact": { "EmailAddress": "stranger@example.com" } }),
            "HubSpot has no contact with the e-mail address stranger@example.com.",
        ),
    ] {
        let invoice = world.seed_invoice(DEMO, fields).await;
        world.deliver_update(DEMO, &invoice).await;
        let (job, status, summary) = world.wait_for_job(&invoice).await;
        assert_eq!(status, "COMPLETED", "{summary}");
        assert!(summary.ends_with(words), "{summary}");
        assert_eq!(world.count(&format!("select count(*) from effects where job_id = '{job}'")).await, 0);
    }
}

async fn a_job_is_shown_to_its_own_tenant_only(world: &mut World) {
    let (invoice, _) = world.seed_paid(DEMO, "private@example.com").await;
    world.deliver_update(DEMO, &invoice).await;
    let (job, ..) = world.wait_for_job(&invoice).await;
    let path = format!("/webhook/jobs/{job}");
    assert_eq!(world.get_path(&path, None).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get_path(&path, Some("zixly_no-such-key")).await.status, StatusCode::UNAUTHORIZED);
    let others = world.get_path(&path, Some(world.get(OTHER.api_key))).await;
    assert_eq!(others.status, StatusCode::NOT_FOUND, "{}", others.body);
    let own = world.get_path(&path, Some(world.get(DEMO.api_key))).await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.body);
    let own: Value = serde_json::from_str(&own.body).unwrap();
    assert_eq!((&own["job_id"], &own["status"]), (&json!(job), &json!("COMPLETED")));
}

async fn an_expired_token_is_refreshed_once(world: &mut World) {
    let refreshes = async || world.seen("calls", "/oauth/").await.len();
    let before = refreshes().await;
    world.control("faults", json!({ "provider": "hubspot", "fault": "expire" })).await;
    let (invoice, contact) = world.seed_paid(DEMO, "refreshed@example.com").await;
    world.deliver_update(DEMO, &invoice).await;
    let (_, status, words) = world.wait_for_job(&invoice).await;
    assert_eq!(status, "COMPLETED", "{words}");
    assert_eq!(refreshes().await, before + 1);
    assert_eq!(world.seen("effects", &format!("/contacts/{contact}")).await.len(), 1);
}

async fn garbage_in_the_queue_ends_among_the_dead_letters_with_the_reason(world: &mut World) {
    let queue = queue_url(world, "zixly-local-jobs").await;
    let dead_letters = queue_url(world, "zixly-local-jobs-dead-letters").await;
    let garbage = format!("garbage {}", Uuid::new_v4());
    world.aws("AmazonSQS.SendMessage", json!({ "QueueUrl": queue, "MessageBody": garbage })).await;
    let receive =
        json!({ "QueueUrl": dead_letters, "WaitTimeSeconds": 15, "MessageAttributeNames": ["All"] });
    let received = world.aws("AmazonSQS.ReceiveMessage", receive).await;
    let message = &received["Messages"][0];
    assert_eq!(message["Body"], garbage);
    let reason = message["MessageAttributes"]["reason"]["StringValue"].as_str().unwrap();
    assert!(reason.starts_with("the message is not in a format of ours"), "{reason}");
}

async fn the_command_line_sends_and_reports(_: &mut World) {
    let send = |more: &[&str]| {
        let output = zixly(&[&["send", "../events/xero-intent-to-receive.json"], more].concat());
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.success(), said.lines().map(|line| line[..3].to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(send(&["--times", "3"]), (true, vec!["200".to_owned(); 3]));
    assert_eq!(send(&["--tamper"]), (false, vec!["401".to_owned()]));
    assert_eq!(send(&["--secret", "another"]), (false, vec!["401".to_owned()]));
}

async fn a_killed_worker_is_taken_over_and_writes_nothing_twice(world: &mut World) {
    let (invoice, contact) = world.seed_paid(DEMO, "killed@example.com").await;
    let path = format!("/contacts/{contact}");
    // The write takes place at once, and its answer keeps the worker waiting.
    let pattern = json!({ "method": "PATCH", "path": path });
    let slow = json!({ "provider": "hubspot", "match": pattern, "fault": "slow", "retry_after_s": 10 });
    world.control("faults", slow).await;
    world.deliver_update(DEMO, &invoice).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while world.seen("effects", &path).await.is_empty() {
        assert!(Instant::now() < deadline, "the worker did not come to its write");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(world.kill_workers() > 0);

    let (job, status, words) = world.wait_for_job(&invoice).await;
    assert_eq!(status, "COMPLETED", "{words}");
    assert_eq!(world.seen("effects", &path).await.len(), 1);
    let ledger = world
        .query(&format!(
            "select status, settled_by from effects where job_id = '{job}' and provider = 'hubspot'"
        ))
        .await;
    assert_eq!(ledger, [["DONE", "look"]]);
}

async fn a_delivery_outlives_postgresql(world: &mut World) {
    let (invoice, contact) = world.seed_paid(DEMO, "outage@example.com").await;
    world.stop_postgres();
    let health = world.get_path("/health", None).await;
    assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(health.body.contains(r#""postgres":"down""#), "{}", health.body);
    let accepted = Instant::now();
    world.deliver_update(DEMO, &invoice).await;
    assert!(accepted.elapsed() < Duration::from_secs(5), "Xero would have given up");

    world.bring_up();
    let (_, status, words) = world.wait_for_job(&invoice).await;
    assert_eq!(status, "COMPLETED", "{words}");
    assert_eq!(world.seen("effects", &format!("/contacts/{contact}")).await.len(), 1);
}

fn refused(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::UNAUTHORIZED, ""));
    assert!(!answer.headers.contains_key("set-cookie"));
}

/// All refusals that were counted.
async fn refusals(world: &World) -> u64 {
    let table = world.aws("DynamoDB_20120810.Scan", json!({ "TableName": "zixly-local-counters" })).await;
    let items = table["Items"].as_array().unwrap().iter();
    // The budgets of calls to providers are there too, and have no such number.
    items.filter_map(|item| item["count"]["N"].as_str()).map(|count| count.parse::<u64>().unwrap()).sum()
}

async fn queue_url(world: &World, name: &str) -> String {
    let answer = world.aws("AmazonSQS.GetQueueUrl", json!({ "QueueName": name })).await;
    answer["QueueUrl"].as_str().unwrap().to_owned()
}

/// What a panic says.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words")
}
