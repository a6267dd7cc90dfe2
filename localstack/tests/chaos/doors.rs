//! The door, as API Gateway has it: several instances, each with one request at a time; and those who knock.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore};
use zixly_testkit::{FunctionProcess, post::api_gateway_event};

use crate::business::Message;
use crate::world::{Tenant, World};

/// How often a sender tries before the run fails: every provider gives up some time.
const TRIES: u32 = 60;

/// Instances of the door.
pub struct Doors {
    instances: Vec<Mutex<FunctionProcess>>,
    free: Semaphore,
}

impl Doors {
    pub async fn open(world: &World, count: usize) -> Arc<Self> {
        let mut instances = Vec::new();
        for _ in 0..count {
            instances.push(Mutex::new(world.door().await));
        }
        Arc::new(Self { instances, free: Semaphore::new(count) })
    }

    /// Status, `Retry-After` and body of the answer to a request.
    pub async fn ask(&self, event: Value) -> (u64, Option<u64>, String) {
        let _permit = self.free.acquire().await.expect("nobody closes it");
        let free = self.instances.iter().find_map(|instance| instance.try_lock().ok());
        let answer = free.expect("there are as many permits").invoke(event).await;
        let answer = answer.expect("the door answers whatever happens");
        let retry_after = answer["headers"]["retry-after"].as_str().and_then(|seconds| seconds.parse().ok());
        let body = answer["body"].as_str().unwrap_or_default().to_owned();
        (answer["statusCode"].as_u64().unwrap_or_default(), retry_after, body)
    }

    /// Asks until the answer is a 2xx, as patiently as a provider; gives the body.
    async fn ask_until_accepted(&self, as_event: impl Fn() -> Value) -> Option<String> {
        for tried in 0..TRIES {
            match self.ask(as_event()).await {
                (200..300, _, body) => return Some(body),
                (429, Some(seconds), _) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                (503, _, _) => tokio::time::sleep(Duration::from_millis(100 << tried.min(4))).await,
                (status, _, body) => panic!("the door answers {status}: {body}"),
            }
        }
        None
    }

    /// A call of the tenant's; true once it was accepted, false where the job cannot have it.
    pub async fn retry(&self, tenant: &Tenant, job_id: &str) -> bool {
        let path = format!("/webhook/jobs/{job_id}/retry");
        let headers = [("authorization", tenant.api_key.clone())];
        loop {
            match self.ask(api_gateway_event("POST", &path, &headers, "")).await {
                (202, _, _) => return true,
                (409, _, _) => return false,
                (429, seconds, _) => tokio::time::sleep(Duration::from_secs(seconds.unwrap_or(1))).await,
                (503, _, _) => tokio::time::sleep(Duration::from_secs(1)).await,
                (status, _, body) => panic!("the door answers {status}: {body}"),
            }
        }
    }
}

/// Those who send: each takes the next message when its time has come, and sends it until it is accepted.
pub struct Senders<'a> {
    world: &'a World,
    doors: &'a Doors,
    unsent: RefCell<std::iter::Enumerate<std::vec::IntoIter<Message>>>,
    began: Instant,
    every: Duration,
    pub accepted: Cell<usize>,
    pub given_up: Cell<usize>,
}

impl<'a> Senders<'a> {
    /// Messages to be sent in `all_in`.
    pub fn new(world: &'a World, doors: &'a Doors, messages: Vec<Message>, all_in: Duration) -> Self {
        let count = u32::try_from(messages.len()).expect("they fit into memory");
        Self {
            world,
            doors,
            every: all_in / count.max(1),
            unsent: RefCell::new(messages.into_iter().enumerate()),
            began: Instant::now(),
            accepted: Cell::new(0),
            given_up: Cell::new(0),
        }
    }

    /// One sender.
    pub async fn run(&self) {
        loop {
            let Some((index, message)) = self.unsent.borrow_mut().next() else { return };
            let due = self.began + self.every * u32::try_from(index).expect("they were counted");
            tokio::time::sleep_until(due.into()).await;
            let outcome = match &message {
                Message::Post(post) => self.doors.ask_until_accepted(|| post.event()).await,
                Message::Sweep { tenant, key, body } => {
                    let headers = [
                        ("authorization", self.world.tenants[*tenant].api_key.clone()),
                        ("content-type", "application/json".to_owned()),
                        ("idempotency-key", key.clone()),
                    ];
                    let body = body.to_string();
                    let event = || api_gateway_event("POST", "/webhook/trading-sweep", &headers, &body);
                    self.doors.ask_until_accepted(event).await
                }
            };
            let count = if outcome.is_some() { &self.accepted } else { &self.given_up };
            count.set(count.get() + 1);
        }
    }
}

/// Where the trading API calls back; what comes goes through the door. Gives the address.
pub async fn listen_for_callbacks(doors: Arc<Doors>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let router = Router::new().route("/webhook/sweep-callback", post(call_back)).with_state(doors);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/webhook/sweep-callback")
}

async fn call_back(State(doors): State<Arc<Doors>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let headers = ["authorization", "content-type"].map(|name| (name, header(name).to_owned()));
    let body = String::from_utf8_lossy(&body);
    let event = api_gateway_event("POST", "/webhook/sweep-callback", &headers, &body);
    let (status, _, body) = doors.ask(event).await;
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    (status.unwrap_or(StatusCode::BAD_GATEWAY), body).into_response()
}
