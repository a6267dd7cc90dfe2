//! What is lost elsewhere is found within a minute, and one duty's trouble is not the others'.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use std::{
    fs::{self, File},
    time::Duration,
};

use scene::{Scene, run};
use serde_json::{Value, json};
use zixly_domain::{Provider, TenantId};
use zixly_store::{
    connections,
    jobs::{self, Claimed},
};
use zixly_testkit::Role;

/// The time between two runs, gone by.
async fn let_a_minute_pass(scene: &Scene) {
    scene.execute("update outbox set ring_at = ring_at - interval '1 minute'").await;
}

async fn hear(scene: &Scene, tenant_id: TenantId, job_id: zixly_domain::JobId) {
    let store = scene.database.store(Role::Worker);
    let mut session = store.session().await.unwrap();
    let claimed = jobs::claim(&mut session, tenant_id, job_id, Duration::from_secs(60), 20).await.unwrap();
    assert!(matches!(claimed, Claimed::Ours(_)));
}

#[tokio::test]
async fn a_swept_outbox_row_rings_until_it_is_heard() {
    let scene = Scene::new().await;
    let tenant_id = scene.database.tenant("demo").await;
    let job_id = scene.job(tenant_id).await;
    let scheduler = scene.process(None).await;
    for _ in 0..3 {
        assert_eq!(scheduler.invoke(json!({})).await.unwrap()["doorbells"], json!({ "rung": 1 }));
        assert_eq!(scene.rung().await, [(tenant_id, job_id)]);
        let_a_minute_pass(&scene).await;
    }
    hear(&scene, tenant_id, job_id).await;
    assert_eq!(scheduler.invoke(json!({})).await.unwrap()["doorbells"], json!({ "rung": 0 }));
    assert_eq!(scene.rung().await, []);
}

#[tokio::test]
async fn a_job_that_waits_longer_than_a_message_can_is_rung_when_it_is_due() {
    let scene = Scene::new().await;
    let tenant_id = scene.database.tenant("demo").await;
    let job_id = scene.job(tenant_id).await;
    scene
        .execute(
            "update pipeline_jobs set waiting_reason = 'reauthorisation', due_at = now() + interval '1 hour';
             update outbox set ring_at = now() + interval '1 hour'",
        )
        .await;
    let scheduler = scene.scheduler();
    run(&scheduler).await;
    assert_eq!(scene.rung().await, []);
    scene.execute("update outbox set ring_at = ring_at - interval '61 minutes'").await;
    run(&scheduler).await;
    assert_eq!(scene.rung().await, [(tenant_id, job_id)]);
}

#[tokio::test]
async fn more_doorbells_than_a_page_are_all_rung() {
    let scene = Scene::new().await;
    let (busy, quiet) = (scene.database.tenant("busy").await, scene.database.tenant("quiet").await);
    scene.job(quiet).await;
    let many = format!(
        "with job as (
             insert into pipeline_jobs (tenant_id, job_id, job_type, workflow_version, parameters)
             select '{busy}', gen_random_uuid(), 'trading-sweep', 1, '{{}}' from generate_series(1, 250)
             returning tenant_id, job_id)
         insert into outbox (tenant_id, job_id, ring_at)
         select tenant_id, job_id, now() - interval '1 hour' from job"
    );
    scene.execute(&many).await;
    assert_eq!(run(&scene.scheduler()).await["doorbells"], json!({ "rung": 251 }));
    assert_eq!(scene.rung().await.len(), 251);
}

#[tokio::test]
async fn a_dead_worker_s_job_is_rung_until_another_takes_it_over() {
    let scene = Scene::new().await;
    let tenant_id = scene.database.tenant("demo").await;
    let job_id = scene.job(tenant_id).await;
    hear(&scene, tenant_id, job_id).await;
    let scheduler = scene.scheduler();
    assert_eq!(run(&scheduler).await["dead_leases"], json!({ "rung": 0 }));
    scene.execute("update pipeline_jobs set lease_expires_at = now() - interval '1 second'").await;
    for _ in 0..2 {
        assert_eq!(run(&scheduler).await["dead_leases"], json!({ "rung": 1 }));
        assert_eq!(scene.rung().await, [(tenant_id, job_id)]);
    }
    hear(&scene, tenant_id, job_id).await;
    assert_eq!(run(&scheduler).await["dead_leases"], json!({ "rung": 0 }));
}

