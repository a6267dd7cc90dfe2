//! What the door does with a request, on real servers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api_gateway;
mod callback;
mod callers;
mod contract;
mod deliveries;
mod deliveries_xero;
mod dry_runs;
mod health_and_metrics;
mod limits;
mod logs;
mod openapi;
mod replay;
mod routes;
mod scene;
mod steering;
mod triggers;
