//! Deliveries leave the database only for S3, whenever the scheduler is killed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use std::{collections::BTreeMap, io::Read, time::Duration};

use flate2::read::GzDecoder;
use futures_util::future::join_all;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use scene::{Scene, run};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const COUNT: usize = 2500;

fn days_ago(days: i32) -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date().saturating_sub(days.days())
}

/// Deliveries of a day, more than fit into two objects.
async fn deliveries_of(scene: &Scene, day: Date) {
    scene
        .execute(&format!(
            "insert into deliveries (delivery_id, provider, received_at, headers, body, outcome, event_count,
                                     new_event_count)
             select (left(first_delivery_id('{day}')::text, 24) || lpad(to_hex(n), 12, '0'))::uuid, 'xero', now(),
                    '{{\"a\": \"b\"}}', convert_to('body ' || n, 'UTF8'), 'EMPTY', 0, 0
               from generate_series(1, {COUNT}) as n"
        ))
        .await;
}

async fn old_partition(scene: &Scene, day: Date) {
    let name = day.strftime("deliveries_%Y%m%d");
    scene
        .execute(&format!(
            "create table {name} (like deliveries including all);
             do $$ begin
                 execute format('alter table deliveries attach partition {name} for values from (%L) to (%L)',
                                first_delivery_id('{day}'), first_delivery_id('{day}'::date + 1));
             end $$"
        ))
        .await;
}

/// Every delivery that the database knows to be archived, by id, from objects that are what it says they are.
async fn archived(scene: &Scene) -> BTreeMap<String, Value> {
    let known = scene
        .database
        .superuser()
        .await
        .query_typed("select object_key, sha256, row_count from delivery_archives", &[])
        .await
        .unwrap();
    let mut deliveries = BTreeMap::new();
    for row in known {
        let content = scene.aws.object(row.get("object_key")).await;
        assert_eq!(Sha256::digest(&content).as_slice(), row.get::<_, &[u8]>("sha256"));
        let mut lines = String::new();
        GzDecoder::new(content.as_slice()).read_to_string(&mut lines).unwrap();
        assert_eq!(lines.lines().count(), usize::try_from(row.get::<_, i32>("row_count")).unwrap());
        for line in lines.lines() {
            let delivery: Value = serde_json::from_str(line).unwrap();
            let before = deliveries.insert(delivery["delivery_id"].as_str().unwrap().to_owned(), delivery);
            assert!(before.is_none(), "a delivery is archived twice");
        }
    }
    deliveries
}

/// What the database holds, as it should be archived.
async fn in_the_database(scene: &Scene) -> BTreeMap<String, Value> {
    let rows = scene
        .database
        .superuser()
        .await
        .query_typed("select delivery_id::text as id, to_jsonb(d) as delivery from deliveries d", &[])
        .await
        .unwrap();
    rows.iter().map(|row| (row.get("id"), row.get("delivery"))).collect()
}

async fn killed_at(failpoint: &str, has_partition: bool) {
    let scene = Scene::new().await;
    let day = days_ago(40);
    if has_partition {
        old_partition(&scene, day).await;
    }
    deliveries_of(&scene, day).await;
    let before = in_the_database(&scene).await;
    let doomed = scene.process(Some(failpoint)).await;
    drop(doomed.begin(json!({})).await);
    wait_until_at(&scene, failpoint).await;
    doomed.kill().await;

    let mut anywhere = archived(&scene).await;
    anywhere.extend(in_the_database(&scene).await);
    assert_eq!(anywhere, before, "{failpoint}");

    let next = scene.process(None).await;
    let answer = next.invoke(json!({})).await.unwrap();
    assert_eq!(answer["archive"]["days"], json!(1), "{failpoint}: {answer}");
    assert_eq!(archived(&scene).await, before, "{failpoint}");
    assert_eq!(scene.database.count("select count(*) from deliveries").await, 0, "{failpoint}");
    next.kill().await;
}

/// Whatever the scheduler leaves behind on its way to the point shows that it is there.
async fn wait_until_at(scene: &Scene, failpoint: &str) {
    for _ in 0..400 {
        let objects = scene.aws.keys().await.len();
        let recorded = scene.database.count("select count(*) from delivery_archives").await;
        let is_there = match failpoint {
            "archive:stored" => objects == 1,
            "archive:recorded" => recorded == 1,
            _ => recorded == 3,
        };
        if is_there {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the scheduler never got to {failpoint}");
}

#[tokio::test]
async fn a_scheduler_killed_anywhere_loses_no_delivery_of_a_partition() {
    let points = ["archive:stored", "archive:recorded", "archive:whole"];
    join_all(points.map(|point| killed_at(point, true))).await;
}

#[tokio::test]
async fn a_scheduler_killed_anywhere_loses_no_delivery_of_a_day_without_partition() {
    let points = ["archive:stored", "archive:recorded"];
    join_all(points.map(|point| killed_at(point, false))).await;
}

#[tokio::test]
async fn days_are_archived_in_order_and_recent_ones_stay() {
    let scene = Scene::new().await;
    for days in [31, 35, 45] {
        old_partition(&scene, days_ago(days)).await;
        deliveries_of(&scene, days_ago(days)).await;
    }
    old_partition(&scene, days_ago(40)).await;
    deliveries_of(&scene, days_ago(29)).await;
    let answer = run(&scene.scheduler()).await;
    assert_eq!(answer["archive"], json!({ "deliveries": 3 * COUNT, "days": 4 }));
    assert_eq!(scene.database.count("select count(*) from deliveries").await, COUNT as i64);
    assert_eq!(archived(&scene).await.len(), 3 * COUNT);
}

#[tokio::test]
async fn without_s3_every_delivery_stays() {
    let mut scene = Scene::new().await;
    old_partition(&scene, days_ago(40)).await;
    deliveries_of(&scene, days_ago(40)).await;
    scene.settings.insert("PAYLOAD_BUCKET".into(), "no-such-bucket".into());
    let answer = run(&scene.scheduler()).await;
    let error = answer["archive"]["error"].as_str().unwrap();
    assert!(error.starts_with("deliveries could not be archived: "), "{error}");
    assert_eq!(scene.database.count("select count(*) from deliveries").await, COUNT as i64);
    assert_eq!(scene.database.count("select count(*) from delivery_archives").await, 0);
}
