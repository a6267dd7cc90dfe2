//! What tests share: a database of their own, the local AWS, servers that can be stopped, a Lambda Runtime API for
//! real binaries, signed deliveries, and the suite that every connector passes.
//!
//! The servers come from `zixly services`, which puts their addresses into the environment.
//!
//! **Invariant:** a dev-dependency only; nothing here stands in for a part that could run for real.

pub mod connector_conformance;
mod contract;
mod database;
mod local_aws;
mod log_lines;
pub mod post;
mod runtime_api;
mod servers;
mod settings;
mod terraform;

pub use contract::Contract;
pub use database::{Role, TestDatabase, query, refusal};
pub use local_aws::{ENVIRONMENT as AWS_ENVIRONMENT, LocalAws, SqsMessage, sqs_event};
pub use log_lines::LogLines;
pub use post::Post;
pub use runtime_api::{Ending, FunctionProcess, function_binary, processor_time, release_function_binary};
pub use servers::{AwsServer, PostgresServer};
pub use terraform::Terraform;
