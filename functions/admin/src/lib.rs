//! What an owner sets up without an engineer: tenants, users, connections, API keys, and how the workflows should run.
//!
//! **Invariant:** only ADMIN of the tenant, and platform admins, get anything done here, and everything that is done stands
//! in the audit log, in the same transaction. No job is touched: the database role can name none.

mod answers;
mod api_keys;
mod app;
mod apps;
mod config;
mod connections;
mod consent;
mod deeds;
mod routes;
mod tenants;
mod users;
mod workflows;

pub use app::App;
pub use config::AdminConfig;
pub use routes::{Route, answer};
