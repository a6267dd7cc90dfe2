//! Shows what has happened and what is going on: the dashboard's API, and the pages that use it. GET only.
//!
//! **Invariant:** nothing is ever written. The function's database role has SELECT only, its IAM role reads only, and
//! whoever wants something of a job asks the webhook function.

mod answers;
mod app;
mod audit;
mod config;
mod deliveries;
mod errors;
mod health;
mod job;
mod jobs;
mod links;
mod me;
mod overview;
mod pages;
mod query;
mod results;
pub mod routes;
mod service_metrics;
mod stream;
mod sync_status;
mod ticket;

pub use app::App;
pub use config::DashboardConfig;
