//! Servers of the run's own, the providers, the tenants with their connections, and the functions' settings.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use zixly_auth::ApiKey;
use zixly_domain::{Provider, TenantId, TokenSet, TokenSetId, Workflow, WorkflowSettings};
use zixly_secrets::TokenSets;
use zixly_simulator::{
    AsanaLimits, ClientCredentials, HubspotLimits, Running, SesLimits, ShopifyLimits, Simulator,
    SimulatorConfig, SlackLimits, XeroLimits,
};
use zixly_store::api_keys::{self, NewKey};
use zixly_store::connections::{self, NewConnection};
use zixly_store::webhook_endpoints::{self, NewEndpoint};
use zixly_store::{token_sets, workflow_settings};
use zixly_testkit::{AWS_ENVIRONMENT, FunctionProcess, LocalAws, Role, TestDatabase, post};

use crate::business::{Accounts, Record};

/// What an invocation of the worker may take, and how long its claims last: longer, as in production. Short, so that
/// what a killed worker held is soon taken over.
pub const WORKER_TIMEOUT: Duration = Duration::from_secs(15);
const LEASE_MS: u64 = 16_000;

/// After this, a received message comes back unless its worker says otherwise.
pub const VISIBILITY: Duration = Duration::from_secs(20);

pub struct World {
    pub database: TestDatabase,
    pub aws: LocalAws,
    pub simulator: Running,
    pub tenants: Vec<Tenant>,
    pub job_queue_url: String,
    pub dead_letter_queue_url: String,
    pub job_event_queue_url: String,
    pub http: reqwest::Client,
    bucket: String,
    counter_table: String,
    /// What functions say that are started from now on, and how much.
    pub log: File,
    pub log_level: &'static str,
    pub log_path: PathBuf,
    /// Where a function's binary is.
    binary: fn(&str) -> String,
}

/// A tenant as Zixly knows it.
pub struct Tenant {
    pub tenant_id: TenantId,
    /// As the value of an `Authorization` header.
    pub api_key: String,
    pub connected: Vec<(Provider, String)>,
}

impl World {
    pub async fn new(
        database: TestDatabase,
        aws: LocalAws,
        businesses: &[Accounts],
        binary: fn(&str) -> String,
    ) -> Self {
        let log_path = std::env::temp_dir().join(format!("zixly-chaos-{:016x}.log", rand::random::<u64>()));
        let mut world = Self {
            job_queue_url: aws.queue("jobs").await,
            job_event_queue_url: aws.queue("job-events").await,
            dead_letter_queue_url: aws.queue("dead-letters").await,
            bucket: aws.bucket().await,
            counter_table: aws.counter_table().await,
            simulator: Simulator::start(simulator_config(), ([127, 0, 0, 1], 0).into())
                .await
                .expect("a port is free"),
            tenants: Vec::new(),
            http: reqwest::Client::builder().no_proxy().build().expect("a plain client"),
            log: File::create(&log_path).expect("the folder for temporary files can be written to"),
            log_level: "WARN",
            log_path,
            binary,
            database,
            aws,
        };
        for accounts in businesses {
            let tenant = world.connect(accounts).await;
            world.tenants.push(tenant);
        }
        world
    }

    pub async fn door(&self) -> FunctionProcess {
        let secret = json!({
            "database_url": self.database.url(Role::Webhook), "xero_webhook_key": post::XERO_KEY,
            "hubspot_client_secret": post::HUBSPOT_SECRET, "shopify_client_secret": post::SHOPIFY_SECRET,
        });
        let settings = [
            ("FUNCTION_SECRET_ARN", self.secret("webhook", &secret).await),
            ("HOOK_SECRET_PREFIX", format!("{}hooks/", self.aws.secret_prefix())),
            ("PUBLIC_BASE_URL", post::BASE_URL.to_owned()),
        ];
        self.function("zixly-webhook", settings, Duration::from_secs(10)).await
    }

    pub async fn scheduler(&self) -> FunctionProcess {
        let secret = json!({ "database_url": self.database.url(Role::Scheduler) });
        let settings = [
            ("FUNCTION_SECRET_ARN", self.secret("scheduler", &secret).await),
            ("XERO_POLL_INTERVAL_MS", "20000".to_owned()),
            ("ASANA_POLL_INTERVAL_MS", "40000".to_owned()),
        ];
        self.function("zixly-scheduler", settings, Duration::from_secs(50)).await
    }

