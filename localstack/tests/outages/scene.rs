//! Two tenants with accounts at all providers, servers that can be stopped, and the functions' real binaries.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zixly_domain::{Provider, TenantId, jobs_for};
use zixly_store::webhook_endpoints::{self, NewEndpoint};
use zixly_testkit::{
    AWS_ENVIRONMENT, AwsServer, FunctionProcess, LocalAws, Post, PostgresServer, Role, TestDatabase,
    function_binary, post, sqs_event,
};
use zixly_webhooks::{Request, Verified, parse};

use crate::traffic::Accounts;

/// Something of each tenant, by what a delivery calls it: account or endpoint.
struct Target {
    provider: Provider,
    called: String,
    tenant_id: TenantId,
    account_id: String,
}

pub struct Scene {
    pub postgres: PostgresServer,
    pub aws_server: AwsServer,
    pub aws: LocalAws,
    pub database: TestDatabase,
    pub tenants: [Accounts; 2],
    targets: Vec<Target>,
    job_queue_url: String,
    dead_letter_queue_url: String,
    job_event_queue_url: String,
    bucket: String,
    counter_table: String,
}

/// What was in the queue.
#[derive(Default)]
pub struct Drained {
    /// How many deliveries the worker filed.
    pub filed: usize,
    /// The jobs that were rung for.
    pub rung: BTreeSet<String>,
}

impl Scene {
    pub async fn new() -> Self {
        let (postgres, aws_server) = tokio::join!(PostgresServer::launch(), AwsServer::launch());
        let database = TestDatabase::create_on(&postgres.url()).await;
        let aws = LocalAws::at(aws_server.endpoint.clone());
        let tenants = [accounts("one", 1), accounts("two", 2)];
        let mut targets = Vec::new();
        for tenant in &tenants {
            targets.extend(connect(&database, tenant).await);
            // As the handshake leaves it.
            aws.secret(&format!("token-sets/hooks/{}", tenant.endpoint), post::HOOK_SECRET).await;
        }
        Self {
            job_queue_url: aws.queue("jobs").await,
            job_event_queue_url: aws.queue("job-events").await,
            dead_letter_queue_url: aws.queue("dead-letters").await,
            bucket: aws.bucket().await,
            counter_table: aws.counter_table().await,
            postgres,
            aws_server,
            aws,
            database,
            tenants,
            targets,
        }
    }

    /// Doors side by side, each with one request at a time as Lambda has it.
    pub async fn doors(&self, count: usize) -> Vec<FunctionProcess> {
        let secret = json!({
            "database_url": self.database.url(Role::Webhook), "xero_webhook_key": post::XERO_KEY,
            "hubspot_client_secret": post::HUBSPOT_SECRET, "shopify_client_secret": post::SHOPIFY_SECRET,
        });
        let settings = [
            ("FUNCTION_SECRET_ARN", self.aws.secret("webhook", &secret.to_string()).await),
            ("HOOK_SECRET_PREFIX", format!("{}hooks/", self.aws.secret_prefix())),
            ("COUNTER_TABLE", self.counter_table.clone()),
            ("PUBLIC_BASE_URL", post::BASE_URL.to_owned()),
        ];
        let mut doors = Vec::new();
        for _ in 0..count {
            doors.push(self.function("zixly-webhook", &settings, Duration::from_secs(10)).await);
        }
        doors
    }

    /// A worker that knows no provider.
    pub async fn worker(&self) -> FunctionProcess {
        let nowhere = "http://127.0.0.1:1";
        let secret = json!({ "database_url": self.database.url(Role::Worker) });
        let mut settings = vec![
            ("FUNCTION_SECRET_ARN", self.aws.secret("worker", &secret.to_string()).await),
            ("DEAD_LETTER_QUEUE_URL", self.dead_letter_queue_url.clone()),
            ("JOB_EVENT_QUEUE_URL", self.job_event_queue_url.clone()),
            ("TOKEN_SET_PREFIX", self.aws.secret_prefix()),
            ("COUNTER_TABLE", self.counter_table.clone()),
            ("SHOPIFY_SHOP_URL", "https://{shop}".to_owned()),
            ("SHOPIFY_API_VERSION", "2026-10".to_owned()),
            ("HUBSPOT_API_VERSION", "2026-03".to_owned()),
        ];
        let urls = [
            "XERO_API_URL",
            "XERO_TOKEN_URL",
            "HUBSPOT_API_URL",
            "ASANA_API_URL",
            "ASANA_TOKEN_URL",
            "SLACK_API_URL",
            "SLACK_HOOKS_URL",
        ];
        settings.extend(urls.map(|name| (name, nowhere.to_owned())));
        self.function("zixly-worker", &settings, Duration::from_secs(30)).await
    }

