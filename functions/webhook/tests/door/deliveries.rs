//! Deliveries of HubSpot, Shopify and Asana.

use jiff::{SignedDuration, Timestamp};
use lambda_http::{
    Body, Response,
    http::{Method, StatusCode},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use zixly_domain::Provider;
use zixly_testkit::Role;

use crate::{
    contract::assert_problem,
    logs::Logs,
    scene::{
        ASANA_SECRET, BASE_URL, Delivery, Door, SHOPIFY_SECRET, asana_task, assert_empty, hubspot_deal,
        secret_at, shopify_order, sign,
    },
};

const SHOP: &str = "corner.myshopify.com";
const OTHER_HOOK_SECRET: &str = "another-hook-secret-marker-0123456789";

#[tokio::test]
async fn hubspot_signs_the_public_url_with_its_query_and_no_host_is_believed() {
    let door = Door::new().await;
    door.tenant_at(Provider::HubSpot, "62515").await;
    let path = "/webhook/hubspot?app=7&to=%2Fdeals%3Fid%3D1&e=%C3%A9";
    let signed_path = "/webhook/hubspot?app=7&to=/deals?id%3D1&e=%C3%A9";
    let signed_for = |base: &str, signed_path: &str| {
        let url = format!("{base}{signed_path}");
        Delivery::hubspot_to(path, &url, Timestamp::now(), &hubspot_deal(62515, 1))
    };
    assert_empty(&door.deliver(&signed_for(BASE_URL, signed_path)).await, StatusCode::OK);

    // Whoever signs what the request says of itself could have made it up.
    let elsewhere = signed_for("https://evil.example.com", signed_path)
        .with("host", "evil.example.com")
        .with("x-forwarded-host", "evil.example.com")
        .with("x-forwarded-proto", "https");
    assert_empty(&door.deliver(&elsewhere).await, StatusCode::UNAUTHORIZED);
    for without_query in ["/webhook/hubspot", "/webhook/hubspot?app=7"] {
        assert_empty(&door.deliver(&signed_for(BASE_URL, without_query)).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!((door.rows("deliveries").await, door.rows("pipeline_jobs").await), (1, 1));
    assert_eq!(
        door.database.text("select job_type || ' ' || (parameters->>'deal_id') from pipeline_jobs").await,
        "hubspot-deal-to-asana 1"
    );
}

#[tokio::test]
async fn a_hubspot_delivery_is_good_for_five_minutes_before_and_after() {
    let door = Door::new().await;
    door.tenant_at(Provider::HubSpot, "62515").await;
    for (offset_s, status, reason) in [
        (-290, StatusCode::OK, None),
        (290, StatusCode::OK, None),
        (-310, StatusCode::UNAUTHORIZED, Some("stale-timestamp")),
        (310, StatusCode::UNAUTHORIZED, Some("future-timestamp")),
    ] {
        let sent_at = Timestamp::now() + SignedDuration::from_secs(offset_s);
        let url = format!("{BASE_URL}/webhook/hubspot");
        let delivery = Delivery::hubspot_to("/webhook/hubspot", &url, sent_at, &hubspot_deal(62515, 1));
        assert_empty(&door.deliver(&delivery).await, status);
        if let Some(reason) = reason {
            assert_eq!(door.refusals(Provider::HubSpot, reason).await, Some(1), "{reason}");
        }
    }
    // The two good ones told of the same change.
    assert_eq!((door.rows("deliveries").await, door.rows("pipeline_jobs").await), (2, 1));
}

#[tokio::test]
async fn while_shopify_changes_its_secret_both_are_good() {
    let door = Door::new().await;
    door.tenant_at(Provider::Shopify, SHOP).await;
    let mut secret = secret_at(&door.database.url(Role::Webhook));
    secret["shopify_client_secret_previous"] = json!("the secret of before");
    let door = door.with_secret(secret).await;
    for (key, status) in [
        (SHOPIFY_SECRET, StatusCode::OK),
        ("the secret of before", StatusCode::OK),
        ("a secret of nobody", StatusCode::UNAUTHORIZED),
    ] {
        let delivery = Delivery::shopify(SHOP, "orders/paid", key, &shopify_order(1));
        let signature = sign(key, &[delivery.body.as_bytes()]);
        let delivery = delivery.with("x-shopify-hmac-sha256", &signature).with("x-shopify-webhook-id", "w1");
        assert_empty(&door.deliver(&delivery).await, status);
    }
    assert_eq!((door.rows("deliveries").await, door.rows("events").await), (2, 1));
}

#[tokio::test]
async fn either_of_shopifys_two_ids_tells_a_repetition() {
    let door = Door::new().await;
    door.tenant_at(Provider::Shopify, SHOP).await;
    for (webhook_id, event_id, events) in [
        ("w1", Some("e1"), 1),
        ("w1", Some("e2"), 1),
        ("w2", Some("e1"), 1),
        ("w1", None, 1),
        ("w3", Some("e3"), 2),
        ("w4", None, 3),
    ] {
        let mut delivery = Delivery::shopify(SHOP, "orders/paid", webhook_id, &shopify_order(1));
        if let Some(event_id) = event_id {
            delivery = delivery.with("x-shopify-event-id", event_id);
        }
        assert_empty(&door.deliver(&delivery).await, StatusCode::OK);
        assert_eq!(door.rows("events").await, events, "{webhook_id} {event_id:?}");
    }
    assert_eq!(door.rows("pipeline_jobs").await, 1);
}

#[tokio::test]
async fn a_shop_that_nobody_has_connected_is_noted_and_starts_nothing() {
    let door = Door::new().await;
    door.tenant_at(Provider::Shopify, SHOP).await;
    let delivery = Delivery::shopify("stranger.myshopify.com", "orders/paid", "w1", &shopify_order(1));
    assert_empty(&door.deliver(&delivery).await, StatusCode::OK);
    assert_eq!(
        door.database.text("select concat_ws(' ', outcome, tenant_id, note) from deliveries").await,
        "UNMATCHED No tenant has connected Shopify account stranger.myshopify.com, so its events start nothing."
    );
    for table in ["events", "pipeline_jobs", "outbox"] {
        assert_eq!(door.rows(table).await, 0, "{table}");
    }
    assert_eq!(door.rung().await, []);
}

/// Only the body is signed, so whoever has seen one delivery could send its body under another topic or shop.
#[tokio::test]
async fn a_body_that_is_not_of_its_topic_or_shop_is_kept_as_malformed() {
    let door = Door::new().await;
    door.tenant_at(Provider::Shopify, SHOP).await;
    let uninstalled = json!({ "id": 1, "myshopify_domain": "victim.myshopify.com" });
    let request =
        json!({ "shop_domain": SHOP, "shop_id": 1, "customer": { "id": 2 }, "orders_to_redact": [] });
    for (number, (topic, body)) in [
        ("customers/update", &shopify_order(1)),
        ("app/uninstalled", &shopify_order(1)),
        ("app/uninstalled", &uninstalled),
        ("shop/redact", &request),
        ("nonsense", &shopify_order(1)),
    ]
    .into_iter()
    .enumerate()
    {
        let delivery = Delivery::shopify(SHOP, topic, &format!("w{number}"), body);
        assert_empty(&door.deliver(&delivery).await, StatusCode::OK);
    }
    assert_eq!(door.database.count("select count(*) from deliveries where outcome = 'MALFORMED'").await, 5);
    assert_eq!((door.rows("events").await, door.rows("pipeline_jobs").await), (0, 0));
}

#[tokio::test]
async fn a_paid_order_starts_one_job_whichever_topics_tell_of_it() {
    let door = Door::new().await;
    door.tenant_at(Provider::Shopify, SHOP).await;
    for topic in ["orders/updated", "orders/create", "orders/paid"] {
        let delivery = Delivery::shopify(SHOP, topic, topic, &shopify_order(42));
        assert_empty(&door.deliver(&delivery).await, StatusCode::OK);
    }
    assert_eq!((door.rows("events").await, door.rows("pipeline_jobs").await), (3, 1));
    assert_eq!(
        door.database.text("select job_type || ' ' || business_key from pipeline_jobs").await,
        format!("shopify-order-to-xero {SHOP}/42")
    );
    assert_eq!(door.rung().await.len(), 1);
}

#[tokio::test]
async fn what_shopify_has_to_be_obeyed_in_starts_its_job_whatever_is_switched_on() {
    let door = Door::new().await;
    door.tenant_at(Provider::Shopify, SHOP).await;
    door.sql("delete from workflow_settings").await;
    let customer = json!({ "id": 7, "email": "pat@example.com" });
    for (topic, job_type, body) in [
        ("app/uninstalled", "shopify-app-uninstalled", json!({ "id": 1, "myshopify_domain": SHOP })),
        (
            "customers/data_request",
            "shopify-privacy-request",
            json!({ "shop_id": 1, "shop_domain": SHOP, "customer": customer, "data_request": { "id": 9 } }),
        ),
        (
            "customers/redact",
            "shopify-privacy-request",
            json!({ "shop_id": 1, "shop_domain": SHOP, "customer": customer, "orders_to_redact": [1] }),
        ),
        ("shop/redact", "shopify-privacy-request", json!({ "shop_id": 1, "shop_domain": SHOP })),
    ] {
        let before = door.rows("pipeline_jobs").await;
        assert_empty(&door.deliver(&Delivery::shopify(SHOP, topic, topic, &body)).await, StatusCode::OK);
        assert_eq!(door.rows("pipeline_jobs").await, before + 1, "{topic}");
        let newest = "select job_type from pipeline_jobs order by job_id desc limit 1";
        assert_eq!(door.database.text(newest).await, job_type);
    }
}

#[tokio::test]
async fn a_handshake_is_taken_once_and_only_while_registering() {
    let logs = Logs::capture();
    let door = Door::new().await;
    let endpoint = door.endpoint("w1", Some(Timestamp::now() + SignedDuration::from_mins(5))).await;
    let too_late = door.endpoint("w2", Some(Timestamp::now() - SignedDuration::from_secs(1))).await;
    let never = door.endpoint("w3", None).await;
    let unknown = "an-endpoint-that-nobody-has-ever-made";
    for endpoint in [too_late.as_str(), &never, unknown] {
        assert_empty(&handshake(&door, endpoint, OTHER_HOOK_SECRET).await, StatusCode::UNAUTHORIZED);
        assert!(door.hook_secrets().get(endpoint).await.unwrap().is_none());
    }

    let taken = handshake(&door, &endpoint, ASANA_SECRET).await;
    assert_empty(&taken, StatusCode::OK);
    assert_eq!(taken.headers()["x-hook-secret"], ASANA_SECRET);

    // While it is still registering, a second one is verified like any other request.
    for secret in [OTHER_HOOK_SECRET, ASANA_SECRET] {
        let answer = handshake(&door, &endpoint, secret).await;
        assert_empty(&answer, StatusCode::UNAUTHORIZED);
        assert!(!answer.headers().contains_key("x-hook-secret"));
    }
    let kept = door.hook_secrets().get(&endpoint).await.unwrap().unwrap();
    assert_eq!(kept.expose_secret(), ASANA_SECRET);

    assert_empty(&door.deliver(&Delivery::asana(&endpoint, r#"{"events":[]}"#)).await, StatusCode::OK);
    for secret in [ASANA_SECRET, OTHER_HOOK_SECRET] {
        assert_eq!(door.rows_with(secret).await, Vec::<String>::new());
        assert!(!logs.text().contains(secret));
    }
    assert!(logs.text().contains("webhook.registered"));
}

#[tokio::test]
async fn a_secret_that_comes_with_a_signed_delivery_is_not_kept() {
    let door = Door::new().await;
    let endpoint = door.registered_endpoint("w1").await;
    let delivery = Delivery::asana(&endpoint, &asana_task("5")).with("x-hook-secret", OTHER_HOOK_SECRET);
    assert_empty(&door.deliver(&delivery).await, StatusCode::OK);
    assert_eq!(door.rows("deliveries").await, 1);
    assert_eq!(door.rows_with(OTHER_HOOK_SECRET).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_handshake_that_cannot_be_checked_has_to_come_again() {
    let door = Door::new().await;
    let endpoint = door.endpoint("w1", Some(Timestamp::now() + SignedDuration::from_mins(5))).await;
    let door = door.without_postgres().await;
    let answer = handshake(&door, &endpoint, OTHER_HOOK_SECRET).await;
    assert_empty(&answer, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "30");
    assert!(door.hook_secrets().get(&endpoint).await.unwrap().is_none());
}

#[tokio::test]
async fn a_delivery_to_another_endpoint_than_its_own_is_refused() {
    let door = Door::new().await;
    let endpoint = door.registered_endpoint("w1").await;
    let other = door.endpoint("w2", None).await;
    let secret = secrecy::SecretString::from(OTHER_HOOK_SECRET);
    assert!(door.hook_secrets().create(&other, &secret).await.unwrap());
    let unknown = "an-endpoint-that-nobody-has-ever-made";
    for wrong in [other.as_str(), unknown] {
        assert_empty(
            &door.deliver(&Delivery::asana(wrong, &asana_task("5"))).await,
            StatusCode::UNAUTHORIZED,
        );
    }
    assert_eq!(door.rows("deliveries").await, 0);
    assert_empty(&door.deliver(&Delivery::asana(&endpoint, &asana_task("5"))).await, StatusCode::OK);
    assert_eq!(door.rows("pipeline_jobs").await, 1);
}

/// Secrets Manager is asked for money, and only so often a second.
#[tokio::test]
async fn what_can_be_no_endpoint_is_not_looked_up() {
    let mut door = Door::new().await;
    door.aws.config = door.aws.config.clone().into_builder().endpoint_url("http://127.0.0.1:1").build();
    for malformed in [
        "short",
        &"x".repeat(81),
        "with.a.dot.and.long.enough.to.be.an.endpoint",
        "%2e%2e%2f%2e%2e%2fwebhook%2fsecret%2fname%2fof%2fours",
    ] {
        let delivery = Delivery::asana(malformed, &asana_task("5"));
        assert_problem(&door.deliver(&delivery).await, StatusCode::NOT_FOUND);
    }
    let well_formed = Delivery::asana("an-endpoint-that-nobody-has-ever-made", &asana_task("5"));
    assert_empty(&door.deliver(&well_formed).await, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn asanas_heartbeat_is_kept_as_empty() {
    let door = Door::new().await;
    let endpoint = door.registered_endpoint("w1").await;
    assert_empty(&door.deliver(&Delivery::asana(&endpoint, r#"{"events":[]}"#)).await, StatusCode::OK);
    assert_eq!(door.database.text("select outcome from deliveries").await, "EMPTY");
}

#[tokio::test]
async fn a_change_of_no_named_field_may_have_been_a_completion() {
    let door = Door::new().await;
    let endpoint = door.registered_endpoint("workspace-1").await;
    let mut fieldless: Value = serde_json::from_str(&asana_task("5")).unwrap();
    fieldless["events"][0]["change"].take();
    assert_empty(&door.deliver(&Delivery::asana(&endpoint, &fieldless.to_string())).await, StatusCode::OK);
    assert_eq!(
        door.database.text("select job_type || ' ' || parameters::text from pipeline_jobs").await,
        r#"asana-task-to-hubspot {"task": "5", "workspace": "workspace-1"}"#
    );
}

async fn handshake(door: &Door, endpoint: &str, secret: &str) -> Response<Body> {
    let path = format!("/webhook/asana/{endpoint}");
    door.send(Method::POST, &path, &[("x-hook-secret", secret)], b"{}").await
}
