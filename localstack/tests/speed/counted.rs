//! What does not depend on the machine: counted, and held against what it may be.

use std::process::ExitCode;

use zixly_testkit::Role;

use crate::lambda::Environment;
use crate::round_trips::RoundTrips;
use crate::scene::Scene;
use crate::{say, webhook};

const DELIVERIES: u64 = 200;

/// A figure a delivery.
pub struct Counted {
    pub what: &'static str,
    pub is: f64,
    pub at_most: f64,
}

pub struct AllCounted(pub Vec<Counted>);

impl AllCounted {
    /// Prints each figure; fails if one exceeds its budget.
    pub fn verdict(&self) -> ExitCode {
        for Counted { what, is, at_most } in &self.0 {
            let verdict = if is <= at_most { "within" } else { "ABOVE" };
            say(&format!("{what}: {is:.2}, {verdict} the budget of {at_most}"));
        }
        match self.0.iter().all(|counted| counted.is <= counted.at_most) {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}

/// Deliveries to one environment that has connected everything.
pub async fn webhook(scene: &Scene, binary: &str) -> AllCounted {
    let server = scene.postgres.address();
    let round_trips = RoundTrips::to(server);
    let url = scene.url(Role::Webhook).replace(&server.to_string(), &round_trips.address.to_string());
    let mut environment = Environment::start(binary, &scene.settings("webhook", &url));
    environment.invoke(&webhook::event(scene));
    let wal_before = scene.wal_position().await;
    round_trips.take();
    scene.aws.take_calls();
    for _ in 0..DELIVERIES {
        environment.invoke(&webhook::event(scene));
    }
    let each = |total: u64| total as f64 / DELIVERIES as f64;
    let of_postgres = each(round_trips.take());
    let calls = scene.aws.take_calls();
    let rung = calls.get("SendMessageBatch").copied().unwrap_or_default();
    AllCounted(vec![
        // The instance's numbers are saved once a second besides.
        Counted { what: "round trips to PostgreSQL a delivery", is: of_postgres, at_most: 1.03 },
        Counted { what: "calls to SQS a delivery", is: each(rung), at_most: 1.0 },
        Counted {
            what: "calls to other parts of AWS a delivery",
            is: each(calls.values().sum::<u64>() - rung),
            at_most: 0.0,
        },
        Counted {
            what: "bytes of WAL a delivery",
            is: each(scene.wal_position().await - wal_before),
            at_most: 6000.0,
        },
    ])
}
