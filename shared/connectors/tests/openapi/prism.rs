//! Prism as a proxy before the simulator, one process a file, and before each a relay that reads what Prism found and
//! the connector does not look at.

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, header},
    response::Response,
};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

/// By localstack/setup.sh.
const PRISM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../.local/prism/node_modules/@stoplight/prism-cli/dist/index.js"
);

/// Reading Xero's file takes Prism 20 s when the processor is not busy.
const START: Duration = Duration::from_secs(180);

/// Each file, and where the simulator plays what it describes.
const PLAYED: &[(&str, &str)] = &[
    ("xero_accounting.yaml", "xero/api.xro/2.0"),
    ("asana_oas.yaml", "asana/api/1.0"),
    ("hubspot_contacts_2026-03.json", "hubspot"),
    ("hubspot_deals_2026-03.json", "hubspot"),
    ("hubspot_notes_2026-03.json", "hubspot"),
    ("hubspot_oauth_2026-03.json", "hubspot"),
];

pub struct Prism {
    /// Where the relay before each file's Prism listens.
    relays: HashMap<&'static str, String>,
    seen: Arc<Mutex<Seen>>,
    _processes: Vec<Child>,
}

/// What has come through since the last look.
#[derive(Default)]
pub struct Seen {
    pub exchanges: usize,
    pub violations: Vec<Violation>,
}

/// Something that a file does not have so.
pub struct Violation {
    exchange: String,
    location: String,
    message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}: {}", self.exchange, self.location, self.message)
    }
}

/// Whether there is a Node.js that Prism runs on.
pub fn node_is_new_enough() -> bool {
    let Ok(answer) = std::process::Command::new("node").arg("--version").output() else { return false };
    let version = String::from_utf8_lossy(&answer.stdout);
    let mut numbers =
        version.trim().trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(18), Some(20))
}

impl Prism {
    pub async fn start_all(files: &Path, simulator_url: &str) -> Self {
        assert!(Path::new(PRISM).exists(), "Prism is not installed: run `make setup`");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut started = Vec::new();
        for (file, played_at) in PLAYED {
            let port = free_port().await;
            let process = Command::new("node")
                .args([PRISM, "proxy", "--host", "127.0.0.1", "--port", &port.to_string()])
                .args(["--verboseLevel", "fatal"])
                .arg(files.join(file))
                .arg(format!("{simulator_url}/{played_at}"))
                .stdin(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            started.push((*file, port, process));
        }
        let mut relays = HashMap::new();
        let mut processes = Vec::new();
        for (file, port, mut process) in started {
            wait_for(file, port, &mut process).await;
            relays.insert(file, relay(port, seen.clone()).await);
            processes.push(process);
        }
        Self { relays, seen, _processes: processes }
    }

    /// Where what this file describes is found.
    pub fn of(&self, file: &str) -> &str {
        &self.relays[file]
    }

    pub fn take_seen(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

async fn wait_for(file: &str, port: u16, process: &mut Child) {
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(process.try_wait().unwrap().is_none(), "Prism has ended and not begun to serve {file}");
        assert!(started.elapsed() < START, "Prism does not begin to serve {file}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[derive(Clone)]
struct Relay {
    prism: String,
    http: reqwest::Client,
    seen: Arc<Mutex<Seen>>,
}

async fn relay(port: u16, seen: Arc<Mutex<Seen>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let http = zixly_connectors::http_client();
    let relay = Relay { prism: format!("http://127.0.0.1:{port}"), http, seen };
    tokio::spawn(
        async move { axum::serve(listener, Router::new().fallback(pass_on).with_state(relay)).await },
    );
    url
}

async fn pass_on(State(relay): State<Relay>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let exchange = format!("{} {}", parts.method, parts.uri);
    let mut headers = parts.headers;
    headers.remove(header::HOST);
    let url = format!("{}{}", relay.prism, parts.uri);
    let answer = relay.http.request(parts.method, url).headers(headers).body(body).send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    note(&mut relay.seen.lock().unwrap(), format!("{exchange} → {status}"), &headers);
    for of_the_connection in [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        headers.remove(of_the_connection);
    }
    let mut response = Response::new(Body::from(answer.bytes().await.unwrap()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn note(seen: &mut Seen, exchange: String, headers: &HeaderMap) {
    seen.exchanges += 1;
    let Some(violations) = headers.get("sl-violations") else { return };
    let violations: Vec<Value> = serde_json::from_slice(violations.as_bytes()).unwrap();
    seen.violations.extend(violations.iter().map(|violation| Violation {
        exchange: exchange.clone(),
        location: violation["location"].to_string(),
        message: violation["message"].as_str().unwrap_or_default().to_owned(),
    }));
}
