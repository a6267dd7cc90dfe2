//! A few figures, a line each, for `make bench-compare` to hold against those of another commit.

use std::fmt::Write;
use std::time::Duration;

use crate::measured::{Times, Used, ms};
use crate::scene::Scene;
use crate::{start, webhook, worker};

const ENVIRONMENTS: [usize; 2] = [1, 2];
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(8);

/// `webhook/1/p50_ms 0.51`: of both functions, in one environment and in two.
pub async fn measure(binary: &dyn Fn(&str) -> String) -> String {
    let mut lines = String::new();
    let scene = Scene::set().await;
    for environments in ENVIRONMENTS {
        let mut doors = start(&scene, binary, "webhook", environments);
        webhook::deliver(&scene, &mut doors, WARM_UP).await;
        let served = webhook::deliver(&scene, &mut doors, MEASURED).await;
        add(&mut lines, &format!("webhook/{environments}"), served.took.count(), &served.took, &served.used);
        let mut workers = start(&scene, binary, "worker", environments);
        let worked = worker::busy(&scene, &mut doors, &mut workers, MEASURED).await;
        add(&mut lines, &format!("worker/{environments}"), worked.jobs, &worked.took, &worked.used);
    }
    lines
}

fn add(lines: &mut String, of: &str, count: u64, took: &Times, used: &Used) {
    let each = |total: f64| total / count as f64;
    for (name, value) in [
        ("per_second", count as f64 / used.in_all.as_secs_f64()),
        ("p50_ms", ms(took.per_mille(500))),
        ("p99_ms", ms(took.per_mille(990))),
        ("function_ms", each(ms(used.functions))),
        ("postgres_ms", each(ms(used.postgres))),
        ("driver_ms", each(ms(used.driver))),
        ("wal_bytes", each(used.wal_bytes as f64)),
    ] {
        writeln!(lines, "{of}/{name} {value:.4}").expect("a text takes everything");
    }
}
