//! How fast the functions are: the release binaries, driven through the Runtime API, with PostgreSQL on the same machine,
//! and an AWS and providers that answer at once.
//!
//! As a test it looks at what can be counted, and fails when that exceeds its budget. With `REPORT`, a file, it measures
//! what `RUN` says and writes the figures there; `FUNCTIONS` is where the binaries are as they are deployed.
//!
//! | `RUN` | what | settings |
//! | --- | --- | --- |
//! | `table`, or nothing | everything that `make bench` shows | |
//! | `figures` | a few figures for `make bench-compare`, a line each | |
//! | `sustained` | deliveries for long | `RATE` (3000) a second, `SECONDS` (600) |
//! | `large` | a delivery when many jobs are stored | `JOBS` (10000000) |

mod allocations;
mod aws;
mod counted;
mod figures;
mod functions;
mod http;
mod lambda;
mod large;
mod limits;
mod machine;
mod measured;
mod pgbench;
mod providers;
mod report;
mod rings;
mod round_trips;
mod scene;
mod sustained;
mod table;
mod through;
mod webhook;
mod worker;
mod zip;

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use zixly_testkit::{Role, release_function_binary};

use crate::lambda::Environment;
use crate::pgbench::Pgbench;
use crate::report::{Line, Report};
use crate::scene::Scene;

const ENVIRONMENTS: [usize; 4] = [1, 2, 4, 8];
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(10);

#[tokio::main(worker_threads = 1)]
async fn main() -> ExitCode {
    // A filter of `cargo test` that means other tests.
    if std::env::args().skip(1).any(|filter| !filter.starts_with('-') && !"speed".contains(&filter)) {
        return ExitCode::SUCCESS;
    }
    if setting(allocations::AS_FUNCTION).is_some() {
        allocations::serve().await;
        return ExitCode::SUCCESS;
    }
    let folder = setting("FUNCTIONS").map(PathBuf::from);
    let binary = |name: &str| match &folder {
        Some(folder) => folder.join(name).join("bootstrap").to_string_lossy().into_owned(),
        None => release_function_binary(name),
    };
    let Some(file) = setting("REPORT") else {
        return counted::all(&Scene::set().await, &binary).await.verdict();
    };
    let (text, verdict) = match setting("RUN").as_deref() {
        None | Some("table") => {
            let report = measure(&binary).await;
            (report.text(), report.counted.verdict())
        }
        Some("figures") => (figures::measure(&binary).await, ExitCode::SUCCESS),
        Some("sustained") => {
            let how_long = Duration::from_secs(number("SECONDS", 600));
            (sustained::measure(&binary, number("RATE", 3000), how_long).await, ExitCode::SUCCESS)
        }
        Some("large") => {
            let (text, is_linear) = large::measure(&binary, number("JOBS", 10_000_000)).await;
            (text, if is_linear { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Some(other) => panic!("there is no RUN={other}"),
    };
    say(&text);
    std::fs::write(&file, text).unwrap_or_else(|error| panic!("{file} cannot be written: {error}"));
    verdict
}

async fn measure(binary: &dyn Fn(&str) -> String) -> Report {
    let mut report = Report {
        functions: functions::all(&Scene::set().await, binary),
        floor: functions::floor(&Scene::set().await, &binary("zixly-noop")),
        webhook: Vec::new(),
        worker: Vec::new(),
        through: Vec::new(),
        alone: Vec::new(),
        counted: counted::all(&Scene::set().await, binary).await,
    };
    measure_webhook(&Scene::set().await, binary, &mut report).await;
    measure_worker(&Scene::set().await, binary, &mut report).await;
    report
}

async fn measure_webhook(scene: &Scene, binary: &dyn Fn(&str) -> String, report: &mut Report) {
    for is_slow in [false, true] {
        scene.slow_down_flushes(is_slow).await;
        for environments in ENVIRONMENTS {
            let mut doors = start(scene, binary, "webhook", environments);
            webhook::deliver(scene, &mut doors, WARM_UP).await;
            let served = webhook::deliver(scene, &mut doors, MEASURED).await;
            drop(doors);
            let pgbench = Pgbench::measure(scene, environments, MEASURED.as_secs()).await;
            report.webhook.push(Line { is_slow, environments, is: (served, pgbench) });
        }
    }
}

async fn measure_worker(scene: &Scene, binary: &dyn Fn(&str) -> String, report: &mut Report) {
    for is_slow in [false, true] {
        scene.slow_down_flushes(is_slow).await;
        for environments in ENVIRONMENTS {
            let mut doors = start(scene, binary, "webhook", environments.div_ceil(2));
            let mut workers = start(scene, binary, "worker", environments);
            let worked = worker::busy(scene, &mut doors, &mut workers, MEASURED).await;
            report.worker.push(Line { is_slow, environments, is: worked });
            let at_once = 2 * environments;
            let through = through::run(scene, &mut doors, &mut workers, at_once, MEASURED).await;
            report.through.push(Line { is_slow, environments, is: through });
            if environments == 1 {
                let alone = through::run(scene, &mut doors, &mut workers, 1, MEASURED).await;
                report.alone.push(Line { is_slow, environments, is: alone });
            }
        }
    }
}

fn start(scene: &Scene, binary: &dyn Fn(&str) -> String, function: &str, count: usize) -> Vec<Environment> {
    let role = if function == "worker" { Role::Worker } else { Role::Webhook };
    let settings = scene.settings(function, &scene.url(role));
    let binary = binary(&format!("zixly-{function}"));
    (0..count).map(|_| Environment::start(&binary, &settings)).collect()
}

fn number<T: FromStr>(name: &str, default: T) -> T {
    setting(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

fn setting(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is where the run takes its settings, once")]
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

#[expect(clippy::print_stdout, reason = "the figures are what one wants to see")]
fn say(text: &str) {
    println!("{text}");
}
