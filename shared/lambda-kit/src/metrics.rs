//! What a function measures about itself, for Prometheus and for CloudWatch.
//!
//! Each instance counts on its own, in memory, and saves its numbers whole under its own id; whoever is scraped adds
//! those of all instances up. Saving the same numbers twice changes nothing.
//!
//! **Invariant:** no tenant is in a label or a dimension.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value, json};

use crate::settings::environment;

/// A metric as Prometheus knows it.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    help: &'static str,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Counter,
    Gauge,
    /// The upper bounds of its buckets, in the metric's unit.
    Histogram(&'static [f64]),
}

/// How long an HTTP request took: method, route, status.
pub static HTTP_REQUEST_DURATION: Metric = Metric {
    name: "http_request_duration_seconds",
    help: "Duration of HTTP requests in seconds",
    // The first ones are for a door that answers in milliseconds.
    kind: Kind::Histogram(&[0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 0.5, 0.7, 1.0, 3.0, 5.0, 7.0, 10.0]),
};

/// Jobs that were made: job_type.
pub static JOBS_QUEUED: Metric =
    Metric { name: "pipeline_jobs_queued_total", help: "Total number of jobs queued", kind: Kind::Counter };

/// Jobs by where they stand: status.
pub static JOBS: Metric =
    Metric { name: "pipeline_jobs", help: "Current pipeline jobs by status", kind: Kind::Gauge };

/// How late the job is that has been due for longest and that no worker has taken; 0 when none is.
pub static JOB_LAG: Metric = Metric {
    name: "pipeline_job_lag_seconds",
    help: "Seconds since the oldest job that no worker has taken was due",
    kind: Kind::Gauge,
};

/// How long a job took from its first claim to its end: job_type, status.
pub static JOB_DURATION: Metric = Metric {
    name: "pipeline_job_duration_seconds",
    help: "Duration of pipeline job processing",
    kind: Kind::Histogram(&[0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0]),
};

/// Jobs that ended: job_type, status.
pub static JOBS_PROCESSED: Metric = Metric {
    name: "pipeline_jobs_processed_total",
    help: "Total number of jobs processed",
    kind: Kind::Counter,
};

/// How long the trading API took to answer: endpoint.
pub static TRADING_API_LATENCY: Metric = Metric {
    name: "trading_api_latency_seconds",
    help: "Trading API request latency",
    kind: Kind::Histogram(&[0.5, 1.0, 2.0, 5.0, 10.0, 30.0]),
};

/// Requests that were let through uncounted, since the counters did not answer.
pub static REQUESTS_UNCOUNTED: Metric = Metric {
    name: "http_requests_uncounted_total",
    help: "Requests let through without a look at the rate limit, because the counters did not answer",
    kind: Kind::Counter,
};

const ALL: [&Metric; 8] = [
    &HTTP_REQUEST_DURATION,
    &JOBS_QUEUED,
    &JOBS,
    &JOB_LAG,
    &JOB_DURATION,
    &JOBS_PROCESSED,
    &TRADING_API_LATENCY,
    &REQUESTS_UNCOUNTED,
];

/// The metrics' namespace in CloudWatch (`METRICS_NAMESPACE`, default `Zixly`): an account may have several
/// installations, and what has the same name is added up.
static NAMESPACE: LazyLock<String> =
    LazyLock::new(|| environment("METRICS_NAMESPACE").unwrap_or_else(|| "Zixly".to_owned()));

/// What one instance has measured since it started.
#[derive(Debug, Default)]
pub struct Metrics {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By name and labels, as the exposition format writes them.
    series: BTreeMap<String, Series>,
    /// How often anything was measured, and how often it had been when all was saved last.
    changes: u64,
    saved_changes: u64,
}

#[derive(Debug)]
enum Series {
    Number(u64),
    /// The last bucket is for what is above every bound.
    Histogram {
        buckets: Vec<u64>,
        sum: f64,
        count: u64,
    },
}

/// Labels of a series, by name.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

impl Metrics {
    /// Counts one.
    pub fn count(&self, metric: &Metric, labels: Labels<'_>) {
        let mut inner = self.lock();
        inner.changes += 1;
        let series = inner.series.entry(series_key(metric.name, labels)).or_insert(Series::Number(0));
        if let Series::Number(number) = series {
            *number += 1;
        }
        drop(inner);
        emit(metric, labels, 1.0);
    }