    pub async fn scheduler(&self) -> FunctionProcess {
        let secret = json!({ "database_url": self.database.url(Role::Scheduler) });
        let settings = [("FUNCTION_SECRET_ARN", self.aws.secret("scheduler", &secret.to_string()).await)];
        self.function("zixly-scheduler", &settings, Duration::from_secs(50)).await
    }

    async fn function(&self, name: &str, settings: &[(&str, String)], timeout: Duration) -> FunctionProcess {
        let shared = [
            ("JOB_QUEUE_URL", self.job_queue_url.clone()),
            ("PAYLOAD_BUCKET", self.bucket.clone()),
            ("AWS_ENDPOINT_URL", self.aws.endpoint.clone()),
        ];
        let aws = AWS_ENVIRONMENT.map(|(name, value)| (name, value.to_owned()));
        let all = settings.iter().cloned().chain(shared).chain(aws);
        let all = all.map(|(name, value)| (name.to_owned(), value));
        FunctionProcess::start(&function_binary(name), all, timeout).await
    }

    /// Empties the queue: the worker files the deliveries that the queue carried, and what is rung for is told. A job
    /// that was rung for loses its doorbell, as when a worker claims it. Messages that ring for a job of `is_lost` are
    /// thrown away, as if the queue had never had them.
    pub async fn drain(&self, worker: &FunctionProcess, is_lost: impl Fn(&str) -> bool) -> Drained {
        let mut drained = Drained::default();
        loop {
            let messages = self.aws.receive(&self.job_queue_url).await;
            if messages.is_empty() {
                break;
            }
            let mut to_file = Vec::new();
            for message in &messages {
                let content: Value = serde_json::from_str(message.body().unwrap_or_default()).unwrap();
                match content["type"].as_str() {
                    Some("ring") => {
                        let job_id = content["job_id"].as_str().unwrap();
                        if !is_lost(job_id) {
                            drained.rung.insert(job_id.to_owned());
                        }
                    }
                    Some("file") => to_file.push(message.clone()),
                    other => panic!("the queue has a message of type {other:?}"),
                }
            }
            if !to_file.is_empty() {
                drained.filed += to_file.len();
                let answer = worker.invoke(sqs_event(&to_file)).await;
                assert_eq!(answer, Ok(json!({ "batchItemFailures": [] })));
            }
            self.aws.delete(&self.job_queue_url, &messages).await;
        }
        let rung: Vec<String> = drained.rung.iter().map(|job_id| format!("'{job_id}'")).collect();
        if !rung.is_empty() {
            self.execute(&format!("delete from outbox where job_id in ({})", rung.join(", "))).await;
        }
        drained
    }

    /// Runs the scheduler as if minutes went by, until it finds nothing to ring for; gives the jobs that it rang for.
    pub async fn sweep(&self, worker: &FunctionProcess) -> BTreeSet<String> {
        let scheduler = self.scheduler().await;
        let mut swept = BTreeSet::new();
        for _ in 0..10 {
            self.execute("update outbox set ring_at = least(ring_at, now() - interval '10 seconds')").await;
            let answer = scheduler.invoke(json!({})).await.unwrap();
            let rung = &answer["doorbells"]["rung"];
            swept.extend(self.drain(worker, |_| false).await.rung);
            if rung == 0 {
                return swept;
            }
        }
        panic!("the scheduler still finds doorbells after ten runs");
    }

