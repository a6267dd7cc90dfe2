//! Logs as JSON lines on standard output, where Lambda takes them.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Registry, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::settings::environment;

/// Starts logging at the level of Lambda's own logging settings (`AWS_LAMBDA_LOG_LEVEL`, default `info`).
/// The crates below us are held to warnings: their debug output may contain bodies and headers.
pub fn init() {
    let ours = match environment("AWS_LAMBDA_LOG_LEVEL").unwrap_or_default().to_lowercase().as_str() {
        "fatal" => LevelFilter::ERROR,
        level => level.parse().unwrap_or(LevelFilter::INFO),
    };
    // By prefix: every package of ours is called zixly_something.
    let filter = Targets::new().with_default(ours.min(LevelFilter::WARN)).with_target("zixly", ours);
    let lines = fmt::layer().json().flatten_event(true).with_current_span(false);
    Registry::default().with(filter).with(lines).init();
}
