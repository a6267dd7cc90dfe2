//! The door: deliveries that are new, one after the other in each of some environments.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use zixly_domain::Provider;
use zixly_testkit::Post;

use crate::lambda::Environment;
use crate::scene::Scene;

/// What was measured of some deliveries.
pub struct Served {
    pub count: u64,
    pub in_all: Duration,
    /// Each answer's time, in order.
    pub took: Vec<Duration>,
    pub function: Duration,
    pub postgres: Duration,
    pub wal_bytes: u64,
}

impl Served {
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.in_all.as_secs_f64()
    }

    /// The time that so many of a thousand answers did not exceed.
    pub fn per_mille(&self, part: usize) -> Duration {
        self.took[(self.took.len() * part / 1000).min(self.took.len() - 1)]
    }

    pub fn processor_ms(&self, of: Duration) -> f64 {
        of.as_secs_f64() * 1000.0 / self.count as f64
    }
}

/// Delivers for so long to all of these environments at once.
pub async fn deliver(scene: &Scene, environments: &mut [Environment], how_long: Duration) -> Served {
    let function_before: Duration = environments.iter().map(Environment::processor).sum();
    let postgres_before = scene.postgres_processor();
    let wal_before = scene.wal_position().await;
    let began = Instant::now();
    let took = thread::scope(|scope| {
        let at_work: Vec<_> = environments
            .iter_mut()
            .map(|it| scope.spawn(move || deliver_to(scene, it, began + how_long)))
            .collect();
        let took = at_work.into_iter().map(|it| it.join().expect("every delivery is taken"));
        let mut took: Vec<Duration> = took.flatten().collect();
        took.sort_unstable();
        took
    });
    let in_all = began.elapsed();
    Served {
        count: took.len() as u64,
        in_all,
        took,
        function: environments.iter().map(Environment::processor).sum::<Duration>() - function_before,
        postgres: scene.postgres_processor() - postgres_before,
        wal_bytes: scene.wal_position().await - wal_before,
    }
}

fn deliver_to(scene: &Scene, environment: &mut Environment, until: Instant) -> Vec<Duration> {
    let mut took = Vec::new();
    while Instant::now() < until {
        let (answer, time) = environment.invoke(&event(scene));
        assert!(answer.starts_with(br#"{"statusCode":200"#), "{}", String::from_utf8_lossy(&answer));
        took.push(time);
    }
    took
}

/// A paid invoice of one of the tenants, as nobody has told of it before.
pub fn event(scene: &Scene) -> Vec<u8> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let organisation = &scene.organisations[number as usize % scene.organisations.len()];
    let invoice = uuid::Uuid::from_u64_pair(0x1111_1111_2222_4333, number);
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
    post.event().to_string().into_bytes()
}
