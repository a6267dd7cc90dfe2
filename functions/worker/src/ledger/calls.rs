//! Calls outside of any job.

use std::time::Duration;

use secrecy::SecretString;
use zixly_connectors::ConnectorError;
use zixly_domain::{Provider, WaitingReason, backoff};
use zixly_store::connections::Connection;

use crate::{
    connections::Access,
    error::{Disposition, StepError},
};

/// The longest wait that an operator should sit through; no limit but that of a day lasts longer.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// How often one call is made, its waits for a limit included.
const MOST_TRIES: u16 = 10;

/// How often a call is made that the provider could not answer.
const MOST_FAILURES: u16 = 3;

/// What calls are made with.
#[derive(Clone, Copy)]
pub(super) struct Calls<'a> {
    pub(super) access: Access<'a>,
}

impl Calls<'_> {
    /// Makes a call with the connection's token, again after a wait where that helps. Nothing is noted on the connection.
    pub(super) async fn call<T>(
        &self,
        provider: Provider,
        connection: &Connection,
        call: impl AsyncFn(&SecretString) -> Result<T, ConnectorError>,
    ) -> Result<T, StepError> {
        // Boxed, since the futures within futures of one call take kilobytes.
        self.patiently(async || Box::pin(self.access.call_with_token(provider, connection, &call)).await)
            .await
    }

    /// Makes a call that needs no connection, again after a wait where that helps. This is no worker that waits at
    /// somebody's cost: an operator does.
    pub(super) async fn patiently<T>(
        &self,
        call: impl AsyncFn() -> Result<T, StepError>,
    ) -> Result<T, StepError> {
        let (mut tries, mut failures) = (0, 0);
        loop {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            tries += 1;
            let wait = match error.disposition() {
                Disposition::Wait {
                    reason: WaitingReason::RateBudget | WaitingReason::OtherJob,
                    for_at_least,
                } if for_at_least <= LONGEST_WAIT && tries < MOST_TRIES => for_at_least,
                Disposition::Retry { at_least }
                    if at_least <= LONGEST_WAIT && failures + 1 < MOST_FAILURES =>
                {
                    failures += 1;
                    backoff(failures, rand::random()).max(at_least)
                }
                _ => return Err(error),
            };
            tokio::time::sleep(wait).await;
        }
    }
}

/// Whether nothing over this connection can succeed for the time being.
pub(super) fn closes_connection(error: &StepError) -> bool {
    matches!(error.disposition(), Disposition::Wait { .. })
}
