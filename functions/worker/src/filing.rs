//! Files a delivery that the queue carried while PostgreSQL was away. It was verified at the door.

use zixly_queues::CarriedDelivery;
use zixly_store::deliveries::{Received, file};
use zixly_webhooks::{Verified, xero};

use crate::app::{App, Unrecorded};

impl App {
    /// Files the delivery as the door would have, under the id that it got there, and rings for its jobs.
    pub(crate) async fn file(&self, carried: &CarriedDelivery) -> Result<(), Unrecorded> {
        let content = xero::parse(&Verified::at_the_door(carried.provider, &carried.body));
        let received = Received {
            delivery_id: carried.delivery_id,
            provider: carried.provider,
            received_at: carried.received_at,
            headers: &carried.headers,
            body: &carried.body,
            content: content.as_ref().map_err(|malformed| malformed.reason.as_str()),
        };
        let filed = file(&mut self.store().await?.session().await?, &received).await?;
        self.queue.ring(&filed.jobs).await?;
        tracing::info!(
            provider = %carried.provider,
            delivery.id = %carried.delivery_id,
            outcome = filed.outcome.as_str(),
            new_events = filed.new_event_count,
            jobs = filed.jobs.len(),
            "delivery.filed"
        );
        Ok(())
    }
}
