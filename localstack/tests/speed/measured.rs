//! How long something took, and what it took of the machine.

use std::time::{Duration, Instant};

use zixly_testkit::processor_time;

use crate::lambda::Environment;
use crate::scene::Scene;

/// Durations in order.
pub struct Times(Vec<Duration>);

impl Times {
    /// The time that so many of a thousand did not exceed.
    pub fn per_mille(&self, part: usize) -> Duration {
        self.0[(self.0.len() * part / 1000).min(self.0.len() - 1)]
    }

    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

impl FromIterator<Duration> for Times {
    fn from_iter<T: IntoIterator<Item = Duration>>(times: T) -> Self {
        let mut times: Vec<Duration> = times.into_iter().collect();
        assert!(!times.is_empty(), "nothing was done, so nothing took any time");
        times.sort_unstable();
        Self(times)
    }
}

/// What was taken of the machine meanwhile.
pub struct Used {
    pub in_all: Duration,
    /// Of the processors, by all environments together.
    pub functions: Duration,
    pub postgres: Duration,
    /// By the driver, with the AWS and the providers that it plays.
    pub driver: Duration,
    pub wal_bytes: u64,
}

/// A measurement that has begun.
pub struct Meter {
    began: Instant,
    functions: Duration,
    postgres: Duration,
    driver: Duration,
    wal_bytes: u64,
}

impl Meter {
    pub async fn start(scene: &Scene, environments: &[Environment]) -> Self {
        Self {
            functions: processor(environments),
            postgres: scene.postgres_processor(),
            driver: driver(),
            wal_bytes: scene.wal_position().await,
            began: Instant::now(),
        }
    }

    pub async fn stop(self, scene: &Scene, environments: &[Environment]) -> Used {
        Used {
            in_all: self.began.elapsed(),
            functions: processor(environments) - self.functions,
            postgres: scene.postgres_processor() - self.postgres,
            driver: driver() - self.driver,
            wal_bytes: scene.wal_position().await - self.wal_bytes,
        }
    }
}

pub fn processor(environments: &[Environment]) -> Duration {
    environments.iter().map(Environment::processor).sum()
}

fn driver() -> Duration {
    processor_time(std::process::id()).expect("it runs")
}

pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
