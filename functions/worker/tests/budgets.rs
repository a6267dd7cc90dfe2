//! All workers together keep to what a provider allows an account, and no account pays for another.

mod scene;

use futures_util::future::join_all;
use scene::{
    Scene,
    crowd::{self, Job, Organisation},
    handle,
};
use serde_json::json;

/// A scene without limits of our own on how many jobs run at once.
async fn crowded() -> Scene {
    let mut scene = Scene::with_providers(|config| config.xero_limits.concurrent = 1000).await;
    for (name, value) in [("TENANT_CONCURRENCY", "1000"), ("LEASE_MS", "30000")] {
        scene.settings.insert(name.to_owned(), value.to_owned());
    }
    scene
}

/// Hands the jobs to as many workers, all at once.
async fn run(scene: &Scene, workers: usize, jobs: &[Job]) {
    let share = jobs.len().div_ceil(workers);
    join_all(jobs.chunks(share).map(async |jobs| {
        let worker = scene.worker();
        for jobs in jobs.chunks(10) {
            assert_eq!(handle(&worker, crowd::ring(jobs)).await.batch_item_failures, []);
        }
    }))
    .await;
}

/// What Xero answered to all calls for invoices.
async fn answers(scene: &Scene) -> Vec<u64> {
    let calls = crowd::xero_calls(scene).await;
    calls
        .into_iter()
        .filter(|(_, path, _)| path.contains("/Invoices/"))
        .map(|(_, _, status)| status)
        .collect()
}

async fn count(scene: &Scene, organisation: &Organisation, condition: &str) -> i64 {
    let of_organisation = format!(
        "select count(*) from pipeline_jobs where parameters ->> 'organisation_id' = '{}' and {condition}",
        organisation.id
    );
    scene.database.count(&of_organisation).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_workers_together_stay_within_the_minute_and_leave_others_alone() {
    let scene = crowded().await;
    let (tenant, other) = (scene.tenant_id, scene.database.tenant("other").await);
    let (loud, _) = crowd::connect(&scene, &[tenant]).await;
    let (quiet, _) = crowd::connect(&scene, &[other]).await;
    let (loud, quiet) = (&loud[0], &quiet[0]);
    let many = crowd::jobs(&scene, loud, 100).await;
    run(&scene, 4, &many).await;
    let few = crowd::jobs(&scene, quiet, 10).await;
    run(&scene, 4, &few).await;

    let answered = answers(&scene).await;
    assert!(answered.iter().all(|status| *status == 200), "{answered:?}");
    assert_eq!(count(&scene, quiet, "status = 'COMPLETED'").await, 10);
    // Each worker may have kept some calls that it did not come to make.
    let completed = count(&scene, loud, "status = 'COMPLETED'").await;
    assert!((48..=60).contains(&completed), "{completed}");
    let waiting = count(&scene, loud, "waiting_reason = 'rate budget'").await;
    assert_eq!(completed + waiting, 100);

    // One a second comes back, and no attempt was spent.
    let spread = format!(
        "select extract(epoch from max(due_at) - min(due_at))::int8 from pipeline_jobs
          where waiting_reason = 'rate budget' and {waiting} > 0"
    );
    let spread = scene.database.count(&spread).await;
    assert!((spread - waiting).abs() <= 5, "{waiting} jobs come back within {spread} s");
    assert_eq!(scene.database.count("select coalesce(max(failures), 0)::int8 from steps").await, 0);

    // Whoever comes too early is sent away again, and Xero hears nothing of it.
    scene.hurry().await;
    run(&scene, 4, &crowd::unfinished(&scene, &many).await).await;
    assert!(answers(&scene).await.len() <= 70, "60 of the one and 10 of the other");
    assert_eq!(
        count(&scene, loud, "waiting_reason = 'rate budget'").await
            + count(&scene, loud, "status = 'COMPLETED'").await,
        100
    );
}

#[tokio::test]
async fn a_refusal_that_one_worker_hears_stops_all_others() {
    let scene = crowded().await;
    let (organisations, _) = crowd::connect(&scene, &[scene.tenant_id, scene.tenant_id]).await;
    let (limited, free) = (&organisations[0], &organisations[1]);
    let refusal = json!({ "provider": "xero", "fault": "rate_limit", "retry_after_s": 30 });
    scene.fault(refusal).await;
    let jobs = crowd::jobs(&scene, limited, 3).await;
    for job in &jobs {
        run(&scene, 1, &[*job]).await;
    }
    assert_eq!(answers(&scene).await, [429]);
    assert_eq!(count(&scene, limited, "waiting_reason = 'rate budget'").await, 3);
    let soonest = "select extract(epoch from min(due_at) - now())::int8 from pipeline_jobs";
    assert!(scene.database.count(soonest).await >= 25);

    run(&scene, 1, &crowd::jobs(&scene, free, 1).await).await;
    assert_eq!(count(&scene, free, "status = 'COMPLETED'").await, 1);
}

#[tokio::test]
async fn a_refusal_without_a_time_is_one_job_s_and_short() {
    let scene = crowded().await;
    let (organisations, _) = crowd::connect(&scene, &[scene.tenant_id]).await;
    scene.fault(json!({ "provider": "xero", "fault": "rate_limit" })).await;
    let jobs = crowd::jobs(&scene, &organisations[0], 2).await;
    for job in &jobs {
        run(&scene, 1, &[*job]).await;
    }
    assert_eq!(answers(&scene).await, [429, 200]);
    let wait =
        "select ceil(extract(epoch from due_at - now()))::int8 from pipeline_jobs where due_at is not null";
    assert!((0..=5).contains(&scene.database.count(wait).await));
}

#[tokio::test]
async fn while_the_counters_are_away_calls_go_on() {
    let mut scene = crowded().await;
    scene.settings.insert("COUNTER_TABLE".to_owned(), "no-such-table".to_owned());
    let (organisations, _) = crowd::connect(&scene, &[scene.tenant_id]).await;
    let jobs = crowd::jobs(&scene, &organisations[0], 5).await;
    run(&scene, 1, &jobs).await;
    assert_eq!(count(&scene, &organisations[0], "status = 'COMPLETED'").await, 5);
}
