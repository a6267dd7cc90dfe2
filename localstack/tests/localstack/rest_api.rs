//! The webhook function behind a REST API of the local AWS: what is in its address, and what it hands on.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;
use zixly_domain::Provider;
use zixly_testkit::{LocalAws, Role, Terraform, TestDatabase, function_binary, post};

/// How often everything is made anew, should an answer of the local AWS get lost.
const TRIES: usize = 3;

#[tokio::test]
async fn deliveries_through_a_rest_api_are_verified_and_filed() {
    let (database, aws) = (TestDatabase::create().await, LocalAws::new());
    let tenant_id = database.tenant("Harbour").await;
    database.connect_account(tenant_id, Provider::Xero, "organisation").await;
    database.connect_account(tenant_id, Provider::HubSpot, "62515").await;
    let (terraform, folder) = door(&database, &aws).await;
    let url = terraform.output("public_base_url").await;

    // Not ASCII alone, since the signature is over bytes.
    let invoice = json!({ "events": [{
        "resourceUrl": "https://api.xero.com/api.xro/2.0/Invoices/café", "resourceId": "café",
        "tenantId": "organisation", "tenantType": "ORGANISATION", "eventCategory": "INVOICE", "eventType": "UPDATE",
        "eventDateUtc": "2026-10-01T09:12:44.917",
    }], "firstEventSequence": 1, "lastEventSequence": 1, "entropy": "x" });
    let invoice = invoice.to_string();
    let signature = sign(post::XERO_KEY, &[invoice.as_bytes()]);
    let answer = send(&format!("{url}/webhook/xero"), &[("x-xero-signature", &signature)], &invoice).await;
    assert_eq!(answer.0, 200, "{answer:?}");
    assert_eq!(database.count("select count(*) from pipeline_jobs").await, 1);

    // HubSpot signs the whole address, with the stage that is in it.
    let deal = json!([{
        "portalId": 62515, "objectId": 1, "subscriptionType": "deal.propertyChange", "propertyName": "dealstage",
        "propertyValue": "closedwon", "eventId": 1, "subscriptionId": 1, "appId": 1, "attemptNumber": 0,
        "occurredAt": 1_790_845_965_000_u64,
    }]);
    let (deal, sent_ms) = (deal.to_string(), Timestamp::now().as_millisecond().to_string());
    let address = format!("{url}/webhook/hubspot");
    let parts = [b"POST".as_slice(), address.as_bytes(), deal.as_bytes(), sent_ms.as_bytes()];
    let signature = sign(post::HUBSPOT_SECRET, &parts);
    let headers =
        [("x-hubspot-signature-v3", signature.as_str()), ("x-hubspot-request-timestamp", sent_ms.as_str())];
    let answer = send(&address, &headers, &deal).await;
    assert_eq!(answer.0, 200, "{answer:?}");
    assert_eq!(database.count("select count(*) from deliveries").await, 2);

    let answer = send(&format!("{url}/webhook/xero"), &[("x-xero-signature", "wrong")], &invoice).await;
    assert_eq!(answer, (401, String::new()));
    // The function's own, since `$default` is every other path.
    let answer = send(&format!("{url}/nowhere"), &[], "").await;
    let problem: Value = serde_json::from_str(&answer.1).unwrap();
    assert_eq!((answer.0, problem["status"].as_u64()), (404, Some(404)), "{answer:?}");

    terraform.run(&["destroy", "-auto-approve"]).await;
    fs::remove_dir_all(folder).unwrap();
}

/// The function with all that it needs, behind the API; and the folder where its zip is.
async fn door(database: &TestDatabase, aws: &LocalAws) -> (Terraform, PathBuf) {
    let secret = json!({
        "database_url": database.url(Role::Webhook), "xero_webhook_key": post::XERO_KEY,
        "hubspot_client_secret": post::HUBSPOT_SECRET,
    });
    let environment = json!({
        "FUNCTION_SECRET_ARN": aws.secret("webhook", &secret.to_string()).await,
        "HOOK_SECRET_PREFIX": format!("{}hooks/", aws.secret_prefix()),
        "JOB_QUEUE_URL": aws.queue("jobs").await,
        "PAYLOAD_BUCKET": aws.bucket().await,
        "COUNTER_TABLE": aws.counter_table().await,
    });
    for _ in 0..TRIES {
        let name = Uuid::now_v7().simple().to_string();
        let folder = std::env::temp_dir().join(format!("zixly-test-zip-{name}"));
        let variables = [
            ("name", name),
            ("zip_path", zip(&folder)),
            ("environment", environment.to_string()),
            ("aws_endpoint_url", aws.endpoint.clone()),
        ];
        let terraform = Terraform::init(include_str!("rest_api.tf"), &aws.endpoint, &variables).await;
        if terraform.apply().await {
            return (terraform, folder);
        }
        fs::remove_dir_all(folder).unwrap();
    }
    panic!("the local AWS has lost an answer {TRIES} times");
}

/// The function as the tests build it, as Lambda takes it.
fn zip(folder: &Path) -> String {
    fs::create_dir(folder).unwrap();
    symlink(function_binary("zixly-webhook"), folder.join("bootstrap")).unwrap();
    let python =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local/venv/bin/python").canonicalize().unwrap();
    let zip = folder.join("bootstrap.zip");
    let made = Command::new(python)
        .args(["-m", "zipfile", "--create"])
        .arg(&zip)
        .arg("bootstrap")
        .current_dir(folder)
        .status();
    assert!(made.unwrap().success());
    zip.to_str().unwrap().to_owned()
}

fn sign(key: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Status and body of the answer.
async fn send(url: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let mut request =
        crate::http().post(url).header("content-type", "application/json").body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}
