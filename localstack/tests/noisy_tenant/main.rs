//! A tenant that sends a hundred times as much as any other does not make the others wait.
//!
//! What is measured is the time from the making of a job to its first claim, of the quiet tenants' jobs only: alone, and
//! then beside the noisy one.

#[path = "../chaos/business.rs"]
mod business;
#[path = "../chaos/doors.rs"]
#[expect(dead_code, reason = "deliveries are wanted, and no calls")]
mod doors;
#[path = "../chaos/world.rs"]
#[expect(dead_code, reason = "no scheduler, no faults to be cleared")]
mod world;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep_until;
use zixly_domain::Provider;
use zixly_testkit::{Ending, LocalAws, Post, TestDatabase, release_function_binary, sqs_event};

use crate::business::{Accounts, Business};
use crate::doors::{Doors, listen_for_callbacks};
use crate::world::{VISIBILITY, World};

const QUIET_TENANTS: usize = 6;
/// The workers that the queue may start, as the installation says.
const WORKERS: usize = 16;
/// Half of them, as Terraform sets it.
const TENANT_CONCURRENCY: usize = WORKERS / 2;
/// Each quiet tenant has an event in this time.
const EVERY: Duration = Duration::from_millis(4000);
/// How many of them are measured.
const ROUNDS: usize = 12;
/// The noisy tenant's events in the same time.
const NOISE: usize = 100;

#[tokio::test]
async fn a_noisy_tenant_leaves_the_others_their_turn() {
    let business = Business::new(1, QUIET_TENANTS, 0);
    let world =
        World::new(TestDatabase::create().await, LocalAws::new(), &business.tenants, release_function_binary)
            .await;
    world.seed(&business.records).await;
    // Providers take their time, so that the workers' places are what is scarce, and not this machine.
    let slow = json!({ "provider": "xero", "fault": "slow", "retry_after_s": 1.0, "times": 1_000_000 });
    world.control("faults", &slow).await;
    let doors = Doors::open(&world, 2).await;
    let mut settings = world.worker_settings(&listen_for_callbacks(doors.clone()).await).await;
    settings.push(("TENANT_CONCURRENCY", TENANT_CONCURRENCY.to_string()));
    let (quiet, noisy) = business.tenants.split_at(QUIET_TENANTS);
    let measured = async {
        // The first jobs find workers that have yet to connect.
        send(&doors, quiet, None, 0..2).await;
        let alone = send_and_measure(&world, &doors, quiet, None, 2..2 + ROUNDS).await;
        let beside = 2 + ROUNDS..2 + 2 * ROUNDS;
        (alone, send_and_measure(&world, &doors, quiet, noisy.first(), beside).await)
    };
    let (alone, beside) = tokio::select! {
        measured = measured => measured,
        _ = join_all((0..WORKERS).map(|_| work(&world, &settings))) => unreachable!("workers never stop"),
    };
    let started = "select count(*) from pipeline_jobs j join tenants t using (tenant_id)
                    where j.started_at is not null and t.name = ";
    let noise = world.database.count(&format!("{started} '{}'", noisy[0].organisation)).await;
    #[expect(clippy::print_stderr, reason = "how much was measured")]
    {
        eprintln!(
            "p95 of the wait: {alone:?} alone, {beside:?} beside a tenant with {NOISE} times the load, of which {noise} jobs \
             have begun"
        );
    }
    assert!(beside < alone * 2, "{beside:?} beside a noisy tenant, {alone:?} without it");
}

/// One worker, with batch after batch, from a queue that knows nothing of tenants: the local AWS serves no group before
/// another.
async fn work(world: &World, settings: &[(&'static str, String)]) {
    let mut worker = world.worker(settings, None).await;
    loop {
        let batch = world.aws.receive_for(&world.job_queue_url, VISIBILITY).await;
        if batch.is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        let ending = worker.invoke_as_lambda(sqs_event(&batch)).await;
        let Ending::Answered(answer) = ending else { panic!("a worker ended: {ending:?}") };
        assert_eq!(answer, Ok(json!({ "batchItemFailures": [] })));
        world.aws.delete(&world.job_queue_url, &batch).await;
    }
}

/// The p95 of the wait of the quiet tenants' jobs that come of these rounds.
async fn send_and_measure(
    world: &World,
    doors: &Doors,
    quiet: &[Accounts],
    noisy: Option<&Accounts>,
    rounds: std::ops::Range<usize>,
) -> Duration {
    let since = world.database.text("select now()::text").await;
    send(doors, quiet, noisy, rounds.clone()).await;
    let names: Vec<String> = quiet.iter().map(|accounts| format!("'{}'", accounts.organisation)).collect();
    let jobs = format!(
        "pipeline_jobs j join tenants t using (tenant_id)
          where t.name in ({}) and j.created_at > '{since}' and j.job_type not like '%-poll'",
        names.join(", ")
    );
    let expected = i64::try_from(rounds.len() * quiet.len()).expect("they are few");
    for _ in 0..600 {
        let started = format!("select count(*) from {jobs} and j.started_at is not null");
        if world.database.count(&started).await == expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let p95 = format!(
        "select (1000 * percentile_cont(0.95) within group (order by extract(epoch from
                    coalesce(j.started_at, clock_timestamp()) - j.created_at)))::bigint from {jobs}"
    );
    Duration::from_millis(u64::try_from(world.database.count(&p95).await).expect("nobody starts early"))
}

/// An event of each quiet tenant in each round, and a hundred of the noisy one's.
async fn send(doors: &Doors, quiet: &[Accounts], noisy: Option<&Accounts>, rounds: std::ops::Range<usize>) {
    for round in rounds {
        let began = Instant::now();
        // Spread over the round, and not one after the other: nobody waits for the door to answer somebody else.
        let noise = noisy.into_iter().flat_map(|accounts| (0..10).map(move |part| (part, accounts)));
        let noise = noise.map(async |(part, accounts)| {
            sleep_until((began + EVERY / 10 * part).into()).await;
            let first = (round * 10 + part as usize) * 1000;
            deliver(doors, accounts, first..first + NOISE / 10).await;
        });
        let quiet = (0..).zip(quiet).map(async |(part, accounts)| {
            sleep_until((began + EVERY / 10 * part).into()).await;
            deliver(doors, accounts, round..round + 1).await;
        });
        tokio::join!(join_all(noise), join_all(quiet), sleep_until((began + EVERY).into()));
    }
}

/// One POST of Xero's with events about invoices, each of which Xero is then asked for.
async fn deliver(doors: &Doors, accounts: &Accounts, invoices: impl Iterator<Item = usize>) {
    let event = |invoice: usize| {
        let invoice_id = format!("a03ffcd2-5d91-4c7e-b483-{invoice:012}");
        json!({
            "resourceUrl": format!("https://api.xero.com/api.xro/2.0/Invoices/{invoice_id}"),
            "resourceId": invoice_id, "tenantId": accounts.organisation, "tenantType": "ORGANISATION",
            "eventCategory": "INVOICE", "eventType": "UPDATE", "eventDateUtc": "2026-10-01T09:12:44.917",
        })
    };
    let events: Vec<Value> = invoices.map(event).collect();
    let body = json!({
        "events": events, "firstEventSequence": 1, "lastEventSequence": events.len(), "entropy": "x",
    });
    let post = Post {
        provider: Provider::Xero,
        path: "/webhook/xero".to_owned(),
        body: body.to_string(),
        headers: Vec::new(),
    };
    let (status, _, body) = doors.ask(post.event()).await;
    assert_eq!(status, 200, "{body}");
}
