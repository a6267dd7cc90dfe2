//! A rotating token set under a storm: each refresh token is spent once, and nobody is disconnected.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use std::time::Duration;

use futures_util::future::join_all;
use scene::{
    Scene,
    crowd::{self, Job, Organisation},
    handle,
};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::sync::Mutex;
use zixly_domain::TokenSetId;
use zixly_testkit::FunctionProcess;

const PROCESSES: usize = 200;
/// One Lambda invocation's batch.
const JOBS_EACH: usize = 1;

/// One storm at a time: each is as much as a small machine can take.
static STORM: Mutex<()> = Mutex::const_new(());

/// Two tenants with several organisations behind one consent.
struct Storm {
    scene: Scene,
    organisations: Vec<Organisation>,
    token_set_id: TokenSetId,
}

impl Storm {
    async fn new(organisations: usize) -> Self {
        let mut scene = Scene::empty().await;
        for (name, value) in [("TENANT_CONCURRENCY", "1000"), ("LEASE_MS", "30000")] {
            scene.settings.insert(name.to_owned(), value.to_owned());
        }
        let tenants = [scene.tenant_id, scene.database.tenant("second").await];
        let tenants: Vec<_> = tenants.into_iter().cycle().take(organisations).collect();
        let (organisations, token_set_id) = crowd::connect(&scene, &tenants).await;
        Self { scene, organisations, token_set_id }
    }

    /// The statuses of the answers that Xero gave to refreshes.
    async fn refreshes(&self) -> Vec<u64> {
        let calls = crowd::xero_calls(&self.scene).await;
        calls
            .into_iter()
            .filter(|(_, path, _)| path == "/connect/token")
            .map(|(_, _, status)| status)
            .collect()
    }

    async fn stored_access_token(&self) -> String {
        let stored = self.scene.token_sets().fetch(self.token_set_id).await.unwrap();
        stored.token_set.access_token.expose_secret().to_owned()
    }

    /// Makes the dead worker's lease end now.
    async fn end_lease(&self) {
        let end = "update token_sets set refresh_lease_expires_at = now() - interval '1 second'
                    where refresh_lease_expires_at is not null";
        self.scene.database.superuser().await.batch_execute(end).await.unwrap();
    }

    async fn disconnected(&self) -> i64 {
        let count = "select count(*) from connections where status = 'NEEDS_AUTHORISATION'";
        self.scene.database.count(count).await
    }

    /// Hands each process its jobs, all at once. What comes back for want of an answer is rung for again, like all
    /// that has to wait.
    async fn run(&self, processes: &[FunctionProcess], batches: &[Vec<Job>]) {
        let busy = processes.iter().zip(batches).filter(|(_, jobs)| !jobs.is_empty());
        let ring = |jobs: &[Job]| serde_json::to_value(crowd::ring(jobs)).unwrap();
        join_all(busy.map(async |(process, jobs)| process.invoke(ring(jobs)).await.unwrap())).await;
    }

    /// Rings until no job is left, as SQS and the scheduler do: on a busy machine the local AWS keeps some waiting.
    async fn run_to_the_end(&self, processes: &[FunctionProcess], mut batches: Vec<Vec<Job>>) {
        for _ in 0..60 {
            self.end_lease().await;
            self.scene.hurry().await;
            let left = crowd::unfinished(&self.scene, &batches.concat()).await;
            if left.is_empty() {
                break;
            }
            for jobs in &mut batches {
                jobs.retain(|job| left.contains(job));
            }
            self.run(processes, &batches).await;
        }
    }

    async fn jobs_of_each_process(&self, count: usize) -> Vec<Vec<Job>> {
        let mut batches = Vec::new();
        for index in 0..PROCESSES {
            let organisation = &self.organisations[index % self.organisations.len()];
            batches.push(crowd::jobs(&self.scene, organisation, count).await);
        }
        batches
    }
}

