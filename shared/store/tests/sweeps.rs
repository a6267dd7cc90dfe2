//! A doorbell rings until it is heard, tenants in turn, and a dead worker's job is found.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, time::Duration};

use zixly_domain::{JobId, TenantId};
use zixly_store::{Store, sweeps};
use zixly_testkit::{Role, TestDatabase};

const NO_GRACE: Duration = Duration::ZERO;
const MINUTE: Duration = Duration::from_secs(60);

async fn execute(database: &TestDatabase, statement: &str) {
    database.superuser().await.batch_execute(statement).await.unwrap();
}

/// A job whose doorbell has been due since `overdue_s`.
async fn job(database: &TestDatabase, tenant_id: TenantId, overdue_s: i32) -> JobId {
    let job_id = JobId::new();
    let insert = format!(
        "insert into pipeline_jobs (tenant_id, job_id, job_type, workflow_version, parameters)
         values ('{tenant_id}', '{job_id}', 'trading-sweep', 1, '{{}}');
         insert into outbox (tenant_id, job_id, ring_at)
         values ('{tenant_id}', '{job_id}', now() - interval '{overdue_s} seconds')"
    );
    execute(database, &insert).await;
    job_id
}

async fn take(store: &Store, grace: Duration, again: Duration, limit: i32) -> Vec<(TenantId, JobId)> {
    sweeps::take_doorbells(&mut store.session().await.unwrap(), grace, again, limit).await.unwrap()
}

#[tokio::test]
async fn a_doorbell_is_taken_when_its_grace_is_over_and_comes_back() {
    for database in TestDatabase::create_on_every_server().await {
        let tenant_id = database.tenant("demo").await;
        let (overdue, fresh) = (job(&database, tenant_id, 10).await, job(&database, tenant_id, 0).await);
        job(&database, tenant_id, -3600).await;
        let store = database.store(Role::Scheduler);
        assert_eq!(take(&store, Duration::from_secs(5), MINUTE, 10).await, [(tenant_id, overdue)]);
        assert_eq!(take(&store, Duration::from_secs(5), MINUTE, 10).await, []);
        assert_eq!(take(&store, NO_GRACE, Duration::ZERO, 10).await, [(tenant_id, fresh)]);
        assert_eq!(take(&store, NO_GRACE, MINUTE, 10).await, [(tenant_id, fresh)]);
    }
}

#[tokio::test]
async fn a_tenant_with_much_to_do_does_not_keep_the_others_waiting() {
    let database = TestDatabase::create().await;
    let (busy, quiet) = (database.tenant("busy").await, database.tenant("quiet").await);
    database.tenant("idle").await;
    let mut oldest = BTreeSet::new();
    for overdue_s in 0..8 {
        let job_id = job(&database, busy, 1000 - overdue_s).await;
        if overdue_s < 2 {
            oldest.insert((busy, job_id));
        }
    }
    oldest.insert((quiet, job(&database, quiet, 2).await));
    oldest.insert((quiet, job(&database, quiet, 1).await));
    let store = database.store(Role::Scheduler);
    assert_eq!(BTreeSet::from_iter(take(&store, NO_GRACE, MINUTE, 4).await), oldest);
    assert_eq!(take(&store, NO_GRACE, MINUTE, 100).await.len(), 6);
}

#[tokio::test]
async fn two_sweeps_at_once_take_different_doorbells() {
    let database = TestDatabase::create().await;
    let tenant_id = database.tenant("demo").await;
    for _ in 0..20 {
        job(&database, tenant_id, 10).await;
    }
    let (one, other) = (database.store(Role::Scheduler), database.store(Role::Scheduler));
    let (one, other) = tokio::join!(take(&one, NO_GRACE, MINUTE, 20), take(&other, NO_GRACE, MINUTE, 20));
    assert_eq!(one.len() + other.len(), 20);
    assert_eq!(one.into_iter().chain(other).collect::<BTreeSet<_>>().len(), 20);
}

#[tokio::test]
async fn the_doorbell_of_a_job_that_has_ended_goes_unless_somebody_wants_it_again() {
    let database = TestDatabase::create().await;
    let tenant_id = database.tenant("demo").await;
    for _ in 0..2 {
        job(&database, tenant_id, 10).await;
    }
    execute(&database, "update pipeline_jobs set status = 'CANCELLED', completed_at = now()").await;
    let wanted = job(&database, tenant_id, 10).await;
    let want = "update pipeline_jobs
                   set status = 'FAILED', error_message = 'x', completed_at = now(), request = 'RETRY',
                       requested_at = now()
                 where status = 'QUEUED'";
    execute(&database, want).await;
    let store = database.store(Role::Scheduler);
    assert_eq!(take(&store, NO_GRACE, MINUTE, 10).await, [(tenant_id, wanted)]);
    assert_eq!(database.count("select count(*) from outbox").await, 1);
}

#[tokio::test]
async fn only_a_dead_worker_s_job_is_found() {
    for database in TestDatabase::create_on_every_server().await {
        let tenant_id = database.tenant("demo").await;
        let (dead, alive) = (job(&database, tenant_id, 0).await, job(&database, tenant_id, 0).await);
        for (job_id, lease_s) in [(dead, -1), (alive, 60)] {
            let claim = format!(
                "update pipeline_jobs set status = 'RUNNING', started_at = now(),
                        lease_expires_at = now() + interval '{lease_s} seconds'
                  where job_id = '{job_id}'"
            );
            execute(&database, &claim).await;
        }
        let store = database.store(Role::Scheduler);
        let found = sweeps::find_dead_leases(&mut store.session().await.unwrap(), 10).await.unwrap();
        assert_eq!(found, [(tenant_id, dead)]);
    }
}
