//! A tenant with an account at every provider, on real servers, and a worker for its jobs.

#![allow(dead_code, reason = "each test file uses its part of the scene")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod crowd;
pub mod records;

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::method};
use zixly_domain::{
    ConnectionId, Delivery, DeliveryId, Event, JobId, JobRequest, Provider, TenantId, TokenSet, TokenSetId,
    Workflow,
};
use zixly_queues::Message;
use zixly_secrets::TokenSets;
use zixly_simulator::{ClientCredentials, Running, Simulator, SimulatorConfig};
use zixly_store::{
    deliveries::{Received, file},
    polls::{self, DuePoll},
    requests, triggers,
};
use zixly_testkit::{AWS_ENVIRONMENT, Ending, FunctionProcess, LocalAws, Role, TestDatabase};
use zixly_worker::{App, WorkerConfig};

pub const INVOICE_ID: &str = "a03ffcd2-5d91-4c7e-b483-318584e9e439";
pub const EMAIL: &str = "liam@rockstar.com";
pub const PORTAL_ID: u64 = 12_345_678;
pub const SHOP: &str = "demo-shop.myshopify.com";
pub const WORKSPACE: &str = "1200000000000100";
pub const SENDER: &str = "zixly@example.com";
/// A Slack workspace, and a channel in it.
pub const TEAM: &str = "T024BE7LD";
pub const CHANNEL: &str = "C024BE91L";
pub const CLIENT_SECRET: &str = "client-secret-marker";
const WORKER: &str = env!("CARGO_BIN_EXE_zixly-worker");

pub struct Scene {
    pub database: TestDatabase,
    pub aws: LocalAws,
    pub simulator: Running,
    /// Stands where providers deliver to, and shakes hands with whom it is to.
    pub door: MockServer,
    pub tenant_id: TenantId,
    pub organisation_id: String,
    pub xero_token_set: TokenSetId,
    pub hubspot_token_set: TokenSetId,
    pub shopify_token_set: TokenSetId,
    pub xero_connection: ConnectionId,
    pub shopify_connection: ConnectionId,
    pub asana_connection: ConnectionId,
    pub job_queue_url: String,
    pub dead_letter_queue_url: String,
    pub job_event_queue_url: String,
    pub settings: HashMap<String, String>,
    http: reqwest::Client,
}

impl Scene {
    /// A scene with a paid invoice in Xero and its customer in HubSpot.
    pub async fn paid_invoice() -> Self {
        let scene = Self::empty().await;
        scene.seed_invoice(json!({})).await;
        scene.seed_contact().await;
        scene
    }

    pub async fn empty() -> Self {
        Self::with_providers(|_| {}).await
    }

