//! The door: takes deliveries from providers, files them with their jobs, rings the worker, and tells a caller how
//! a job is getting on.
//!
//! A delivery is answered with 2xx only after it cannot be lost any more: it is in PostgreSQL, or, while that is
//! away, whole in the queue.
//!
//! **Invariant:** calls no provider, runs no step, and stores nothing of what is not correctly signed.

mod accept;
mod app;
mod config;
mod health;
mod jobs;
pub mod routes;
mod xero;

pub use app::App;
pub use config::WebhookConfig;
