//! What SES is sent, and what its answers mean.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use jiff::Timestamp;
use serde_json::{Value, json};
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};
use zixly_connectors::ses::{Email, Ses, SesEndpoints};
use zixly_connectors::{ConnectorError, http_client};

const SESSION_TOKEN: &str = "session-token-that-nobody-may-see";

fn ses_at(url: &str, session_token: &str, configuration_set: Option<&str>) -> Ses {
    let credentials = Credentials::new(
        "AKIDEXAMPLE",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        Some(session_token.to_owned()),
        None,
        "test",
    );
    let endpoints = SesEndpoints {
        api_url: url.parse().expect("an http URL"),
        region: "eu-west-1".to_owned(),
        configuration_set: configuration_set.map(str::to_owned),
    };
    Ses::new(http_client(), endpoints, SharedCredentialsProvider::new(credentials))
}

async fn send(ses: &Ses) -> Result<String, ConnectorError> {
    let email = Email {
        from: "zixly@example.com",
        to: &["pat@example.com", "sam@example.com"],
        subject: "Zoë paid",
        text: "INV-0006 is paid.\n",
        job_tag: "0199a2c4-7c1e-7e2a-9d55-1b2c3d4e5f60",
    };
    ses.send(&email, Timestamp::from_second(1_790_000_000).expect("a time of this century")).await
}

async fn error_of(answer: ResponseTemplate) -> ConnectorError {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    send(&ses_at(&server.uri(), SESSION_TOKEN, None)).await.expect_err("the answer is a failure")
}

fn refusal(status: u16, kind: &str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .insert_header(
            "x-amzn-ErrorType",
            format!("{kind}:http://internal.amazon.com/coral/com.amazonaws.ses/"),
        )
        .set_body_json(json!({ "message": "the reason" }))
}

#[tokio::test]
async fn a_mail_is_plain_text_tagged_with_its_job_and_signed() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v2/email/outbound-emails"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "MessageId": "0102019a-1" })))
        .mount(&server)
        .await;
    let message_id = send(&ses_at(&server.uri(), SESSION_TOKEN, Some("watched"))).await.unwrap();
    assert_eq!(message_id, "0102019a-1");
    let requests = server.received_requests().await.unwrap();
    let request = &requests[0];
    let text = |data: &str| json!({ "Data": data, "Charset": "UTF-8" });
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        json!({
            "FromEmailAddress": "zixly@example.com",
            "Destination": { "ToAddresses": ["pat@example.com", "sam@example.com"] },
            "Content": { "Simple": { "Subject": text("Zoë paid"), "Body": { "Text": text("INV-0006 is paid.\n") } } },
            "EmailTags": [{ "Name": "zixly_job", "Value": "0199a2c4-7c1e-7e2a-9d55-1b2c3d4e5f60" }],
            "ConfigurationSetName": "watched",
        })
    );
    let header = |name: &str| request.headers.get(name).unwrap().to_str().unwrap();
    let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260921/eu-west-1/ses/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=";
    assert!(header("authorization").starts_with(scope), "{}", header("authorization"));
    assert_eq!(header("x-amz-date"), "20260921T141320Z");
    assert_eq!(header("x-amz-security-token"), SESSION_TOKEN);
    assert_eq!(header("content-type"), "application/json");
}

#[tokio::test]
async fn a_full_house_is_a_rate_limit_whatever_its_status() {
    for (status, kind) in [(429, "TooManyRequestsException"), (400, "LimitExceededException")] {
        let error = error_of(refusal(status, kind)).await;
        assert!(matches!(error, ConnectorError::RateLimited { .. }), "{kind}: {error:?}");
    }
}

#[tokio::test]
async fn what_a_person_has_to_settle_at_aws_is_a_rejection_that_names_it() {
    for kind in [
        "AccountSuspendedException",
        "SendingPausedException",
        "MessageRejected",
        "MailFromDomainNotVerifiedException",
        "NotFoundException",
        "BadRequestException",
    ] {
        let error = error_of(refusal(400, kind)).await;
        let ConnectorError::Rejected { status: 400, words, .. } = &error else { panic!("{kind}: {error:?}") };
        assert_eq!(words.0, format!("{kind}: the reason"));
        assert!(!error.outcome_is_doubtful());
    }
    let in_the_body = json!({ "__type": "com.amazonaws.ses#MessageRejected", "Message": "not verified" });
    let error = error_of(ResponseTemplate::new(400).set_body_json(in_the_body)).await;
    assert!(
        matches!(&error, ConnectorError::Rejected { words, .. } if words.0 == "MessageRejected: not verified"),
        "{error:?}"
    );
}

#[tokio::test]
async fn credentials_that_aws_does_not_know_are_the_operators_to_put_right() {
    for kind in ["UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"] {
        let error = error_of(refusal(403, kind)).await;
        assert!(matches!(error, ConnectorError::Unauthorised { .. }), "{kind}: {error:?}");
    }
    let error = error_of(refusal(403, "AccessDeniedException")).await;
    assert!(matches!(error, ConnectorError::Rejected { status: 403, .. }), "{error:?}");
}

#[tokio::test]
async fn a_session_token_that_fits_no_header_is_never_sent() {
    let server = MockServer::start().await;
    let broken = ses_at(&server.uri(), &format!("{SESSION_TOKEN}\r\nHost: elsewhere"), None);
    let error = send(&broken).await.unwrap_err();
    assert!(!error.outcome_is_doubtful(), "{error:?}");
    assert!(!format!("{error:?}").contains("nobody-may-see"), "{error:?}");
    assert!(server.received_requests().await.unwrap().is_empty());
}
