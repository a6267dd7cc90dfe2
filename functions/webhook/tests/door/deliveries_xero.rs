//! Deliveries of Xero, and what holds for those of every provider: what is kept, what is refused, and that nothing is
//! lost while something is down.

use lambda_http::http::StatusCode;
use serde_json::json;
use zixly_domain::Provider;
use zixly_queues::{CarriedBody, Message};
use zixly_testkit::Role;

use crate::{
    contract::assert_problem,
    scene::{Door, XERO_KEY, assert_empty, json_of, sign, xero_invoices},
};

#[tokio::test]
async fn a_signed_delivery_is_filed_and_its_job_rung() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let body = xero_invoices(&[("org", "inv")]);
    assert_empty(&door.post_signed(&body).await, StatusCode::OK);

    let kept = door.database.text("select convert_from(body, 'UTF8') from deliveries").await;
    assert_eq!(kept, body);
    assert_eq!(door.database.text("select outcome from deliveries").await, "ACCEPTED");
    assert_eq!(door.rows("events").await, 1);
    let job_id = door.database.text("select job_id::text from pipeline_jobs").await.parse().unwrap();
    assert_eq!(door.rung().await, [Message::Ring { tenant_id, job_id }]);
}

#[tokio::test]
async fn a_duplicate_delivery_makes_one_job() {
    let door = Door::new().await;
    door.tenant("org").await;
    for _ in 0..3 {
        assert_empty(&door.post_signed(&xero_invoices(&[("org", "inv")])).await, StatusCode::OK);
    }
    assert_eq!((door.rows("deliveries").await, door.rows("pipeline_jobs").await), (3, 1));
}

#[tokio::test]
async fn two_tenants_in_one_post_get_a_job_each() {
    let door = Door::new().await;
    let (one, two) = (door.tenant("org-1").await, door.tenant("org-2").await);
    assert_empty(&door.post_signed(&xero_invoices(&[("org-1", "a"), ("org-2", "b")])).await, StatusCode::OK);
    for tenant_id in [one, two] {
        let own = format!("select count(*) from pipeline_jobs where tenant_id = '{tenant_id}'");
        assert_eq!(door.database.count(&own).await, 1);
    }
}

#[tokio::test]
async fn intent_to_receive_gets_200_and_401_with_empty_bodies() {
    let door = Door::new().await;
    let body = r#"{"events":[],"firstEventSequence": 0,"lastEventSequence": 0, "entropy": "S0m3r4Nd0mt3xt"}"#;
    assert_empty(&door.post_signed(body).await, StatusCode::OK);
    assert_empty(
        &door.post(body, Some(&sign("another key", &[body.as_bytes()]))).await,
        StatusCode::UNAUTHORIZED,
    );
    assert_eq!(door.database.text("select outcome from deliveries").await, "EMPTY");
}

#[tokio::test]
async fn what_is_not_rightly_signed_leaves_nothing_but_a_count() {
    let door = Door::new().await;
    door.tenant("org").await;
    let body = xero_invoices(&[("org", "inv")]);
    let good = sign(XERO_KEY, &[body.as_bytes()]);
    let cases = [
        (body.clone(), Some(sign("another key", &[body.as_bytes()])), "wrong-signature"),
        (body.replace("inv", "iny"), Some(good.clone()), "wrong-signature"),
        (body.clone(), None, "missing-header"),
        (body.clone(), Some("not base64!".to_owned()), "malformed-signature"),
        (String::new(), Some(sign(XERO_KEY, &[])), "empty-body"),
    ];
    for (body, signature, reason) in cases {
        let before = door.refusals(Provider::Xero, reason).await.unwrap_or(0);
        assert_empty(&door.post(&body, signature.as_deref()).await, StatusCode::UNAUTHORIZED);
        assert_eq!(door.refusals(Provider::Xero, reason).await, Some(before + 1), "{reason}");
    }
    for table in ["deliveries", "events", "pipeline_jobs", "outbox"] {
        assert_eq!(door.rows(table).await, 0, "{table}");
    }
    assert_eq!(door.rung().await, []);
}

#[tokio::test]
async fn without_a_key_nothing_verifies() {
    let door = Door::new().await;
    let secret = json!({ "database_url": door.database.url(Role::Webhook), "xero_webhook_key": "" });
    let door = door.with_secret(secret).await;
    let body = xero_invoices(&[("org", "inv")]);
    assert_empty(&door.post(&body, Some(&sign("", &[body.as_bytes()]))).await, StatusCode::UNAUTHORIZED);
    assert_eq!(door.refusals(Provider::Xero, "no-key").await, Some(1));
    assert_eq!(door.rows("deliveries").await, 0);
}

