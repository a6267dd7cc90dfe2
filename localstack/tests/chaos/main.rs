//! The chaos run: thousands of deliveries through the functions' real binaries, on real servers, while workers are
//! killed at every await point, PostgreSQL crashes, messages are doubled and delayed, and providers fail in every way.
//! In the end each write that has to follow is there, and there once.
//!
//! `SEED` decides what is sent and what goes wrong; `DELIVERIES` how much. `make chaos` is the long form.

mod business;
mod doors;
mod mischief;
mod verdict;
mod workers;
mod world;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use zixly_testkit::{AwsServer, LocalAws, PostgresServer, TestDatabase, function_binary};
use zixly_worker::AWAIT_POINTS;

use crate::business::Business;
use crate::doors::{Doors, Senders, listen_for_callbacks};
use crate::mischief::{Mischief, schedule};
use crate::verdict::{Verdict, missing};
use crate::workers::{Deaths, Slot};
use crate::world::World;

/// How large a run is.
struct Scale {
    seed: u64,
    deliveries: usize,
    tenants: usize,
    doors: usize,
    workers: usize,
    /// The time in which all deliveries are sent.
    sending: Duration,
    /// How often an owner withdraws his consent.
    withdrawing: Duration,
    /// How long the troubles go on at most once everything is sent.
    aftermath: Duration,
    /// Whether every point must have killed.
    is_complete: bool,
}

/// How long everything may take once the troubles are over.
const PEACE: Duration = Duration::from_secs(480);

/// How many times as long they go on while there are points at which nobody has died.
const UNTRIED: u32 = 4;

/// After this, each poll has come round once more.
const POLLS: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // A filter of `cargo test` that means other tests.
    if std::env::args().skip(1).any(|filter| !filter.starts_with('-') && !"chaos".contains(&filter)) {
        return ExitCode::SUCCESS;
    }
    run(&scale()).await
}

fn scale() -> Scale {
    #[expect(clippy::disallowed_methods, reason = "this is where the run takes its settings, once")]
    let number = |name: &str| -> Option<u64> {
        let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
        Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
    };
    let seed = number("SEED").unwrap_or(1);
    match number("DELIVERIES") {
        Some(deliveries) => Scale {
            seed,
            deliveries: usize::try_from(deliveries).expect("so many fit into memory"),
            tenants: 16,
            doors: 4,
            workers: 6,
            sending: Duration::from_millis(deliveries * 15),
            withdrawing: Duration::from_secs(45),
            aftermath: Duration::from_millis(deliveries * 12).max(Duration::from_secs(20)),
            is_complete: deliveries >= 10_000,
        },
        None => Scale {
            seed,
            deliveries: 300,
            tenants: 2,
            doors: 2,
            workers: 3,
            sending: Duration::from_secs(12),
            withdrawing: Duration::from_secs(10),
            aftermath: Duration::from_secs(6),
            is_complete: false,
        },
    }
}

