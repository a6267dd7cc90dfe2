//! How late the workers are: which jobs count, since when, and what it costs to know.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use zixly_domain::{JobId, TenantId};
use zixly_store::jobs;
use zixly_testkit::{Role, TestDatabase};

/// What a job of an hour ago can be, as columns and their values, and how many seconds it is late.
const CASES: [(&str, &str, f64); 12] = [
    ("", "", 3600.0),
    ("waiting_reason, due_at", "'backoff', now() - interval '5 minutes'", 300.0),
    ("waiting_reason, due_at", "'rate budget', now() + interval '1 minute'", 0.0),
    ("waiting_reason", "'reauthorisation'", 0.0),
    (
        "waiting_reason, request, requested_at",
        "'reauthorisation', 'CANCEL', now() - interval '2 minutes'",
        120.0,
    ),
    ("request, requested_at", "'CANCEL', now() - interval '2 minutes'", 120.0),
    ("status, started_at, lease_expires_at", "'RUNNING', created_at, now() + interval '30 seconds'", 0.0),
    (
        "status, started_at, lease_expires_at, request, requested_at",
        "'RUNNING', created_at, now() + interval '30 seconds', 'CANCEL', now() - interval '2 minutes'",
        0.0,
    ),
    ("status, started_at, lease_expires_at", "'RUNNING', created_at, now() - interval '10 minutes'", 600.0),
    ("status, completed_at", "'COMPLETED', now()", 0.0),
    ("status, completed_at, error_message", "'FAILED', now(), 'no'", 0.0),
    (
        "status, completed_at, error_message, request, requested_at",
        "'FAILED', now(), 'no', 'RETRY', now() - interval '3 minutes'",
        180.0,
    ),
];

#[tokio::test]
async fn a_job_is_late_since_it_was_due_and_while_no_worker_has_it() {
    for database in TestDatabase::create_on_every_server().await {
        let tenant_id = database.tenant("demo").await;
        assert_lag(&database, 0.0, "without a job").await;
        for (columns, values, late) in CASES {
            insert(&database, tenant_id, columns, values).await;
            assert_lag(&database, late, &format!("{columns}: {values}")).await;
            database.superuser().await.batch_execute("delete from pipeline_jobs").await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_lag_is_the_one_of_the_latest_job_of_all_tenants() {
    let database = TestDatabase::create().await;
    for (name, minutes) in [("one", 5), ("other", 7), ("third", 6)] {
        let tenant_id = database.tenant(name).await;
        let values = format!("'backoff', now() - interval '{minutes} minutes'");
        insert(&database, tenant_id, "waiting_reason, due_at", &values).await;
    }
    assert_lag(&database, 420.0, "of three").await;
}

#[tokio::test]
async fn to_know_the_lag_among_many_jobs_takes_a_look_at_two_indexes() {
    let database = TestDatabase::create().await;
    let tenant_id = database.tenant("busy").await;
    let many = format!(
        "insert into pipeline_jobs (tenant_id, job_id, job_type, workflow_version, parameters, status, completed_at)
         select '{tenant_id}', gen_random_uuid(), 'trading-sweep', 1, '{{}}', status,
                case status when 'COMPLETED' then now() end
           from generate_series(1, 5000), unnest(array['QUEUED', 'COMPLETED']) as status;
         analyze pipeline_jobs"
    );
    let superuser = database.superuser().await;
    superuser.batch_execute(&many).await.unwrap();
    let explained = "explain (analyze, buffers, costs off, timing off, format json) select job_lag_seconds()";
    // The first time, the server also learns what the table has.
    let mut plan = serde_json::Value::Null;
    for _ in 0..2 {
        plan = superuser.query_typed(explained, &[]).await.unwrap()[0].get(0);
    }
    let blocks = plan[0]["Plan"]["Shared Hit Blocks"].as_u64().unwrap()
        + plan[0]["Plan"]["Shared Read Blocks"].as_u64().unwrap();
    assert!(blocks < 60, "{blocks} blocks: {plan}");
    let table = "select pg_relation_size('pipeline_jobs') / current_setting('block_size')::int8";
    assert!(database.count(table).await > 120, "too few jobs to tell");
}

async fn insert(database: &TestDatabase, tenant_id: TenantId, columns: &str, values: &str) {
    let comma = if columns.is_empty() { "" } else { ", " };
    let values = values.replace("created_at", "now() - interval '1 hour'");
    let insert = format!(
        "insert into pipeline_jobs
             (tenant_id, job_id, job_type, workflow_version, parameters, created_at{comma}{columns})
         values ('{tenant_id}', '{}', 'trading-sweep', 1, '{{}}', now() - interval '1 hour'{comma}{values})",
        JobId::new()
    );
    database.superuser().await.batch_execute(&insert).await.unwrap();
}

/// The same by each of the two roles that ask.
async fn assert_lag(database: &TestDatabase, expected: f64, what: &str) {
    for role in [Role::Webhook, Role::Scheduler] {
        let store = database.store(role);
        let lag_seconds = jobs::lag_seconds(&mut store.session().await.unwrap()).await.unwrap();
        let is_right = if expected == 0.0 {
            lag_seconds == 0.0
        } else {
            (expected..expected + 20.0).contains(&lag_seconds)
        };
        assert!(is_right, "{what}: {lag_seconds} s late instead of {expected}");
    }
}
