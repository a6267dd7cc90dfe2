//! Starts the polls of providers that lose events (Asana delivers each at most once) or give none at all (Xero, of a
//! payment), and the checks of webhooks that a provider may have dropped.

use std::time::Duration;

use serde_json::{Value, json};
use zixly_domain::{Provider, Workflow};
use zixly_store::polls::{self, PollKind};

use crate::app::{App, DutyError};

const KINDS: [PollKind; 4] = [
    PollKind {
        provider: Provider::Xero,
        workflow: Workflow::XeroInvoiceToHubspot,
        poll: Workflow::XeroPaidInvoicesPoll,
    },
    PollKind {
        provider: Provider::Asana,
        workflow: Workflow::AsanaTaskToHubspot,
        poll: Workflow::AsanaCompletedTasksPoll,
    },
    PollKind {
        provider: Provider::Shopify,
        workflow: Workflow::ShopifyOrderToXero,
        poll: Workflow::ShopifyWebhooksCheck,
    },
    PollKind {
        provider: Provider::Asana,
        workflow: Workflow::AsanaTaskToHubspot,
        poll: Workflow::AsanaWebhooksCheck,
    },
];

/// How many polls are started in one run.
const STARTED_AT_MOST: i32 = 500;

impl App {
    /// Makes a job of each poll that is due, and rings for it.
    pub(crate) async fn start_polls(&self) -> Result<Value, DutyError> {
        let store = self.store().await?;
        let due = polls::find_due(&mut store.session().await?, &KINDS, STARTED_AT_MOST).await?;
        let mut jobs = Vec::new();
        for poll in due {
            let mut session = store.session().await?;
            let tx = session.begin(poll.tenant_id)?;
            let job_id = polls::start(&tx, &poll, self.poll_interval(poll.poll)).await?;
            tx.commit().await?;
            if let Some(job_id) = job_id {
                self.metrics.count_jobs_queued(&[poll.poll.as_str()]);
                jobs.push((poll.tenant_id, job_id));
            }
        }
        // Not rung one by one: should this be cut off, the doorbells are in the outbox.
        self.queue.ring(&jobs).await?;
        Ok(json!({ "started": jobs.len() }))
    }

    fn poll_interval(&self, poll: Workflow) -> Duration {
        match poll {
            Workflow::AsanaCompletedTasksPoll => self.config.asana_poll_interval,
            Workflow::ShopifyWebhooksCheck | Workflow::AsanaWebhooksCheck => {
                self.config.webhooks_check_interval
            }
            _ => self.config.xero_poll_interval,
        }
    }
}
