//! Jobs of the main workflow, from the doorbell to the end.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::aws::Calls;
use crate::lambda::Environment;
use crate::measured::{Meter, Times, Used};
use crate::providers::Heard;
use crate::rings::Ring;
use crate::scene::Scene;
use crate::webhook;

/// What the workflow records when a tenant wants nobody told.
pub const STEPS: u32 = 5;

/// How long it is looked how quick the workers are.
const WARM_UP: Duration = Duration::from_secs(2);
/// More than any number of workers does in that time.
const FIRST_JOBS: usize = 4000;
/// By how much a warm worker may be quicker than that.
const MORE: f64 = 2.0;

/// So far, with each step and the one write recorded.
const DONE: &str = "
    select count(*) from pipeline_jobs as job
     where status = 'COMPLETED' and result->>'outcome' = 'updated'
       and 5 = (select count(*) from steps
                 where (tenant_id, job_id) = (job.tenant_id, job.job_id) and status = 'DONE')
       and 1 = (select count(*) from effects
                 where (tenant_id, job_id) = (job.tenant_id, job.job_id) and status = 'DONE')";

/// What was measured of some jobs.
pub struct Worked {
    pub jobs: u64,
    /// Each invocation.
    pub took: Times,
    pub used: Used,
    pub calls: Calls,
    pub heard: Heard,
}

impl Worked {
    pub fn rate(&self) -> f64 {
        self.jobs as f64 / self.used.in_all.as_secs_f64()
    }
}

/// One invocation of a worker.
pub struct Invocation {
    pub rings: Vec<Ring>,
    pub took: Duration,
    pub ended: Instant,
}

/// Measures the workers for so long while more doorbells wait than they can answer.
pub async fn busy(
    scene: &Scene,
    doors: &mut [Environment],
    workers: &mut [Environment],
    how_long: Duration,
) -> Worked {
    scene.aws.rings().clear();
    fill(scene, doors, FIRST_JOBS);
    let rate = work(scene, workers, WARM_UP).await.rate();
    fill(scene, doors, (rate * how_long.as_secs_f64() * MORE) as usize);
    work(scene, workers, how_long).await
}

/// Lets doors ring until so many jobs wait.
pub fn fill(scene: &Scene, doors: &mut [Environment], jobs: usize) {
    thread::scope(|scope| {
        for door in doors {
            scope.spawn(move || {
                while scene.aws.rings().count() < jobs {
                    webhook::deliver_one(door, &webhook::event(scene).1);
                }
            });
        }
    });
}

/// Has the workers answer the doorbells that wait, for so long or until none is left.
pub async fn work(scene: &Scene, workers: &mut [Environment], how_long: Duration) -> Worked {
    let watch = Watch::start(scene, workers).await;
    let until = Instant::now() + how_long;
    let done = thread::scope(|scope| {
        let at_work: Vec<_> =
            workers.iter_mut().map(|it| scope.spawn(move || answer_rings(scene, it, until))).collect();
        at_work.into_iter().flat_map(|it| it.join().expect("every job is done")).collect::<Vec<_>>()
    });
    watch.stop(scene, workers, &done).await
}

fn answer_rings(scene: &Scene, worker: &mut Environment, until: Instant) -> Vec<Invocation> {
    let mut done = Vec::new();
    while Instant::now() < until {
        match invoke(scene, worker, Duration::ZERO) {
            Some(invocation) => done.push(invocation),
            None => break,
        }
    }
    done
}

/// Hands a worker as many messages as the mapping does; none if none comes within `patience`.
pub fn invoke(scene: &Scene, worker: &mut Environment, patience: Duration) -> Option<Invocation> {
    let rings = scene.aws.rings().take(batch_size(), patience);
    if rings.is_empty() {
        return None;
    }
    let (answer, took) = worker.invoke(event(&rings).to_string().as_bytes());
    let ended = Instant::now();
    assert_eq!(String::from_utf8_lossy(&answer), r#"{"batchItemFailures":[]}"#);
    Some(Invocation { rings, took, ended })
}

fn event(rings: &[Ring]) -> Value {
    let record = |(number, ring): (usize, &Ring)| {
        json!({
            "messageId": number.to_string(), "receiptHandle": number.to_string(), "body": ring.body,
            "eventSource": "aws:sqs", "attributes": {}, "messageAttributes": {},
        })
    };
    json!({ "Records": rings.iter().enumerate().map(record).collect::<Vec<_>>() })
}

/// How many messages the mapping hands a worker at once.
fn batch_size() -> usize {
    let pipeline = include_str!("../../../terraform/modules/pipeline/main.tf");
    let mapping =
        pipeline.split_once("\"aws_lambda_event_source_mapping\" \"worker\"").expect("it is there").1;
    let size =
        mapping.lines().find_map(|line| line.trim().strip_prefix("batch_size")?.trim().strip_prefix('='));
    size.and_then(|size| size.trim().parse().ok()).expect("it is a number")
}

/// Looks what comes of the jobs that are handed out meanwhile.
pub struct Watch {
    done: i64,
    meter: Meter,
}

impl Watch {
    pub async fn start(scene: &Scene, workers: &[Environment]) -> Self {
        let done = scene.database.count(DONE).await;
        scene.aws.take_calls();
        scene.providers.take();
        Self { done, meter: Meter::start(scene, workers).await }
    }

    /// Fails unless each of the jobs is done.
    pub async fn stop(self, scene: &Scene, workers: &[Environment], invocations: &[Invocation]) -> Worked {
        let used = self.meter.stop(scene, workers).await;
        let (calls, heard) = (scene.aws.take_calls(), scene.providers.take());
        let jobs = invocations.iter().map(|invocation| invocation.rings.len() as u64).sum();
        let done = scene.database.count(DONE).await - self.done;
        assert_eq!(u64::try_from(done), Ok(jobs), "jobs that are done, of those handed out");
        let took = invocations.iter().map(|invocation| invocation.took).collect();
        Worked { jobs, took, used, calls, heard }
    }
}
