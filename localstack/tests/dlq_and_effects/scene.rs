//! A tenant with Xero and HubSpot on real servers, a worker for its jobs, and the command line as an operator calls it.

use std::collections::HashMap;
use std::process::Output;
use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;
use zixly_domain::{JobId, JobRequest, Provider, TenantId, TokenSet, TokenSetId, Workflow};
use zixly_queues::Message;
use zixly_secrets::TokenSets;
use zixly_simulator::{ClientCredentials, Running, Simulator, SimulatorConfig};
use zixly_store::triggers;
use zixly_testkit::{AWS_ENVIRONMENT, LocalAws, Role, TestDatabase};
use zixly_worker::{App, WorkerConfig};

pub const INVOICE_ID: &str = "a03ffcd2-5d91-4c7e-b483-318584e9e439";
const EMAIL: &str = "liam@rockstar.com";
const PORTAL_ID: u64 = 12_345_678;
const EMPTY_ZIP: &str = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";

pub struct Scene {
    pub database: TestDatabase,
    pub tenant_id: TenantId,
    pub dead_letter_queue_url: String,
    pub job_queue_url: String,
    pub aws: LocalAws,
    organisation_id: String,
    simulator: Running,
    settings: HashMap<String, String>,
    client: reqwest::Client,
}

impl Scene {
    /// A paid invoice in Xero and its customer in HubSpot, and nothing done about them yet.
    pub async fn paid_invoice() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = || ClientCredentials { id: "client".to_owned(), secret: "client-secret".to_owned() };
        let organisation = Uuid::new_v4();
        let config = SimulatorConfig::new(client(), client(), organisation, PORTAL_ID);
        let simulator = Simulator::start(config, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (database, aws) = (TestDatabase::create().await, LocalAws::new());
        let tenant_id = database.tenant("Demo business").await;
        let job_queue_url = aws.queue("jobs").await;
        let dead_letter_queue_url = aws.queue("dead-letters").await;
        let secret = json!({
            "database_url": database.url(Role::Worker),
            "xero_client_id": "client", "xero_client_secret": "client-secret",
            "hubspot_client_id": "client", "hubspot_client_secret": "client-secret",
        });
        let settings = [
            ("DATABASE_URL", database.owner_url()),
            ("AWS_ENDPOINT_URL", aws.endpoint.clone()),
            ("FUNCTION_SECRET_ARN", aws.secret("worker", &secret.to_string()).await),
            ("JOB_QUEUE_URL", job_queue_url.clone()),
            ("DEAD_LETTER_QUEUE_URL", dead_letter_queue_url.clone()),
            ("JOB_EVENT_QUEUE_URL", aws.queue("job-events").await),
            ("PAYLOAD_BUCKET", aws.bucket().await),
            ("COUNTER_TABLE", aws.counter_table().await),
            ("TOKEN_SET_PREFIX", aws.secret_prefix()),
            ("XERO_API_URL", format!("{}/xero/api.xro/2.0", simulator.url)),
            ("XERO_TOKEN_URL", format!("{}/xero/connect/token", simulator.url)),
            ("HUBSPOT_API_URL", format!("{}/hubspot", simulator.url)),
            ("HUBSPOT_API_VERSION", "2026-03".to_owned()),
            ("SHOPIFY_SHOP_URL", format!("{}/shopify/{{shop}}", simulator.url)),
            ("SHOPIFY_API_VERSION", "2026-07".to_owned()),
            ("ASANA_API_URL", format!("{}/asana/api/1.0", simulator.url)),
            ("ASANA_TOKEN_URL", format!("{}/asana/-/oauth_token", simulator.url)),
            ("SLACK_API_URL", format!("{}/slack/api", simulator.url)),
            ("SLACK_HOOKS_URL", format!("{}/slack/hooks", simulator.url)),
        ];
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value));
        let mut scene = Self {
            settings: settings.collect(),
            organisation_id: organisation.to_string(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            database,
            tenant_id,
            dead_letter_queue_url,
            job_queue_url,
            aws,
            simulator,
        };
        scene.settings.extend(AWS_ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let (xero, hubspot) = (scene.organisation_id.clone(), PORTAL_ID.to_string());
        scene.connect(Provider::Xero, &xero).await;
        scene.connect(Provider::HubSpot, &hubspot).await;
        let invoice = json!({
            "Type": "ACCREC", "InvoiceID": INVOICE_ID, "InvoiceNumber": "INV-0006", "Status": "PAID",
            "AmountDue": 0.00, "AmountPaid": 148062.76, "Total": 148062.76, "CurrencyCode": "NZD",
            "FullyPaidOnDate": "/Date(1552953600000+0000)/",
            "Contact": { "Name": "Liam Gallagher", "EmailAddress": EMAIL },
        });
        scene.seed("xero", "invoice", invoice).await;
        scene.seed_contact().await;
        scene
    }

    async fn connect(&self, provider: Provider, account: &str) {
        let (_, token_set_id): (_, TokenSetId) =
            self.database.connect_account(self.tenant_id, provider, account).await;
        let granted =
            self.control("grant", json!({ "provider": provider.as_str(), "accounts": [account] })).await;
        let text = |name: &str| SecretString::from(granted[name].as_str().unwrap());
        let token_set = TokenSet {
            access_token: text("access_token"),
            refresh_token: text("refresh_token"),
            expires_at: Timestamp::now() + Duration::from_secs(granted["expires_in"].as_u64().unwrap()),
        };
        let token_sets = TokenSets::new(&self.aws.config, self.aws.secret_prefix());
        token_sets.create(token_set_id, &token_set).await.unwrap();
    }

    /// The customer as he was before anything was written about him.
    pub async fn seed_contact(&self) {
        self.seed("hubspot", "contact", json!({ "id": "100451", "properties": { "email": EMAIL } })).await;
    }

    async fn seed(&self, provider: &str, kind: &str, record: Value) {
        self.control("seed", json!({ "provider": provider, "kind": kind, "record": record })).await;
    }

    /// A control call to the simulator.
    pub async fn control(&self, route: &str, body: Value) -> Value {
        let url = format!("{}/_sim/{route}", self.simulator.url);
        let answer = self.client.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{route}: {}", answer.text().await.unwrap());
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null)
    }

    /// What a job about the invoice is to be run on.
    pub fn about_the_invoice(&self) -> Value {
        json!({ "organisation_id": self.organisation_id, "invoice_id": INVOICE_ID })
    }

    /// A job that nobody has run yet.
    pub async fn job(&self, parameters: Value) -> JobId {
        let request = JobRequest { workflow: Workflow::XeroInvoiceToHubspot, parameters, business_key: None };
        let store = self.database.store(Role::Webhook);
        let mut session = store.session().await.unwrap();
        let tx = session.begin(self.tenant_id).unwrap();
        let job_id = triggers::start_once(&tx, self.tenant_id, &request).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        job_id
    }

    /// Has a worker act on these messages.
    pub async fn work(&self, bodies: &[&str]) {
        let config = WorkerConfig::from_lookup(|name| self.settings.get(name).cloned()).unwrap();
        let mut batch = SqsEvent::default();
        for (index, body) in bodies.iter().enumerate() {
            let mut message = SqsMessage::default();
            message.message_id = Some(format!("message-{index}"));
            message.body = Some((*body).to_owned());
            batch.records.push(message);
        }
        let worker = App::new(config, &self.aws.config);
        let answer = worker.handle_batch(batch, SystemTime::now() + Duration::from_secs(30)).await;
        assert_eq!(answer.batch_item_failures, []);
    }

    /// Rings for a job.
    pub async fn ring(&self, job_id: JobId) {
        self.work(&[&Message::Ring { tenant_id: self.tenant_id, job_id }.to_body()]).await;
    }

    /// Has a worker act on what lies in its queue; gives how many messages that were.
    pub async fn work_off_the_queue(&self) -> usize {
        let messages = self.aws.receive(&self.job_queue_url).await;
        if messages.is_empty() {
            return 0;
        }
        let bodies: Vec<&str> = messages.iter().filter_map(|message| message.body()).collect();
        self.work(&bodies).await;
        self.aws.delete(&self.job_queue_url, &messages).await;
        messages.len()
    }

    /// How a job stands, and why it failed.
    pub async fn status(&self, job_id: JobId) -> (String, String) {
        let column = |name: &str| format!("select {name} from pipeline_jobs where job_id = '{job_id}'");
        (
            self.database.text(&column("status")).await,
            self.database.text(&column("coalesce(error_message, '')")).await,
        )
    }

    /// Calls the command line in a clone whose stack runs on these servers, as far as it can be told from its env file and
    /// from the local AWS.
    pub async fn zixly_in_a_clone(&self, arguments: &[&str]) -> (Vec<String>, String, bool) {
        let clone = std::env::temp_dir().join(format!("zixly-clone-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(clone.join(".local/stack/logs")).unwrap();
        std::fs::create_dir_all(clone.join("localstack")).unwrap();
        std::fs::write(clone.join("localstack/requirements.txt"), "").unwrap();
        let env_file =
            ["DATABASE_URL", "AWS_ENDPOINT_URL"].map(|name| format!("{name}={}\n", self.settings[name]));
        std::fs::write(clone.join(".local/stack.env"), env_file.concat()).unwrap();
        let worker = json!({
            "FunctionName": "zixly-local-worker", "Runtime": "provided.al2023", "Handler": "bootstrap",
            "Role": "arn:aws:iam::000000000000:role/worker", "Code": { "ZipFile": EMPTY_ZIP },
            "Environment": { "Variables": self.settings },
        });
        let functions = format!("{}/2015-03-31/functions", self.aws.endpoint);
        let made = self.client.post(&functions).json(&worker).send().await.unwrap();
        assert!(made.status().is_success(), "{}", made.text().await.unwrap());
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_zixly"));
        let output = command.args(arguments).env_clear().current_dir(&clone).output().await.unwrap();
        self.client.delete(format!("{functions}/zixly-local-worker")).send().await.unwrap();
        std::fs::remove_dir_all(clone).unwrap();
        told(output)
    }

    /// Calls the command line as an operator of this installation; gives the lines that it answers, those that it
    /// complains in, and whether it succeeds.
    pub async fn zixly(&self, arguments: &[&str]) -> (Vec<String>, String, bool) {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_zixly"));
        command.args(arguments).arg("--from-environment").env_clear().envs(&self.settings);
        told(command.output().await.unwrap())
    }
}

fn told(Output { status, stdout, stderr }: Output) -> (Vec<String>, String, bool) {
    let lines = String::from_utf8(stdout).unwrap().lines().map(str::to_owned).collect();
    (lines, String::from_utf8(stderr).unwrap(), status.success())
}
