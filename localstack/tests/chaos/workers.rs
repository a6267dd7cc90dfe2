//! The workers: each takes batches from the queue as an event source mapping does, and dies where it is told to.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use zixly_testkit::{Ending, FunctionProcess, SqsMessage, sqs_event};

use crate::world::{VISIBILITY, World};

/// A worker that has not come to its point by then is killed wherever it is.
const LONGEST_LIFE: Duration = Duration::from_secs(25);

/// For kills at no named point.
pub const ANYWHERE: &str = "anywhere";

/// The workers' deaths, and how long the jobs that they held had to wait for another one.
pub struct Deaths {
    /// The points that are still to be died at, the next first.
    ahead: RefCell<VecDeque<String>>,
    /// How often each has killed.
    pub kills: RefCell<BTreeMap<String, usize>>,
    /// Jobs that a dead worker held: id, fence, and since when.
    orphans: RefCell<Vec<(String, String, Instant)>>,
    pub longest_recovery: Cell<Duration>,
    pub overdue: Cell<usize>,
}

impl Deaths {
    /// At these points, and at those of the steps as they become known.
    pub fn new(points: &[&str]) -> Self {
        let deaths = Self {
            ahead: RefCell::default(),
            kills: RefCell::default(),
            orphans: RefCell::default(),
            longest_recovery: Cell::new(Duration::ZERO),
            overdue: Cell::new(0),
        };
        points.iter().for_each(|point| deaths.add((*point).to_owned()));
        deaths
    }

    fn add(&self, point: String) {
        if !self.kills.borrow().contains_key(&point) {
            self.kills.borrow_mut().insert(point.clone(), 0);
            self.ahead.borrow_mut().push_back(point);
        }
    }

    /// The points that have killed nobody.
    pub fn untried(&self) -> Vec<String> {
        let kills = self.kills.borrow();
        kills.iter().filter(|(_, count)| **count == 0).map(|(point, _)| point.clone()).collect()
    }

    /// The next point to die at; those that have killed nobody come first.
    fn next(&self) -> String {
        let mut ahead = self.ahead.borrow_mut();
        let kills = self.kills.borrow();
        let first = ahead.iter().position(|point| kills[point] == 0).unwrap_or(0);
        let point = ahead.remove(first).expect("there are points");
        ahead.push_back(point.clone());
        point
    }

    fn note(&self, point: &str) {
        *self.kills.borrow_mut().entry(point.to_owned()).or_default() += 1;
    }

    /// Learns of steps as they are run, and watches the jobs of dead workers until another worker has them.
    pub async fn watch(&self, world: &World) {
        loop {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let steps = world.database.try_query("select distinct name from steps").await.unwrap_or_default();
            for step in steps {
                for point in ["begun", "worked", "recorded"] {
                    self.add(format!("{point}:{}", step[0]));
                }
            }
            let ids: Vec<String> = self.orphans.borrow().iter().map(|(id, _, _)| format!("'{id}'")).collect();
            if ids.is_empty() {
                continue;
            }
            let query = format!(
                "select job_id, fence from pipeline_jobs where status = 'RUNNING' and job_id in ({})",
                ids.join(", ")
            );
            let Some(running) = world.database.try_query(&query).await else { continue };
            self.orphans.borrow_mut().retain(|(id, fence, since)| {
                let is_held = running.iter().any(|row| row[0] == *id && row[1] == *fence);
                if !is_held {
                    self.longest_recovery.set(self.longest_recovery.get().max(since.elapsed()));
                }
                is_held
            });
        }
    }
}

/// One worker after the other, until `stop`. In peace nobody dies and no message is lost or doubled.
pub struct Slot<'a> {
    pub world: &'a World,
    pub settings: &'a [(&'static str, String)],
    pub deaths: &'a Deaths,
    pub is_peace: &'a Cell<bool>,
    pub seed: u64,
}

