//! Runs jobs: claims one under a fenced lease, takes its workflow step by step, and records each step before the
//! next begins. A worker that dies is replaced by one that goes on after the last recorded step.
//!
//! The parts, from the outside in: [`App`] takes a batch of messages; `run` claims a job and records how it ended;
//! `steps` runs one step with its attempts; `effects` makes a write happen once; `tokens` keeps connections open;
//! `job_events` tells pages what has become of a job; `workflows` holds what each workflow does, one file each.
//!
//! Beside the function, [`ledger`] compares what jobs have written with the providers, when an operator asks.
//!
//! **Invariant:** serves no HTTP, and never sleeps to wait: a wait is a due time in PostgreSQL and a delayed message.
//! Only an operator's comparison sits a limit out.

mod app;
mod await_points;
mod config;
mod connections;
mod connectors;
mod effects;
mod error;
mod filing;
mod job_events;
pub mod ledger;
mod measurements;
mod run;
mod steps;
mod tokens;
mod workflows;

pub use app::App;
pub use await_points::AWAIT_POINTS;
pub use config::WorkerConfig;
pub use workflows::steps_of;
