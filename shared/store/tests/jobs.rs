//! A job is run by one worker at a time, and a worker that lost it can write nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::{Value, json};
use zixly_domain::{EffectId, JobId, JobStatus, Provider, RecordAction, TenantId, WaitingReason};
use zixly_store::{
    Store, StoreError, TenantTx,
    connections::{self, NewConnection},
    effects::{self, Intent, NewEffect, SettledBy},
    jobs::{self, Claim, Claimed},
    related_records::RelatedRecord,
    steps::{self, DoneStep},
};
use zixly_testkit::{Role, TestDatabase};

const LONG: Duration = Duration::from_secs(60);
const OVER_AT_ONCE: Duration = Duration::ZERO;

fn done(name: &'static str, output: Value) -> DoneStep {
    DoneStep { name, output, records: Vec::new(), about: None, business_key: None }
}

struct Scene {
    database: TestDatabase,
    store: Store,
    tenant_id: TenantId,
    connection_id: zixly_domain::ConnectionId,
}

impl Scene {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let tenant_id = database.tenant("demo").await;
        let (connection_id, _) = database.connect_account(tenant_id, Provider::HubSpot, "portal").await;
        let store = database.store(Role::Worker);
        Self { database, store, tenant_id, connection_id }
    }

    async fn job(&self) -> JobId {
        let job_id = JobId::new();
        let insert = format!(
            "insert into pipeline_jobs (tenant_id, job_id, job_type, workflow_version, parameters)
             values ('{0}', '{job_id}', 'xero-invoice-to-hubspot', 1, '{{}}');
             insert into outbox (tenant_id, job_id) values ('{0}', '{job_id}')",
            self.tenant_id
        );
        self.database.superuser().await.batch_execute(&insert).await.unwrap();
        job_id
    }

    async fn try_claim(&self, job_id: JobId, lease: Duration) -> Claimed {
        let mut session = self.store.session().await.unwrap();
        jobs::claim(&mut session, self.tenant_id, job_id, lease, 20).await.unwrap()
    }

    async fn claim(&self, job_id: JobId, lease: Duration) -> Box<Claim> {
        match self.try_claim(job_id, lease).await {
            Claimed::Ours(claim) => claim,
            other => panic!("the job could not be claimed: {other:?}"),
        }
    }

    async fn intend(&self, claim: &Claim) -> Result<Intent, StoreError> {
        self.intend_as(claim, "the same write").await
    }

    async fn intend_as(&self, claim: &Claim, key: &str) -> Result<Intent, StoreError> {
        let mut session = self.store.session().await.unwrap();
        let new = NewEffect {
            effect_key: key,
            step: "update-contact",
            connection_id: Some(self.connection_id),
            provider: Provider::HubSpot,
            target: "contact 1",
            action: "PATCH contact 1",
            request: &json!({}),
        };
        effects::intend(&mut session, claim, &new).await
    }

    async fn settle(&self, effect_id: EffectId, record_id: &str, by: SettledBy) {
        let mut session = self.store.session().await.unwrap();
        effects::settle(&mut session, self.tenant_id, effect_id, record_id, by).await.unwrap();
    }

    async fn begin(&self, claim: &Claim, name: &str) -> steps::Attempts {
        let mut session = self.store.session().await.unwrap();
        let begun = steps::begin(&mut session, claim, None, name, 1).await.unwrap();
        begun.expect("nobody wants it cancelled").attempts
    }

    async fn in_tx<T>(&self, work: impl AsyncFnOnce(&TenantTx<'_>) -> T) -> T {
        let mut session = self.store.session().await.unwrap();
        let tx = session.begin(self.tenant_id).unwrap();
        let outcome = work(&tx).await;
        tx.commit().await.unwrap();
        outcome
    }
}

#[tokio::test]
async fn a_claimed_job_is_not_claimed_again_while_its_lease_lasts() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    assert_eq!(scene.claim(job_id, LONG).await.fence, 1);
    assert!(matches!(scene.try_claim(job_id, LONG).await, Claimed::Held(_)));
}

#[tokio::test]
async fn claiming_removes_the_doorbell() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    scene.claim(job_id, LONG).await;
    assert_eq!(scene.database.count("select count(*) from outbox").await, 0);
}

