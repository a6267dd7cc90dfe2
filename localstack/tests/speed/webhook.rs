//! The door: deliveries that are new, one after the other in each of some environments.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use zixly_domain::Provider;
use zixly_testkit::Post;

use crate::lambda::Environment;
use crate::measured::{Meter, Times, Used};
use crate::providers::invoice_id;
use crate::scene::Scene;

/// What was measured of some deliveries.
pub struct Served {
    /// Each answer.
    pub took: Times,
    pub used: Used,
}

impl Served {
    /// In a second.
    pub fn rate(&self) -> f64 {
        self.took.count() as f64 / self.used.in_all.as_secs_f64()
    }
}

/// Delivers for so long to all of these environments at once.
pub async fn deliver(scene: &Scene, environments: &mut [Environment], how_long: Duration) -> Served {
    let meter = Meter::start(scene, environments).await;
    let until = Instant::now() + how_long;
    let took = thread::scope(|scope| {
        let at_work: Vec<_> =
            environments.iter_mut().map(|it| scope.spawn(move || deliver_to(scene, it, until))).collect();
        at_work.into_iter().flat_map(|it| it.join().expect("every delivery is taken")).collect()
    });
    Served { took, used: meter.stop(scene, environments).await }
}

fn deliver_to(scene: &Scene, environment: &mut Environment, until: Instant) -> Vec<Duration> {
    let mut took = Vec::new();
    while Instant::now() < until {
        took.push(deliver_one(environment, &event(scene).1));
    }
    took
}

/// Delivers one, and gives how long its answer took.
pub fn deliver_one(environment: &mut Environment, event: &[u8]) -> Duration {
    let (answer, took) = environment.invoke(event);
    assert!(answer.starts_with(br#"{"statusCode":200"#), "{}", String::from_utf8_lossy(&answer));
    took
}

/// A paid invoice of one of the tenants, as nobody has told of it before, and its number.
pub fn event(scene: &Scene) -> (u64, Vec<u8>) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let organisation = &scene.organisations[number as usize % scene.organisations.len()];
    let invoice = invoice_id(number);
    let body = json!({
        "events": [{
            "resourceUrl": format!("https://api.xero.com/api.xro/2.0/Invoices/{invoice}"),
            "resourceId": invoice, "tenantId": organisation, "tenantType": "ORGANISATION",
            "eventCategory": "INVOICE", "eventType": "UPDATE", "eventDateUtc": "2026-10-01T09:12:44.917",
        }],
        "firstEventSequence": number, "lastEventSequence": number, "entropy": "SXAFLFOVTHFGKCXKIAUH",
    });
    let post = Post {
        provider: Provider::Xero,
        path: "/webhook/xero".to_owned(),
        body: body.to_string(),
        headers: Vec::new(),
    };
    (number, post.event().to_string().into_bytes())
}
