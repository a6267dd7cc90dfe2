//! A real Prometheus over a real webhook function: it shows what the database has, each alert fires when its condition is
//! made and not before, and every panel of both dashboards has something to show.
//!
//! The committed files are what is tried. Only the address, the token and the intervals are replaced, and all durations of
//! the rules divided by [`FASTER`].
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

#[path = "../chaos/business.rs"]
mod business;
#[path = "../chaos/doors.rs"]
#[expect(dead_code, reason = "one door at which everything is accepted at once")]
mod doors;
mod prometheus;
mod scene;
#[path = "../chaos/world.rs"]
#[expect(dead_code, reason = "no scheduler, no faults to be cleared")]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::prometheus::{Prometheus, folder, promtool, until};
use crate::scene::Scene;

/// How many times faster the rules are than they are committed.
const FASTER: u64 = 100;

#[test]
fn the_rules_fire_at_their_thresholds_and_not_below() {
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["check", "rules", "alerts.yml"]);
    promtool(&["test", "rules", "alerts_test.yml"]);
}

#[test]
fn each_alert_has_a_runbook() {
    let rules = fs::read_to_string(folder().join("prometheus/alerts.yml")).unwrap();
    let runbooks: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("runbook: ")).collect();
    assert_eq!(runbooks.len(), rules.matches("- alert: ").count());
    for runbook in runbooks {
        assert!(folder().join("..").join(runbook).is_file(), "{runbook} is not there");
    }
}

#[tokio::test]
async fn prometheus_shows_the_truth_fires_each_alert_in_time_and_fills_every_panel() {
    let scene = Scene::new().await;
    let prometheus = Prometheus::start(scene.address, scene::METRICS_TOKEN, FASTER).await;

    // A counter that has just appeared has no rate yet, so everything happens twice.
    for half in 0..2 {
        scene.let_everything_happen(half).await;
        scene.work_until_all_is_done().await;
        assert_shows(&prometheus, &scene.counts().await).await;
    }

    until_quiet(&prometheus).await;
    scene.deliver_invoices(101).await;
    assert_fires(&prometheus, &["QueueBacklog"], async || ()).await;

    let ten_minutes_ago =
        "update pipeline_jobs set created_at = now() - interval '10 minutes' where status = 'QUEUED'";
    scene.execute(ten_minutes_ago).await;
    assert_shows(&prometheus, &scene.counts().await).await;
    assert_fires(&prometheus, &["JobLag", "QueueBacklog", "WorkerDown"], async || ()).await;

    scene.work_until_all_is_done().await;
    scene.let_xero_refuse(true).await;
    let fail = async || {
        scene.deliver_invoices(1).await;
        scene.work_until_all_is_done().await;
    };
    assert_fires(&prometheus, &["HighErrorRate"], fail).await;
    scene.let_xero_refuse(false).await;

    until_quiet(&prometheus).await;
    let be_slow = async || {
        scene.deliver_invoices(1).await;
        let first_claimed =
            "update pipeline_jobs set started_at = now() - interval '8 minutes' where status = 'QUEUED'";
        scene.execute(first_claimed).await;
        scene.work_until_all_is_done().await;
    };
    assert_fires(&prometheus, &["SlowExecution"], be_slow).await;

    assert_panels_show_something(&prometheus).await;

    until_quiet(&prometheus).await;
    scene.stop_answering();
    assert_fires(&prometheus, &["NoData"], async || ()).await;
}

/// Jobs by status, made by workflow, and ended by workflow and status.
async fn assert_shows(prometheus: &Prometheus, counts: &BTreeMap<String, f64>) {
    let mut shown = BTreeMap::new();
    let is_shown = until(async || {
        shown = shown_counts(prometheus).await;
        shown == *counts
    });
    if !is_shown.await {
        // For the difference.
        assert_eq!(shown, *counts);
    }
}

async fn shown_counts(prometheus: &Prometheus) -> BTreeMap<String, f64> {
    let queries = [
        ("jobs", "pipeline_jobs"),
        ("queued", "sum by (job_type) (pipeline_jobs_queued_total)"),
        ("processed", "sum by (job_type, status) (pipeline_jobs_processed_total)"),
    ];
    let mut shown = BTreeMap::new();
    for (what, query) in queries {
        for (labels, value) in prometheus.query(query).await {
            let labels = ["job_type", "status"].iter().filter_map(|name| labels[*name].as_str());
            let key: Vec<&str> = [what].into_iter().chain(labels).collect();
            shown.insert(key.join(" "), value);
        }
    }
    shown
}

/// Waits until no alert fires or is about to.
async fn until_quiet(prometheus: &Prometheus) {
    let is_quiet = until(async || prometheus.alerts().await.is_empty()).await;
    assert!(is_quiet, "without a reason: {:?}", prometheus.alerts().await);
}

/// Does `meanwhile` again and again until these alerts fire, and no others.
async fn assert_fires(prometheus: &Prometheus, expected: &[&str], meanwhile: impl AsyncFn()) {
    let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
    let has_fired = until(async || {
        meanwhile().await;
        let alerts = prometheus.alerts().await;
        alerts
            .into_iter()
            .filter(|(_, state)| state == "firing")
            .map(|(name, _)| name)
            .collect::<BTreeSet<_>>()
            == expected
    });
    assert!(has_fired.await, "{expected:?} and no others should fire: {:?}", prometheus.alerts().await);
}

/// Every query of every panel, over all that has happened.
async fn assert_panels_show_something(prometheus: &Prometheus) {
    let provisioned =
        fs::read_to_string(folder().join("grafana/provisioning/datasources/prometheus.yml")).unwrap();
    let mut empty = Vec::new();
    let mut count = 0;
    for file in fs::read_dir(folder().join("grafana/dashboards")).unwrap() {
        let dashboard: Value = serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            let (title, targets) = (&panel["title"], panel["targets"].as_array().unwrap());
            assert!(!targets.is_empty(), "{title} asks nothing");
            for target in targets {
                let uid = target["datasource"]["uid"].as_str().unwrap();
                assert!(provisioned.contains(&format!("    uid: {uid}\n")), "{title} asks {uid}");
                let query = target["expr"].as_str().unwrap().replace("$__rate_interval", "5s");
                if !prometheus.has_numbers(&query).await {
                    empty.push(format!("{} / {title}: {query}", dashboard["title"]));
                }
                count += 1;
            }
        }
    }
    assert!(empty.is_empty(), "these panels show nothing: {empty:#?}");
    assert!(count >= 30, "only {count} queries");
}