async fn run(scale: &Scale) -> ExitCode {
    let seed = scale.seed;
    let business = Business::new(seed, scale.tenants, scale.deliveries);
    let (mut postgres, aws_server) = tokio::join!(PostgresServer::launch(), AwsServer::launch());
    let database = TestDatabase::create_on(&postgres.url()).await;
    let aws = LocalAws::at(aws_server.endpoint.clone());
    let world = World::new(database, aws, &business.tenants, function_binary).await;
    world.seed(&business.records).await;
    let doors = Doors::open(&world, scale.doors).await;
    let settings = world.worker_settings(&listen_for_callbacks(doors.clone()).await).await;
    let scheduler = world.scheduler().await;
    say(&format!(
        "{} deliveries, {} writes to be made; logs in {}",
        business.messages.len(),
        business.effects.len(),
        world.log_path.display()
    ));

    let began = Instant::now();
    let (is_peace, deaths, mischief) = (Cell::new(false), Deaths::new(AWAIT_POINTS), Mischief::default());
    let senders = Senders::new(&world, &doors, business.messages.clone(), scale.sending);
    let slots: Vec<Slot> = (0..scale.workers)
        .map(|number| Slot {
            world: &world,
            settings: &settings,
            deaths: &deaths,
            is_peace: &is_peace,
            seed: seed.wrapping_mul(1000) + number as u64,
        })
        .collect();
    let is_over = Cell::new(false);
    let course = async {
        let sending = async {
            join_all((0..scale.doors * 2).map(|_| senders.run())).await;
            say(&format!("{} s: everything is sent", began.elapsed().as_secs()));
            let sent = Instant::now();
            let is_at_work = async || left(&world).await != Some(0) && sent.elapsed() < scale.aftermath;
            // On a slow machine it takes longer until somebody has died at each of them.
            let is_untried = || !deaths.untried().is_empty() && sent.elapsed() < scale.aftermath * UNTRIED;
            while is_at_work().await || scale.is_complete && is_untried() {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            is_over.set(true);
        };
        // Whoever crashes PostgreSQL starts it again before it ends.
        tokio::select! {
            _ = async { tokio::join!(sending, mischief.crash_postgres(&mut postgres, seed + 1, || is_over.get())) } => {}
            () = mischief.trouble_providers(&world, seed + 2) => {}
            () = mischief.withdraw_consents(&world, seed + 3, scale.withdrawing) => {}
        }
        is_peace.set(true);
        world.clear_faults().await;
        say(&format!(
            "{} s: the troubles are over, {:?} jobs to go",
            began.elapsed().as_secs(),
            left(&world).await
        ));
        let ended = until_all_have_ended(&world, &business).await;
        report_failures(&world).await;
        let retried = retry_failed(&world, &doors).await;
        say(&format!("{} s: all jobs have ended, {retried} are retried", began.elapsed().as_secs()));
        ended && until_all_have_ended(&world, &business).await && until_all_is_found(&world, &business).await
    };
    let all_ended = tokio::select! {
        all_ended = course => all_ended,
        _ = join_all(slots.iter().map(Slot::run)) => unreachable!("workers never stop"),
        () = deaths.watch(&world) => unreachable!("it never stops"),
        () = mischief.heal_connections(&world) => unreachable!("it never stops"),
        () = schedule(&scheduler) => unreachable!("it never stops"),
    };

    let verdict = Verdict::reach(&world, &business).await;
    conclude(scale, &world, &senders, &deaths, &mischief, &verdict, all_ended, began).await
}

/// How many jobs have not ended; none while PostgreSQL is away.
async fn left(world: &World) -> Option<usize> {
    let query = "select count(*) from pipeline_jobs where status in ('QUEUED', 'RUNNING')";
    world.database.try_query(query).await?[0][0].parse().ok()
}

async fn until_all_have_ended(world: &World, business: &Business) -> bool {
    let deadline = Instant::now() + PEACE;
    while Instant::now() < deadline {
        // A delivery that the queue still carries has no job yet.
        if missing(world, business).await == Some(0) && left(world).await == Some(0) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let query = "
        select status || ' ' || job_type || ' ' || coalesce(waiting_reason, '-') || ' due ' || coalesce(due_at::text, '-')
          from pipeline_jobs where status in ('QUEUED', 'RUNNING') limit 20";
    for row in world.database.try_query(query).await.unwrap_or_default() {
        say(&format!("  not ended: {}", row[0]));
    }
    false
}

/// What no event has told of is found by a poll, which comes by the clock. True also where something is lost: the verdict
/// says what.
async fn until_all_is_found(world: &World, business: &Business) -> bool {
    let deadline = Instant::now() + POLLS;
    while Instant::now() < deadline && !Verdict::reach(world, business).await.lost.is_empty() {
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    until_all_have_ended(world, business).await
}

async fn report_failures(world: &World) {
    let query = "select job_type, error_message from pipeline_jobs where status = 'FAILED'";
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for row in world.database.try_query(query).await.unwrap_or_default() {
        let reason: String = row[1]
            .chars()
            .map(|character| if character.is_ascii_digit() { '#' } else { character })
            .collect();
        *reasons.entry(format!("{}: {reason}", row[0])).or_default() += 1;
    }
    say("failed because of the troubles:");
    for (reason, count) in reasons {
        say(&format!("  {count} {reason}"));
    }
}

async fn retry_failed(world: &World, doors: &Doors) -> usize {
    let mut retried = 0;
    let query = "select tenant_id, job_id from pipeline_jobs where status = 'FAILED'";
    for row in world.database.try_query(query).await.unwrap_or_default() {
        let tenant = world.tenants.iter().find(|tenant| tenant.tenant_id.to_string() == row[0]);
        if doors.retry(tenant.expect("there are no others"), &row[1]).await {
            retried += 1;
        }
    }
    retried
}

#[expect(clippy::too_many_arguments, reason = "it is all that there is to tell")]
async fn conclude(
    scale: &Scale,
    world: &World,
    senders: &Senders<'_>,
    deaths: &Deaths,
    mischief: &Mischief,
    verdict: &Verdict,
    all_ended: bool,
    began: Instant,
) -> ExitCode {
    let list = |counts: &BTreeMap<String, usize>| {
        counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    say(&format!("went wrong: {}", list(&mischief.done.borrow())));
    say(&format!("workers died at: {}", list(&deaths.kills.borrow())));
    let untried = deaths.untried();
    if !untried.is_empty() {
        say(&format!("nobody died at: {}", untried.join(", ")));
    }
    for (what, found) in [("lost", &verdict.lost), ("doubled", &verdict.doubled)] {
        for line in found.iter().take(50) {
            say(&format!("{what}: {line}"));
        }
    }
    say(&format!(
        "given up by senders: {}; invocations that ran out of time: {}; longest recovery {:.1} s; all in {} s",
        senders.given_up.get(),
        deaths.overdue.get(),
        deaths.longest_recovery.get().as_secs_f64(),
        began.elapsed().as_secs()
    ));
    say(&format!("unknown={} refused={}", verdict.unknown, verdict.refused));
    say(&format!(
        "accepted={} jobs={} completed={} failed={} lost={} doubled={} seed={}",
        senders.accepted.get(),
        verdict.jobs,
        verdict.completed,
        verdict.failed,
        verdict.lost.len(),
        verdict.doubled.len(),
        scale.seed
    ));
    let is_proven = all_ended
        && verdict.lost.is_empty()
        && verdict.doubled.is_empty()
        && senders.given_up.get() == 0
        && (!scale.is_complete || untried.is_empty());
    if is_proven {
        // What is left in a folder for temporary files is no reason to fail.
        let _ = std::fs::remove_file(&world.log_path);
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn say(line: &str) {
    #[expect(clippy::print_stdout, reason = "the run's report")]
    {
        println!("{line}");
    }
}