#[tokio::test]
async fn a_worker_whose_lease_ran_out_can_write_nothing() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let late = scene.claim(job_id, OVER_AT_ONCE).await;
    let latest = scene.claim(job_id, LONG).await;
    assert_eq!((late.fence, latest.fence), (1, 2));

    let mut session = scene.store.session().await.unwrap();
    macro_rules! refused {
        ($call:expr) => {
            assert!(matches!($call.await, Err(StoreError::LeaseLost(id)) if id == job_id));
        };
        ($tx:ident => $call:expr) => {{
            let $tx = session.begin(scene.tenant_id).unwrap();
            refused!($call);
        }};
    }
    let done = done("read-invoice", json!(1));
    refused!(steps::begin(&mut session, &late, None, "read-invoice", 1));
    refused!(steps::begin(&mut session, &late, Some(&done), "check-invoice", 2));
    refused!(steps::record(&mut session, &late, &done));
    refused!(jobs::complete(&mut session, &late, None, &Value::Null, &Value::Null));
    refused!(jobs::complete(&mut session, &late, Some(&done), &Value::Null, &Value::Null));
    refused!(tx => steps::failed(&tx, &late, "read-invoice", "no"));
    refused!(tx => steps::waiting(&tx, &late, "read-invoice"));
    refused!(tx => jobs::wait(&tx, &late, WaitingReason::Backoff, None));
    refused!(tx => jobs::fail(&tx, &late, "no", &Value::Null));
    drop(session);
    assert!(matches!(scene.intend(&late).await, Err(StoreError::LeaseLost(_))));
    assert!(matches!(scene.intend(&latest).await, Ok(Intent::Write(_))));
}

#[tokio::test]
async fn a_waiting_job_is_claimed_when_its_time_has_come() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let claim = scene.claim(job_id, LONG).await;
    let due_at = jiff::Timestamp::now() + Duration::from_secs(3600);
    let due_at = jiff::Timestamp::from_microsecond(due_at.as_microsecond()).unwrap();

    let mut session = scene.store.session().await.unwrap();
    let tx = session.begin(scene.tenant_id).unwrap();
    jobs::wait(&tx, &claim, WaitingReason::Backoff, Some(due_at)).await.unwrap();
    tx.commit().await.unwrap();
    drop(session);

    assert_eq!(scene.try_claim(job_id, LONG).await, Claimed::NotDue(Some(due_at)));
    assert_eq!(scene.database.count("select count(*) from outbox where ring_at > now()").await, 1);
    let early = "update pipeline_jobs set due_at = now()";
    scene.database.superuser().await.batch_execute(early).await.unwrap();
    assert_eq!(scene.claim(job_id, LONG).await.fence, 2);
}

#[tokio::test]
async fn a_job_that_waits_for_a_person_is_not_due_by_itself() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let claim = scene.claim(job_id, LONG).await;
    let mut session = scene.store.session().await.unwrap();
    let tx = session.begin(scene.tenant_id).unwrap();
    jobs::wait(&tx, &claim, WaitingReason::Reauthorisation, None).await.unwrap();
    tx.commit().await.unwrap();
    drop(session);
    assert_eq!(scene.try_claim(job_id, LONG).await, Claimed::NotDue(None));
}

#[tokio::test]
async fn an_ended_job_stays_ended() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let claim = scene.claim(job_id, LONG).await;
    let mut session = scene.store.session().await.unwrap();
    jobs::complete(&mut session, &claim, None, &json!({ "summary": "done" }), &json!({})).await.unwrap();
    drop(session);
    assert_eq!(scene.try_claim(job_id, LONG).await, Claimed::Ended(JobStatus::Completed));
    assert_eq!(scene.try_claim(JobId::new(), LONG).await, Claimed::Unknown);
}

#[tokio::test]
async fn a_done_step_keeps_its_output_and_its_records() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let claim = scene.claim(job_id, OVER_AT_ONCE).await;
    let attempts = scene.begin(&claim, "read-invoice").await;
    assert_eq!((attempts.begun, attempts.failed), (1, 0));
    let record = RelatedRecord {
        system: Provider::Xero,
        record_type: "invoice",
        record_id: "inv".into(),
        action: RecordAction::Read,
    };
    let read = DoneStep {
        records: vec![record.clone(), record],
        about: Some("INV-1".into()),
        ..done("read-invoice", json!({ "total": "1.10" }))
    };
    let mut session = scene.store.session().await.unwrap();
    let begun = steps::begin(&mut session, &claim, Some(&read), "find-contact", 2).await.unwrap().unwrap();
    assert_eq!((begun.attempts.begun, begun.attempts.failed), (1, 0));
    let known = begun.connections.iter().map(|known| (known.connection_id, known.provider, known.healthy));
    assert_eq!(known.collect::<Vec<_>>(), [(scene.connection_id, Provider::HubSpot, true)]);
    assert!(steps::begin(&mut session, &claim, None, "read-invoice", 1).await.is_err(), "it is done");
    assert!(steps::record(&mut session, &claim, &read).await.is_err(), "it is recorded already");
    drop(session);

    let later = scene.claim(job_id, LONG).await;
    assert_eq!(later.done, [("read-invoice".to_owned(), json!({ "total": "1.10" }))]);
    assert_eq!(later.about.as_deref(), Some("INV-1"));
    assert_eq!(scene.database.count("select count(*) from workflow_related_records").await, 1);
}