    /// Counts jobs that were made, by their workflows.
    pub fn count_jobs_queued<T: AsRef<str>>(&self, job_types: &[T]) {
        for job_type in job_types {
            self.count(&JOBS_QUEUED, &[("job_type", job_type.as_ref())]);
        }
    }

    /// Takes note of a value of a histogram.
    pub fn observe(&self, metric: &Metric, labels: Labels<'_>, value: f64) {
        let Kind::Histogram(bounds) = metric.kind else { return };
        let mut inner = self.lock();
        inner.changes += 1;
        let series = inner
            .series
            .entry(series_key(metric.name, labels))
            .or_insert_with(|| Series::Histogram { buckets: vec![0; bounds.len() + 1], sum: 0.0, count: 0 });
        if let Series::Histogram { buckets, sum, count } = series {
            let bucket = bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
            buckets[bucket] += 1;
            *sum += value;
            *count += 1;
        }
        drop(inner);
        emit(metric, labels, value);
    }

    /// Hands everything so far to `save`, unless all of it is saved. What `save` does not finish, it gets again.
    pub async fn save_with<E>(&self, save: impl AsyncFnOnce(&Value) -> Result<(), E>) -> Result<(), E> {
        let Some((series, changes)) = self.unsaved() else { return Ok(()) };
        save(&series).await?;
        self.lock().saved_changes = changes;
        Ok(())
    }

    fn unsaved(&self) -> Option<(Value, u64)> {
        let inner = self.lock();
        let series = inner.series.iter().map(|(key, series)| (key.clone(), series.to_json()));
        (inner.changes > inner.saved_changes).then(|| (Value::Object(series.collect()), inner.changes))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves numbers that are at worst one short.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Series {
    fn to_json(&self) -> Value {
        match self {
            Self::Number(number) => json!(number),
            Self::Histogram { buckets, sum, count } => {
                json!({ "buckets": buckets, "sum": sum, "count": count })
            }
        }
    }
}

/// Tells CloudWatch what a gauge is at this moment; Prometheus reads it where it is scraped.
pub fn report(gauge: &Metric, value: f64) {
    emit(gauge, &[], value);
}

/// What all instances have saved, with `gauges` of this moment, as Prometheus reads it (text format 0.0.4).
pub fn exposition(saved: &[Value], gauges: &[(&Metric, Labels<'_>, f64)]) -> String {
    let mut text = String::new();
    for metric in ALL {
        let _ = writeln!(text, "# HELP {} {}", metric.name, metric.help);
        let _ = writeln!(text, "# TYPE {} {}", metric.name, metric.kind.name());
        for (gauge, labels, value) in gauges.iter().filter(|(gauge, ..)| std::ptr::eq(*gauge, metric)) {
            let _ = writeln!(text, "{} {value}", series_key(gauge.name, labels));
        }
        match metric.kind {
            Kind::Histogram(bounds) => write_histograms(&mut text, metric.name, bounds, saved),
            Kind::Counter | Kind::Gauge => {
                for (key, sum) in sums(metric.name, saved, |series| series.as_f64()) {
                    let _ = writeln!(text, "{key} {sum}");
                }
            }
        }
    }
    text
}

fn write_histograms(text: &mut String, name: &str, bounds: &[f64], saved: &[Value]) {
    let counts = sums(name, saved, |series| series["count"].as_f64());
    let totals = sums(name, saved, |series| series["sum"].as_f64());
    for (key, count) in &counts {
        let labels = key.strip_prefix(name).unwrap_or_default().trim_matches(['{', '}']);
        let comma = if labels.is_empty() { "" } else { "," };
        let mut cumulative = 0.0;
        for (index, bound) in bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]).enumerate() {
            let in_bucket = saved.iter().filter_map(|shard| shard[key]["buckets"][index].as_f64());
            cumulative += in_bucket.sum::<f64>();
            let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {cumulative}");
        }
        let braced = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(text, "{name}_sum{braced} {}", totals.get(key).copied().unwrap_or_default());
        let _ = writeln!(text, "{name}_count{braced} {count}");
    }
}

/// The sum of what `value` gives over all shards, by series.
fn sums<'a>(name: &str, saved: &'a [Value], value: impl Fn(&Value) -> Option<f64>) -> BTreeMap<&'a str, f64> {
    let mut sums = BTreeMap::new();
    for (key, series) in saved.iter().filter_map(Value::as_object).flatten() {
        let is_of_metric =
            key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'));
        if let (true, Some(value)) = (is_of_metric, value(series)) {
            *sums.entry(key.as_str()).or_insert(0.0) += value;
        }
    }
    sums
}

