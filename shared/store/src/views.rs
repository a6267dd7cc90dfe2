//! What the dashboard shows, a module a page. Statements that read only, for a role that can do nothing else. What is
//! shown as it stands, PostgreSQL makes into JSON in the words of the dashboard's OpenAPI file, so that a page is one
//! round trip.

pub mod audit;
pub mod deliveries;
pub mod job;
pub mod jobs;
pub mod overview;
pub mod service_metrics;
pub mod sync_status;
pub mod viewers;

use jiff::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// A parameter with its type, as every statement is sent.
type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The first id that something made at `at` can have: ids are UUIDv7 and begin with the time.
fn first_id_at(at: Timestamp) -> Uuid {
    let ms = u128::from(at.as_millisecond().max(0).unsigned_abs()) & 0xFFFF_FFFF_FFFF;
    Uuid::from_u128(ms << 80)
}