/// 200 workers with a job each, all of them with the same refused access token in memory; the one that refreshes it is
/// killed with SIGKILL at `point`.
async fn killed_at(point: &str, refreshes: usize) {
    let _alone = STORM.lock().await;
    // So many that no budget of calls is used up.
    let storm = Storm::new(40).await;
    let scene = &storm.scene;
    let processes = join_all((0..PROCESSES).map(|_| scene.worker_process(None))).await;
    let warm_up = storm.jobs_of_each_process(1).await;
    storm.run_to_the_end(&processes, warm_up).await;
    assert_eq!(storm.refreshes().await, [] as [u64; 0]);
    let before = storm.stored_access_token().await;
    scene.fault(json!({ "provider": "xero", "fault": "expire" })).await;

    let doomed = scene.worker_process(Some(&format!("{point}=pause"))).await;
    let last = crowd::jobs(scene, &storm.organisations[0], 1).await;
    drop(doomed.begin(serde_json::to_value(crowd::ring(&last)).unwrap()).await);
    for tries in 0.. {
        assert!(tries < 400, "the worker never got to {point}");
        let is_there = match point {
            "refresh:leased" => {
                let leased = "select count(*) from token_sets where refresh_lease_expires_at > now()";
                scene.database.count(leased).await > 0
            }
            "refresh:answered" => !storm.refreshes().await.is_empty(),
            _ => storm.stored_access_token().await != before,
        };
        if is_there {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }

    let mut batches = storm.jobs_of_each_process(JOBS_EACH).await;
    let kill = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        doomed.kill().await;
    };
    tokio::join!(storm.run(&processes, &batches), kill);
    batches[0].extend(last);
    storm.run_to_the_end(&processes, batches).await;
    let others =
        "select coalesce(string_agg(concat_ws(' ', status, waiting_reason, error_message), ', '), '')
                    from pipeline_jobs where status <> 'COMPLETED'";
    assert_eq!(scene.database.text(others).await, "", "{point}");
    assert_eq!(storm.refreshes().await, vec![200; refreshes], "{point}");
    assert_eq!(storm.disconnected().await, 0, "{point}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_killed_before_its_call_costs_no_refresh_token() {
    killed_at("refresh:leased", 1).await;
}

/// The pair that Xero gave is lost with the worker. The token that was spent for it is the previous one now, which
/// Xero takes once more for half an hour: the only refresh that comes twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_killed_with_the_new_pair_in_its_hands_has_it_bought_again() {
    killed_at("refresh:answered", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_killed_after_storing_the_new_pair_leaves_it_to_all() {
    killed_at("refresh:stored", 1).await;
}

#[tokio::test]
async fn a_refusal_for_good_ends_every_connection_of_the_token_set_and_is_asked_for_once() {
    let storm = Storm::new(4).await;
    let scene = &storm.scene;
    let workers = [scene.worker(), scene.worker()];
    let mut jobs = Vec::new();
    for (organisation, worker) in storm.organisations.iter().zip(workers.iter().cycle()) {
        let warm_up = crowd::jobs(scene, organisation, 1).await;
        handle(worker, crowd::ring(&warm_up)).await;
        jobs.extend(crowd::jobs(scene, organisation, 1).await);
    }
    let calls_before = crowd::xero_calls(scene).await.len();
    scene.fault(json!({ "provider": "xero", "fault": "revoke" })).await;
    for (job, worker) in jobs.iter().zip(workers.iter().cycle()) {
        handle(worker, crowd::ring(&[*job])).await;
    }
    let waiting = "select count(*) from pipeline_jobs where waiting_reason = 'reauthorisation'";
    assert_eq!(scene.database.count(waiting).await, 4);
    assert_eq!(storm.disconnected().await, 4, "of both tenants");
    assert_eq!(storm.refreshes().await, [400]);
    // The first job's call and its refresh. The second worker has the token in its memory, and asks nobody in vain.
    assert_eq!(crowd::xero_calls(scene).await.len(), calls_before + 2);

    // Somebody says that it is well again, and it is not: the refresh token is not sent a second time.
    let heal = "update connections set status = 'HEALTHY'";
    scene.database.superuser().await.batch_execute(heal).await.unwrap();
    scene.hurry().await;
    handle(&workers[1], crowd::ring(&jobs)).await;
    assert_eq!(storm.refreshes().await, [400]);
    assert_eq!(storm.disconnected().await, 4);

    crowd::consent(scene, &storm.organisations, storm.token_set_id).await;
    scene.database.superuser().await.batch_execute(heal).await.unwrap();
    scene.hurry().await;
    handle(&workers[1], crowd::ring(&jobs)).await;
    assert_eq!(crowd::unfinished(scene, &jobs).await.len(), 0);
    assert_eq!(storm.refreshes().await, [400]);
}

#[tokio::test]
async fn a_step_that_runs_out_of_time_loses_no_pair() {
    let mut storm = Storm::new(1).await;
    storm.scene.settings.insert("STEP_TIMEOUT_MS".to_owned(), "400".to_owned());
    let scene = &storm.scene;
    let before = storm.stored_access_token().await;
    scene.fault(json!({ "provider": "xero", "fault": "expire" })).await;
    let slow =
        json!({ "provider": "xero", "fault": "slow", "match": { "path": "token" }, "retry_after_s": 1.5 });
    scene.fault(slow).await;
    let worker = scene.worker();
    let jobs = crowd::jobs(scene, &storm.organisations[0], 1).await;
    handle(&worker, crowd::ring(&jobs)).await;
    let failures = "select max(failures)::int8 from steps";
    assert_eq!(scene.database.count(failures).await, 1, "the step has given up");
    assert_ne!(storm.stored_access_token().await, before);
    scene.hurry().await;
    handle(&scene.worker(), crowd::ring(&jobs)).await;
    assert_eq!(crowd::unfinished(scene, &jobs).await.len(), 0);
    assert_eq!(storm.refreshes().await, [200]);
}

#[tokio::test]
async fn a_pair_that_comes_late_replaces_no_newer_one() {
    let storm = Storm::new(1).await;
    let token_sets = storm.scene.token_sets();
    let old = token_sets.fetch(storm.token_set_id).await.unwrap();
    let mut late = old.token_set.clone();
    late.access_token = "late".into();
    // The owner consents anew, while a refresh is under way.
    crowd::consent(&storm.scene, &storm.organisations, storm.token_set_id).await;
    let newer = storm.stored_access_token().await;
    let in_force = token_sets.replace(storm.token_set_id, &old, &late).await.unwrap();
    assert_eq!(in_force.token_set.access_token.expose_secret(), newer);
    assert_eq!(storm.stored_access_token().await, newer);

    let in_force = token_sets.replace(storm.token_set_id, &in_force, &late).await.unwrap();
    assert_eq!(in_force.token_set.access_token.expose_secret(), "late");
    assert_eq!(storm.stored_access_token().await, "late");
}
