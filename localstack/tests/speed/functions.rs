//! What each function is like when it has just started.

use std::collections::BTreeMap;
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
    let settings = settings(scene, name);
    let mut init: Vec<Duration> = (0..STARTS).map(|_| Environment::start(binary, &settings).init).collect();
    init.sort_unstable();
    let mut environment = Environment::start(binary, &settings);
    let (_, first) = environment.invoke(event.to_string().as_bytes());
    Fresh { name, init: (init[0], init[STARTS / 2]), first, resident_bytes: environment.resident_bytes() }
}

/// What any function may be told.
fn settings(scene: &Scene, name: &str) -> BTreeMap<String, String> {
    let role = match name {
        "worker" => Role::Worker,
        "scheduler" => Role::Scheduler,
        "dashboard" => Role::Dashboard,
        "admin" => Role::Admin,
        _ => Role::Webhook,
    };
    let secret = json!({
        "database_url": scene.url(role), "auth_jwt_secret": "a-key-for-tokens-of-32-characters",
        "realtime_ticket_key": "a-key-for-tickets-of-32-characters",
    });
    scene.aws.secret(name, &secret);
    let queue = |name: &str| format!("{}/000000000000/{name}", scene.aws.url);
    let mut settings = scene.settings(&format!("zixly-{name}"));
    for (key, value) in [
        ("FUNCTION_SECRET_ARN", name.to_owned()),
        ("HOOK_SECRET_PREFIX", "hooks/".to_owned()),
        ("TOKEN_SET_PREFIX", "token-sets/".to_owned()),
        ("JOB_QUEUE_URL", queue("jobs")),
        ("JOB_EVENT_QUEUE_URL", queue("job-events")),
        ("DEAD_LETTER_QUEUE_URL", queue("dead-letters")),
        ("PAYLOAD_BUCKET", "payloads".to_owned()),
        ("PAYLOAD_ORIGIN", scene.aws.url.clone()),
        ("COUNTER_TABLE", "counters".to_owned()),
        ("SOCKET_TABLE", "sockets".to_owned()),
        ("SOCKET_API_URL", scene.aws.url.clone()),
        ("PUBLIC_BASE_URL", "https://hooks.example.com".to_owned()),
        ("WEBHOOK_URL", "https://hooks.example.com".to_owned()),
        ("SHOPIFY_API_VERSION", "2026-07".to_owned()),
        ("SHOPIFY_SHOP_URL", "https://{shop}".to_owned()),
        ("HUBSPOT_API_VERSION", "2026-03".to_owned()),
    ] {
        settings.insert(key.to_owned(), value);
    }
    let providers = "XERO_API XERO_TOKEN XERO_AUTHORIZE XERO_CONNECTIONS HUBSPOT_API HUBSPOT_AUTHORIZE ASANA_API ASANA_TOKEN \
                     ASANA_AUTHORIZE ASANA_REVOKE SLACK_API SLACK_HOOKS SLACK_AUTHORIZE TRADING_API APP";
    for provider in providers.split_whitespace() {
        settings.insert(format!("{provider}_URL"), "https://provider.example.com".to_owned());
    }
    settings
}
