//! The numbers of instances that are gone are added up, and no scrape sees one twice or not at all.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use zixly_store::{
    Store,
    metric_shards::{self, Shard},
};
use zixly_testkit::{Role, TestDatabase};

async fn save(store: &Store, shard: &mut Shard, count: u64) {
    let series =
        json!({ "jobs_total": count, "seconds": { "buckets": [count, 0], "sum": 0.5, "count": count } });
    shard.save(&mut store.session().await.unwrap(), &series).await.unwrap();
}

async fn total(store: &Store) -> u64 {
    let all = metric_shards::load_all(&mut store.session().await.unwrap()).await.unwrap();
    let counts = all.iter().map(|series| series["jobs_total"].as_u64().unwrap_or_default());
    let in_buckets = all.iter().map(|series| series["seconds"]["buckets"][0].as_u64().unwrap_or_default());
    assert_eq!(counts.clone().sum::<u64>(), in_buckets.sum::<u64>());
    counts.sum()
}

async fn fold(store: &Store) -> usize {
    metric_shards::fold_idle(&mut store.session().await.unwrap(), 3).await.unwrap()
}

async fn let_an_hour_pass(database: &TestDatabase) {
    let pass = "update metric_shards set updated_at = updated_at - interval '61 minutes'";
    database.superuser().await.batch_execute(pass).await.unwrap();
}

#[tokio::test]
async fn folding_is_exact_under_a_concurrent_scrape() {
    for database in TestDatabase::create_on_every_server().await {
        let (webhook, worker) = (database.store(Role::Webhook), database.store(Role::Worker));
        for _ in 0..10 {
            save(&webhook, &mut Shard::new("webhook"), 7).await;
            save(&worker, &mut Shard::new("worker"), 5).await;
        }
        let_an_hour_pass(&database).await;
        let is_over = AtomicBool::new(false);
        let folding = async {
            let (one, other) = (database.store(Role::Scheduler), database.store(Role::Scheduler));
            while tokio::join!(fold(&one), fold(&other)) != (0, 0) {}
            is_over.store(true, Ordering::Relaxed);
        };
        let scraping = async {
            let mut scrapes = 0;
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(total(&webhook).await, 120);
                scrapes += 1;
            }
            assert!(scrapes > 0);
        };
        tokio::join!(folding, scraping);
        assert_eq!(total(&webhook).await, 120);
        assert_eq!(database.count("select count(*) from metric_shards").await, 2);
    }
}

#[tokio::test]
async fn an_instance_that_wakes_after_its_row_was_folded_is_counted_once() {
    let database = TestDatabase::create().await;
    let (webhook, scheduler) = (database.store(Role::Webhook), database.store(Role::Scheduler));
    let mut shard = Shard::new("webhook");
    save(&webhook, &mut shard, 3).await;
    save(&webhook, &mut shard, 4).await;
    for count in [6, 7] {
        let_an_hour_pass(&database).await;
        assert_eq!(fold(&scheduler).await, 1);
        save(&webhook, &mut shard, count).await;
        save(&webhook, &mut shard, count).await;
        assert_eq!(total(&webhook).await, count);
        assert_eq!(database.count("select count(*) from metric_shards").await, 2);
    }
}
