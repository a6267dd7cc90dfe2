//! What does not depend on the machine: counted, and held against what it may be.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use zixly_testkit::Role;

use crate::lambda::Environment;
use crate::round_trips::RoundTrips;
use crate::scene::Scene;
use crate::zip::zipped_bytes;
use crate::{allocations, say, setting, webhook, worker};

const DELIVERIES: u64 = 200;
/// Enough that each tenant's tokens are known, and its budgets.
const FIRST_JOBS: usize = 100;
const JOBS: usize = 200;
/// What the zip of each function may come to in thousands of bytes: as it is deployed, and as the tests build it.
const ZIPS: [(&str, f64, f64); 6] = [
    ("webhook", 3050.0, 4450.0),
    ("worker", 4000.0, 5800.0),
    ("scheduler", 2400.0, 3400.0),
    ("dashboard", 3100.0, 4300.0),
    ("realtime", 2100.0, 3000.0),
    ("admin", 3150.0, 4600.0),
];
/// Nothing is measured that takes time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A figure a delivery, a job or a function.
pub struct Counted {
    pub what: String,
    pub is: f64,
    pub at_most: f64,
}

fn counted(what: &str, is: f64, at_most: f64) -> Counted {
    Counted { what: what.to_owned(), is, at_most }
}

pub struct AllCounted(pub Vec<Counted>);

impl AllCounted {
    /// Prints each figure; fails if one exceeds its budget.
    pub fn verdict(&self) -> ExitCode {
        for Counted { what, is, at_most } in &self.0 {
            let verdict = if is <= at_most { "within" } else { "ABOVE" };
            say(&format!("{what}: {is:.2}, {verdict} the budget of {at_most}"));
        }
        match self.0.iter().all(|counted| counted.is <= counted.at_most) {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}

pub async fn all(scene: &Scene, binary: &dyn Fn(&str) -> String) -> AllCounted {
    let mut all = webhook(scene, &binary("zixly-webhook")).await;
    let allocations = allocations::a_delivery(scene);
    all.push(counted("allocations a delivery", allocations, 670.0));
    all.extend(worker(scene, binary).await);
    all.extend(zips(binary));
    AllCounted(all)
}

/// Deliveries to one environment that has connected everything.
async fn webhook(scene: &Scene, binary: &str) -> Vec<Counted> {
    let (mut environment, round_trips) = counted_environment(scene, "webhook", Role::Webhook, binary);
    webhook::deliver_one(&mut environment, &webhook::event(scene).1);
    let wal_before = scene.wal_position().await;
    round_trips.take();
    scene.aws.take_calls();
    let start = Instant::now();
    for _ in 0..DELIVERIES {
        webhook::deliver_one(&mut environment, &webhook::event(scene).1);
    }
    let each = |total: u64| total as f64 / DELIVERIES as f64;
    let of_postgres = each(round_trips.take());
    // The instance's numbers are saved twice a second besides.
    let saves = 2 * (start.elapsed().as_secs() + 1);
    let calls = scene.aws.take_calls();
    let rung = calls.get("SendMessageBatch jobs").copied().unwrap_or_default();
    let wal_bytes = scene.wal_position().await - wal_before;
    vec![
        counted("round trips to PostgreSQL a delivery", of_postgres, 1.0 + each(saves)),
        counted("calls to SQS a delivery", each(rung), 1.0),
        counted("calls to other parts of AWS a delivery", each(calls.values().sum::<u64>() - rung), 0.0),
        counted("bytes of WAL a delivery", each(wal_bytes), 4500.0),
    ]
}

/// Jobs of the main workflow in one environment that knows every tenant.
async fn worker(scene: &Scene, binary: &dyn Fn(&str) -> String) -> Vec<Counted> {
    let settings = scene.settings("webhook", &scene.url(Role::Webhook));
    let mut door = [Environment::start(&binary("zixly-webhook"), &settings)];
    let (environment, round_trips) =
        counted_environment(scene, "worker", Role::Worker, &binary("zixly-worker"));
    let mut environment = [environment];
    scene.aws.rings().clear();
    worker::fill(scene, &mut door, FIRST_JOBS);
    worker::work(scene, &mut environment, PATIENCE).await;
    worker::fill(scene, &mut door, JOBS);
    round_trips.take();
    let worked = worker::work(scene, &mut environment, PATIENCE).await;
    let each = |total: u64| total as f64 / worked.jobs as f64;
    let calls = |is_meant: fn(&str) -> bool| {
        each(worked.calls.iter().filter(|(operation, _)| is_meant(operation)).map(|(_, count)| count).sum())
    };
    let is_sqs = |operation: &str| operation.contains("Message");
    let is_s3 = |operation: &str| operation.starts_with("S3");
    vec![
        counted("round trips to PostgreSQL a job", each(round_trips.take()), 11.5),
        counted("calls to SQS a job", calls(is_sqs), 3.0),
        counted("calls to S3 a job", calls(is_s3), 1.0),
        // One a call to a provider at the most: how many are taken at once depends on how quickly they follow.
        counted("calls to DynamoDB a job", calls(|operation| operation == "UpdateItem"), 3.0),
        counted("calls to Secrets Manager a job", calls(|operation| operation == "GetSecretValue"), 0.0),
        counted("calls to providers a job", each(worked.heard.calls), 3.0),
        counted("bytes of WAL a job", each(worked.used.wal_bytes), 13_000.0),
    ]
}

/// Each function, in thousands of bytes. As the tests build them, in a hurry, they are larger than they are deployed.
fn zips(binary: &dyn Fn(&str) -> String) -> impl Iterator<Item = Counted> {
    let is_deployed = setting("FUNCTIONS").is_some();
    ZIPS.into_iter().map(move |(function, as_deployed, in_a_hurry)| Counted {
        what: format!("kilobytes of the zip of {function}"),
        is: zipped_bytes(&binary(&format!("zixly-{function}"))) as f64 / 1e3,
        at_most: if is_deployed { as_deployed } else { in_a_hurry },
    })
}

/// An environment with a count of how often it waits for PostgreSQL.
fn counted_environment(scene: &Scene, function: &str, role: Role, binary: &str) -> (Environment, RoundTrips) {
    let server = scene.postgres.address();
    let round_trips = RoundTrips::to(server);
    let url = scene.url(role).replace(&server.to_string(), &round_trips.address.to_string());
    (Environment::start(binary, &scene.settings(function, &url)), round_trips)
}
