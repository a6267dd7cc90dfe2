//! The door: takes deliveries from providers and calls from people and programs, files them with their jobs, rings the
//! worker, and tells a caller how a job is getting on.
//!
//! A delivery is answered with 2xx only after it cannot be lost any more: it is in PostgreSQL, or, while that is
//! away, whole in the queue.
//!
//! **Invariant:** calls no provider, runs no step, and stores nothing of what is not correctly signed.

mod accept;
mod app;
mod callback;
mod callers;
mod config;
mod deliveries;
mod dry_runs;
mod fields;
mod handshake;
mod headers;
mod health;
mod jobs;
mod measurements;
mod replay;
pub mod routes;
mod signing_keys;
mod steering;
mod triggers;

pub use app::App;
pub use config::WebhookConfig;
