//! The modules on a real LocalStack, applied by Terraform and used by our clients.

use std::collections::BTreeMap;
use std::io::Write;

use secrecy::{ExposeSecret, SecretString};
use zixly_domain::{DeliveryId, JobId, TenantId};
use zixly_payload_store::PayloadStore;
use zixly_queues::{JobQueue, Message};
use zixly_secrets::FunctionSecret;
use zixly_testkit::{LocalAws, Terraform};

use crate::server::LocalStack;

/// Everything but the permission to call a function that is not there.
const TARGETS: [&str; 4] = [
    "-target=module.queue",
    "-target=module.bucket",
    "-target=module.secret",
    "-target=module.rest_api.aws_api_gateway_method_settings.this",
];

const ALLOW_POLICY: &str = "module.queue.aws_sqs_queue_redrive_allow_policy.dead_letters";
const REDRIVE_POLICY: &str = "module.queue.aws_sqs_queue_redrive_policy.this";

#[tokio::test]
async fn queue_bucket_secret_and_rest_api_apply_to_localstack_and_serve_our_clients() {
    let localstack = match LocalStack::start().await {
        Ok(localstack) => localstack,
        Err(reason) => return tell_skipped(&reason),
    };
    let variables = [("name", "zixly-test".to_owned())];
    let terraform = Terraform::init(include_str!("modules.tf"), &localstack.endpoint, &variables).await;
    let apply: Vec<&str> = ["apply", "-auto-approve"].into_iter().chain(TARGETS).collect();
    terraform.run(&apply).await;

    let aws = LocalAws::at(localstack.endpoint.clone());
    a_doorbell_rings(&aws, terraform.output("queue_url").await).await;
    a_result_is_kept(&aws, terraform.output("bucket").await).await;
    a_secret_is_read(&aws, terraform.output("secret_arn").await).await;

    let again = terraform.run(&apply).await;
    assert!(again.contains("No changes."), "{again}");

    // What joins the queues goes with them. By itself, LocalStack gives an emptied allow policy back as an empty text, and
    // the provider waits for it to be gone.
    terraform.run(&["state", "rm", ALLOW_POLICY, REDRIVE_POLICY]).await;
    let destroyed = terraform.run(&["destroy", "-auto-approve"]).await;
    assert!(destroyed.contains("Destroy complete!"), "{destroyed}");
}

async fn a_doorbell_rings(aws: &LocalAws, queue_url: String) {
    let (tenant_id, job_id) = (TenantId::new(), JobId::new());
    JobQueue::new(&aws.config, queue_url.clone()).ring(&[(tenant_id, job_id)]).await.unwrap();
    let messages = aws.receive(&queue_url).await;
    let heard: Vec<Message> =
        messages.iter().map(|message| Message::parse(message.body().unwrap()).unwrap()).collect();
    assert_eq!(heard, [Message::Ring { tenant_id, job_id }]);
}

async fn a_result_is_kept(aws: &LocalAws, bucket: String) {
    let payloads = PayloadStore::new(&aws.config, bucket);
    let key = payloads.put_carried(DeliveryId::new(), b"a delivery".to_vec()).await.unwrap();
    assert_eq!(payloads.get_carried(&key).await.unwrap(), b"a delivery");
}

async fn a_secret_is_read(aws: &LocalAws, arn: String) {
    let value = BTreeMap::from([("xero_webhook_key", SecretString::from("a key"))]);
    FunctionSecret::new(&aws.config, arn.clone()).put(&value).await.unwrap();
    let read = FunctionSecret::new(&aws.config, arn).get("xero_webhook_key").await.unwrap().unwrap();
    assert_eq!(read.expose_secret(), "a key");
}

/// Past what `cargo test` keeps from a test that passes.
fn tell_skipped(reason: &str) {
    let test = "queue_bucket_secret_and_rest_api_apply_to_localstack_and_serve_our_clients";
    let line = format!("skipped: {test}: LocalStack: {reason}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
