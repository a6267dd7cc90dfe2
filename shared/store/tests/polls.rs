//! A poll is started when it is due, once, and goes on where the last one stopped.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::json;
use zixly_domain::{ConnectionId, JobId, JobRequest, Provider, TenantId, Workflow, WorkflowSettings};
use zixly_store::{
    Store, StoreError,
    jobs::{self, Claim, Claimed},
    polls::{self, DuePoll, PollKind},
    steps::{self, DoneStep},
    triggers, workflow_settings,
};
use zixly_testkit::{Role, TestDatabase};

const XERO: PollKind = PollKind {
    provider: Provider::Xero,
    workflow: Workflow::XeroInvoiceToHubspot,
    poll: Workflow::XeroPaidInvoicesPoll,
};
const QUARTER: Duration = Duration::from_secs(900);

async fn scene(database: &TestDatabase) -> (TenantId, ConnectionId, Store) {
    let tenant_id = database.tenant("demo").await;
    let (connection_id, _) = database.connect_account(tenant_id, Provider::Xero, "org").await;
    database.connect_account(tenant_id, Provider::HubSpot, "portal").await;
    (tenant_id, connection_id, database.store(Role::Scheduler))
}

async fn due(store: &Store) -> Vec<DuePoll> {
    polls::find_due(&mut store.session().await.unwrap(), &[XERO], 10).await.unwrap()
}

async fn start(store: &Store, poll: &DuePoll) -> Option<JobId> {
    let mut session = store.session().await.unwrap();
    let tx = session.begin(poll.tenant_id).unwrap();
    let job_id = polls::start(&tx, poll, QUARTER).await.unwrap();
    tx.commit().await.unwrap();
    job_id
}

async fn claim(store: &Store, tenant_id: TenantId, job_id: JobId) -> Box<Claim> {
    let mut session = store.session().await.unwrap();
    match jobs::claim(&mut session, tenant_id, job_id, Duration::ZERO, 20).await.unwrap() {
        Claimed::Ours(claim) => claim,
        other => panic!("the poll could not be claimed: {other:?}"),
    }
}

async fn execute(database: &TestDatabase, statement: &str) {
    database.superuser().await.batch_execute(statement).await.unwrap();
}

#[tokio::test]
async fn a_due_poll_is_started_once_by_two_schedulers() {
    for database in TestDatabase::create_on_every_server().await {
        let (tenant_id, connection_id, one) = scene(&database).await;
        let other = database.store(Role::Scheduler);
        let poll = DuePoll { tenant_id, connection_id, poll: Workflow::XeroPaidInvoicesPoll };
        // Twice, since the first makes the poll's row and the second finds it.
        for round in 1..=2 {
            assert_eq!((due(&one).await, due(&other).await), (vec![poll], vec![poll]));
            let (first, second) = tokio::join!(start(&one, &poll), start(&other, &poll));
            assert!(first.is_some() != second.is_some(), "{first:?} {second:?}");
            assert_eq!(database.count("select count(*) from pipeline_jobs").await, round);
            assert_eq!(database.count("select count(*) from outbox").await, round);
            assert_eq!(due(&one).await, []);
            execute(
                &database,
                "update polls set next_at = now();
                 update pipeline_jobs set status = 'CANCELLED', completed_at = coalesce(completed_at, now())",
            )
            .await;
        }
        let parameters = database.text("select parameters::text from pipeline_jobs limit 1").await;
        assert_eq!(parameters, format!("{{\"connection_id\": \"{connection_id}\"}}"));
    }
}

#[tokio::test]
async fn no_poll_is_started_beside_a_live_one() {
    let database = TestDatabase::create().await;
    let (_, _, store) = scene(&database).await;
    start(&store, &due(&store).await[0]).await.unwrap();
    execute(&database, "update polls set next_at = now() - interval '1 hour'").await;
    assert_eq!(due(&store).await, []);
    execute(&database, "update pipeline_jobs set status = 'CANCELLED', completed_at = now()").await;
    assert_eq!(due(&store).await.len(), 1);
}

#[tokio::test]
async fn only_what_a_tenant_has_switched_on_and_what_is_authorised_is_polled() {
    let database = TestDatabase::create().await;
    let (tenant_id, _, store) = scene(&database).await;
    let set = async |enabled| {
        let owner = database.superuser_store();
        let mut session = owner.session().await.unwrap();
        let tx = session.begin(tenant_id).unwrap();
        workflow_settings::set(
            &tx,
            tenant_id,
            Workflow::XeroInvoiceToHubspot,
            enabled,
            &WorkflowSettings::default(),
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
    };
    set(false).await;
    assert_eq!(due(&store).await, []);
    set(true).await;
    assert_eq!(due(&store).await.len(), 1);
    execute(&database, "update connections set status = 'NEEDS_AUTHORISATION'").await;
    assert_eq!(due(&store).await, []);
}

#[tokio::test]
async fn a_poll_goes_on_where_the_last_one_stopped_and_a_lost_claim_moves_nothing() {
    let database = TestDatabase::create().await;
    let (tenant_id, connection_id, scheduler) = scene(&database).await;
    let job_id = start(&scheduler, &due(&scheduler).await[0]).await.unwrap();
    let store = database.store(Role::Worker);
    let lost = claim(&store, tenant_id, job_id).await;
    let held = claim(&store, tenant_id, job_id).await;

    let mut session = store.session().await.unwrap();
    let tx = session.begin(tenant_id).unwrap();
    assert_eq!(polls::cursor(&tx, &held, connection_id).await.unwrap(), None);
    polls::set_cursor(&tx, &held, connection_id, &json!({ "since": "2026-11-01" })).await.unwrap();
    let refused = polls::set_cursor(&tx, &lost, connection_id, &json!(null)).await;
    assert!(matches!(refused, Err(StoreError::LeaseLost(_))));
    assert_eq!(
        polls::cursor(&tx, &held, connection_id).await.unwrap(),
        Some(json!({ "since": "2026-11-01" }))
    );
}

#[tokio::test]
async fn a_job_becomes_the_one_about_its_business_unless_another_is() {
    for database in TestDatabase::create_on_every_server().await {
        let (tenant_id, ..) = scene(&database).await;
        let worker = database.store(Role::Worker);
        let mut jobs = Vec::new();
        for _ in 0..2 {
            let request = JobRequest {
                workflow: Workflow::XeroInvoiceToHubspot,
                parameters: json!({}),
                business_key: None,
            };
            let mut session = worker.session().await.unwrap();
            let tx = session.begin(tenant_id).unwrap();
            jobs.push(triggers::start_once(&tx, tenant_id, &request).await.unwrap().unwrap());
            tx.commit().await.unwrap();
        }
        for job_id in &jobs {
            let claim = claim(&worker, tenant_id, *job_id).await;
            let mut session = worker.session().await.unwrap();
            for name in ["read-invoice", "read-again"] {
                let done = DoneStep {
                    name,
                    output: json!(1),
                    records: Vec::new(),
                    about: Some("INV-1".to_owned()),
                    business_key: Some("org/invoice/2026-10-01".to_owned()),
                };
                steps::begin(&mut session, &claim, None, name, 1).await.unwrap();
                steps::record(&mut session, &claim, &done).await.unwrap();
            }
        }
        let known = "select string_agg(job_id::text, ' ') from pipeline_jobs where business_key is not null";
        assert_eq!(database.text(known).await, jobs[0].to_string());
        assert_eq!(database.count("select count(*) from pipeline_jobs where about = 'INV-1'").await, 2);
    }
}
