//! Files a delivery that the queue carried while PostgreSQL was away. It was verified at the door.

use std::borrow::Cow;

use zixly_payload_store::PayloadError;
use zixly_queues::{CarriedBody, CarriedDelivery};
use zixly_store::deliveries::{Received, file};
use zixly_webhooks::{Kept, Verified, parse};

use crate::{
    app::{App, Unrecorded},
    await_points::await_point,
};

impl App {
    /// Files the delivery as the door would have, under the id that it got there, and rings for its jobs.
    pub(crate) async fn file(&self, carried: &CarriedDelivery) -> Result<(), Unrecorded> {
        let body = match &carried.body {
            CarriedBody::Inline(body) => Cow::Borrowed(body),
            CarriedBody::Stored(key) => match self.payloads.get_carried(key).await {
                Ok(body) => Cow::Owned(body),
                // It is deleted only once the delivery is filed, so this message comes for the second time.
                Err(PayloadError::Missing { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            },
        };
        let kept = Kept::read(&carried.headers);
        let content = parse(&Verified::at_the_door(carried.provider, kept.request(&body)));
        let received = Received {
            delivery_id: carried.delivery_id,
            provider: carried.provider,
            received_at: carried.received_at,
            headers: &carried.headers,
            body: &body,
            content: content.as_ref().map_err(|malformed| malformed.reason.as_str()),
        };
        let filed = file(&mut self.store().await?.session().await?, &received).await?;
        await_point!("filing:filed");
        self.queue.ring(&filed.jobs).await?;
        self.measurements.metrics.count_jobs_queued(&filed.new_job_types);
        if let CarriedBody::Stored(key) = &carried.body {
            self.payloads.delete_carried(key).await?;
        }
        tracing::info!(
            outcome = filed.outcome.as_str(),
            new_events = filed.new_event_count,
            jobs = filed.jobs.len(),
            "delivery.filed"
        );
        Ok(())
    }
}