impl Slot<'_> {
    /// Never returns; to be dropped when the work is done.
    pub async fn run(&self) {
        let mut random = StdRng::seed_from_u64(self.seed);
        loop {
            let point = (!self.is_peace()).then(|| self.deaths.next());
            self.live(point, &mut random).await;
        }
    }

    fn is_peace(&self) -> bool {
        self.is_peace.get()
    }

    /// The life of one worker.
    async fn live(&self, point: Option<String>, random: &mut StdRng) {
        // Mostly the first passing kills it.
        let passings: u32 = if random.random_ratio(2, 3) { 0 } else { random.random_range(1..5) };
        let failpoint = point.as_ref().map(|point| match passings {
            0 => format!("{point}=return"),
            _ => format!("{point}={passings}*off->return"),
        });
        let mut worker = self.world.worker(self.settings, failpoint.as_deref()).await;
        let end_of_life = Instant::now() + LONGEST_LIFE.mul_f64(random.random_range(0.3..1.0));
        loop {
            if point.is_some() && (self.is_peace() || Instant::now() > end_of_life) {
                return worker.kill().await;
            }
            let batch = self.receive(random).await;
            if batch.is_empty() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            let ending = tokio::select! {
                ending = work(&mut worker, &batch) => Some(ending),
                () = tokio::time::sleep_until(end_of_life.into()), if point.is_some() => None,
            };
            match ending {
                Some(Ending::Answered(answer)) => self.acknowledge(&batch, answer, random).await,
                Some(Ending::Died(status)) => {
                    let point = point.as_deref().filter(|_| status.signal() == Some(Signal::SIGABRT as i32));
                    let Some(point) = point else {
                        panic!(
                            "a worker ended by itself with {status}, see {}",
                            self.world.log_path.display()
                        );
                    };
                    self.deaths.note(point);
                    return self.leave_behind(&batch).await;
                }
                Some(Ending::Overdue) => {
                    self.deaths.overdue.set(self.deaths.overdue.get() + 1);
                    return self.leave_behind(&batch).await;
                }
                None => {
                    worker.kill().await;
                    self.deaths.note(ANYWHERE);
                    return self.leave_behind(&batch).await;
                }
            }
        }
    }

    /// Takes a batch. Some messages are late, some come twice, and some doorbells are lost.
    async fn receive(&self, random: &mut StdRng) -> Vec<SqsMessage> {
        let (aws, queue) = (&self.world.aws, &self.world.job_queue_url);
        let received = aws.receive_for(queue, VISIBILITY).await;
        if self.is_peace() {
            return received;
        }
        let mut batch = Vec::new();
        for message in received {
            let seconds = |random: &mut StdRng| Duration::from_secs(random.random_range(0..6));
            match random.random_range(0..100) {
                0..3 => aws.return_after(queue, &message, seconds(random)).await,
                // A doorbell may get lost, too. A delivery that the queue carries may not: SQS keeps what it has taken.
                3 if job_of(&message).is_some() => aws.delete(queue, &[message]).await,
                4..7 => {
                    aws.send_after(queue, message.body().unwrap_or_default(), seconds(random)).await;
                    batch.push(message);
                }
                _ => batch.push(message),
            }
        }
        batch
    }

    /// Deletes what is not to come back, as the event source mapping does.
    async fn acknowledge(&self, batch: &[SqsMessage], answer: Result<Value, Value>, random: &mut StdRng) {
        // A batch whose answer is an error comes back whole.
        let Ok(answer) = answer else { return };
        let back: Vec<&str> = answer["batchItemFailures"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|failure| failure["itemIdentifier"].as_str())
            .collect();
        // A deletion that gets lost doubles a message, too.
        let is_peace = self.is_peace();
        let done: Vec<_> = batch
            .iter()
            .filter(|message| !message.message_id().is_some_and(|id| back.contains(&id)))
            .filter(|_| is_peace || !random.random_ratio(1, 50))
            .cloned()
            .collect();
        if !done.is_empty() {
            self.world.aws.delete(&self.world.job_queue_url, &done).await;
        }
    }

    /// Takes down which jobs the dead worker held.
    async fn leave_behind(&self, batch: &[SqsMessage]) {
        let since = Instant::now();
        let ids: Vec<String> = batch.iter().filter_map(job_of).map(|id| format!("'{id}'")).collect();
        if ids.is_empty() {
            return;
        }
        let query = format!(
            "select job_id, fence from pipeline_jobs where status = 'RUNNING' and job_id in ({})",
            ids.join(", ")
        );
        let held = self.world.database.try_query(&query).await.unwrap_or_default();
        let orphans = held.into_iter().map(|row| (row[0].clone(), row[1].clone(), since));
        self.deaths.orphans.borrow_mut().extend(orphans);
    }
}

async fn work(worker: &mut FunctionProcess, batch: &[SqsMessage]) -> Ending {
    if batch.is_empty() {
        return Ending::Answered(Ok(Value::Null));
    }
    worker.invoke_as_lambda(sqs_event(batch)).await
}

fn job_of(message: &SqsMessage) -> Option<String> {
    let content: Value = serde_json::from_str(message.body()?).ok()?;
    content["job_id"].as_str().map(str::to_owned)
}
