//! What the functions find: a PostgreSQL that keeps its promises, an AWS that answers at once, and tenants.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde_json::json;
use zixly_domain::Provider;
use zixly_testkit::{AWS_ENVIRONMENT, PostgresServer, Role, TestDatabase, post, processor_time};

use crate::aws::Aws;
use crate::providers::Providers;

const TENANTS: usize = 50;
/// A server that loses nothing, whatever happens to its machine.
const SAFE: [&str; 4] = ["fsync=on", "full_page_writes=on", "shared_buffers=512MB", "max_wal_size=8GB"];

pub struct Scene {
    pub aws: Aws,
    pub providers: Providers,
    pub database: TestDatabase,
    pub postgres: PostgresServer,
    /// A Xero organisation of each tenant.
    pub organisations: Vec<String>,
}

impl Scene {
    pub async fn set() -> Self {
        Self::set_on(PostgresServer::launch_with(&SAFE).await).await
    }

    /// With room for many rows.
    pub async fn set_on_disk() -> Self {
        Self::set_on(PostgresServer::launch_on_disk(&SAFE).await).await
    }

    async fn set_on(postgres: PostgresServer) -> Self {
        let database = TestDatabase::create_on(&postgres.url()).await;
        let aws = Aws::start();
        let mut organisations = Vec::new();
        for number in 0..TENANTS {
            let organisation = uuid::Uuid::from_u64_pair(0x4444_4444_5555_4666, number as u64).to_string();
            let tenant_id = database.tenant(&organisation).await;
            let portal = (7_000_000 + number).to_string();
            for (provider, account) in [(Provider::Xero, &organisation), (Provider::HubSpot, &portal)] {
                let (_, token_set_id) = database.connect_account(tenant_id, provider, account).await;
                let tokens = json!({
                    "access_token": "access", "refresh_token": "refresh", "expires_at": "2100-01-01T00:00:00Z",
                });
                aws.secret(&format!("token-sets/{token_set_id}"), &tokens);
            }
            organisations.push(organisation);
        }
        Self { aws, providers: Providers::start(), database, postgres, organisations }
    }

    /// What a function is told: all that any of them wants to know, with PostgreSQL at `database_url`.
    pub fn settings(&self, function: &str, database_url: &str) -> BTreeMap<String, String> {
        let secret = json!({
            "database_url": database_url, "auth_jwt_secret": "a-key-for-tokens-of-32-characters",
            "realtime_ticket_key": "a-key-for-tickets-of-32-characters", "xero_webhook_key": post::XERO_KEY,
            "hubspot_client_id": "hubspot", "hubspot_client_secret": post::HUBSPOT_SECRET,
            "xero_client_id": "xero", "xero_client_secret": "secret", "shopify_client_secret": post::SHOPIFY_SECRET,
        });
        self.aws.secret(function, &secret);
        let queue = |name: &str| format!("{}/000000000000/{name}", self.aws.url);
        let (jobs, job_events, dead_letters) = (queue("jobs"), queue("job-events"), queue("dead-letters"));
        let own = [
            ("AWS_ENDPOINT_URL", self.aws.url.as_str()),
            ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_FUNCTION_NAME", function),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
            ("FUNCTION_SECRET_ARN", function),
            ("HOOK_SECRET_PREFIX", "hooks/"),
            ("TOKEN_SET_PREFIX", "token-sets/"),
            ("JOB_QUEUE_URL", &jobs),
            ("JOB_EVENT_QUEUE_URL", &job_events),
            ("DEAD_LETTER_QUEUE_URL", &dead_letters),
            ("PAYLOAD_BUCKET", "payloads"),
            ("PAYLOAD_ORIGIN", &self.aws.url),
            ("COUNTER_TABLE", "counters"),
            ("SOCKET_TABLE", "sockets"),
            ("SOCKET_API_URL", &self.aws.url),
            ("PUBLIC_BASE_URL", post::BASE_URL),
            ("WEBHOOK_URL", post::BASE_URL),
            ("SHOPIFY_API_VERSION", "2026-07"),
            ("SHOPIFY_SHOP_URL", "https://{shop}"),
            ("HUBSPOT_API_VERSION", "2026-03"),
        ];
        let others = "XERO_TOKEN XERO_AUTHORIZE XERO_CONNECTIONS HUBSPOT_AUTHORIZE ASANA_API ASANA_TOKEN ASANA_AUTHORIZE \
                      ASANA_REVOKE SLACK_API SLACK_HOOKS SLACK_AUTHORIZE TRADING_API APP";
        let others = others
            .split_whitespace()
            .map(|name| (format!("{name}_URL"), "https://provider.example.com".to_owned()));
        let providers = ["xero", "hubspot"].map(|name| {
            (format!("{}_API_URL", name.to_uppercase()), format!("{}/{name}", self.providers.url))
        });
        let own =
            own.into_iter().chain(AWS_ENVIRONMENT).map(|(name, value)| (name.to_owned(), value.to_owned()));
        own.chain(providers).chain(others).collect()
    }

    /// Where a function's role comes in.
    pub fn url(&self, role: Role) -> String {
        self.database.url(role)
    }

    /// Has every flush of the log take a millisecond longer, as at a managed database, or not any more.
    pub async fn slow_down_flushes(&self, is_slow: bool) {
        self.execute(&format!("alter system set commit_delay = {}", if is_slow { 1000 } else { 0 })).await;
        self.execute("alter system set commit_siblings = 0").await;
        self.execute("select pg_reload_conf()").await;
    }

    /// As the superuser.
    pub async fn execute(&self, sql: &str) {
        self.database.superuser().await.batch_execute(sql).await.expect("the statement is right");
    }

    /// What PostgreSQL has taken of the processors, in all its processes.
    pub fn postgres_processor(&self) -> Duration {
        let pid = self.postgres.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("it runs");
        let children = children.split_whitespace().map(|child| child.parse().expect("it is a number"));
        // One that has ended meanwhile is counted with its parent.
        std::iter::once(pid).chain(children).filter_map(processor_time).sum()
    }

    /// How many bytes of log there were ever.
    pub async fn wal_position(&self) -> u64 {
        let bytes = self.database.count("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint").await;
        u64::try_from(bytes).expect("a log only grows")
    }
}
