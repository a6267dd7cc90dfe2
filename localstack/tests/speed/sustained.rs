//! Deliveries for long, at a steady rate, with workers beside the doors: nothing is lost, and nothing grows but the rows.

use std::thread;
use std::time::{Duration, Instant};

use crate::lambda::Environment;
use crate::measured::{Times, ms};
use crate::report::section;
use crate::scene::Scene;
use crate::worker::{Invocation, Watch};
use crate::{machine, start, webhook, worker};

const DOORS: usize = 2;
const WORKERS: usize = 1;
/// After each, everything stands still for the moment that it takes to look.
const PARTS: u32 = 10;

/// What was done in one part, and how everything stands after it.
struct Part {
    in_all: Duration,
    took: Times,
    jobs: usize,
    resident_bytes: [u64; 2],
    waiting: usize,
    stored: Stored,
}

/// The rows, and what they take with what was not tidied up yet.
struct Stored {
    deliveries: i64,
    jobs: i64,
    bytes: i64,
    dead_rows: i64,
}

/// Delivers at `rate` a second, or as quickly as the machine can, for so long. Gives the report.
pub async fn measure(binary: &dyn Fn(&str) -> String, rate: u32, how_long: Duration) -> String {
    let scene = Scene::set().await;
    let mut doors = start(&scene, binary, "webhook", DOORS);
    let mut workers = start(&scene, binary, "worker", WORKERS);
    let watch = Watch::start(&scene, &workers).await;
    let every = Duration::from_secs_f64(DOORS as f64 / f64::from(rate));
    let (mut parts, mut done) = (Vec::new(), Vec::new());
    for _ in 0..PARTS {
        let began = Instant::now();
        let (took, invocations) = run(&scene, &mut doors, &mut workers, every, began + how_long / PARTS);
        parts.push(Part {
            in_all: began.elapsed(),
            took,
            jobs: invocations.len(),
            resident_bytes: [&doors, &workers].map(|of| most_resident(of)),
            waiting: scene.aws.rings().count(),
            stored: Stored::look(&scene).await,
        });
        done.extend(invocations);
    }
    let worked = watch.stop(&scene, &workers, &done).await;
    let answered: u64 = parts.iter().map(|part| part.took.count()).sum();
    let last = &parts[parts.len() - 1];
    let rung = worked.jobs + last.waiting as u64;
    let found =
        [last.stored.deliveries, last.stored.jobs].map(|rows| u64::try_from(rows).unwrap_or_default());
    assert_eq!(
        [answered; 3],
        [found[0], found[1], rung],
        "deliveries answered; filed, with a job, and rung for"
    );
    text(&parts, rate, how_long)
}

/// Both sides at once, each at its own pace.
fn run(
    scene: &Scene,
    doors: &mut [Environment],
    workers: &mut [Environment],
    every: Duration,
    until: Instant,
) -> (Times, Vec<Invocation>) {
    thread::scope(|scope| {
        let delivering: Vec<_> =
            doors.iter_mut().map(|it| scope.spawn(move || deliver(scene, it, every, until))).collect();
        let working: Vec<_> =
            workers.iter_mut().map(|it| scope.spawn(move || work(scene, it, until))).collect();
        let took =
            delivering.into_iter().flat_map(|it| it.join().expect("every delivery is taken")).collect();
        let done = working.into_iter().flat_map(|it| it.join().expect("every job is done")).collect();
        (took, done)
    })
}

/// One delivery after the other, each when its time has come. Who is late does not hurry afterwards.
fn deliver(scene: &Scene, door: &mut Environment, every: Duration, until: Instant) -> Vec<Duration> {
    let mut took = Vec::new();
    let mut next = Instant::now();
    while next < until {
        took.push(webhook::deliver_one(door, &webhook::event(scene).1));
        next = (next + every).max(Instant::now());
        thread::sleep(next - Instant::now().min(next));
    }
    took
}

fn work(scene: &Scene, worker: &mut Environment, until: Instant) -> Vec<Invocation> {
    let left = || until.saturating_duration_since(Instant::now());
    let invocations = std::iter::from_fn(|| match left() {
        Duration::ZERO => None,
        left => worker::invoke(scene, worker, left),
    });
    invocations.collect()
}

impl Stored {
    async fn look(scene: &Scene) -> Self {
        let count = async |sql: &str| scene.database.count(sql).await;
        Self {
            deliveries: count("select count(*) from deliveries").await,
            jobs: count("select count(*) from pipeline_jobs").await,
            bytes: count("select pg_database_size(current_database())").await,
            dead_rows: count("select sum(n_dead_tup)::bigint from pg_stat_user_tables").await,
        }
    }
}

fn most_resident(environments: &[Environment]) -> u64 {
    environments.iter().map(Environment::resident_bytes).max().unwrap_or_default()
}

fn text(parts: &[Part], rate: u32, how_long: Duration) -> String {
    let mut minutes = 0.0;
    let rows = parts.iter().map(|Part { in_all, took, jobs, resident_bytes, waiting, stored }| {
        minutes += in_all.as_secs_f64() / 60.0;
        vec![
            format!("{minutes:.1}"),
            format!("{:.0}", took.count() as f64 / in_all.as_secs_f64()),
            format!("{:.2}", ms(took.per_mille(500))),
            format!("{:.2}", ms(took.per_mille(990))),
            format!("{:.0}", *jobs as f64 / in_all.as_secs_f64()),
            waiting.to_string(),
            format!("{:.1}", resident_bytes[0] as f64 / 1e6),
            format!("{:.1}", resident_bytes[1] as f64 / 1e6),
            stored.deliveries.to_string(),
            format!("{:.0}", stored.bytes as f64 / stored.deliveries as f64),
            stored.dead_rows.to_string(),
        ]
    });
    let title = format!("{rate} deliveries a second for {} s", how_long.as_secs());
    let words = format!(
        "Written by `make bench-sustained`: {}.\n\n\
         {DOORS} environments of the webhook function are asked for so many together, or for as many as they can, and \
         {WORKERS} of the worker does what jobs it can; the rings for the others wait. Every delivery that was answered \
         is filed, has its job and has rung, and every job that was handed out is done: otherwise there would be no table. \
         Resident memory is that of the largest environment; bytes are those of the whole database, and autovacuum is as \
         PostgreSQL brings it.",
        machine::description()
    );
    let columns = "after minutes | deliveries a second | p50 ms | p99 ms | jobs a second | waiting | webhook MB | worker MB | \
                   deliveries stored | bytes each | dead rows";
    section(&title, &words, columns, rows).replacen("## ", "# ", 1) + "\n"
}