    /// The settings of a worker whose sweeps are called back at `callback_url`.
    pub async fn worker_settings(&self, callback_url: &str) -> Vec<(&'static str, String)> {
        let mut secret =
            json!({ "database_url": self.database.url(Role::Worker), "trading_api_key": "trading-key" });
        for provider in ["xero", "hubspot", "shopify", "asana"] {
            secret[format!("{provider}_client_id")] = "client".into();
            secret[format!("{provider}_client_secret")] = "client-secret".into();
        }
        let url = |path: &str| format!("{}/{path}", self.simulator.url);
        let milliseconds = |number: u64| number.to_string();
        vec![
            ("FUNCTION_SECRET_ARN", self.secret("worker", &secret).await),
            ("DEAD_LETTER_QUEUE_URL", self.dead_letter_queue_url.clone()),
            ("JOB_EVENT_QUEUE_URL", self.job_event_queue_url.clone()),
            ("TOKEN_SET_PREFIX", self.aws.secret_prefix()),
            ("COUNTER_TABLE", self.counter_table.clone()),
            ("XERO_API_URL", url("xero/api.xro/2.0")),
            ("XERO_TOKEN_URL", url("xero/connect/token")),
            ("HUBSPOT_API_URL", url("hubspot")),
            ("HUBSPOT_API_VERSION", "2026-03".to_owned()),
            ("SHOPIFY_SHOP_URL", url("shopify/{shop}")),
            ("SHOPIFY_API_VERSION", "2026-07".to_owned()),
            ("ASANA_API_URL", url("asana/api/1.0")),
            ("ASANA_TOKEN_URL", url("asana/-/oauth_token")),
            ("TRADING_API_URL", url("trading")),
            ("SLACK_API_URL", url("slack/api")),
            ("SLACK_HOOKS_URL", url("slack")),
            ("EMAIL_SENDER", "jobs@zixly.example.com".to_owned()),
            ("SES_API_URL", url("ses")),
            ("SWEEP_CALLBACK_URL", callback_url.to_owned()),
            ("CALLBACK_WINDOW_MS", milliseconds(6000)),
            ("POLL_EVERY_MS", milliseconds(2000)),
            ("LEASE_MS", milliseconds(LEASE_MS)),
            ("STEP_TIMEOUT_MS", milliseconds(4000)),
            ("PROVIDER_TIMEOUT_MS", milliseconds(1500)),
            ("DRAIN_MARGIN_MS", milliseconds(9000)),
            ("PUT_OFF_MS", milliseconds(3000)),
            // Longer than the latest late write that is ordered.
            ("LATE_WRITE_MS", milliseconds(4000)),
        ]
    }

