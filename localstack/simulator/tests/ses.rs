//! Amazon SES: mails, and how it says no.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod support;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use support::{World, header, send, status, text};

const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260921/eu-west-1/ses/aws4_request, \
     SignedHeaders=content-type;host;x-amz-date, \
     Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";

fn mail(changes: Value) -> Value {
    let mut mail = json!({
        "FromEmailAddress": "zixly@example.com",
        "Destination": { "ToAddresses": ["pat@example.com"] },
        "Content": { "Simple": {
            "Subject": { "Data": "Paid", "Charset": "UTF-8" },
            "Body": { "Text": { "Data": "INV-0006 is paid.", "Charset": "UTF-8" } },
        }},
        "EmailTags": [{ "Name": "zixly_job", "Value": "job-1" }],
    });
    mail.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    mail
}

fn unsigned(world: &World, changes: Value) -> RequestBuilder {
    world.client.post(format!("{}/ses/v2/email/outbound-emails", world.running.url)).json(&mail(changes))
}

fn signed(world: &World, changes: Value) -> RequestBuilder {
    unsigned(world, changes).header("authorization", AUTHORIZATION).header("x-amz-date", "20260921T141320Z")
}

#[tokio::test]
async fn a_mail_gets_an_id_and_is_kept() {
    let world = World::start().await;
    let (status, sent) = send(signed(&world, json!({}))).await;
    assert_eq!(status, 200);
    let effects = world.effects("ses").await;
    let effect = &effects[0];
    assert_eq!((effects.len(), &effect["kind"]), (1, &json!("mail")));
    assert_eq!(
        (&effect["key"], &effect["record_id"]),
        (&json!("zixly_job=job-1 pat@example.com"), &sent["MessageId"])
    );
    assert_eq!(effect["body"], mail(json!({})));
}

#[tokio::test]
async fn a_request_that_is_not_signed_is_refused() {
    let world = World::start().await;
    let refused = unsigned(&world, json!({})).send().await.unwrap();
    assert_eq!(header(&refused, "x-amzn-errortype").unwrap(), "MissingAuthenticationTokenException");
    for (authorization, date) in [
        ("Bearer token", "20260921T141320Z"),
        (AUTHORIZATION, "20260922T141320Z"),
        (&AUTHORIZATION.replace("/ses/", "/sqs/"), "20260921T141320Z"),
        (&AUTHORIZATION.replace("Signature=5", "Signature="), "20260921T141320Z"),
        (&AUTHORIZATION.replace(";host", ""), "20260921T141320Z"),
    ] {
        let request = unsigned(&world, json!({}));
        let request = request.header("authorization", authorization).header("x-amz-date", date);
        assert_eq!(status(request).await, 403, "{authorization} {date}");
    }
    assert!(world.effects("ses").await.is_empty());
}

#[tokio::test]
async fn a_mail_that_cannot_be_sent_is_refused() {
    let world = World::start().await;
    let to = |addresses: Value| json!({ "Destination": { "ToAddresses": addresses } });
    for changes in [
        to(json!([])),
        to(json!(["pat"])),
        to(json!(vec!["pat@example.com"; 51])),
        json!({ "FromEmailAddress": "zixly" }),
        json!({ "EmailTags": [{ "Name": "job", "Value": "a b" }] }),
        json!({ "Content": { "Simple": { "Subject": { "Data": "Paid" }, "Body": {} } } }),
        json!({ "Shoe": 9 }),
    ] {
        assert_eq!(status(signed(&world, changes.clone())).await, 400, "{changes}");
    }
    assert!(world.effects("ses").await.is_empty());
}

#[tokio::test]
async fn limits_and_faults_speak_as_ses_does() {
    let world = World::start_with(|config| config.ses_limits.mails_per_second = 1).await;
    let send = async || {
        let answer = signed(&world, json!({})).send().await.unwrap();
        let kind = header(&answer, "x-amzn-errortype").unwrap_or_default();
        (answer.status().as_u16(), kind)
    };
    assert_eq!(send().await.0, 200);
    assert_eq!(send().await, (429, "TooManyRequestsException".to_owned()));
    world.order_fault("ses", "rate_limit", json!({})).await;
    assert_eq!(send().await, (429, "TooManyRequestsException".to_owned()));
    world.order_fault("ses", "status", json!({"status": 400})).await;
    assert_eq!(send().await, (400, "MessageRejected".to_owned()));
    world.order_fault("ses", "status", json!({})).await;
    assert_eq!(send().await, (500, "InternalServiceErrorException".to_owned()));
    world.order_fault("ses", "revoke", json!({})).await;
    assert_eq!(send().await, (403, "UnrecognizedClientException".to_owned()));
    for (route, order) in [
        ("faults", json!({"provider": "ses", "fault": "expire"})),
        ("grant", json!({"provider": "ses", "accounts": ["aws"]})),
        ("seed", json!({"provider": "ses", "kind": "mail", "record": {}})),
    ] {
        let refused = world.post_control(route, order).await;
        assert_eq!(refused.status(), 400, "{route}");
        assert!(!text(&refused.json::<Value>().await.unwrap()["error"]).is_empty());
    }
}
