//! What a stranger finds who tries whatever `openapi.json` allows, and whatever it does not.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use axum::{Router, body::to_bytes};
use lambda_http::{
    Body, RequestExt, Response,
    http::{self, StatusCode},
};
use tokio::{net::TcpListener, process::Command};
use zixly_webhook::{App, routes};

use crate::scene::Door;

/// By localstack/setup.sh.
const SCHEMATHESIS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.local/venv/bin/schemathesis");
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

const CHECKS: &str =
    "not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance";

/// Runs for as long as its examples take; beyond this, something hangs.
const TIMEOUT: Duration = Duration::from_secs(300);

#[tokio::test]
async fn schemathesis_finds_no_answer_that_the_file_does_not_promise() {
    assert!(Path::new(SCHEMATHESIS).exists(), "schemathesis is not installed: run `make setup`");
    let door = Door::new().await;
    let key = door.api_key(door.tenant("org").await).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let door = door.with_setting("PUBLIC_BASE_URL", &url);
    let healthy = door.start();
    // One tenant makes all the requests, and must not be stopped at a hundred of them.
    let unlimited = door.without_counters().start();
    tokio::spawn(async move { axum::serve(listener, server(unlimited, healthy)).await });

    let run = Command::new(SCHEMATHESIS)
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .env("NO_PROXY", "*")
        .args(["run", FILE, "--url", &url, "--header", &format!("Authorization: {key}")])
        .args(["--phases", "examples,coverage,fuzzing,stateful"])
        .args(["--checks", CHECKS])
        .args(["--max-examples", "15", "--seed", "1", "--generation-database", "none"])
        .args(["--continue-on-failure", "--request-timeout", "10", "--no-color"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let run = tokio::time::timeout(TIMEOUT, run).await.expect("schemathesis ends").unwrap();
    let report = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{report}\n{}", String::from_utf8_lossy(&run.stderr));
    print_summary(&report);
}

/// The function behind HTTP, as the gateway would have it.
fn server(unlimited: Arc<App>, healthy: Arc<App>) -> Router {
    Router::new().fallback(async move |request: axum::extract::Request| {
        // Whether the counters are up is all that the two differ in.
        let app = if request.uri().path() == "/health" { &healthy } else { &unlimited };
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let Ok(bytes) = to_bytes(body, usize::MAX).await else {
            return Response::builder()
                .status(StatusCode::BAD_REQUEST)
                .body(axum::body::Body::empty())
                .unwrap();
        };
        let request = http::Request::from_parts(parts, Body::Binary(bytes.to_vec())).with_raw_http_path(path);
        let (parts, body) = routes::answer(app, request).await.into_parts();
        Response::from_parts(parts, axum::body::Body::from(body.to_vec()))
    })
}

#[expect(clippy::print_stdout, reason = "whoever asks for a test's output wants to know what was tried")]
fn print_summary(report: &str) {
    println!("{}", report.find("SUMMARY").map_or(report, |start| &report[start..]));
}
