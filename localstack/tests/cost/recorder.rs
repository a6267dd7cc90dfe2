//! Stands between a function and what it calls, hands everything on, and takes note of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// What was asked of one operation.
#[derive(Clone, Default)]
pub struct Calls {
    pub count: u64,
    /// How long the answers took, all together.
    pub waited: Duration,
    /// What was sent there: headers and bodies.
    pub bytes: u64,
}

pub type Record = BTreeMap<String, Calls>;

/// Listens at `url` in the place of `upstream`.
#[derive(Clone)]
pub struct Recorder {
    pub url: String,
    upstream: String,
    name: fn(&Parts, &[u8]) -> String,
    http: reqwest::Client,
    record: Arc<Mutex<Record>>,
}

impl Recorder {
    /// In front of the local AWS.
    pub async fn of_aws(upstream: &str) -> Self {
        Self::start(upstream, aws_operation).await
    }

    /// In front of the providers.
    pub async fn of_providers(upstream: &str) -> Self {
        let provider = |parts: &Parts, _: &[u8]| {
            let path = parts.uri.path().trim_start_matches('/');
            path.split('/').next().unwrap_or_default().to_owned()
        };
        Self::start(upstream, provider).await
    }

    async fn start(upstream: &str, name: fn(&Parts, &[u8]) -> String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let recorder = Self {
            url: format!("http://{address}"),
            upstream: upstream.to_owned(),
            name,
            http: reqwest::Client::builder().no_proxy().build().expect("a plain client"),
            record: Arc::default(),
        };
        let router = Router::new().fallback(hand_on).with_state(recorder.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        recorder
    }

    /// Everything since it was started, or since the last time.
    pub fn take(&self) -> Record {
        std::mem::take(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn hand_on(State(recorder): State<Recorder>, request: Request) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
    let bytes = size(&parts.headers) + body.len();
    let name = (recorder.name)(&parts, &body);
    let answer = recorder.send_on(parts, body).await;
    let mut record = recorder.record.lock().unwrap_or_else(PoisonError::into_inner);
    let calls = record.entry(name).or_default();
    calls.count += 1;
    calls.waited += began.elapsed();
    calls.bytes += bytes as u64;
    answer.unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
}

impl Recorder {
    async fn send_on(&self, parts: Parts, body: Bytes) -> reqwest::Result<Response> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", self.upstream);
        let headers = without_framing(parts.headers);
        let answer = self.http.request(parts.method, url).headers(headers).body(body).send().await?;
        let (status, headers) = (answer.status(), without_framing(answer.headers().clone()));
        Ok((status, headers, answer.bytes().await?).into_response())
    }
}

/// Each connection frames its messages itself.
fn without_framing(mut headers: HeaderMap) -> HeaderMap {
    const FRAMING: [HeaderName; 4] =
        [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
    FRAMING.iter().for_each(|name| drop(headers.remove(name)));
    headers
}

fn size(headers: &HeaderMap) -> usize {
    // A colon, a space and the end of the line.
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// `sqs:SendMessage`; `s3:PUT`, where the operation is not named.
fn aws_operation(parts: &Parts, body: &[u8]) -> String {
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Credential=ID/20261122/ap-southeast-2/sqs/aws4_request
    let service = header("authorization").split('/').nth(3).unwrap_or("unsigned");
    let operation = header("x-amz-target").rsplit('.').next().filter(|operation| !operation.is_empty());
    let operation = operation.unwrap_or(parts.method.as_str());
    let is_fair = service == "sqs" && String::from_utf8_lossy(body).contains(r#""MessageGroupId""#);
    format!("{service}:{operation}{}", if is_fair { " with a group" } else { "" })
}