    pub async fn worker(
        &self,
        settings: &[(&'static str, String)],
        failpoint: Option<&str>,
    ) -> FunctionProcess {
        let failpoint = failpoint.map(|point| ("FAILPOINTS", point.to_owned()));
        let settings = settings.iter().cloned().chain(failpoint);
        self.function("zixly-worker", settings, WORKER_TIMEOUT).await
    }

    pub async fn function(
        &self,
        name: &str,
        settings: impl IntoIterator<Item = (&'static str, String)>,
        timeout: Duration,
    ) -> FunctionProcess {
        let shared = [
            ("JOB_QUEUE_URL", self.job_queue_url.clone()),
            ("PAYLOAD_BUCKET", self.bucket.clone()),
            ("COUNTER_TABLE", self.counter_table.clone()),
            ("AWS_ENDPOINT_URL", self.aws.endpoint.clone()),
            ("AWS_LAMBDA_LOG_LEVEL", self.log_level.to_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ];
        let aws = AWS_ENVIRONMENT.map(|(name, value)| (name, value.to_owned()));
        let all = settings.into_iter().chain(shared).chain(aws);
        let all = all.map(|(name, value)| (name.to_owned(), value));
        FunctionProcess::start_with_log(&(self.binary)(name), all, timeout, &self.log).await
    }

    pub async fn secret(&self, name: &str, secret: &Value) -> String {
        let name = format!("{name}-{:08x}", rand::random::<u32>());
        self.aws.secret(&name, &secret.to_string()).await
    }

    /// Has these records stand at their providers.
    pub async fn seed(&self, records: &[Record]) {
        for record in records {
            let seed = json!({
                "provider": record.provider, "kind": record.kind, "tenant_id": record.account, "record": record.record,
            });
            self.control("seed", &seed).await;
        }
    }

    /// A control call to the providers.
    pub async fn control(&self, route: &str, body: &Value) -> Value {
        let url = format!("{}/_sim/{route}", self.simulator.url);
        let answer = self.http.post(url).json(body).send().await.expect("the simulator is up");
        let status = answer.status();
        let text = answer.text().await.expect("the simulator answers");
        assert!(status.is_success(), "{route} {body}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// A list that the providers keep: `effects`, `faults`.
    pub async fn list(&self, route: &str) -> Vec<Value> {
        let url = format!("{}/_sim/{route}", self.simulator.url);
        let answer = self.http.get(url).send().await.expect("the simulator is up");
        answer.json().await.expect("it is a list")
    }

    /// What stands at a provider and concerns nobody any more.
    pub async fn clear_faults(&self) {
        let url = format!("{}/_sim/faults", self.simulator.url);
        self.http.delete(url).send().await.expect("the simulator is up");
    }

    /// Authorises a connection anew, as its owner does who follows the link in the dashboard.
    pub async fn authorise(
        &self,
        tenant_id: TenantId,
        provider: Provider,
        account: &str,
    ) -> Result<(), zixly_store::StoreError> {
        let token_set_id = TokenSetId::new();
        let consent = json!({ "provider": provider.as_str(), "accounts": [account] });
        let granted = self.control("grant", &consent).await;
        let text = |name: &str| SecretString::from(granted[name].as_str().expect("it is a token"));
        let expires_in = granted["expires_in"].as_u64().expect("it is a number");
        let token_set = TokenSet {
            access_token: text("access_token"),
            refresh_token: text("refresh_token"),
            expires_at: Timestamp::now() + Duration::from_secs(expires_in),
        };
        let token_set_secrets = TokenSets::new(&self.aws.config, self.aws.secret_prefix());
        while token_set_secrets.create(token_set_id, &token_set).await.is_err() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let store = self.database.superuser_store();
        let mut session = store.session().await?;
        token_sets::insert(&mut session, token_set_id, provider).await?;
        let tx = session.begin(tenant_id)?;
        let new =
            NewConnection { tenant_id, token_set_id, provider, account_id: account, account_name: account };
        connections::insert(&tx, &new).await?;
        tx.commit().await
    }

    async fn connect(&self, accounts: &Accounts) -> Tenant {
        let tenant_id = self.database.tenant(&accounts.organisation).await;
        let mut connected = vec![
            (Provider::Xero, accounts.organisation.clone()),
            (Provider::HubSpot, accounts.portal.to_string()),
            (Provider::Shopify, accounts.shop.clone()),
        ];
        connected.extend(accounts.workspace.clone().map(|workspace| (Provider::Asana, workspace)));
        connected.push((Provider::Slack, accounts.slack_team.clone()));
        connected.push((Provider::Slack, accounts.slack_webhook()));
        for (provider, account) in &connected {
            self.authorise(tenant_id, *provider, account).await.expect("the database is up");
        }
        if accounts.workspace.is_some() {
            self.watch(tenant_id, accounts).await;
        }
        let api_key = ApiKey::generate();
        let store = self.database.superuser_store();
        let mut session = store.session().await.expect("the database is up");
        let tx = session.begin(tenant_id).expect("the database is up");
        let new =
            NewKey { tenant_id, name: "chaos", key_hash: &api_key.hash(), job_types: None, created_by: None };
        api_keys::insert(&tx, &new).await.expect("the key is new");
        for workflow in Workflow::ALL.iter().filter(|workflow| workflow.is_optional()) {
            let settings = WorkflowSettings { notifications: accounts.channels(*workflow) };
            workflow_settings::set(&tx, tenant_id, *workflow, true, &settings)
                .await
                .expect("they are settings");
        }
        tx.commit().await.expect("the database is up");
        Tenant { tenant_id, api_key: format!("Bearer {}", api_key.expose()), connected }
    }

    /// An Asana webhook whose handshake is over.
    async fn watch(&self, tenant_id: TenantId, accounts: &Accounts) {
        let store = self.database.superuser_store();
        let mut session = store.session().await.expect("the database is up");
        let tx = session.begin(tenant_id).expect("the database is up");
        let workspace = accounts.workspace.as_deref();
        let connection =
            connections::list(&tx, Provider::Asana, workspace).await.expect("the database is up");
        let new = NewEndpoint {
            endpoint: &accounts.endpoint,
            tenant_id,
            connection_id: connection[0].connection_id,
            provider: Provider::Asana,
            resource_id: &accounts.project,
            registering_until: None,
        };
        webhook_endpoints::insert(&tx, &new).await.expect("the endpoint is new");
        tx.commit().await.expect("the database is up");
        let name = format!("token-sets/hooks/{}", accounts.endpoint);
        self.aws.secret(&name, post::HOOK_SECRET).await;
    }
}

/// Providers without limits of their own: what they refuse is what the run orders.
fn simulator_config() -> SimulatorConfig {
    let client = || ClientCredentials { id: "client".to_owned(), secret: "client-secret".to_owned() };
    let mut config = SimulatorConfig::new(client(), client(), uuid::Uuid::nil(), 1);
    config.shopify_client = client();
    config.asana_client = client();
    let much = 1_000_000;
    config.xero_limits =
        XeroLimits { per_minute: much, per_day: much, concurrent: much, app_per_minute: much };
    config.hubspot_limits = HubspotLimits { per_ten_seconds: much, searches_per_second: much };
    config.shopify_limits =
        ShopifyLimits { points: much, restored_per_second: much, ..ShopifyLimits::default() };
    config.asana_limits = AsanaLimits { per_minute: much, concurrent_reads: much, concurrent_writes: much };
    config.slack_limits = SlackLimits { messages_per_second: much, reads_per_minute: much };
    config.ses_limits = SesLimits { mails_per_second: much };
    config.trading_sweep_takes = Duration::from_millis(1500);
    config
}