#[tokio::test]
async fn the_last_step_is_recorded_with_the_end_of_the_job() {
    let scene = Scene::new().await;
    let claim = scene.claim(scene.job().await, LONG).await;
    scene.begin(&claim, "read-invoice").await;
    let last = done("read-invoice", json!(null));
    let mut session = scene.store.session().await.unwrap();
    jobs::complete(&mut session, &claim, Some(&last), &json!({}), &json!({})).await.unwrap();
    let ended = "select j.status || ' ' || s.status from pipeline_jobs j join steps s using (job_id)";
    assert_eq!(scene.database.text(ended).await, "COMPLETED DONE");
}

#[tokio::test]
async fn a_step_is_recorded_although_the_next_one_is_not_wanted() {
    let scene = Scene::new().await;
    let claim = scene.claim(scene.job().await, LONG).await;
    scene.begin(&claim, "read-invoice").await;
    let cancel = "update pipeline_jobs set request = 'CANCEL', requested_at = now()";
    scene.database.superuser().await.batch_execute(cancel).await.unwrap();
    let mut session = scene.store.session().await.unwrap();
    let last = done("read-invoice", json!(1));
    let begun = steps::begin(&mut session, &claim, Some(&last), "find-contact", 2).await.unwrap();
    assert_eq!(begun, None);
    assert_eq!(
        scene.database.text("select string_agg(name || ' ' || status, ',') from steps").await,
        "read-invoice DONE"
    );
}

#[tokio::test]
async fn a_wait_costs_no_attempt_and_a_failure_costs_one() {
    let scene = Scene::new().await;
    let claim = scene.claim(scene.job().await, LONG).await;
    for expected in [(1, 0), (1, 0)] {
        let attempts = scene.begin(&claim, "find-contact").await;
        assert_eq!((attempts.begun, attempts.failed), expected);
        scene.in_tx(async |tx| steps::waiting(tx, &claim, "find-contact").await.unwrap()).await;
    }
    scene.begin(&claim, "find-contact").await;
    scene.in_tx(async |tx| steps::failed(tx, &claim, "find-contact", "HubSpot is down").await.unwrap()).await;
    let attempts = scene.begin(&claim, "find-contact").await;
    assert_eq!((attempts.begun, attempts.failed), (2, 1));
}

#[tokio::test]
async fn an_intended_effect_is_looked_for_before_it_is_written_again() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let first = scene.claim(job_id, OVER_AT_ONCE).await;
    let Ok(Intent::Write(effect_id)) = scene.intend(&first).await else { panic!("nobody tried it before") };
    let resumed = scene.claim(job_id, LONG).await;
    let Ok(Intent::LookFirst(tried)) = scene.intend(&resumed).await else { panic!("someone tried it") };
    assert_eq!(tried.effect_id, effect_id);
    let sent_at = async || scene.database.text("select intended_at::text from effects").await;
    let first_sent_at = sent_at().await;

    let mut session = scene.store.session().await.unwrap();
    let tx = session.begin(scene.tenant_id).unwrap();
    effects::write_again(&tx, &resumed, effect_id).await.unwrap();
    tx.commit().await.unwrap();
    drop(session);
    assert_ne!(sent_at().await, first_sent_at, "it is only sent again now");
    assert_eq!(scene.database.count("select writes::int8 from effects").await, 2);
}

#[tokio::test]
async fn two_jobs_that_mean_the_same_write_make_it_once() {
    let scene = Scene::new().await;
    let (one, two) = (scene.job().await, scene.job().await);
    let first = scene.claim(one, LONG).await;
    let second = scene.claim(two, LONG).await;
    let Ok(Intent::Write(effect_id)) = scene.intend(&first).await else { panic!("nobody tried it before") };
    assert_eq!(scene.intend(&second).await.unwrap(), Intent::HeldBy(one));

    scene.settle(effect_id, "100451", SettledBy::Answer).await;
    assert_eq!(scene.intend(&second).await.unwrap(), Intent::Done("100451".into()));
}

