//! The admin function, with a database, a local AWS and providers of its own.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod api_keys;
mod connections;
mod consent;
mod isolation;
mod scene;
mod secrets;
mod tenants;
mod users;
mod workflows;