/// `name{label="value",…}`, or the name alone.
fn series_key(name: &str, labels: Labels<'_>) -> String {
    if labels.is_empty() {
        return name.to_owned();
    }
    let labels: Vec<String> = labels
        .iter()
        .map(|(label, value)| {
            let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            format!("{label}=\"{value}\"")
        })
        .collect();
    format!("{name}{{{}}}", labels.join(","))
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// The same to CloudWatch, in its embedded metric format: a log line that Lambda takes for a metric.
fn emit(metric: &Metric, labels: Labels<'_>, value: f64) {
    let mut dimensions = vec![labels.iter().map(|(label, _)| *label).collect::<Vec<_>>()];
    if std::ptr::eq(metric, &JOBS_PROCESSED) {
        // An alarm on failed jobs cannot search for the job types that there are.
        dimensions.push(vec!["status"]);
    }
    let unit = if metric.name.ends_with("_seconds") { "Seconds" } else { "Count" };
    let mut line = Map::new();
    for (label, value) in labels {
        line.insert((*label).to_owned(), (*value).into());
    }
    line.insert(metric.name.to_owned(), value.into());
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
            "CloudWatchMetrics": [{
                "Namespace": *NAMESPACE,
                "Dimensions": dimensions,
                "Metrics": [{ "Name": metric.name, "Unit": unit }],
            }],
        }),
    );
    #[expect(clippy::print_stdout, reason = "CloudWatch reads metrics from standard output")]
    {
        println!("{}", Value::Object(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_all_instances_are_added_up() {
        let (one, other) = (Metrics::default(), Metrics::default());
        for (metrics, seconds) in [(&one, 0.004), (&one, 20.0), (&other, 0.004)] {
            let labels: Labels<'_> = &[("method", "GET"), ("route", "/health"), ("status", "200")];
            metrics.observe(&HTTP_REQUEST_DURATION, labels, seconds);
        }
        one.count(&JOBS_QUEUED, &[("job_type", "trading-sweep")]);
        other.count(&JOBS_QUEUED, &[("job_type", "trading-sweep")]);
        let text = exposition(
            &[one.unsaved().unwrap().0, other.unsaved().unwrap().0],
            &[(&JOBS, &[("status", "queued")], 3.0)],
        );
        for line in [
            "# TYPE http_request_duration_seconds histogram",
            r#"http_request_duration_seconds_bucket{method="GET",route="/health",status="200",le="0.002"} 0"#,
            r#"http_request_duration_seconds_bucket{method="GET",route="/health",status="200",le="0.005"} 2"#,
            r#"http_request_duration_seconds_bucket{method="GET",route="/health",status="200",le="10"} 2"#,
            r#"http_request_duration_seconds_bucket{method="GET",route="/health",status="200",le="+Inf"} 3"#,
            r#"http_request_duration_seconds_count{method="GET",route="/health",status="200"} 3"#,
            r#"pipeline_jobs_queued_total{job_type="trading-sweep"} 2"#,
            r#"pipeline_jobs{status="queued"} 3"#,
            "# TYPE trading_api_latency_seconds histogram",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[tokio::test]
    async fn what_is_saved_is_saved_once_and_whole() {
        let metrics = Metrics::default();
        assert_eq!(saved(&metrics, Ok(())).await, None);
        metrics.count(&JOBS_QUEUED, &[("job_type", "a")]);
        let one = json!({ "pipeline_jobs_queued_total{job_type=\"a\"}": 1 });
        assert_eq!(saved(&metrics, Ok(())).await, Some(one));
        assert_eq!(saved(&metrics, Ok(())).await, None);
        metrics.count(&JOBS_QUEUED, &[("job_type", "a")]);
        let two = json!({ "pipeline_jobs_queued_total{job_type=\"a\"}": 2 });
        assert_eq!(saved(&metrics, Err("the store is down")).await, Some(two.clone()));
        assert_eq!(saved(&metrics, Ok(())).await, Some(two));
        assert_eq!(saved(&metrics, Ok(())).await, None);
    }

    /// What there is to save; saving it comes to `outcome`.
    async fn saved(metrics: &Metrics, outcome: Result<(), &str>) -> Option<Value> {
        let mut saved = None;
        let save = async |series: &Value| {
            saved = Some(series.clone());
            outcome
        };
        assert_eq!(metrics.save_with(save).await.is_ok(), outcome.is_ok() || saved.is_none());
        saved
    }
}
