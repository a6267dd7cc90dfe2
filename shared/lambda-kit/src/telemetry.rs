//! Logs as JSON lines on standard output, where Lambda takes them.

use tracing_subscriber::{EnvFilter, fmt};

use crate::settings::environment;

/// Starts logging at the level of Lambda's own logging settings (`AWS_LAMBDA_LOG_LEVEL`, default `info`).
/// The crates below us are held to warnings: their debug output may contain bodies and headers.
pub fn init() {
    let level = environment("AWS_LAMBDA_LOG_LEVEL").unwrap_or_default().to_lowercase();
    let ours = match level.as_str() {
        "trace" | "debug" | "warn" | "error" => level.as_str(),
        "fatal" => "error",
        _ => "info",
    };
    let filter = EnvFilter::new(format!("warn,zixly={ours}"));
    fmt().json().flatten_event(true).with_current_span(false).with_env_filter(filter).init();
}
