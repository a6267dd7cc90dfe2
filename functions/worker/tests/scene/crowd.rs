//! Many jobs at several organisations of Xero, each of which reads one unpaid invoice and leaves it alone.

use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;
use zixly_domain::{JobId, JobRequest, Provider, TenantId, TokenSet, TokenSetId, Workflow};
use zixly_queues::Message;
use zixly_store::{
    connections::{self, NewConnection},
    token_sets, triggers,
};
use zixly_testkit::Role;

use super::{INVOICE_ID, Scene, batch};

/// A tenant's organisation.
#[derive(Debug, Clone)]
pub struct Organisation {
    pub tenant_id: TenantId,
    pub id: String,
}

/// A job, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    pub tenant_id: TenantId,
    pub job_id: JobId,
}

/// Connects an organisation for each of the tenants, all by one consent.
pub async fn connect(scene: &Scene, tenants: &[TenantId]) -> (Vec<Organisation>, TokenSetId) {
    let organisations: Vec<Organisation> = tenants
        .iter()
        .map(|tenant_id| Organisation { tenant_id: *tenant_id, id: Uuid::new_v4().to_string() })
        .collect();
    let token_set_id = TokenSetId::new();
    let store = scene.database.superuser_store();
    let mut session = store.session().await.unwrap();
    token_sets::insert(&mut session, token_set_id, Provider::Xero).await.unwrap();
    for Organisation { tenant_id, id } in &organisations {
        let tx = session.begin(*tenant_id).unwrap();
        let new = NewConnection {
            tenant_id: *tenant_id,
            token_set_id,
            provider: Provider::Xero,
            account_id: id,
            account_name: "one of many",
        };
        connections::insert(&tx, &new).await.unwrap();
        tx.commit().await.unwrap();
        let record = json!({
            "Type": "ACCREC", "InvoiceID": INVOICE_ID, "InvoiceNumber": "INV-0006", "Status": "AUTHORISED",
            "AmountDue": 10.00, "Total": 10.00, "CurrencyCode": "NZD",
        });
        let seed = json!({ "provider": "xero", "kind": "invoice", "record": record, "tenant_id": id });
        scene.control("seed", seed).await;
    }
    consent(scene, &organisations, token_set_id).await;
    (organisations, token_set_id)
}

/// Consents as the organisations' owner, and stores the tokens.
pub async fn consent(scene: &Scene, organisations: &[Organisation], token_set_id: TokenSetId) {
    let accounts: Vec<&str> = organisations.iter().map(|organisation| organisation.id.as_str()).collect();
    let granted = scene.control("grant", json!({ "provider": "xero", "accounts": accounts })).await;
    let text = |name: &str| SecretString::from(granted[name].as_str().unwrap());
    let token_set = TokenSet {
        access_token: text("access_token"),
        refresh_token: text("refresh_token"),
        expires_at: Timestamp::now() + Duration::from_secs(granted["expires_in"].as_u64().unwrap()),
    };
    scene.token_sets().create(token_set_id, &token_set).await.unwrap();
}

/// New jobs at the organisation.
pub async fn jobs(scene: &Scene, organisation: &Organisation, count: usize) -> Vec<Job> {
    let tenant_id = organisation.tenant_id;
    let request = JobRequest {
        workflow: Workflow::XeroInvoiceToHubspot,
        parameters: json!({ "organisation_id": organisation.id, "invoice_id": INVOICE_ID }),
        business_key: None,
    };
    let store = scene.database.store(Role::Webhook);
    let mut session = store.session().await.unwrap();
    let tx = session.begin(tenant_id).unwrap();
    let mut jobs = Vec::new();
    for _ in 0..count {
        let job_id = triggers::start_once(&tx, tenant_id, &request).await.unwrap().unwrap();
        jobs.push(Job { tenant_id, job_id });
    }
    tx.commit().await.unwrap();
    jobs
}

/// A batch of the jobs' doorbells.
pub fn ring(jobs: &[Job]) -> SqsEvent {
    let bodies: Vec<String> = jobs
        .iter()
        .map(|job| Message::Ring { tenant_id: job.tenant_id, job_id: job.job_id }.to_body())
        .collect();
    batch(&bodies.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The calls that Xero got, as method, path and status.
pub async fn xero_calls(scene: &Scene) -> Vec<(String, String, u64)> {
    let url = format!("{}/_sim/calls?provider=xero", scene.simulator.url);
    let calls: Vec<Value> = reqwest::get(url).await.unwrap().json().await.unwrap();
    let text = |call: &Value, name: &str| call[name].as_str().unwrap().to_owned();
    calls
        .iter()
        .map(|call| (text(call, "method"), text(call, "path"), call["status"].as_u64().unwrap_or_default()))
        .collect()
}

/// Those of the jobs that have not ended.
pub async fn unfinished(scene: &Scene, jobs: &[Job]) -> Vec<Job> {
    let live =
        "select string_agg(job_id::text, ',') from pipeline_jobs where status in ('QUEUED', 'RUNNING')";
    let live = scene.database.text(live).await;
    jobs.iter().filter(|job| live.contains(&job.job_id.to_string())).copied().collect()
}