    /// An empty scene with providers that are changed by what `change` does.
    pub async fn with_providers(change: impl FnOnce(&mut SimulatorConfig)) -> Self {
        let organisation = Uuid::new_v4();
        let client = || ClientCredentials { id: "client".to_owned(), secret: CLIENT_SECRET.to_owned() };
        let mut config = SimulatorConfig::new(client(), client(), organisation, PORTAL_ID);
        config.shopify_client = client();
        config.asana_client = client();
        change(&mut config);
        let simulator = Simulator::start(config, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let door = door().await;
        let database = TestDatabase::create().await;
        let aws = LocalAws::new();
        let tenant_id = database.tenant("demo").await;
        let organisation_id = organisation.to_string();
        let (xero_connection, xero_token_set) =
            database.connect_account(tenant_id, Provider::Xero, &organisation_id).await;
        let (_, hubspot_token_set) =
            database.connect_account(tenant_id, Provider::HubSpot, &PORTAL_ID.to_string()).await;
        let (shopify_connection, shopify_token_set) =
            database.connect_account(tenant_id, Provider::Shopify, SHOP).await;
        let (asana_connection, asana_token_set) =
            database.connect_account(tenant_id, Provider::Asana, WORKSPACE).await;

        let secret = json!({
            "database_url": database.url(Role::Worker),
            "xero_client_id": "client",
            "xero_client_secret": CLIENT_SECRET,
            "hubspot_client_id": "client",
            "hubspot_client_secret": CLIENT_SECRET,
            "shopify_client_id": "client",
            "shopify_client_secret": CLIENT_SECRET,
            "asana_client_id": "client",
            "asana_client_secret": CLIENT_SECRET,
            "trading_api_key": "trading-key",
        });
        let job_queue_url = aws.queue("jobs").await;
        let dead_letter_queue_url = aws.queue("dead-letters").await;
        let job_event_queue_url = aws.queue("job-events").await;
        let settings = HashMap::from(
            [
                ("FUNCTION_SECRET_ARN", aws.secret("worker", &secret.to_string()).await),
                ("JOB_QUEUE_URL", job_queue_url.clone()),
                ("DEAD_LETTER_QUEUE_URL", dead_letter_queue_url.clone()),
                ("JOB_EVENT_QUEUE_URL", job_event_queue_url.clone()),
                ("PAYLOAD_BUCKET", aws.bucket().await),
                ("TOKEN_SET_PREFIX", aws.secret_prefix()),
                ("COUNTER_TABLE", aws.counter_table().await),
                ("XERO_API_URL", format!("{}/xero/api.xro/2.0", simulator.url)),
                ("XERO_TOKEN_URL", format!("{}/xero/connect/token", simulator.url)),
                ("HUBSPOT_API_URL", format!("{}/hubspot", simulator.url)),
                ("HUBSPOT_API_VERSION", "2026-03".to_owned()),
                ("SHOPIFY_SHOP_URL", format!("{}/shopify/{{shop}}", simulator.url)),
                ("SHOPIFY_API_VERSION", "2026-07".to_owned()),
                ("ASANA_API_URL", format!("{}/asana/api/1.0", simulator.url)),
                ("ASANA_TOKEN_URL", format!("{}/asana/-/oauth_token", simulator.url)),
                ("PUBLIC_BASE_URL", door.uri()),
                ("TRADING_API_URL", format!("{}/trading", simulator.url)),
                ("SWEEP_CALLBACK_URL", format!("{}/nobody", simulator.url)),
                ("SLACK_API_URL", format!("{}/slack/api", simulator.url)),
                ("SLACK_HOOKS_URL", format!("{}/slack", simulator.url)),
                ("EMAIL_SENDER", SENDER.to_owned()),
                ("SES_API_URL", format!("{}/ses", simulator.url)),
                ("AWS_REGION", "ap-southeast-2".to_owned()),
                ("LATE_WRITE_MS", "0".to_owned()),
                ("LEASE_MS", "1500".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let http = zixly_connectors::http_client();
        let scene = Self {
            database,
            aws,
            simulator,
            door,
            tenant_id,
            organisation_id,
            xero_token_set,
            hubspot_token_set,
            shopify_token_set,
            xero_connection,
            shopify_connection,
            asana_connection,
            job_queue_url,
            dead_letter_queue_url,
            job_event_queue_url,
            settings,
            http,
        };
        let organisation_id = scene.organisation_id.clone();
        scene.grant("xero", &organisation_id, xero_token_set).await;
        scene.grant("hubspot", &PORTAL_ID.to_string(), hubspot_token_set).await;
        scene.grant("shopify", SHOP, shopify_token_set).await;
        scene.grant("asana", WORKSPACE, asana_token_set).await;
        scene
    }

    /// Consents as the account's owner, and stores the tokens.
    pub async fn grant(&self, provider: &str, account: &str, token_set_id: TokenSetId) {
        let granted = self.control("grant", json!({ "provider": provider, "accounts": [account] })).await;
        let text = |name: &str| SecretString::from(granted[name].as_str().unwrap());
        let token_set = TokenSet {
            access_token: text("access_token"),
            refresh_token: text("refresh_token"),
            expires_at: Timestamp::now() + Duration::from_secs(granted["expires_in"].as_u64().unwrap()),
        };
        self.token_sets().create(token_set_id, &token_set).await.unwrap();
    }

    pub fn token_sets(&self) -> TokenSets {
        TokenSets::new(&self.aws.config, self.aws.secret_prefix())
    }

    /// Puts a record into the demo account at a provider.
    pub async fn seed(&self, provider: &str, kind: &str, record: Value) -> Value {
        self.control("seed", json!({ "provider": provider, "kind": kind, "record": record })).await
    }

    /// Connects a Slack workspace, and has the workflow tell its channel what it did.
    pub async fn tell_the_team(&self, workflow: Workflow) {
        let (_, token_set) = self.database.connect_account(self.tenant_id, Provider::Slack, TEAM).await;
        self.grant("slack", TEAM, token_set).await;
        self.settle(
            workflow,
            json!({ "notifications": [{ "to": "slack", "team": TEAM, "channel": CHANNEL }] }),
        )
        .await;
    }

    /// What the tenant wants of the workflow.
    pub async fn settle(&self, workflow: Workflow, settings: Value) {
        let settle =
            format!("update workflow_settings set settings = '{settings}' where job_type = '{workflow}'");
        self.database.superuser().await.batch_execute(&settle).await.unwrap();
    }

    /// Makes a completed job one that has yet to do this step.
    pub async fn forget_step(&self, job_id: JobId, step: &str) {
        let forget = format!(
            "update pipeline_jobs set status = 'QUEUED', completed_at = null, result = null where job_id = '{job_id}';
             update steps set status = 'WAITING', output = null, finished_at = null
              where job_id = '{job_id}' and name = '{step}'"
        );
        self.database.superuser().await.batch_execute(&forget).await.unwrap();
    }

    /// Returns when the count is no longer 0.
    pub async fn until(&self, count: &str) {
        for _ in 0..400 {
            if self.database.count(count).await > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("in vain: {count}");
    }

    /// Has the project watched, as by a webhook.
    pub async fn watch_asana_project(&self, gid: &str) {
        let watch = format!(
            "insert into webhook_endpoints (endpoint, tenant_id, connection_id, provider, resource_id)
             values ('{}', '{}', '{}', 'asana', '{gid}')",
            Uuid::new_v4().simple(),
            self.tenant_id,
            self.asana_connection
        );
        self.database.superuser().await.batch_execute(&watch).await.unwrap();
    }

    /// Has the providers misbehave.
    pub async fn fault(&self, fault: Value) {
        self.control("faults", fault).await;
    }

    /// A control call to the simulator.
    pub async fn control(&self, route: &str, body: Value) -> Value {
        let url = format!("{}/_sim/{route}", self.simulator.url);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{route}: {}", answer.text().await.unwrap());
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null)
    }

    /// The writes that the providers took.
    pub async fn writes(&self) -> Vec<Value> {
        self.list("effects").await
    }

    /// The calls that the providers got, as `METHOD path`.
    pub async fn calls(&self) -> Vec<String> {
        let calls = self.list("calls").await;
        calls.iter().map(|call| format!("{} {}", call["method"], call["path"]).replace('"', "")).collect()
    }

    async fn list(&self, route: &str) -> Vec<Value> {
        let url = format!("{}/_sim/{route}", self.simulator.url);
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// Files an event about the invoice, as the door does. `occurrence` makes it another event about the same.
    pub async fn job_for_invoice(&self, occurrence: u32) -> JobId {
        self.job_for(INVOICE_ID, occurrence).await
    }

    pub async fn job_for(&self, invoice_id: &str, occurrence: u32) -> JobId {
        let event = Event {
            provider: Provider::Xero,
            account_id: self.organisation_id.clone(),
            category: "INVOICE".into(),
            action: "UPDATE".into(),
            resource_id: invoice_id.into(),
            occurred_at: None,
            dedupe_key: format!("{invoice_id}/{occurrence}"),
            other_dedupe_key: None,
            payload: json!({}),
        };
        let delivery = Delivery { provider: Provider::Xero, events: vec![event], unreadable: Vec::new() };
        let received = Received {
            delivery_id: DeliveryId::new(),
            provider: Provider::Xero,
            received_at: Timestamp::now(),
            headers: &json!({}),
            body: b"{}",
            content: Ok(&delivery),
        };
        let store = self.database.store(Role::Webhook);
        let filed = file(&mut store.session().await.unwrap(), &received).await.unwrap();
        filed.jobs[0].1
    }

    /// A job that nobody but a call asks for. `business_key` makes it one of a kind.
    pub async fn start(&self, workflow: Workflow, parameters: Value, business_key: Option<&str>) -> JobId {
        let request = JobRequest { workflow, parameters, business_key: business_key.map(str::to_owned) };
        let store = self.database.store(Role::Webhook);
        let mut session = store.session().await.unwrap();
        let tx = session.begin(self.tenant_id).unwrap();
        let job_id = triggers::start_once(&tx, self.tenant_id, &request).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        job_id
    }

    /// A job that writes nothing, with these settings or, without any, the saved ones.
    pub async fn try_out(&self, workflow: Workflow, parameters: Value, settings: Option<Value>) -> JobId {
        let request = JobRequest { workflow, parameters, business_key: None };
        let store = self.database.store(Role::Webhook);
        let mut session = store.session().await.unwrap();
        let tx = session.begin(self.tenant_id).unwrap();
        let started =
            triggers::start_dry_run(&tx, self.tenant_id, &request, settings.as_ref(), "user/1", None).await;
        tx.commit().await.unwrap();
        match started.unwrap() {
            triggers::Started::New(job_id) => job_id,
            other => panic!("{other:?} is no new job"),
        }
    }

    /// The next poll of this kind, as the scheduler starts it.
    pub async fn poll(&self, poll: Workflow) -> JobId {
        let connection_id = match poll {
            Workflow::XeroPaidInvoicesPoll => self.xero_connection,
            Workflow::ShopifyWebhooksCheck => self.shopify_connection,
            _ => self.asana_connection,
        };
        let due = DuePoll { tenant_id: self.tenant_id, connection_id, poll };
        let store = self.database.store(Role::Scheduler);
        let mut session = store.session().await.unwrap();
        let tx = session.begin(self.tenant_id).unwrap();
        let job_id = polls::start(&tx, &due, Duration::ZERO).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        job_id
    }

    /// A worker in this process.
    pub fn worker(&self) -> App {
        let config = WorkerConfig::from_lookup(|name| self.settings.get(name).cloned()).unwrap();
        App::new(config, &self.aws.config)
    }

    /// A worker as a process of its own, with what it does at a failpoint: `begun:read-order=pause`.
    pub async fn worker_process(&self, failpoint: Option<&str>) -> FunctionProcess {
        let failpoint = failpoint.map(|point| ("FAILPOINTS".to_owned(), point.to_owned()));
        let environment = self.environment().chain(failpoint);
        FunctionProcess::start(WORKER, environment, Duration::from_secs(30)).await
    }

    /// A worker as a process of its own that logs all that it has to say.
    pub async fn talkative_worker_process(&self) -> FunctionProcess {
        let level = ("AWS_LAMBDA_LOG_LEVEL".to_owned(), "TRACE".to_owned());
        FunctionProcess::start(WORKER, self.environment().chain([level]), Duration::from_secs(30)).await
    }

    fn environment(&self) -> impl Iterator<Item = (String, String)> {
        let aws = AWS_ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let endpoint = ("AWS_ENDPOINT_URL".to_owned(), self.aws.endpoint.clone());
        self.settings.clone().into_iter().chain(aws).chain([endpoint])
    }

    /// Rings a worker with this failpoint until it dies of the job; false if it never does.
    pub async fn dies_at(&self, job_id: JobId, failpoint: &str) -> bool {
        let mut worker = self.worker_process(Some(failpoint)).await;
        for _ in 0..4 {
            match worker.invoke_as_lambda(serde_json::to_value(self.ring(job_id)).unwrap()).await {
                Ending::Died(_) => return true,
                Ending::Answered(answer) => assert_eq!(answer.unwrap()["batchItemFailures"], json!([])),
                Ending::Overdue => panic!("{failpoint}: the worker hangs"),
            }
            self.hurry().await;
        }
        worker.kill().await;
        false
    }

    pub fn ring(&self, job_id: JobId) -> SqsEvent {
        batch(&[&Message::Ring { tenant_id: self.tenant_id, job_id }.to_body()])
    }

    /// Asks for another run of a job that has failed, as the door does.
    pub async fn retry(&self, job_id: JobId) {
        let store = self.database.store(Role::Webhook);
        let mut session = store.session().await.unwrap();
        let tx = session.begin(self.tenant_id).unwrap();
        let requested = requests::retry(&tx, self.tenant_id, job_id, "user/test").await.unwrap();
        assert!(matches!(requested, requests::Requested::Noted(_)), "{requested:?}");
        tx.commit().await.unwrap();
    }

    /// Rings for the job until it has ended, hurrying its waits, at most ten times.
    pub async fn run_to_the_end(&self, worker: &App, job_id: JobId) -> String {
        for _ in 0..10 {
            assert_eq!(handle(worker, self.ring(job_id)).await.batch_item_failures, []);
            let status = self.status(job_id).await;
            if status != "QUEUED" && status != "RUNNING" {
                return status;
            }
            self.hurry().await;
        }
        panic!(
            "the job has not ended: {}",
            self.database.text("select waiting_reason from pipeline_jobs").await
        )
    }

    /// Ends every wait and every lease now.
    pub async fn hurry(&self) {
        let hurry = "update pipeline_jobs set due_at = now() where due_at is not null;
                     update pipeline_jobs set lease_expires_at = now() - interval '1 second' where status = 'RUNNING'";
        self.database.superuser().await.batch_execute(hurry).await.unwrap();
    }

    /// Ends what providers have told workers to wait, for workers made from now on: they count in another table.
    pub async fn outwait_limits(&mut self) {
        self.hurry().await;
        let table = LocalAws::new().counter_table().await;
        self.settings.insert("COUNTER_TABLE".to_owned(), table);
    }

    pub async fn status(&self, job_id: JobId) -> String {
        self.job_column(job_id, "status").await
    }

    pub async fn job_column(&self, job_id: JobId, column: &str) -> String {
        self.database
            .text(&format!("select ({column})::text from pipeline_jobs where job_id = '{job_id}'"))
            .await
    }

    /// What the job gave.
    pub async fn result(&self, job_id: JobId) -> Value {
        serde_json::from_str(&self.job_column(job_id, "result").await).unwrap()
    }

    /// Names and statuses of all steps, in order.
    pub async fn steps(&self) -> String {
        self.database
            .text("select string_agg(name || ' ' || status, ', ' order by position) from steps")
            .await
    }
}

/// What answers a handshake as the door does, and nothing else.
async fn door() -> MockServer {
    const SECRET: &str = "x-hook-secret";
    let door = MockServer::start().await;
    let echo = |request: &Request| match request.headers.get(SECRET) {
        Some(secret) => ResponseTemplate::new(200).insert_header(SECRET, secret.to_str().unwrap()),
        None => ResponseTemplate::new(200),
    };
    Mock::given(method("POST")).respond_with(echo).mount(&door).await;
    door
}

pub const ALL_STEPS_DONE: &str =
    "read-invoice DONE, check-invoice DONE, find-contact DONE, update-contact DONE, store-report DONE";

pub fn batch(bodies: &[&str]) -> SqsEvent {
    let mut event = SqsEvent::default();
    for (index, body) in bodies.iter().enumerate() {
        let mut message = SqsMessage::default();
        message.message_id = Some(format!("message-{index}"));
        message.body = Some((*body).to_owned());
        event.records.push(message);
    }
    event
}

pub async fn handle(worker: &App, batch: SqsEvent) -> SqsBatchResponse {
    worker.handle_batch(batch, SystemTime::now() + Duration::from_secs(30)).await
}
