//! What the functions find: a PostgreSQL that keeps its promises, an AWS that answers at once, and tenants.

use std::collections::BTreeMap;
use std::time::Duration;

use zixly_domain::Provider;
use zixly_testkit::{AWS_ENVIRONMENT, PostgresServer, Role, TestDatabase};

use crate::aws::Aws;
use crate::processor;

const TENANTS: usize = 50;

pub struct Scene {
    pub aws: Aws,
    pub database: TestDatabase,
    pub postgres: PostgresServer,
    /// A Xero organisation of each tenant.
    pub organisations: Vec<String>,
}

impl Scene {
    pub async fn set() -> Self {
        let postgres = PostgresServer::launch_with(&[
            "fsync=on",
            "full_page_writes=on",
            "shared_buffers=512MB",
            "max_wal_size=8GB",
        ])
        .await;
        let database = TestDatabase::create_on(&postgres.url()).await;
        let mut organisations = Vec::new();
        for number in 0..TENANTS {
            let organisation = uuid::Uuid::from_u64_pair(0x4444_4444_5555_4666, number as u64).to_string();
            let tenant_id = database.tenant(&organisation).await;
            database.connect_account(tenant_id, Provider::Xero, &organisation).await;
            organisations.push(organisation);
        }
        Self { aws: Aws::start(), database, postgres, organisations }
    }

    /// What every function is told.
    pub fn settings(&self, function: &str) -> BTreeMap<String, String> {
        let own = [
            ("AWS_ENDPOINT_URL", self.aws.url.as_str()),
            ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_FUNCTION_NAME", function),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
        ];
        own.into_iter()
            .chain(AWS_ENVIRONMENT)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
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

    pub fn postgres_processor(&self) -> Duration {
        processor::time_of_family(self.postgres.pid())
    }

    /// How many bytes of log there were ever.
    pub async fn wal_position(&self) -> u64 {
        let bytes = self.database.count("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint").await;
        u64::try_from(bytes).expect("a log only grows")
    }
}
