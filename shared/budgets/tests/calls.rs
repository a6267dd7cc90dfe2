//! The table alone decides how often an account is called, by however many workers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use zixly_budgets::{CallBudgets, Heard};
use zixly_domain::Provider;
use zixly_testkit::LocalAws;

/// What Xero lets an organisation ask in a minute.
const XERO: u32 = 60;

struct Scene {
    aws: LocalAws,
    table: String,
    now: Timestamp,
}

impl Scene {
    async fn new() -> Self {
        let aws = LocalAws::new();
        let table = aws.counter_table().await;
        // At the beginning of a slice of each of the windows used here, so that each test sees the same.
        let now = Timestamp::from_second(Timestamp::now().as_second() / 60 * 60).unwrap();
        Self { aws, table, now }
    }

    /// The budgets as a new worker has them.
    fn worker(&self) -> CallBudgets {
        CallBudgets::new(&self.aws.config, self.table.clone())
    }

    fn after(&self, duration_ms: i64) -> Timestamp {
        self.now + SignedDuration::from_millis(duration_ms)
    }
}

/// How many calls a worker may make until it is sent away, and for how long it is.
async fn take_all(
    worker: &CallBudgets,
    provider: Provider,
    account: &str,
    now: Timestamp,
) -> (u32, Duration) {
    for made in 0.. {
        if let Err(wait) = worker.take(provider, account, now).await.map(drop) {
            return (made, wait);
        }
    }
    unreachable!("the numbers do not end");
}

#[tokio::test]
async fn the_calls_of_all_workers_together_stay_within_the_limit() {
    let scene = Scene::new().await;
    let mut workers = JoinSet::new();
    for index in 0..20 {
        let (worker, now) = (scene.worker(), scene.after(index));
        workers.spawn(async move { take_all(&worker, Provider::Xero, "org", now).await.0 });
    }
    assert_eq!(workers.join_all().await.iter().sum::<u32>(), XERO);
}

#[tokio::test]
async fn accounts_do_not_touch_each_other() {
    let scene = Scene::new().await;
    let worker = scene.worker();
    assert_eq!(take_all(&worker, Provider::Xero, "loud", scene.now).await.0, XERO);
    assert_eq!(take_all(&worker, Provider::Xero, "quiet", scene.now).await.0, XERO);
    assert_eq!(take_all(&worker, Provider::HubSpot, "loud", scene.now).await.0, 110);
}

#[tokio::test]
async fn a_spent_budget_comes_back_as_it_was_spent() {
    let scene = Scene::new().await;
    let worker = scene.worker();
    for _ in 0..20 {
        worker.take(Provider::Xero, "org", scene.after(0)).await.map(drop).unwrap();
    }
    let (made, wait) = take_all(&scene.worker(), Provider::Xero, "org", scene.after(30_000)).await;
    // A worker that takes several at once may have kept some.
    assert!((37..=40).contains(&made), "{made}");
    assert_eq!(wait, Duration::from_secs(35));
    let later = scene.worker();
    let (made, _) = take_all(&later, Provider::Xero, "org", scene.after(65_000)).await;
    assert!((20..=23).contains(&made), "{made}");
}

#[tokio::test]
async fn who_finds_nothing_is_sent_away_for_a_time_of_his_own() {
    let scene = Scene::new().await;
    let mut waits = Vec::new();
    take_all(&scene.worker(), Provider::Xero, "org", scene.now).await;
    for _ in 0..5 {
        waits.push(scene.worker().take(Provider::Xero, "org", scene.now).await.unwrap_err().as_secs());
    }
    // Sixty a minute are one a second; the first turn went to the worker that found the budget spent.
    assert_eq!(waits, [66, 67, 68, 69, 70]);
}

#[tokio::test]
async fn one_refusal_stops_every_worker_until_the_provider_said() {
    let scene = Scene::new().await;
    let (first, second) = (scene.worker(), scene.worker());
    first.take(Provider::Asana, "tokens", scene.now).await.map(drop).unwrap();
    let wait = first.refused(Provider::Asana, "tokens", Duration::from_secs(30), scene.now).await;
    assert_eq!(wait, Duration::from_secs(30));
    let wait = second.take(Provider::Asana, "tokens", scene.after(1000)).await.unwrap_err();
    assert!(wait > Duration::from_secs(29) && wait < Duration::from_secs(30), "{wait:?}");
    assert!(second.take(Provider::Asana, "tokens", scene.after(29_999)).await.is_err());
    assert!(scene.worker().take(Provider::Asana, "others", scene.after(1000)).await.is_ok());
    assert!(scene.worker().take(Provider::Asana, "tokens", scene.after(30_000)).await.is_ok());
}