#[tokio::test]
async fn when_the_key_cannot_be_read_the_sender_has_to_come_again() {
    let mut door = Door::new().await;
    door.settings.insert("FUNCTION_SECRET_ARN", "no-such-secret".to_owned());
    let answer = door.post_signed(&xero_invoices(&[("org", "inv")])).await;
    assert_empty(&answer, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "30");
}

#[tokio::test]
async fn signed_garbage_is_kept_and_marked() {
    let door = Door::new().await;
    assert_empty(&door.post_signed("this is not JSON").await, StatusCode::OK);
    assert_eq!(door.database.text("select outcome from deliveries").await, "MALFORMED");
    assert_eq!(
        door.database.text("select convert_from(body, 'UTF8') from deliveries").await,
        "this is not JSON"
    );
}

#[tokio::test]
async fn a_nul_in_a_signed_body_is_kept_and_breaks_nothing() {
    let door = Door::new().await;
    door.tenant("org").await;
    let body = xero_invoices(&[("org", "inv")]).replace("\"x\"", "\"\\u0000\"");
    assert_empty(&door.post_signed(&body).await, StatusCode::OK);
    assert_eq!(door.database.text("select outcome from deliveries").await, "ACCEPTED");
    let unreadable = xero_invoices(&[("org", "in\\u0000v")]).replace("\\\\u", "\\u");
    assert_empty(&door.post_signed(&unreadable).await, StatusCode::OK);
    assert_eq!(door.rows("deliveries").await, 2);
}

#[tokio::test]
async fn while_postgres_is_down_the_queue_carries_the_delivery_whole() {
    let door = Door::new().await;
    let door = door.without_postgres().await;
    let body = xero_invoices(&[("org", "inv")]);
    assert_empty(&door.post_signed(&body).await, StatusCode::OK);
    let messages = door.rung().await;
    let [Message::File(carried)] = messages.as_slice() else {
        panic!("one delivery is carried: {messages:?}")
    };
    assert_eq!(carried.provider, Provider::Xero);
    assert_eq!(carried.body, CarriedBody::Inline(body.clone().into_bytes()));
    assert_eq!(carried.headers[":path"], "/webhook/xero");
    // Good for ever, and for whoever has it.
    assert!(carried.headers.get("x-xero-signature").is_none());
}

#[tokio::test]
async fn while_the_queue_is_down_the_doorbell_stays_in_the_outbox() {
    let door = Door::new().await.without_queue();
    door.tenant("org").await;
    assert_empty(&door.post_signed(&xero_invoices(&[("org", "inv")])).await, StatusCode::OK);
    assert_eq!((door.rows("pipeline_jobs").await, door.rows("outbox").await), (1, 1));
}

#[tokio::test]
async fn with_both_down_the_sender_has_to_come_again() {
    let door = Door::new().await.without_queue();
    let door = door.without_postgres().await;
    let answer = door.post_signed(&xero_invoices(&[("org", "inv")])).await;
    assert_empty(&answer, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "30");
}

#[tokio::test]
async fn what_is_too_large_for_the_queue_waits_beside_it() {
    let door = Door::new().await.without_postgres().await;
    for size_bytes in [100 * 1024, 400 * 1024] {
        let body = json!({ "events": [], "entropy": "x".repeat(size_bytes) }).to_string();
        assert_empty(&door.post_signed(&body).await, StatusCode::OK);
        let messages = door.rung().await;
        let [Message::File(carried)] = messages.as_slice() else { panic!("one delivery is carried") };
        match &carried.body {
            CarriedBody::Inline(bytes) => {
                assert_eq!((size_bytes, bytes.as_slice()), (100 * 1024, body.as_bytes()))
            }
            CarriedBody::Stored(key) => {
                assert_eq!(size_bytes, 400 * 1024);
                assert_eq!(door.aws.object(key).await, body.as_bytes());
                assert!(key.contains(&carried.delivery_id.to_string()), "{key}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_of_4_mib_is_taken_and_a_byte_more_is_not() {
    let door = Door::new().await;
    let largest = "x".repeat(4 * 1024 * 1024);
    assert_empty(&door.post_signed(&largest).await, StatusCode::OK);
    let answer = door.post_signed(&format!("{largest}x")).await;
    assert_problem(&answer, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        json_of(&answer)["detail"],
        "The body has 4194305 bytes; a delivery may have 4194304 at the most."
    );
    assert_eq!(door.rows("deliveries").await, 1);
}
