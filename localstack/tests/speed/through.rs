//! From the webhook to the end of its job: doors and workers at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lambda::Environment;
use crate::measured::{Times, processor};
use crate::providers::invoice_number;
use crate::scene::Scene;
use crate::webhook;
use crate::worker::{self, Invocation, Watch, Worked};

/// How often a worker without work looks whether there will be more.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub struct Through {
    pub worked: Worked,
    /// What the doors took of the processors.
    pub doors: Duration,
    /// From a doorbell to the first call to a provider about its job.
    pub first_step: Times,
    /// From a delivery's arrival to the end of its job.
    pub done: Times,
}

/// Delivers for so long, with at most so many jobs under way, and waits for the last of them.
pub async fn run(
    scene: &Scene,
    doors: &mut [Environment],
    workers: &mut [Environment],
    at_once: usize,
    how_long: Duration,
) -> Through {
    scene.aws.rings().clear();
    let doors_before = processor(doors);
    let watch = Watch::start(scene, workers).await;
    let until = Instant::now() + how_long;
    let (places, open) = (Places::new(at_once), AtomicUsize::new(doors.len()));
    let (delivered, done) = thread::scope(|scope| {
        let (places, open) = (&places, &open);
        let delivering: Vec<_> =
            doors.iter_mut().map(|it| scope.spawn(move || deliver(scene, it, places, open, until))).collect();
        let working: Vec<_> =
            workers.iter_mut().map(|it| scope.spawn(move || work(scene, it, places, open))).collect();
        let delivered: HashMap<u64, Instant> =
            delivering.into_iter().flat_map(|it| it.join().expect("every delivery is taken")).collect();
        let done: Vec<Invocation> =
            working.into_iter().flat_map(|it| it.join().expect("every job is done")).collect();
        (delivered, done)
    });
    let doors = processor(doors) - doors_before;
    let worked = watch.stop(scene, workers, &done).await;
    let invoices = invoices(scene).await;
    let (mut first_step, mut since_delivery) = (Vec::new(), Vec::new());
    for Invocation { rings, ended, .. } in &done {
        for ring in rings {
            let invoice = invoices[&job_id(&ring.body)];
            first_step.push(worked.heard.read[&invoice] - ring.at);
            since_delivery.push(*ended - delivered[&invoice]);
        }
    }
    Through {
        worked,
        doors,
        first_step: first_step.into_iter().collect(),
        done: since_delivery.into_iter().collect(),
    }
}

/// Gives when each invoice was told of.
fn deliver(
    scene: &Scene,
    door: &mut Environment,
    places: &Places,
    open: &AtomicUsize,
    until: Instant,
) -> Vec<(u64, Instant)> {
    let mut delivered = Vec::new();
    while Instant::now() < until {
        places.take();
        let (invoice, event) = webhook::event(scene);
        delivered.push((invoice, Instant::now()));
        webhook::deliver_one(door, &event);
    }
    open.fetch_sub(1, Ordering::SeqCst);
    delivered
}

fn work(scene: &Scene, worker: &mut Environment, places: &Places, open: &AtomicUsize) -> Vec<Invocation> {
    let mut done = Vec::new();
    loop {
        // Asked first: what the last one rings for is in the queue by then.
        let is_over = open.load(Ordering::SeqCst) == 0;
        match worker::invoke(scene, worker, LOOK_EVERY) {
            Some(invocation) => {
                places.give(invocation.rings.len());
                done.push(invocation);
            }
            None if is_over => return done,
            None => {}
        }
    }
}

/// The number of the invoice that each job is about.
async fn invoices(scene: &Scene) -> HashMap<String, u64> {
    let sql = "select job_id, parameters->>'invoice_id' from pipeline_jobs";
    let rows = scene.database.try_query(sql).await.expect("the server is up");
    rows.into_iter().filter_map(|row| Some((row[0].clone(), invoice_number(&row[1])?))).collect()
}

fn job_id(message: &str) -> String {
    let message: Value = serde_json::from_str(message).expect("a doorbell is JSON");
    message["job_id"].as_str().expect("a doorbell names its job").to_owned()
}

/// For how many jobs there is room.
struct Places {
    free: Mutex<usize>,
    given: Condvar,
}

impl Places {
    fn new(free: usize) -> Self {
        Self { free: Mutex::new(free), given: Condvar::new() }
    }

    fn take(&self) {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.given.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
    }

    fn give(&self, places: usize) {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += places;
        self.given.notify_all();
    }
}