#[tokio::test]
async fn a_refused_effect_may_be_written_later() {
    let scene = Scene::new().await;
    let claim = scene.claim(scene.job().await, LONG).await;
    let Ok(Intent::Write(effect_id)) = scene.intend(&claim).await else { panic!("nobody tried it before") };
    let mut session = scene.store.session().await.unwrap();
    let tx = session.begin(scene.tenant_id).unwrap();
    effects::refused(&tx, &claim, effect_id).await.unwrap();
    tx.commit().await.unwrap();
    drop(session);
    assert_eq!(scene.intend(&claim).await.unwrap(), Intent::Write(effect_id));
}

#[tokio::test]
async fn a_write_waits_for_an_unsettled_one_to_the_same_record() {
    let scene = Scene::new().await;
    let (one, two) = (scene.job().await, scene.job().await);
    let first = scene.claim(one, LONG).await;
    let second = scene.claim(two, LONG).await;
    let Ok(Intent::Write(effect_id)) = scene.intend_as(&first, "INV-1").await else {
        panic!("nobody tried it")
    };
    assert_eq!(scene.intend_as(&second, "INV-2").await.unwrap(), Intent::HeldBy(one));

    scene.settle(effect_id, "1", SettledBy::Look).await;
    assert!(matches!(scene.intend_as(&second, "INV-2").await, Ok(Intent::Write(_))));
}

#[tokio::test]
async fn a_job_that_has_ended_holds_nobody_up() {
    let scene = Scene::new().await;
    let (one, two) = (scene.job().await, scene.job().await);
    let first = scene.claim(one, LONG).await;
    assert!(matches!(scene.intend_as(&first, "INV-1").await, Ok(Intent::Write(_))));
    let mut session = scene.store.session().await.unwrap();
    let tx = session.begin(scene.tenant_id).unwrap();
    jobs::fail(&tx, &first, "HubSpot is down", &json!({})).await.unwrap();
    tx.commit().await.unwrap();
    drop(session);
    let second = scene.claim(two, LONG).await;
    assert!(matches!(scene.intend_as(&second, "INV-2").await, Ok(Intent::Write(_))));
}

#[tokio::test]
async fn a_late_refusal_does_not_undo_a_write_that_was_made() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let late = scene.claim(job_id, OVER_AT_ONCE).await;
    let Ok(Intent::Write(effect_id)) = scene.intend(&late).await else { panic!("nobody tried it before") };
    let latest = scene.claim(job_id, LONG).await;
    assert!(
        matches!(scene.intend(&latest).await.unwrap(), Intent::LookFirst(tried) if tried.effect_id == effect_id)
    );
    let mut session = scene.store.session().await.unwrap();
    let tx = session.begin(scene.tenant_id).unwrap();
    assert!(matches!(effects::refused(&tx, &late, effect_id).await, Err(StoreError::LeaseLost(_))));
    drop(tx);
    drop(session);
    scene.settle(effect_id, "1", SettledBy::Answer).await;
    assert_eq!(scene.intend(&latest).await.unwrap(), Intent::Done("1".into()));
}

#[tokio::test]
async fn a_row_cannot_name_another_tenants_connection() {
    let scene = Scene::new().await;
    let stranger = scene.database.tenant("stranger").await;
    let (theirs, _) = scene.database.connect_account(stranger, Provider::HubSpot, "their portal").await;
    let claim = scene.claim(scene.job().await, LONG).await;
    let insert = format!(
        "insert into effects (tenant_id, effect_id, effect_key, job_id, step, connection_id, provider, target, action,
                              request, status)
         values ('{}', gen_random_uuid(), 'k', '{}', 's', '{theirs}', 'hubspot', 't', 'a', '{{}}', 'INTENDED')",
        scene.tenant_id, claim.job_id
    );
    let error = scene.database.superuser().await.batch_execute(&insert).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "23503");
}

#[tokio::test]
async fn what_nobody_can_look_for_is_not_written_again() {
    let scene = Scene::new().await;
    let claim = scene.claim(scene.job().await, LONG).await;
    let Ok(Intent::Write(effect_id)) = scene.intend(&claim).await else { panic!("nobody tried it before") };
    let mut session = scene.store.session().await.unwrap();
    let tx = session.begin(scene.tenant_id).unwrap();
    effects::unknown(&tx, &claim, effect_id).await.unwrap();
    tx.commit().await.unwrap();
    drop(session);
    assert_eq!(scene.intend(&claim).await.unwrap(), Intent::Unknown);
}

