//! A database, a queue and a bucket of one test's own, and schedulers for them.

#![allow(dead_code, reason = "each test file uses its part of the scene")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::HashMap,
    fs::File,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};
use zixly_domain::{JobId, TenantId};
use zixly_queues::Message;
use zixly_scheduler::{App, SchedulerConfig};
use zixly_testkit::{AWS_ENVIRONMENT, FunctionProcess, LocalAws, Role, TestDatabase};

const BINARY: &str = env!("CARGO_BIN_EXE_zixly-scheduler");
const TIMEOUT: Duration = Duration::from_secs(50);

pub struct Scene {
    pub database: TestDatabase,
    pub aws: LocalAws,
    pub job_queue_url: String,
    pub settings: HashMap<String, String>,
}

impl Scene {
    pub async fn new() -> Self {
        let database = TestDatabase::create().await;
        let aws = LocalAws::new();
        let job_queue_url = aws.queue("jobs").await;
        let secret = json!({ "database_url": database.url(Role::Scheduler) }).to_string();
        let settings = HashMap::from(
            [
                ("FUNCTION_SECRET_ARN", aws.secret("scheduler", &secret).await),
                ("JOB_QUEUE_URL", job_queue_url.clone()),
                ("PAYLOAD_BUCKET", aws.bucket().await),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        Self { database, aws, job_queue_url, settings }
    }

    /// A scheduler in this process.
    pub fn scheduler(&self) -> App {
        let config = SchedulerConfig::from_lookup(|name| self.settings.get(name).cloned()).unwrap();
        App::new(config, &self.aws.config)
    }

    /// A scheduler as a process of its own, held up at `failpoint` when it gets there.
    pub async fn process(&self, failpoint: Option<&str>) -> FunctionProcess {
        let failpoint = failpoint.map(|point| ("FAILPOINTS".to_owned(), format!("{point}=pause")));
        let environment = self.environment().chain(failpoint);
        FunctionProcess::start(BINARY, environment, TIMEOUT).await
    }

    /// A scheduler as a process of its own, with all that it logs in a file.
    pub async fn process_with_log(&self, log: &File) -> FunctionProcess {
        FunctionProcess::start_with_log(BINARY, self.environment(), TIMEOUT, log).await
    }

    fn environment(&self) -> impl Iterator<Item = (String, String)> {
        let aws = AWS_ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let endpoint = ("AWS_ENDPOINT_URL".to_owned(), self.aws.endpoint.clone());
        self.settings.clone().into_iter().chain(aws).chain([endpoint])
    }

    /// A job whose doorbell has been due for ten seconds.
    pub async fn job(&self, tenant_id: TenantId) -> JobId {
        let job_id = JobId::new();
        let insert = format!(
            "insert into pipeline_jobs (tenant_id, job_id, job_type, workflow_version, parameters)
             values ('{tenant_id}', '{job_id}', 'trading-sweep', 1, '{{}}');
             insert into outbox (tenant_id, job_id, ring_at)
             values ('{tenant_id}', '{job_id}', now() - interval '10 seconds')"
        );
        self.execute(&insert).await;
        job_id
    }

    pub async fn execute(&self, statement: &str) {
        self.database.superuser().await.batch_execute(statement).await.unwrap();
    }

    /// The jobs that were rung for since this was last asked.
    pub async fn rung(&self) -> Vec<(TenantId, JobId)> {
        let mut rung = Vec::new();
        loop {
            let messages = self.aws.receive(&self.job_queue_url).await;
            if messages.is_empty() {
                return rung;
            }
            for message in messages {
                match Message::parse(message.body().unwrap()).unwrap() {
                    Message::Ring { tenant_id, job_id } => rung.push((tenant_id, job_id)),
                    other => panic!("{other:?} is no doorbell"),
                }
            }
        }
    }
}

pub async fn run(scheduler: &App) -> Value {
    scheduler.run(SystemTime::now() + Duration::from_secs(50)).await
}
