//! What each function is like when it has just started.

use std::time::Duration;

use serde_json::{Value, json};
use zixly_testkit::{Role, post::api_gateway_event};

use crate::lambda::Environment;
use crate::scene::Scene;

const STARTS: usize = 20;

pub struct Fresh {
    pub name: &'static str,
    /// From the start of the process to its first question for work: the quickest, and the median.
    pub init: (Duration, Duration),
    /// How long the first event takes.
    pub first: Duration,
    /// After that.
    pub resident_bytes: u64,
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
    .map(|(name, event)| fresh(scene, name, &binary(&format!("zixly-{name}")), &event))
    .into()
}

fn fresh(scene: &Scene, name: &'static str, binary: &str, event: &Value) -> Fresh {
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
    Fresh { name, init: (init[0], init[STARTS / 2]), first, resident_bytes: environment.resident_bytes() }
}
