//! Senders that send a delivery again until it is accepted, and note when it was.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use zixly_testkit::{FunctionProcess, Post};

/// How often a sender tries before it gives a delivery up.
const TRIES: u32 = 20;

/// Longer than any function has for an answer.
const NO_ANSWER: Duration = Duration::from_secs(30);

/// What is stopped at this moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    Postgres,
    Aws,
}

/// A delivery that was answered with 200.
pub struct Accepted {
    pub post: Post,
    /// The outage during all of which it was sent and accepted.
    pub during: Option<Outage>,
}

/// What a sender is told.
pub enum Answer {
    Accepted,
    ComeAgain,
}

/// Deliveries to be sent, by senders side by side in one task.
pub struct Senders {
    unsent: RefCell<std::vec::IntoIter<Post>>,
    accepted: RefCell<Vec<Accepted>>,
    /// How many may be sent before somebody allows more, and how many are.
    allowed: watch::Sender<usize>,
    begun: Cell<usize>,
    settled: watch::Sender<usize>,
    outage: Cell<Option<Outage>>,
    slowest: Cell<Duration>,
}

impl Senders {
    pub fn new(posts: Vec<Post>) -> Self {
        Self {
            unsent: RefCell::new(posts.into_iter()),
            accepted: RefCell::default(),
            allowed: watch::Sender::new(0),
            begun: Cell::new(0),
            settled: watch::Sender::new(0),
            outage: Cell::new(None),
            slowest: Cell::new(Duration::ZERO),
        }
    }

    /// One sender: takes deliveries until there are none.
    pub async fn run(&self, door: &FunctionProcess) {
        loop {
            self.allowed.subscribe().wait_for(|allowed| *allowed > self.begun.get()).await.unwrap();
            let Some(post) = self.unsent.borrow_mut().next() else { return };
            self.begun.set(self.begun.get() + 1);
            self.send_until_accepted(door, post).await;
            self.settled.send_modify(|settled| *settled += 1);
        }
    }

    async fn send_until_accepted(&self, door: &FunctionProcess, post: Post) {
        for tried in 0..TRIES {
            let (before, began) = (self.outage.get(), Instant::now());
            let answer = send(door, &post).await;
            self.slowest.set(self.slowest.get().max(began.elapsed()));
            match answer {
                Answer::Accepted => {
                    let during = before.filter(|_| before == self.outage.get());
                    self.accepted.borrow_mut().push(Accepted { post, during });
                    return;
                }
                Answer::ComeAgain => {
                    let pause = Duration::from_millis(100 << tried.min(4));
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// So many may be sent now, all in all.
    pub fn allow(&self, count: usize) {
        self.allowed.send_replace(count);
    }

    /// Waits until so many were accepted or given up.
    pub async fn wait_until_settled(&self, count: usize) {
        self.settled.subscribe().wait_for(|settled| *settled >= count).await.unwrap();
    }

    /// From now on, this is stopped.
    pub fn begin(&self, outage: Outage) {
        self.outage.set(Some(outage));
    }

    /// What was stopped is about to be started.
    pub fn end(&self) {
        self.outage.set(None);
    }

    /// What was accepted, and the longest that an answer took.
    pub fn finish(self) -> (Vec<Accepted>, Duration) {
        (self.accepted.into_inner(), self.slowest.get())
    }
}

/// Sends a delivery once, signed at this moment.
pub async fn send(door: &FunctionProcess, post: &Post) -> Answer {
    let answer = tokio::time::timeout(NO_ANSWER, door.invoke(post.event())).await;
    let answer = answer.expect("the door answers").expect("the door answers whatever happens");
    match answer["statusCode"].as_u64() {
        Some(200) => Answer::Accepted,
        Some(503) => {
            assert!(answer["headers"]["retry-after"].is_string(), "{answer}");
            Answer::ComeAgain
        }
        _ => panic!("a signed delivery of {} is answered with {answer}", post.provider),
    }
}
