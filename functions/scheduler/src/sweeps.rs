//! Rings for jobs that no worker has heard of, is due to go on with, or has died with.

use std::time::Duration;

use serde_json::{Value, json};
use zixly_store::sweeps;

use crate::app::{App, DutyError};

/// How long a doorbell is left to whoever hung it up and is about to ring it.
const GRACE: Duration = Duration::from_secs(5);

/// With the grace less than the minute between two runs, so that a doorbell taken in one is due again in the next.
const AGAIN: Duration = Duration::from_secs(45);

/// How many are taken and rung in one go.
const PAGE: i32 = 200;

/// How many are rung in one run. A queue that is merely long has them all already; more would only make it longer.
const RUNG_AT_MOST: usize = 2000;

impl App {
    /// Rings every doorbell that is overdue. One that is rung in vain is rung again in the next run.
    pub(crate) async fn ring_again(&self) -> Result<Value, DutyError> {
        let store = self.store().await?;
        let mut rung = 0;
        while rung < RUNG_AT_MOST {
            let jobs = sweeps::take_doorbells(&mut store.session().await?, GRACE, AGAIN, PAGE).await?;
            self.queue.ring(&jobs).await?;
            if jobs.is_empty() {
                break;
            }
            rung += jobs.len();
        }
        Ok(json!({ "rung": rung }))
    }

    /// Rings for jobs whose worker's lease has run out: whoever hears it takes the job over.
    pub(crate) async fn ring_for_dead_leases(&self) -> Result<Value, DutyError> {
        let store = self.store().await?;
        let jobs = sweeps::find_dead_leases(&mut store.session().await?, PAGE).await?;
        self.queue.ring(&jobs).await?;
        Ok(json!({ "rung": jobs.len() }))
    }
}
