//! What somebody wants of a job reaches the worker, whatever the job is doing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use zixly_domain::{JobId, JobRequest, JobStatus, TenantId, WaitingReason, Workflow};
use zixly_store::{
    Store,
    callbacks::{self, CalledBack},
    jobs::{self, Claim, Claimed},
    requests::{self, Requested},
    steps,
    triggers::{Idempotency, Started, start, start_once},
};
use zixly_testkit::{Role, TestDatabase};

const LONG: Duration = Duration::from_secs(60);

struct Scene {
    database: TestDatabase,
    door: Store,
    worker: Store,
    tenant_id: TenantId,
}

impl Scene {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let tenant_id = database.tenant("demo").await;
        let (door, worker) = (database.store(Role::Webhook), database.store(Role::Worker));
        Self { database, door, worker, tenant_id }
    }

    async fn start(&self, idempotency: Option<Idempotency<'_>>) -> Started {
        let mut session = self.door.session().await.unwrap();
        let tx = session.begin(self.tenant_id).unwrap();
        let started = start(&tx, self.tenant_id, &sweep(None), "user/test", idempotency).await.unwrap();
        tx.commit().await.unwrap();
        started
    }

    async fn job(&self) -> JobId {
        match self.start(None).await {
            Started::New(job_id) => job_id,
            other => panic!("no job was started: {other:?}"),
        }
    }

    async fn claim(&self, job_id: JobId) -> Claimed {
        let mut session = self.worker.session().await.unwrap();
        jobs::claim(&mut session, self.tenant_id, job_id, LONG, 20).await.unwrap()
    }

    async fn ours(&self, job_id: JobId) -> Box<Claim> {
        match self.claim(job_id).await {
            Claimed::Ours(claim) => claim,
            other => panic!("the job could not be claimed: {other:?}"),
        }
    }

    async fn cancel(&self, job_id: JobId) -> Requested {
        let mut session = self.door.session().await.unwrap();
        let tx = session.begin(self.tenant_id).unwrap();
        let requested = requests::cancel(&tx, self.tenant_id, job_id, "user/test").await.unwrap();
        tx.commit().await.unwrap();
        requested
    }

    async fn retry(&self, job_id: JobId) -> Requested {
        let mut session = self.door.session().await.unwrap();
        let tx = session.begin(self.tenant_id).unwrap();
        let requested = requests::retry(&tx, self.tenant_id, job_id, "user/test").await.unwrap();
        tx.commit().await.unwrap();
        requested
    }

    async fn begin_step(&self, claim: &Claim) -> Option<steps::Attempts> {
        let mut session = self.worker.session().await.unwrap();
        let begun = steps::begin(&mut session, claim, None, "submit", 1).await.unwrap();
        begun.map(|begun| begun.attempts)
    }

    async fn fail(&self, claim: &Claim) {
        let mut session = self.worker.session().await.unwrap();
        let tx = session.begin(self.tenant_id).unwrap();
        steps::failed(&tx, claim, "submit", "no").await.unwrap();
        jobs::fail(&tx, claim, "submit: no", &json!({})).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn wait(&self, claim: &Claim, until: Timestamp) -> Option<Timestamp> {
        let mut session = self.worker.session().await.unwrap();
        let tx = session.begin(self.tenant_id).unwrap();
        let due_at = jobs::wait(&tx, claim, WaitingReason::Callback, Some(until)).await.unwrap();
        tx.commit().await.unwrap();
        due_at
    }

    async fn issue(&self, claim: &Claim, token_hash: &[u8; 32], expires_at: Timestamp) {
        let mut session = self.worker.session().await.unwrap();
        let tx = session.begin(self.tenant_id).unwrap();
        callbacks::issue(&tx, claim, token_hash, expires_at).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn call_back(&self, token_hash: &[u8; 32]) -> CalledBack {
        let mut session = self.door.session().await.unwrap();
        let answer = json!({ "status": "done" });
        callbacks::call_back(&mut session, self.tenant_id, token_hash, &answer).await.unwrap()
    }

    async fn doorbells(&self) -> i64 {
        self.database.count("select count(*) from outbox where ring_at <= now()").await
    }
}

fn sweep(business_key: Option<&str>) -> JobRequest {
    JobRequest {
        workflow: Workflow::TradingSweep,
        parameters: json!({}),
        business_key: business_key.map(str::to_owned),
    }
}

fn in_an_hour() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(1)
}

