//! The webhook function once more, in this binary and under an allocator that counts: what is deployed cannot tell.

use std::alloc::System;
use std::convert::Infallible;
use std::sync::Arc;

use lambda_http::{Body, Request, RequestExt, Response, run, service_fn};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use zixly_lambda_kit::{aws::sdk_config, settings::environment, telemetry};
use zixly_testkit::{Role, post::api_gateway_event};
use zixly_webhook::{App, WebhookConfig, routes};

use crate::lambda::Environment;
use crate::scene::Scene;
use crate::webhook;

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The setting that makes this binary the function.
pub const AS_FUNCTION: &str = "SPEED_AS_WEBHOOK";
/// Where it tells how often memory was asked for, by all that it has done so far.
const HOW_MANY: &str = "/allocations";
const DELIVERIES: u64 = 200;

/// How often memory is asked for in an invocation that files a delivery, the runtime's own needs included.
pub fn a_delivery(scene: &Scene) -> f64 {
    let mut settings = scene.settings("webhook", &scene.url(Role::Webhook));
    settings.insert(AS_FUNCTION.to_owned(), "1".to_owned());
    let this = std::env::current_exe().expect("a test knows its binary");
    let mut environment = Environment::start(&this.to_string_lossy(), &settings);
    webhook::deliver_one(&mut environment, &webhook::event(scene).1);
    let before = how_many(&mut environment);
    let between = how_many(&mut environment) - before;
    for _ in 0..DELIVERIES {
        webhook::deliver_one(&mut environment, &webhook::event(scene).1);
    }
    let after = how_many(&mut environment);
    (after - before - 2 * between) as f64 / DELIVERIES as f64
}

fn how_many(environment: &mut Environment) -> u64 {
    let question = api_gateway_event("GET", HOW_MANY, &[], "").to_string();
    let (answer, _) = environment.invoke(question.as_bytes());
    let answer: serde_json::Value = serde_json::from_slice(&answer).expect("an answer is JSON");
    answer["body"].as_str().and_then(|count| count.parse().ok()).expect("it is a count")
}

/// Is the function, until the driver ends it.
pub async fn serve() {
    telemetry::init();
    let config = WebhookConfig::from_lookup(environment).expect("it is told everything");
    let app = Arc::new(App::new(config, &sdk_config(environment).expect("it is told everything")));
    let answer = async |request: Request| {
        Ok::<_, Infallible>(match request.raw_http_path() {
            HOW_MANY => Response::new(Body::from(COUNTED.stats().allocations.to_string())),
            _ => routes::answer(&app, request).await,
        })
    };
    run(service_fn(answer)).await.expect("there is a Runtime API");
}