impl Scene {
    async fn try_claim_as_one_of(&self, job_id: JobId, share: u32) -> Claimed {
        let mut session = self.store.session().await.unwrap();
        jobs::claim(&mut session, self.tenant_id, job_id, LONG, share).await.unwrap()
    }

    async fn next_in_line(&self, share: u32) -> Option<JobId> {
        let mut session = self.store.session().await.unwrap();
        jobs::next_in_line(&mut session, self.tenant_id, share).await.unwrap()
    }

    async fn complete(&self, claim: &Claim) {
        let mut session = self.store.session().await.unwrap();
        jobs::complete(&mut session, claim, None, &Value::Null, &Value::Null).await.unwrap();
    }
}

#[tokio::test]
async fn a_tenant_with_enough_jobs_running_has_the_others_stand_in_line() {
    let scene = Scene::new().await;
    let (one, two, three) = (scene.job().await, scene.job().await, scene.job().await);
    let Claimed::Ours(running) = scene.try_claim_as_one_of(one, 1).await else { panic!("there is room") };
    for waiting in [two, three, two] {
        assert_eq!(scene.try_claim_as_one_of(waiting, 1).await, Claimed::InLine);
    }
    let doorbells = "select count(*) from outbox where ring_at > now()";
    assert_eq!(scene.database.count(doorbells).await, 2, "should nobody ring, somebody will");
    assert_eq!(scene.next_in_line(1).await, None, "there is no room yet");

    scene.complete(&running).await;
    assert_eq!(scene.next_in_line(1).await, Some(two), "the one that has stood there for longest");
    let Claimed::Ours(running) = scene.try_claim_as_one_of(two, 1).await else { panic!("it was rung") };
    assert_eq!(scene.try_claim_as_one_of(three, 1).await, Claimed::InLine);
    scene.complete(&running).await;
    assert_eq!(scene.next_in_line(1).await, Some(three));
    assert_eq!(scene.next_in_line(1).await, None, "it has been told to come");
}

#[tokio::test]
async fn a_line_is_no_obstacle_to_a_wish_nor_to_another_tenant() {
    let scene = Scene::new().await;
    let (running, unwanted) = (scene.job().await, scene.job().await);
    assert!(matches!(scene.try_claim_as_one_of(running, 1).await, Claimed::Ours(_)));
    assert_eq!(scene.try_claim_as_one_of(unwanted, 1).await, Claimed::InLine);
    let cancel = format!(
        "update pipeline_jobs set request = 'CANCEL', requested_at = now() where job_id = '{unwanted}'"
    );
    scene.database.superuser().await.batch_execute(&cancel).await.unwrap();
    assert!(matches!(scene.try_claim_as_one_of(unwanted, 1).await, Claimed::Cancelled(_)));

    let other = Scene { tenant_id: scene.database.tenant("other").await, ..scene };
    let theirs = other.job().await;
    assert!(matches!(other.try_claim_as_one_of(theirs, 1).await, Claimed::Ours(_)));
}

#[tokio::test]
async fn a_new_authorisation_wakes_the_jobs_that_wait_for_one() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let claim = scene.claim(job_id, LONG).await;
    let mut session = scene.store.session().await.unwrap();
    let tx = session.begin(scene.tenant_id).unwrap();
    let connection = connections::list(&tx, Provider::HubSpot, None).await.unwrap().remove(0);
    connections::needs_authorisation(&tx, &connection).await.unwrap();
    let later = jiff::Timestamp::now() + Duration::from_secs(900);
    jobs::wait(&tx, &claim, WaitingReason::Reauthorisation, Some(later)).await.unwrap();
    tx.commit().await.unwrap();
    drop(session);
    let admin = scene.database.store(Role::Admin);
    let mut session = admin.session().await.unwrap();
    let tx = session.begin(scene.tenant_id).unwrap();
    let account_id = connection.account_id.as_str();
    let new = NewConnection {
        tenant_id: scene.tenant_id,
        token_set_id: connection.token_set_id,
        provider: Provider::HubSpot,
        account_id,
        account_name: "anew",
    };
    connections::insert(&tx, &new).await.unwrap();
    let woken = connections::end_waits(&tx).await.unwrap();
    tx.commit().await.unwrap();
    drop(session);
    assert_eq!(woken, [job_id]);
    assert!(matches!(scene.try_claim(job_id, LONG).await, Claimed::Ours(_)));
    assert_eq!(scene.database.text("select status from connections").await, "HEALTHY");
}
