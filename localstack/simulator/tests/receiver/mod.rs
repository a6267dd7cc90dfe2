//! The app's end of what providers ask of it: a server that keeps what it gets.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc};

/// A server on a free port. Under `/echo` it echoes `X-Hook-Secret`; under `/refuse` it answers 403; elsewhere 200.
pub struct Receiver {
    address: SocketAddr,
    seen: mpsc::UnboundedReceiver<Seen>,
}

/// A request that came.
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = mpsc::unbounded_channel();
        let app = Router::new().fallback(move |request: Request| keep(sender.clone(), request));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, seen }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn next(&mut self) -> Seen {
        self.next_within(Duration::from_secs(10)).await.expect("a request should have come")
    }

    pub async fn next_within(&mut self, time: Duration) -> Option<Seen> {
        tokio::time::timeout(time, self.seen.recv()).await.ok().flatten()
    }
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn keep(sender: mpsc::UnboundedSender<Seen>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let path = head.uri.path().to_owned();
    let secret = head.headers.get("x-hook-secret").cloned();
    let answer = match (path.as_str(), secret) {
        ("/echo", Some(secret)) => [("x-hook-secret", secret)].into_response(),
        ("/refuse", _) => StatusCode::FORBIDDEN.into_response(),
        _ => StatusCode::OK.into_response(),
    };
    // The test may have seen enough and be gone.
    let _ = sender.send(Seen { path, headers: head.headers, body });
    answer
}
