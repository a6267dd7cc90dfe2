use std::error::Error;

use tokio_postgres::error::SqlState;
use zixly_domain::{JobId, UnknownWord};

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is stopping or starting, turns us away or is too busy: try again later.
    #[error("the database is not available now")]
    Unavailable(#[source] Complaint),
    /// The database did not answer in time: it may or may not have done what was asked.
    #[error("the database did not answer in time")]
    TimedOut,
    /// The lease on a job has passed to another worker, which now decides what happens to it.
    #[error("another worker holds job {0} now")]
    LeaseLost(JobId),
    /// The database refused a statement: a defect, since every rule it enforces is ours.
    #[error("the database refused a statement")]
    Refused(#[source] Complaint),
    /// A row holds a word that this version does not know.
    #[error("a row cannot be read")]
    Unreadable(#[from] UnknownWord),
    /// The address of the database is wrong.
    #[error("the database address is wrong: {0}")]
    Address(&'static str),
}

/// What the server says about a connection or a statement, without the row and without a value that it could not read:
/// those may hold what is nobody's business.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Complaint(String);

impl From<tokio_postgres::Error> for Complaint {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(said) = error.as_db_error() else { return Self(without_a_server(&error)) };
        let message = match said.code().code() {
            code if code.starts_with(DATA_EXCEPTION) => "a value is not what it should be",
            _ => said.message(),
        };
        let of =
            |what: &str, name: Option<&str>| name.map_or(String::new(), |name| format!(", {what} {name}"));
        Self(format!(
            "{} (code {}{}{})",
            message,
            said.code().code(),
            of("table", said.table()),
            of("constraint", said.constraint())
        ))
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code().map(SqlState::code) {
            Some(QUERY_CANCELED | LOCK_NOT_AVAILABLE) => Self::TimedOut,
            Some(code) if PASSING.iter().any(|class| code.starts_with(class)) => {
                Self::Unavailable(error.into())
            }
            Some(_) => Self::Refused(error.into()),
            None if is_broken_connection(&error) => Self::Unavailable(error.into()),
            None => Self::Refused(error.into()),
        }
    }
}

/// With the cause, which is the operating system's or the driver's own.
fn without_a_server(error: &tokio_postgres::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// The class of errors whose messages quote the value that they are about.
const DATA_EXCEPTION: &str = "22";

/// The statement timeout.
const QUERY_CANCELED: &str = "57014";

/// The lock timeout.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Error codes, or the classes that they begin with, that say nothing about the statement: connection, read-only
/// (a standby, or a full disk), idle for too long, authorisation, no such database (while one is set up), transaction
/// rolled back, resources, operator intervention, and what Supavisor answers when it is full.
const PASSING: &[&str] = &["08", "25006", "25P03", "28", "3D", "40", "53", "57", "XX000"];

fn is_broken_connection(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || error.source().is_some_and(|cause| cause.is::<std::io::Error>())
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing the code.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::TimedOut)
    }
}