#[tokio::test]
async fn a_queued_job_is_cancelled_when_it_is_next_heard_of() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    assert_eq!(scene.cancel(job_id).await, Requested::Noted(JobStatus::Queued));
    assert!(matches!(scene.claim(job_id).await, Claimed::Cancelled(_)));
    assert_eq!(scene.claim(job_id).await, Claimed::Ended(JobStatus::Cancelled));
    assert_eq!(scene.cancel(job_id).await, Requested::Impossible(JobStatus::Cancelled));
    assert_eq!(scene.doorbells().await, 0);
}

#[tokio::test]
async fn what_a_person_asks_for_by_law_is_not_cancelled() {
    let scene = Scene::new().await;
    let store = scene.database.superuser_store();
    let mut session = store.session().await.unwrap();
    let tx = session.begin(scene.tenant_id).unwrap();
    let request = JobRequest { workflow: Workflow::ShopifyPrivacyRequest, ..sweep(None) };
    let job_id = start_once(&tx, scene.tenant_id, &request).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!(scene.cancel(job_id).await, Requested::Impossible(JobStatus::Queued));
    let claim = scene.ours(job_id).await;
    assert_eq!(scene.cancel(job_id).await, Requested::Impossible(JobStatus::Running));
    scene.fail(&claim).await;
    assert_eq!(scene.retry(job_id).await, Requested::Noted(JobStatus::Failed));
}

#[tokio::test]
async fn a_waiting_job_is_cancelled_before_its_time() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let claim = scene.ours(job_id).await;
    scene.wait(&claim, in_an_hour()).await;
    assert!(matches!(scene.claim(job_id).await, Claimed::NotDue(Some(_))));
    scene.cancel(job_id).await;
    assert_eq!(scene.doorbells().await, 1);
    assert!(matches!(scene.claim(job_id).await, Claimed::Cancelled(_)));
}

#[tokio::test]
async fn a_running_job_learns_before_its_next_step_that_it_is_to_be_cancelled() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let claim = scene.ours(job_id).await;
    assert!(scene.begin_step(&claim).await.is_some());
    assert_eq!(scene.cancel(job_id).await, Requested::Noted(JobStatus::Running));
    assert!(matches!(scene.claim(job_id).await, Claimed::Held(_)));
    assert!(scene.begin_step(&claim).await.is_none());
    // A worker that goes to wait instead leaves it due at once.
    let due_at = scene.wait(&claim, in_an_hour()).await.unwrap();
    assert!(due_at <= Timestamp::now());
    assert!(matches!(scene.claim(job_id).await, Claimed::Cancelled(_)));
}

#[tokio::test]
async fn a_failed_job_begins_anew_with_all_its_attempts() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let claim = scene.ours(job_id).await;
    for _ in 0..3 {
        scene.begin_step(&claim).await;
    }
    scene.fail(&claim).await;
    assert_eq!(scene.claim(job_id).await, Claimed::Ended(JobStatus::Failed));
    assert_eq!(scene.retry(job_id).await, Requested::Noted(JobStatus::Failed));
    let claim = scene.ours(job_id).await;
    assert_eq!(scene.begin_step(&claim).await, Some(steps::Attempts { begun: 1, failed: 0 }));
    assert_eq!(scene.retry(job_id).await, Requested::Impossible(JobStatus::Running));
}

#[tokio::test]
async fn another_tenants_job_is_no_job() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let stranger = Scene { tenant_id: scene.database.tenant("other").await, ..scene };
    assert_eq!(stranger.cancel(job_id).await, Requested::NoJob);
    assert_eq!(stranger.retry(job_id).await, Requested::NoJob);
}

