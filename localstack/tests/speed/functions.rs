//! What each function is like when it has just started.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zixly_testkit::{Role, post::api_gateway_event};

use crate::lambda::Environment;
use crate::measured::Times;
use crate::scene::Scene;
use crate::zip::zipped_bytes;

const STARTS: usize = 20;
const ANSWERS: usize = 20_000;

pub struct Fresh {
    pub name: &'static str,
    pub zip_bytes: u64,
    /// From the start of the process to its first question for work: the quickest, and the median.
    pub init: (Duration, Duration),
    /// How long the first event takes.
    pub first: Duration,
    /// After that.
    pub resident_bytes: u64,
}

/// What no function is better than: one that does nothing.
pub struct Floor {
    pub fresh: Fresh,
    pub took: Times,
    pub in_all: Duration,
}

/// Starts each function many times and gives it an event that asks for little.
pub fn all(scene: &Scene, binary: &dyn Fn(&str) -> String) -> Vec<Fresh> {
    let get = |path: &str| api_gateway_event("GET", path, &[], "");
    let no_messages = json!({ "Records": [] });
    [
        ("webhook", get("/health")),
        ("worker", no_messages.clone()),
        ("scheduler", json!({})),
        ("dashboard", get("/")),
        ("realtime", no_messages),
        ("admin", get("/api/admin/tenants")),
    ]
    .map(|(name, event)| fresh(scene, name, &binary(&format!("zixly-{name}")), &event).0)
    .into()
}

/// The function that does nothing, over and over.
pub fn floor(scene: &Scene, binary: &str) -> Floor {
    let (fresh, mut environment) = fresh(scene, "no-op", binary, &json!({}));
    let began = Instant::now();
    let took = (0..ANSWERS).map(|_| environment.invoke(b"{}").1).collect();
    Floor { fresh, took, in_all: began.elapsed() }
}

fn fresh(scene: &Scene, name: &'static str, binary: &str, event: &Value) -> (Fresh, Environment) {
    let role = match name {
        "worker" => Role::Worker,
        "scheduler" => Role::Scheduler,
        "dashboard" => Role::Dashboard,
        "admin" => Role::Admin,
        _ => Role::Webhook,
    };
    let settings = scene.settings(name, &scene.url(role));
    let mut init: Vec<Duration> = (0..STARTS).map(|_| Environment::start(binary, &settings).init).collect();
    init.sort_unstable();
    let mut environment = Environment::start(binary, &settings);
    let (_, first) = environment.invoke(event.to_string().as_bytes());
    let fresh = Fresh {
        name,
        zip_bytes: zipped_bytes(binary),
        init: (init[0], init[STARTS / 2]),
        first,
        resident_bytes: environment.resident_bytes(),
    };
    (fresh, environment)
}
