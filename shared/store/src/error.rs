use zixly_domain::{JobId, UnknownWord};

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, or went away in between: try again later.
    #[error("the database cannot be reached")]
    Unreachable(#[source] tokio_postgres::Error),
    /// The database did not answer in time: it may or may not have done what was asked.
    #[error("the database did not answer in time")]
    TimedOut,
    /// The lease on a job has passed to another worker, which now decides what happens to it.
    #[error("another worker holds job {0} now")]
    LeaseLost(JobId),
    /// The database refused a statement: a defect, since every rule it enforces is ours.
    #[error("the database refused a statement")]
    Refused(#[source] tokio_postgres::Error),
    /// A row holds a word that this version does not know.
    #[error("a row cannot be read")]
    Unreadable(#[from] UnknownWord),
    /// The address of the database is wrong.
    #[error("the database address is wrong: {0}")]
    Address(&'static str),
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        use tokio_postgres::error::SqlState as S;
        // The server answers with an error code also when it is starting, stopping or full.
        let is_away = match error.code() {
            None => !error.to_string().contains("error serializing") && error.as_db_error().is_none(),
            Some(code) => {
                [S::ADMIN_SHUTDOWN, S::CRASH_SHUTDOWN, S::CANNOT_CONNECT_NOW, S::TOO_MANY_CONNECTIONS]
                    .contains(code)
                    || code.code().starts_with("08")
            }
        };
        match error.code() {
            Some(code) if *code == S::QUERY_CANCELED => Self::TimedOut,
            _ if is_away => Self::Unreachable(error),
            _ => Self::Refused(error),
        }
    }
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::TimedOut)
    }
}