    /// Every job that these deliveries ask for, once.
    pub fn expected_jobs<'a>(&self, accepted: impl IntoIterator<Item = &'a Post>) -> BTreeSet<String> {
        let mut jobs = BTreeSet::new();
        for post in accepted {
            let headers = post.headers();
            let request =
                Request { method: "POST", uri: &post.path, headers: &headers, body: post.body.as_bytes() };
            let delivery = parse(&Verified::at_the_door(post.provider, request)).unwrap();
            for event in &delivery.events {
                let is_for =
                    |target: &&Target| target.provider == event.provider && target.called == event.account_id;
                for target in self.targets.iter().filter(is_for) {
                    for job in jobs_for(event) {
                        let dedupe_key = hex::encode(Sha256::digest(&event.dedupe_key));
                        let key = job.at(&target.account_id).business_key.unwrap_or(dedupe_key);
                        jobs.insert(format!("{} {} {key}", target.tenant_id, job.workflow));
                    }
                }
            }
        }
        jobs
    }

    /// Every job that there is, in the same words, but for the scheduler's own. One for each row.
    pub async fn jobs(&self) -> Vec<String> {
        self.lines(
            "select j.tenant_id || ' ' || j.job_type || ' ' || coalesce(j.business_key, encode(e.dedupe_key, 'hex'))
               from pipeline_jobs j
               left join events e on e.tenant_id = j.tenant_id and e.event_id = j.event_id
              where j.job_type not like '%-poll'",
        )
        .await
    }

    /// The ids of the same jobs.
    pub async fn job_ids(&self) -> BTreeSet<String> {
        let ids = self.lines("select job_id::text from pipeline_jobs where job_type not like '%-poll'").await;
        ids.into_iter().collect()
    }

    /// How many deliveries are kept of each body, by its hash.
    pub async fn kept_bodies(&self) -> BTreeMap<String, usize> {
        let lines = self.lines("select encode(sha256(body), 'hex') from deliveries").await;
        lines.into_iter().fold(BTreeMap::new(), |mut kept, hash| {
            *kept.entry(hash).or_default() += 1;
            kept
        })
    }

    /// Nothing waits, nothing was given up and nothing lies about.
    pub async fn assert_nothing_is_left(&self) {
        assert_eq!(self.aws.receive(&self.dead_letter_queue_url).await, []);
        assert_eq!(self.aws.waiting_count(&self.job_queue_url).await, 0);
        assert_eq!(self.database.count("select count(*) from outbox").await, 0);
        let mut carried = self.aws.keys().await;
        carried.retain(|key| key.starts_with("carried/"));
        assert_eq!(carried, Vec::<String>::new());
    }

    async fn execute(&self, statement: &str) {
        self.database.superuser().await.batch_execute(statement).await.unwrap();
    }

    /// The texts that a query gives.
    async fn lines(&self, query: &str) -> Vec<String> {
        let all = format!("select string_agg(line, E'\\n') from ({query}) as lines (line)");
        self.database.text(&all).await.lines().map(str::to_owned).collect()
    }
}

fn accounts(name: &str, number: u64) -> Accounts {
    Accounts {
        organisation: format!("organisation-{name}"),
        portal: 12_345_000 + number,
        shop: format!("shop-{name}.myshopify.com"),
        workspace: (1_199_000_000_000_000 + number).to_string(),
        endpoint: format!("endpoint-that-nobody-can-guess-{name}"),
    }
}

async fn connect(database: &TestDatabase, accounts: &Accounts) -> Vec<Target> {
    let tenant_id = database.tenant(&accounts.organisation).await;
    let connected = [
        (Provider::Xero, &accounts.organisation, &accounts.organisation),
        (Provider::HubSpot, &accounts.portal.to_string(), &accounts.portal.to_string()),
        (Provider::Shopify, &accounts.shop, &accounts.shop),
        (Provider::Asana, &accounts.endpoint, &accounts.workspace),
    ];
    let mut targets = Vec::new();
    for (provider, called, account_id) in connected {
        let (connection_id, _) = database.connect_account(tenant_id, provider, account_id).await;
        let (called, account_id) = (called.clone(), account_id.clone());
        targets.push(Target { provider, called, tenant_id, account_id });
        if provider == Provider::Asana {
            let store = database.superuser_store();
            let mut session = store.session().await.unwrap();
            let tx = session.begin(tenant_id).unwrap();
            let new = NewEndpoint {
                endpoint: &accounts.endpoint,
                tenant_id,
                connection_id,
                provider,
                resource_id: "1200000000000009",
                registering_until: None,
            };
            webhook_endpoints::insert(&tx, &new).await.unwrap();
            tx.commit().await.unwrap();
        }
    }
    targets
}