#[tokio::test]
async fn the_same_call_again_gives_the_same_job() {
    let scene = Scene::new().await;
    let call = |hash| Some(Idempotency { key: "order 7", request_hash: [hash; 32] });
    let Started::New(job_id) = scene.start(call(1)).await else { panic!("the first call starts a job") };
    assert_eq!(scene.start(call(1)).await, Started::Before(job_id, JobStatus::Queued));
    assert_eq!(scene.start(call(2)).await, Started::KeyTaken);
    assert_eq!(scene.doorbells().await, 1);
}

#[tokio::test]
async fn the_same_call_ten_times_at_once_makes_one_job() {
    let scene = Scene::new().await;
    let call = async || {
        // Each with a connection of its own.
        let door = scene.database.store(Role::Webhook);
        let mut session = door.session().await.unwrap();
        let tx = session.begin(scene.tenant_id).unwrap();
        let idempotency = Some(Idempotency { key: "order 7", request_hash: [1; 32] });
        start(&tx, scene.tenant_id, &sweep(None), "user/test", idempotency).await.unwrap();
        tx.commit().await.unwrap();
    };
    tokio::join!(call(), call(), call(), call(), call(), call(), call(), call(), call(), call());
    assert_eq!(scene.database.count("select count(*) from pipeline_jobs").await, 1);
}

#[tokio::test]
async fn the_same_business_starts_one_job() {
    let scene = Scene::new().await;
    let start_for = async |key| {
        let mut session = scene.worker.session().await.unwrap();
        let tx = session.begin(scene.tenant_id).unwrap();
        let started = start_once(&tx, scene.tenant_id, &sweep(Some(key))).await.unwrap();
        tx.commit().await.unwrap();
        started.is_some()
    };
    assert_eq!([start_for("a").await, start_for("a").await, start_for("b").await], [true, false, true]);
}

#[tokio::test]
async fn a_callback_ends_the_wait_once() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let claim = scene.ours(job_id).await;
    scene.issue(&claim, &[7; 32], in_an_hour()).await;
    scene.wait(&claim, in_an_hour()).await;
    assert_eq!(scene.call_back(&[7; 32]).await, CalledBack::Kept(job_id));
    assert_eq!(scene.call_back(&[7; 32]).await, CalledBack::Used);
    let mut session = scene.door.session().await.unwrap();
    assert_eq!(callbacks::find_tenant(&mut session, &[7; 32]).await.unwrap(), Some(scene.tenant_id));
    assert_eq!(callbacks::find_tenant(&mut session, &[8; 32]).await.unwrap(), None);
    drop(session);

    let claim = scene.ours(job_id).await;
    let mut session = scene.worker.session().await.unwrap();
    let tx = session.begin(scene.tenant_id).unwrap();
    assert_eq!(callbacks::answer(&tx, &claim).await.unwrap(), Some(json!({ "status": "done" })));
}

#[tokio::test]
async fn a_callback_that_comes_before_the_wait_is_not_lost() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let claim = scene.ours(job_id).await;
    scene.issue(&claim, &[7; 32], in_an_hour()).await;
    assert_eq!(scene.call_back(&[7; 32]).await, CalledBack::Kept(job_id));
    assert!(scene.wait(&claim, in_an_hour()).await.unwrap() <= Timestamp::now());
    scene.ours(job_id).await;
}

#[tokio::test]
async fn a_callback_after_its_time_changes_nothing() {
    let scene = Scene::new().await;
    let job_id = scene.job().await;
    let claim = scene.ours(job_id).await;
    scene.issue(&claim, &[7; 32], Timestamp::now()).await;
    assert_eq!(scene.call_back(&[7; 32]).await, CalledBack::Expired);
    scene.issue(&claim, &[8; 32], in_an_hour()).await;
    scene.begin_step(&claim).await;
    scene.fail(&claim).await;
    assert_eq!(scene.call_back(&[8; 32]).await, CalledBack::TooLate(job_id));
}
