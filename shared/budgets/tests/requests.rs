//! The table alone decides which requests of a tenant are within its limit, whoever asks and how many at once.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use zixly_budgets::{Allowance, Counters};
use zixly_domain::TenantId;
use zixly_testkit::LocalAws;

struct Scene {
    aws: LocalAws,
    table: String,
    tenant_id: TenantId,
    now: Timestamp,
}

impl Scene {
    async fn new() -> Self {
        let aws = LocalAws::new();
        let table = aws.counter_table().await;
        Self { aws, table, tenant_id: TenantId::new(), now: Timestamp::now() }
    }

    /// The counters as a new instance of a function has them.
    fn instance(&self) -> Counters {
        Counters::new(&self.aws.config, self.table.clone())
    }

    fn after(&self, duration_ms: i64) -> Timestamp {
        self.now + SignedDuration::from_millis(duration_ms)
    }

    /// How many requests are counted in the tenant's window.
    async fn counted(&self) -> Option<u64> {
        self.aws.count(&format!("requests/{}", self.tenant_id)).await
    }
}

fn allowance(allowed: bool, limit: u32, remaining: u32, reset_seconds: u64) -> Allowance {
    Allowance { allowed, limit, remaining, reset: Duration::from_secs(reset_seconds) }
}

#[tokio::test]
async fn requests_are_allowed_up_to_the_limit_and_again_in_the_next_window() {
    let scene = Scene::new().await;
    let counters = scene.instance();
    let take = async |at_ms| counters.take_request(scene.tenant_id, 3, scene.after(at_ms)).await.unwrap();
    assert_eq!(take(0).await, allowance(true, 3, 2, 60));
    assert_eq!(take(500).await, allowance(true, 3, 1, 60));
    assert_eq!(take(30_000).await, allowance(true, 3, 0, 30));
    assert_eq!(take(30_000).await, allowance(false, 3, 0, 30));
    assert_eq!(take(59_999).await, allowance(false, 3, 0, 1));
    assert_eq!(scene.counted().await, Some(3));
    assert_eq!(take(60_000).await, allowance(true, 3, 2, 60));
    assert_eq!(take(119_999).await, allowance(true, 3, 1, 1));
    assert_eq!(take(1_000_000).await, allowance(true, 3, 2, 60));
    assert_eq!(scene.counted().await, Some(1));
}

#[tokio::test]
async fn of_requests_at_once_exactly_the_limit_is_allowed() {
    for (requests, limit) in [(1, 1), (2, 1), (10, 0), (40, 39), (40, 40), (40, 41), (150, 100)] {
        let scene = Scene::new().await;
        // Each asks as an instance of its own, so that none knows what the others saw; the clocks differ a little.
        let mut asking = JoinSet::new();
        for index in 0..requests {
            let (counters, tenant_id) = (scene.instance(), scene.tenant_id);
            let now = scene.after(i64::from(index % 7) - 3);
            asking.spawn(async move { counters.take_request(tenant_id, limit, now).await.unwrap() });
        }
        let allowances = asking.join_all().await;
        let allowed: Vec<_> = allowances.iter().filter(|allowance| allowance.allowed).collect();
        assert_eq!(allowed.len(), requests.min(limit) as usize, "{requests} requests, limit {limit}");
        let mut remaining: Vec<_> = allowed.iter().map(|allowance| allowance.remaining).collect();
        remaining.sort_unstable();
        let expected: Vec<_> = (limit - requests.min(limit)..limit).collect();
        assert_eq!(remaining, expected, "each is told of another place");
    }
}

#[tokio::test]
async fn requests_at_once_begin_one_next_window() {
    let scene = Scene::new().await;
    for window in 0..3 {
        let mut asking = JoinSet::new();
        for _ in 0..20 {
            let (counters, tenant_id) = (scene.instance(), scene.tenant_id);
            let now = scene.after(window * 60_000);
            asking.spawn(async move { counters.take_request(tenant_id, 15, now).await.unwrap().allowed });
        }
        let allowed = asking.join_all().await.into_iter().filter(|allowed| *allowed).count();
        assert_eq!(allowed, 15, "window {window}");
    }
}

#[tokio::test]
async fn one_tenants_requests_are_not_anothers() {
    let scene = Scene::new().await;
    let counters = scene.instance();
    let other = TenantId::new();
    assert!(counters.take_request(scene.tenant_id, 1, scene.now).await.unwrap().allowed);
    assert!(!counters.take_request(scene.tenant_id, 1, scene.now).await.unwrap().allowed);
    assert!(counters.take_request(other, 1, scene.now).await.unwrap().allowed);
}

#[tokio::test]
async fn a_tenant_that_was_seen_at_its_limit_costs_no_call_until_its_window_ends() {
    let scene = Scene::new().await;
    let counters = scene.instance();
    for _ in 0..2 {
        counters.take_request(scene.tenant_id, 1, scene.now).await.unwrap();
    }
    let client = aws_sdk_dynamodb::Client::new(&scene.aws.config);
    client.delete_table().table_name(&scene.table).send().await.unwrap();
    let clone = counters.clone();
    let take = async |at_ms| clone.take_request(scene.tenant_id, 1, scene.after(at_ms)).await;
    assert_eq!(take(0).await.unwrap(), allowance(false, 1, 0, 60));
    assert_eq!(take(59_999).await.unwrap(), allowance(false, 1, 0, 1));
    assert!(take(60_000).await.is_err(), "now the table is asked, and is gone");
}

#[tokio::test]
async fn a_table_that_is_not_there_is_an_error_and_no_allowance() {
    let scene = Scene::new().await;
    let counters = Counters::new(&scene.aws.config, "no-such-table".to_owned());
    let error = counters.take_request(scene.tenant_id, 1, scene.now).await.unwrap_err();
    assert_eq!(error.to_string(), "the counter table did not answer as it should");
}
