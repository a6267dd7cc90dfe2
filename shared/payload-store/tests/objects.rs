//! What is put is what is got, on the local AWS.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};
use zixly_domain::{DeliveryId, JobId, TenantId};
use zixly_payload_store::{PayloadError, PayloadStore};
use zixly_testkit::LocalAws;

async fn store(aws: &LocalAws) -> PayloadStore {
    PayloadStore::new(&aws.config, aws.bucket().await)
}

#[tokio::test]
async fn a_carried_delivery_is_had_until_it_is_deleted() {
    let aws = LocalAws::new();
    let store = store(&aws).await;
    let key = store.put_carried(DeliveryId::new(), vec![0, 255, b'\n']).await.unwrap();
    assert_eq!(store.get_carried(&key).await.unwrap(), [0, 255, b'\n']);
    for _ in 0..2 {
        store.delete_carried(&key).await.unwrap();
    }
    assert!(matches!(store.get_carried(&key).await, Err(PayloadError::Missing { .. })));
}

#[tokio::test]
async fn a_key_from_elsewhere_opens_nothing() {
    let aws = LocalAws::new();
    let store = store(&aws).await;
    for key in ["tenants/a/jobs/b/report.json", "deliveries/2026/01/01/a", "", "carried/../tenants/a"] {
        assert!(matches!(store.get_carried(key).await, Err(PayloadError::NotCarried { .. })), "{key}");
        assert!(matches!(store.delete_carried(key).await, Err(PayloadError::NotCarried { .. })), "{key}");
    }
}

#[tokio::test]
async fn a_delivery_that_cannot_be_one_is_not_carried() {
    let aws = LocalAws::new();
    let store = store(&aws).await;
    let largest = 6 * 1024 * 1024;
    store.put_carried(DeliveryId::new(), vec![0; largest]).await.unwrap();
    let refused = store.put_carried(DeliveryId::new(), vec![0; largest + 1]).await;
    assert!(matches!(refused, Err(PayloadError::TooLarge { .. })));
}

#[tokio::test]
async fn archived_lines_never_replace_others() {
    let aws = LocalAws::new();
    let store = store(&aws).await;
    let (day, first) = ("2026-01-31".parse().unwrap(), DeliveryId::new());
    let one = store.put_archive(day, first, "{\"a\":1}\n").await.unwrap();
    let other = store.put_archive(day, first, "{\"a\":2}\n").await.unwrap();
    assert!(one.key.starts_with(&format!("deliveries/2026/01/31/{first}-")));
    assert_ne!(one.key, other.key);
    assert_eq!(store.put_archive(day, first, "{\"a\":1}\n").await.unwrap(), one);
}

#[tokio::test]
async fn a_result_is_fetched_by_its_address_and_has_its_name() {
    let aws = LocalAws::new();
    let store = store(&aws).await;
    let (tenant_id, job_id, name) = (TenantId::new(), JobId::new(), "of May & June+.json");
    let key = store.put_result(tenant_id, job_id, name, "application/json", b"{}".to_vec()).await.unwrap();
    assert_eq!(aws.object(&key).await, b"{}");
    let address = store.presign_result(tenant_id, job_id, name, Duration::from_secs(60)).await.unwrap();
    let answer = aws.fetch(&address).await;
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"of May & June+.json\"");
    assert_eq!(answer.bytes().await.unwrap(), "{}");
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_said_to_be() {
    let store = PayloadStore::new(&LocalAws::new().config, "nobody-has-made-it".to_owned());
    store.ping().await.unwrap_err();
    let Err(PayloadError::Unavailable { source, .. }) = store.put_carried(DeliveryId::new(), vec![1]).await
    else {
        panic!("there is no bucket");
    };
    let refusal = source.source().expect("S3 said something").to_string();
    assert!(refusal.starts_with("S3 answered 404 NoSuchBucket, request "), "{refusal}");
}

#[tokio::test]
async fn an_answer_of_a_moment_is_asked_for_again_and_a_refusal_is_not() {
    let server = MockServer::start().await;
    let answers = |status| {
        Mock::given(method("HEAD")).and(path("/payloads/")).respond_with(ResponseTemplate::new(status))
    };
    let store = PayloadStore::new(&LocalAws::at(server.uri()).config, "payloads".to_owned());
    answers(503).up_to_n_times(1).expect(1).mount(&server).await;
    answers(200).up_to_n_times(1).expect(1).mount(&server).await;
    store.ping().await.unwrap();
    answers(403).expect(1).mount(&server).await;
    store.ping().await.unwrap_err();
}

#[tokio::test]
async fn all_that_is_sent_is_signed_even_nothing() {
    let server = MockServer::start().await;
    Mock::given(method("PUT")).respond_with(ResponseTemplate::new(200)).expect(1).mount(&server).await;
    let credentials = Credentials::new("id", "key", Some("token".to_owned()), None, "a role");
    let config = LocalAws::at(server.uri()).config.into_builder();
    let config = config.credentials_provider(SharedCredentialsProvider::new(credentials)).build();
    let store = PayloadStore::new(&config, "payloads".to_owned());
    let none = Vec::new();
    store.put_result(TenantId::new(), JobId::new(), "rows", "text/plain", none).await.unwrap();

    let headers = &server.received_requests().await.unwrap()[0].headers;
    assert_eq!(headers["content-length"], "0");
    assert_eq!(headers["x-amz-security-token"], "token");
    let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(headers["x-amz-content-sha256"], of_nothing);
    let signed = "content-length;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token";
    let authorization = headers["authorization"].to_str().unwrap();
    assert!(authorization.contains(&format!("SignedHeaders={signed},")), "{authorization}");
    // The bucket says how it is encrypted.
    assert!(headers.keys().all(|name| !name.as_str().contains("encryption")), "{headers:?}");
}
