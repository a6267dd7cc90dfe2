//! Everything that stands in PostgreSQL: one module per aggregate, each with its SQL on top.
//!
//! Tenant data is reached only through a [`TenantTx`], a transaction that row-level security holds to one tenant, or by a
//! function of the database that binds itself to one. Nothing is prepared and no setting outlives its transaction, so a
//! transaction pooler may stand in between.
//!
//! **Invariant:** no network call but to PostgreSQL, no secret in any row, and no rule about what a job does.

pub mod api_keys;
pub mod audit;
pub mod callbacks;
pub mod connections;
pub mod deliveries;
pub mod effects;
mod error;
pub mod jobs;
pub mod ledger;
pub mod load;
pub mod metric_shards;
pub mod migrations;
pub mod oauth_requests;
pub mod polls;
pub mod privacy;
pub mod related_records;
pub mod requests;
pub mod retention;
pub mod steps;
mod store;
pub mod sweeps;
pub mod tenants;
pub mod token_sets;
pub mod trading_sweep_results;
pub mod triggers;
pub mod users;
pub mod views;
pub mod webhook_endpoints;
pub mod workflow_settings;

pub use error::{Complaint, StoreError};
use store::Parameter;
pub use store::{Session, Store, TenantTx};

/// Every statement of the crate with its name, so that a test can try each one on the migrated schema.
pub fn statements() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    [
        api_keys::STATEMENTS,
        audit::STATEMENTS,
        callbacks::STATEMENTS,
        connections::STATEMENTS,
        deliveries::STATEMENTS,
        effects::STATEMENTS,
        jobs::STATEMENTS,
        ledger::STATEMENTS,
        metric_shards::STATEMENTS,
        oauth_requests::STATEMENTS,
        polls::STATEMENTS,
        privacy::STATEMENTS,
        requests::STATEMENTS,
        retention::STATEMENTS,
        steps::STATEMENTS,
        store::STATEMENTS,
        sweeps::STATEMENTS,
        tenants::STATEMENTS,
        token_sets::STATEMENTS,
        trading_sweep_results::STATEMENTS,
        triggers::STATEMENTS,
        users::STATEMENTS,
        views::audit::STATEMENTS,
        views::deliveries::STATEMENTS,
        views::job::STATEMENTS,
        views::jobs::STATEMENTS,
        views::overview::STATEMENTS,
        views::service_metrics::STATEMENTS,
        views::sync_status::STATEMENTS,
        views::viewers::STATEMENTS,
        webhook_endpoints::STATEMENTS,
        workflow_settings::STATEMENTS,
    ]
    .into_iter()
    .flatten()
}