#[tokio::test]
async fn a_provider_that_tells_nothing_teaches_by_refusing() {
    let scene = Scene::new().await;
    let made = take_all(&scene.worker(), Provider::Asana, "paying", scene.now).await.0;
    assert_eq!(made, 1500);
    scene.worker().refused(Provider::Asana, "free", Duration::from_secs(1), scene.now).await;
    let made = take_all(&scene.worker(), Provider::Asana, "free", scene.after(5000)).await.0;
    assert_eq!(made, 150);
}

#[tokio::test]
async fn a_smaller_rest_that_the_provider_tells_is_everybody_s() {
    let scene = Scene::new().await;
    let worker = scene.worker();
    worker.take(Provider::Xero, "org", scene.now).await.map(drop).unwrap();
    let heard = Heard { remaining: Some(5), ..Heard::default() };
    worker.heard(Provider::Xero, "org", heard, scene.now).await;
    worker.take(Provider::Xero, "org", scene.after(10)).await.map(drop).unwrap();
    assert!(take_all(&scene.worker(), Provider::Xero, "org", scene.after(20)).await.0 <= 4);
}

#[tokio::test]
async fn a_larger_limit_that_the_provider_tells_is_everybody_s() {
    let scene = Scene::new().await;
    let worker = scene.worker();
    worker.take(Provider::HubSpot, "portal", scene.now).await.map(drop).unwrap();
    let heard =
        Heard { limit: Some((190, Duration::from_secs(10))), remaining: Some(189), ..Heard::default() };
    worker.heard(Provider::HubSpot, "portal", heard, scene.now).await;
    worker.take(Provider::HubSpot, "portal", scene.after(1000)).await.map(drop).unwrap();
    let made = take_all(&scene.worker(), Provider::HubSpot, "portal", scene.after(1000)).await.0;
    assert_eq!(made, 188);
}

#[tokio::test]
async fn a_larger_rest_than_we_know_of_counts_at_once() {
    let scene = Scene::new().await;
    let worker = scene.worker();
    assert_eq!(take_all(&worker, Provider::Xero, "org", scene.now).await.0, XERO);
    let heard = Heard { remaining: Some(440), ..Heard::default() };
    worker.heard(Provider::Xero, "org", heard, scene.after(10)).await;
    // It goes on in the same slice, and so do the others.
    assert_eq!(take_all(&worker, Provider::Xero, "org", scene.after(20)).await.0, 380);
    assert_eq!(take_all(&scene.worker(), Provider::Xero, "org", scene.after(4000)).await.0, 0);
    assert_eq!(take_all(&scene.worker(), Provider::Xero, "org", scene.after(66_000)).await.0, 440);
}

#[tokio::test]
async fn points_are_counted_where_a_provider_counts_points() {
    let scene = Scene::new().await;
    let worker = scene.worker();
    worker.take(Provider::Shopify, "shop", scene.now).await.map(drop).unwrap();
    let heard = Heard { cost: Some(200), ..Heard::default() };
    worker.heard(Provider::Shopify, "shop", heard, scene.now).await;
    // 50 of the 2000 points are gone, and each further call takes 200.
    assert_eq!(take_all(&worker, Provider::Shopify, "shop", scene.after(10)).await.0, 9);
}

#[tokio::test]
async fn a_table_that_is_away_stops_nobody() {
    let scene = Scene::new().await;
    let worker = CallBudgets::new(&scene.aws.config, "no-such-table".to_owned());
    for index in 0..100 {
        assert!(worker.take(Provider::Xero, "org", scene.after(index)).await.is_ok());
    }
    let wait = worker.refused(Provider::Xero, "org", Duration::from_secs(30), scene.after(100)).await;
    assert_eq!(wait, Duration::from_secs(30));
    assert!(worker.take(Provider::Xero, "org", scene.after(200)).await.is_err(), "its own refusal it knows");
}