#[tokio::test]
async fn a_poll_is_made_once_by_two_schedulers() {
    let scene = Scene::new().await;
    for name in ["one", "other"] {
        let tenant_id = scene.database.tenant(name).await;
        scene.database.connect_account(tenant_id, Provider::Xero, "org").await;
        scene.database.connect_account(tenant_id, Provider::Asana, "workspace").await;
        scene.database.connect_account(tenant_id, Provider::Shopify, "corner.myshopify.com").await;
        scene.database.connect_account(tenant_id, Provider::HubSpot, "portal").await;
    }
    let (one, other) = tokio::join!(scene.process(None), scene.process(None));
    let (first, second) = tokio::join!(one.invoke(json!({})), other.invoke(json!({})));
    let started = |answer: Result<Value, Value>| answer.unwrap()["polls"]["started"].as_u64().unwrap();
    assert_eq!(started(first) + started(second), 8);
    let made = "select string_agg(job_type || ' ' || jobs, ', ' order by job_type)
                  from (select job_type, count(*) as jobs from pipeline_jobs group by job_type) as made";
    assert_eq!(
        scene.database.text(made).await,
        "asana-completed-tasks-poll 2, asana-webhooks-check 2, shopify-webhooks-check 2, xero-paid-invoices-poll 2"
    );
    assert_eq!(scene.rung().await.len(), 8);
}

#[tokio::test]
async fn webhooks_are_checked_every_hour_and_at_once_where_the_account_was_connected_anew() {
    let scene = Scene::new().await;
    let tenant_id = scene.database.tenant("demo").await;
    let (connection_id, _) =
        scene.database.connect_account(tenant_id, Provider::Shopify, "corner.myshopify.com").await;
    let started = async || run(&scene.scheduler()).await["polls"]["started"].as_u64().unwrap();
    assert_eq!(started().await, 1, "the first within a minute");
    let done = "update pipeline_jobs set status = 'CANCELLED', completed_at = now() where status = 'QUEUED'";
    scene.execute(done).await;
    let next = "select extract(epoch from next_at - now())::int8 from polls";
    assert!((3_500..=3_600).contains(&scene.database.count(next).await));
    assert_eq!(started().await, 0);

    let store = scene.database.superuser_store();
    let mut session = store.session().await.unwrap();
    let tx = session.begin(tenant_id).unwrap();
    connections::poll_now(&tx, connection_id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(started().await, 1);
    scene.execute(done).await;
    scene.execute("update polls set next_at = now(); update connections set status = 'REMOVED'").await;
    assert_eq!(started().await, 0, "nobody calls over a connection that was removed");
}

/// CloudWatch makes a metric of a line like this one.
#[tokio::test]
async fn cloudwatch_is_told_how_late_the_workers_are() {
    let scene = Scene::new().await;
    let tenant_id = scene.database.tenant("demo").await;
    scene.job(tenant_id).await;
    scene.execute("update pipeline_jobs set created_at = now() - interval '10 minutes'").await;
    let path = std::env::temp_dir().join(format!("zixly-scheduler-{}.log", scene.database.name()));
    let scheduler = scene.process_with_log(&File::create(&path).unwrap()).await;
    let answer = scheduler.invoke(json!({})).await.unwrap();
    let log = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lag: Vec<Value> = lines.filter(|line| !line["pipeline_job_lag_seconds"].is_null()).collect();
    let [line] = &lag[..] else { panic!("one line a run: {log}") };
    let lag_seconds = line["pipeline_job_lag_seconds"].as_f64().unwrap();
    assert!((600.0..660.0).contains(&lag_seconds), "{lag_seconds}");
    assert_eq!(answer["lag"], json!({ "seconds": lag_seconds }));
    assert_eq!(
        line["_aws"]["CloudWatchMetrics"],
        json!([{
            "Namespace": "Zixly",
            "Dimensions": [[]],
            "Metrics": [{ "Name": "pipeline_job_lag_seconds", "Unit": "Seconds" }],
        }])
    );
}

#[tokio::test]
async fn one_duty_that_fails_does_not_stop_the_others() {
    let mut scene = Scene::new().await;
    let tenant_id = scene.database.tenant("demo").await;
    scene.job(tenant_id).await;
    scene.settings.insert("JOB_QUEUE_URL".into(), format!("{}/no-such-queue", scene.aws.endpoint));
    let answer = run(&scene.scheduler()).await;
    let error = answer["doorbells"]["error"].as_str().unwrap();
    assert!(error.starts_with("the workers could not be rung: "), "{error}");
    assert_eq!(answer["partitions"], json!({ "made": 8 }));
    assert_eq!(answer["metrics"], json!({ "folded": 0 }));
    assert_eq!(answer["archive"], json!({ "deliveries": 0, "days": 0 }));
    // The next run finds the partitions, and the doorbell is due again.
    assert_eq!(run(&scene.scheduler()).await["partitions"], json!({ "made": 0 }));
}

#[tokio::test]
async fn without_the_database_each_duty_says_so() {
    let mut scene = Scene::new().await;
    let secret = json!({ "database_url": "postgres://zixly_scheduler@127.0.0.1:1/gone" }).to_string();
    let arn = scene.aws.secret("elsewhere", &secret).await;
    scene.settings.insert("FUNCTION_SECRET_ARN".into(), arn);
    let answer = run(&scene.scheduler()).await;
    for duty in ["doorbells", "dead_leases", "lag", "polls", "partitions", "metrics", "archive"] {
        let error = answer[duty]["error"].as_str().unwrap();
        assert!(error.contains("the database is not available now"), "{duty}: {error}");
    }
}
