//! What tests share: a database of their own, the local AWS, a Lambda Runtime API for real binaries, and the suite
//! that every connector passes.
//!
//! The servers come from `zixly services`, which puts their addresses into the environment.
//!
//! **Invariant:** a dev-dependency only; nothing here stands in for a part that could run for real.

pub mod connector_conformance;
mod database;
mod local_aws;
mod runtime_api;
mod settings;

pub use database::{Role, TestDatabase, query};
pub use local_aws::{ENVIRONMENT as AWS_ENVIRONMENT, LocalAws};
pub use runtime_api::FunctionProcess;
