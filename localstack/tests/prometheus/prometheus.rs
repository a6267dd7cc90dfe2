//! Prometheus and promtool as `make setup` unpacks them, or as the machine has them.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};

/// How long anything may take to come about, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(90);

/// Several in the shortest time that a rule looks back.
const INTERVAL: &str = "400ms";

/// A running Prometheus. Dropped, it is gone.
pub struct Prometheus {
    url: String,
    folder: PathBuf,
    http: reqwest::Client,
    _server: Child,
}

impl Prometheus {
    /// Starts it with the committed configuration, but for the address, the token and how long everything takes.
    pub async fn start(target: SocketAddr, token: &str, faster: u64) -> Self {
        let folder = std::env::temp_dir().join(format!("zixly-prometheus-{:016x}", rand::random::<u64>()));
        fs::create_dir(&folder).unwrap();
        let configuration = committed("prometheus.yml")
            .replace("scrape_interval: 30s", &format!("scrape_interval: {INTERVAL}"))
            .replace("evaluation_interval: 30s", &format!("evaluation_interval: {INTERVAL}"));
        assert_eq!(configuration.matches(INTERVAL).count(), 2, "{configuration}");
        let targets = committed("targets.yml")
            .replace("localstack:4566", &target.to_string())
            .replace("/restapis/ID/STAGE/_user_request_/metrics", "/metrics");
        assert!(!targets.contains("localstack") && !targets.contains("ID"), "{targets}");
        let files = [
            ("prometheus.yml", configuration),
            ("targets.yml", targets),
            ("alerts.yml", hurried(committed("alerts.yml"), faster)),
            ("metrics_token", token.to_owned()),
        ];
        for (name, content) in files {
            fs::write(folder.join(name), content).unwrap();
        }

        let address = free_address();
        let log = fs::File::create(folder.join("log")).unwrap();
        let server = Command::new(program("prometheus"))
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let prometheus = Self { url: format!("http://{address}"), folder, http, _server: server };
        let ready = format!("{}/-/ready", prometheus.url);
        let is_ready = until(async || {
            prometheus.http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success())
        });
        assert!(is_ready.await, "Prometheus is not ready, see {}", prometheus.folder.display());
        prometheus
    }

    /// The labels and the value of each series that a query gives now.
    pub async fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let data = self.get("query", &[("query", query)]).await;
        let series = data["result"].as_array().unwrap().iter();
        series.map(|series| (series["metric"].clone(), number(&series["value"][1]))).collect()
    }

    /// Whether a query has given any number in the last minutes.
    pub async fn has_numbers(&self, query: &str) -> bool {
        let now = jiff::Timestamp::now();
        let (start, end) = ((now - Duration::from_secs(900)).to_string(), now.to_string());
        let parameters = [("query", query), ("start", &start), ("end", &end), ("step", INTERVAL)];
        let data = self.get("query_range", &parameters).await;
        let series = data["result"].as_array().unwrap().iter();
        let mut points = series.flat_map(|series| series["values"].as_array().unwrap());
        points.any(|point| number(&point[1]).is_finite())
    }

    /// The alerts whose condition holds, with `firing`, or `pending` until it has held for its time.
    pub async fn alerts(&self) -> BTreeMap<String, String> {
        let data = self.get("alerts", &[]).await;
        let alerts = data["alerts"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        alerts.map(|alert| (text(&alert["labels"]["alertname"]), text(&alert["state"]))).collect()
    }

    async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let url = format!("{}/api/v1/{path}", self.url);
        let answer = self.http.get(url).query(parameters).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["status"], "success", "{path} {parameters:?}: {answer}");
        answer["data"].clone()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // What is left in a folder for temporary files is no reason to fail.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Runs promtool on the committed files.
pub fn promtool(arguments: &[&str]) {
    let mut command = std::process::Command::new(program("promtool"));
    let output = command.args(arguments).current_dir(folder().join("prometheus")).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "promtool {arguments:?}: {said}{complained}");
}

/// Tries until it is so; false when it has not become so in time.
pub async fn until(mut is_so: impl AsyncFnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if is_so().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

/// The folder that holds `prometheus` and `grafana`.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn committed(name: &str) -> String {
    fs::read_to_string(folder().join("prometheus").join(name)).unwrap()
}

/// The rules with every duration in them so many times shorter.
fn hurried(mut rules: String, faster: u64) -> String {
    for minutes in (1..=60).rev() {
        let hurried_ms = minutes * 60_000 / faster;
        rules = rules.replace(&format!("for: {minutes}m\n"), &format!("for: {hurried_ms}ms\n"));
        rules = rules.replace(&format!("[{minutes}m]"), &format!("[{hurried_ms}ms]"));
    }
    let durations = rules.matches("\n        for: ").count() + rules.matches('[').count();
    let hurried = rules.matches("ms\n").count() + rules.matches("ms]").count();
    assert_eq!(hurried, durations, "a duration is not in minutes: {rules}");
    rules
}

fn program(name: &str) -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "programs are found as a terminal finds them")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path).map(|folder| folder.join(name)).collect();
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local/prometheus/usr/bin").join(name);
    [unpacked].into_iter().chain(on_path).find(|program| program.is_file()).expect(
        "these tests need Prometheus, and there is none: install it (apt install prometheus), or run `make setup` \
         where apt-get is",
    )
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Prometheus writes numbers as texts, since JSON knows neither NaN nor infinity.
fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}
