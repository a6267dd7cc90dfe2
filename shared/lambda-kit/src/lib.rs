//! What every function needs around its own work: settings, telemetry, the AWS client configuration, the batch
//! runner, bodies of calls, problem documents, and errors printed with their causes.
//!
//! **Invariant:** knows no table, no provider and no workflow.

pub mod aws;
pub mod batch;
mod chain;
pub mod fields;
pub mod metrics;
pub mod page_headers;
pub mod problem;
pub mod requests;
pub mod settings;
pub mod telemetry;

pub use chain::Chain;
