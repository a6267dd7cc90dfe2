//! PostgreSQL and SQS are stopped and started again while deliveries come in: what was accepted is not lost, and
//! nothing is done twice. Real servers, the functions' real binaries, and senders that try again as providers do.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod scene;
mod senders;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::SeedableRng;
use rand::rngs::StdRng;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use zixly_testkit::Post;

use crate::scene::Scene;
use crate::senders::{Accepted, Answer, Outage, Senders, send};
use crate::traffic::{heartbeat, mixed, post};

/// The two tests would only slow each other down.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// While SQS hangs, an accepted delivery is answered after three seconds; so many doors keep that short.
const DOORS: usize = 12;

#[tokio::test]
async fn every_accepted_delivery_has_its_job_and_none_has_two() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let mut scene = Scene::new().await;
    let doors = scene.doors(DOORS).await;
    let posts = mixed(&scene.tenants, 800, 200, &mut StdRng::seed_from_u64(6));
    let senders = Senders::new(posts);

    // Always in the middle of it: what is sent next is on its way while a server stops or starts.
    let outages = async {
        senders.allow(400);
        senders.wait_until_settled(200).await;
        scene.postgres.crash().await;
        senders.begin(Outage::Postgres);
        senders.wait_until_settled(350).await;
        senders.end();
        scene.postgres.restart().await;
        senders.allow(700);
        senders.wait_until_settled(550).await;
        scene.aws_server.freeze();
        senders.begin(Outage::Aws);
        senders.wait_until_settled(670).await;
        senders.end();
        scene.aws_server.thaw();
        senders.allow(usize::MAX);
    };
    tokio::join!(join_all(doors.iter().map(|door| senders.run(door))), outages);
    let (accepted, slowest) = senders.finish();
    assert_eq!(accepted.len(), 1000);

    let worker = scene.worker().await;
    // A thawed queue still takes most of what came while it was frozen, so some doorbells are lost on purpose.
    let drained = scene.drain(&worker, |job_id| job_id.ends_with('0')).await;
    let swept = scene.sweep(&worker).await;
    let job_ids = scene.job_ids().await;
    let unheard: BTreeSet<_> = job_ids.difference(&drained.rung).cloned().collect();

    let during = |outage| accepted.iter().filter(|it| it.during == Some(outage)).count();
    let (without_postgres, without_aws) = (during(Outage::Postgres), during(Outage::Aws));
    let large = |it: &&Accepted| it.during == Some(Outage::Postgres) && it.post.body.len() > 256 * 1024;
    let large = accepted.iter().filter(large).count();
    #[expect(clippy::print_stderr, reason = "how much the test has tested")]
    {
        eprintln!(
            "1000 accepted, {without_postgres} without PostgreSQL ({large} of them large), {without_aws} without AWS; {} \
             carried by the queue; {} jobs, {} of them rung for by the sweep only; slowest answer {} ms",
            drained.filed,
            job_ids.len(),
            unheard.len(),
            slowest.as_millis()
        );
    }
    assert_kept(&scene, &accepted).await;
    assert_one_job_each(&scene, &accepted).await;
    assert!(unheard.is_subset(&swept), "nobody rang for some jobs");
    scene.assert_nothing_is_left().await;

    // Otherwise nothing was tested.
    assert!(without_postgres > 0 && large > 0 && without_aws > 0 && !unheard.is_empty());
}

#[tokio::test]
async fn with_both_down_the_sender_comes_again_and_nothing_is_stored_twice() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let mut scene = Scene::new().await;
    let doors = scene.doors(4).await;
    for door in &doors {
        for tenant in &scene.tenants {
            // A door that has its keys already.
            assert!(matches!(send(door, &heartbeat(tenant)).await, Answer::Accepted));
        }
    }
    let posts: Vec<Post> = (0..8).map(|number| post(&scene.tenants, number)).collect();

    scene.postgres.crash().await;
    scene.aws_server.freeze();
    let refused = async |(number, door)| {
        for post in [&posts[number], &posts[number + doors.len()]] {
            let began = Instant::now();
            assert!(matches!(send(door, post).await, Answer::ComeAgain), "{}", post.provider);
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        }
    };
    join_all(doors.iter().enumerate().map(refused)).await;
    scene.aws_server.thaw();
    scene.postgres.restart().await;

    let senders = Senders::new(posts);
    senders.allow(usize::MAX);
    join_all(doors.iter().map(|door| senders.run(door))).await;
    let (accepted, _) = senders.finish();
    assert_eq!(accepted.len(), 8);
    let worker = scene.worker().await;
    scene.drain(&worker, |_| false).await;
    scene.sweep(&worker).await;
    assert_one_job_each(&scene, &accepted).await;
    scene.assert_nothing_is_left().await;
}

/// Each answer of 200 has its row, repetitions too.
async fn assert_kept(scene: &Scene, accepted: &[Accepted]) {
    let kept = scene.kept_bodies().await;
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    for Accepted { post, .. } in accepted {
        *wanted.entry(hex::encode(Sha256::digest(&post.body))).or_default() += 1;
    }
    wanted.retain(|hash, count| kept.get(hash).is_none_or(|kept| kept < count));
    assert!(wanted.is_empty(), "accepted and not kept as often: {wanted:?}");
}

async fn assert_one_job_each(scene: &Scene, accepted: &[Accepted]) {
    let expected = scene.expected_jobs(accepted.iter().map(|it| &it.post));
    let rows = scene.jobs().await;
    let jobs: BTreeSet<String> = rows.iter().cloned().collect();
    assert_eq!(rows.len(), jobs.len(), "some have two jobs");
    let missing: Vec<_> = expected.difference(&jobs).collect();
    assert!(missing.is_empty(), "accepted without a job: {missing:#?}");
    let unasked: Vec<_> = jobs.difference(&expected).collect();
    assert!(unasked.is_empty(), "jobs that nobody asked for: {unasked:#?}");
}
