//! Kills the real worker binary where a test says, and lets another one go on.

use std::time::Duration;

use serde_json::json;
use zixly_domain::JobId;
use zixly_testkit::FunctionProcess;

use super::Scene;

/// A place on a worker's way through a job.
#[derive(Debug, Clone, Copy)]
pub enum Point {
    /// A step has begun and done nothing.
    Begun(&'static str),
    /// A step that writes nothing has begun, or is through, and nothing of it is recorded.
    Worked(&'static str),
    /// A step has made its write and settled it, and nothing else of it is recorded.
    Settled(&'static str),
    /// A step has made the n-th write, from 1, and has no effect that tells of it.
    Called(&'static str, usize),
    /// A step is recorded.
    Recorded(&'static str),
    /// The intent of the n-th write, from 1, is stated.
    Intended(usize),
    /// The n-th write is made, and nothing is known of it.
    Written(usize),
}

/// Every point of a workflow with these steps, of which some write.
pub fn points(steps: &[&'static str], writing: &[&'static str]) -> Vec<Point> {
    let around_writes = (1..=writing.len()).flat_map(|write| [Point::Intended(write), Point::Written(write)]);
    let worked = |step| if writing.contains(&step) { Point::Settled(step) } else { Point::Worked(step) };
    let after_steps = steps.iter().flat_map(|step| [worked(step), Point::Recorded(step)]);
    around_writes.chain(after_steps).collect()
}

/// Runs the job in a worker that is killed with SIGKILL at `point`, then in another one until it has ended.
pub async fn killed_at(scene: &Scene, job_id: JobId, point: Point) -> String {
    let doomed = scene.worker_process(Some(&point.failpoint())).await;
    drop(doomed.begin(serde_json::to_value(scene.ring(job_id)).unwrap()).await);
    wait_until_at(scene, point).await;
    doomed.kill().await;
    assert_eq!(scene.status(job_id).await, "RUNNING", "{point:?}");

    let next = scene.worker_process(None).await;
    ring_until_ended(scene, &next, job_id).await;
    next.kill().await;
    scene.status(job_id).await
}

async fn ring_until_ended(scene: &Scene, worker: &FunctionProcess, job_id: JobId) {
    // The first doorbells find the dead worker's lease still running.
    for _ in 0..60 {
        let answer = worker.invoke(serde_json::to_value(scene.ring(job_id)).unwrap()).await.unwrap();
        assert_eq!(answer["batchItemFailures"], json!([]));
        if scene.status(job_id).await != "RUNNING" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whatever the worker leaves behind on its way to the point shows that it is there.
async fn wait_until_at(scene: &Scene, point: Point) {
    for _ in 0..400 {
        if point.is_reached(scene).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the worker never got to {point:?}");
}

impl Point {
    fn failpoint(self) -> String {
        // A failpoint that is passed before it holds the worker up.
        let nth = |name, n| match n {
            1 => format!("{name}=pause"),
            _ => format!("{name}={}*off->pause", n - 1),
        };
        match self {
            Self::Begun(step) => format!("begun:{step}=pause"),
            Self::Worked(step) | Self::Settled(step) | Self::Called(step, _) => {
                format!("worked:{step}=pause")
            }
            Self::Recorded(step) => format!("recorded:{step}=pause"),
            Self::Intended(n) => nth("effect:intended", n),
            Self::Written(n) => nth("effect:written", n),
        }
    }

    async fn is_reached(self, scene: &Scene) -> bool {
        let count = async |query: String| scene.database.count(&query).await;
        match self {
            Self::Written(n) | Self::Called(_, n) => scene.writes().await.len() >= n,
            Self::Intended(n) => count("select count(*) from effects".to_owned()).await >= n as i64,
            Self::Recorded(step) => {
                count(format!("select count(*) from steps where name = '{step}' and status = 'DONE'")).await
                    > 0
            }
            Self::Begun(step) | Self::Worked(step) => {
                count(format!("select count(*) from steps where name = '{step}' and status = 'RUNNING'"))
                    .await
                    > 0
            }
            Self::Settled(step) => {
                count(format!("select count(*) from effects where step = '{step}' and status = 'DONE'")).await
                    > 0
            }
        }
    }
}
