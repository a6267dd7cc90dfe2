//! How fast the functions are: the release binaries, driven through the Runtime API, with PostgreSQL on the same machine
//! and an AWS that answers at once.
//!
//! As a test it looks at what can be counted, and fails when that exceeds its budget. With `REPORT`, a file, it measures
//! everything and writes the table there; `make bench` says `docs/benchmarks.md`, and `FUNCTIONS`, where the binaries are
//! as they are deployed.

mod aws;
mod counted;
mod functions;
mod http;
mod lambda;
mod limit;
mod machine;
mod report;
mod round_trips;
mod scene;
mod webhook;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use zixly_testkit::{Role, release_function_binary};

use crate::lambda::Environment;
use crate::limit::Limit;
use crate::report::Report;
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
    let folder = setting("FUNCTIONS").map(PathBuf::from);
    let binary = |name: &str| match &folder {
        Some(folder) => folder.join(name).join("bootstrap").to_string_lossy().into_owned(),
        None => release_function_binary(name),
    };
    let scene = Scene::set().await;
    let counted = counted::webhook(&scene, &binary("zixly-webhook")).await;
    if let Some(file) = setting("REPORT") {
        let report = measure(&scene, &binary).await;
        let text = report.text(&counted);
        say(&text);
        std::fs::write(&file, text).unwrap_or_else(|error| panic!("{file} cannot be written: {error}"));
    }
    counted.verdict()
}

async fn measure(scene: &Scene, binary: &dyn Fn(&str) -> String) -> Report {
    let mut report = Report { functions: functions::all(scene, binary), ..Report::default() };
    let settings = scene.settings("webhook", &scene.url(Role::Webhook));
    for is_slow in [false, true] {
        scene.slow_down_flushes(is_slow).await;
        for count in ENVIRONMENTS {
            let mut environments: Vec<_> =
                (0..count).map(|_| Environment::start(&binary("zixly-webhook"), &settings)).collect();
            webhook::deliver(scene, &mut environments, WARM_UP).await;
            let served = webhook::deliver(scene, &mut environments, MEASURED).await;
            drop(environments);
            let limit = Limit::measure(scene, count, MEASURED.as_secs()).await;
            report.webhook.push(report::Line { is_slow, environments: count, served, limit });
        }
    }
    report
}

fn setting(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is where the run takes its settings, once")]
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

#[expect(clippy::print_stdout, reason = "the figures are what one wants to see")]
fn say(text: &str) {
    println!("{text}");
}
