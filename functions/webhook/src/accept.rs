//! Makes a verified delivery durable, whatever is down.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::{Instrument, info_span};
use zixly_domain::{Delivery, DeliveryId, JobId, TenantId};
use zixly_lambda_kit::Chain;
use zixly_payload_store::PayloadError;
use zixly_queues::{CarriedBody, CarriedDelivery, LARGEST_MESSAGE_BYTES, Message, QueueError};
use zixly_store::{
    StoreError,
    deliveries::{Filed, Received, file},
};
use zixly_webhooks::{Malformed, Verified, keep};

use crate::{App, app::OpenError};

/// How long PostgreSQL has, so that the queue still gets its turn.
const FILING_TIMEOUT: Duration = Duration::from_millis(1800);

/// Neither PostgreSQL nor the queue took the delivery; the sender has to send it again.
pub(crate) struct NotAccepted;

/// Files the delivery and rings the worker; while PostgreSQL is away, puts the delivery whole into the queue. Gives up
/// at `deadline`.
pub(crate) async fn accept(
    app: &App,
    deadline: Instant,
    verified: &Verified<'_>,
    path: &str,
    content: Result<Delivery, Malformed>,
) -> Result<(), NotAccepted> {
    let delivery_id = DeliveryId::new();
    let span = info_span!("delivery", provider = %verified.provider(), delivery.id = %delivery_id);
    accept_as(app, deadline, delivery_id, verified, path, content).instrument(span).await
}

async fn accept_as(
    app: &App,
    deadline: Instant,
    delivery_id: DeliveryId,
    verified: &Verified<'_>,
    path: &str,
    content: Result<Delivery, Malformed>,
) -> Result<(), NotAccepted> {
    let began = Instant::now();
    let headers = keep(path, verified.request().headers);
    let received = Received {
        delivery_id,
        provider: verified.provider(),
        received_at: Timestamp::now(),
        headers: &headers,
        body: verified.body(),
        content: content.as_ref().map_err(|malformed| malformed.reason.as_str()),
    };
    match file_in_time(app, &received).await {
        Ok(filed) => {
            ring(app, &filed.jobs).await;
            app.measurements.metrics.count_jobs_queued(&filed.new_job_types);
            tracing::info!(
                outcome = filed.outcome.as_str(),
                new_events = filed.new_event_count,
                jobs = filed.jobs.len(),
                duration_ms = milliseconds(began),
                "delivery.accepted"
            );
            Ok(())
        }
        Err(error) => {
            tracing::warn!(
                error = %Chain(&error),
                "delivery {delivery_id} cannot be filed now, the queue has to carry it"
            );
            carry(app, deadline, &received).await?;
            tracing::info!(outcome = "CARRIED", duration_ms = milliseconds(began), "delivery.accepted");
            Ok(())
        }
    }
}

async fn file_in_time(app: &App, received: &Received<'_>) -> Result<Filed, OpenError> {
    match tokio::time::timeout(FILING_TIMEOUT, file_twice(app, received)).await {
        Ok(outcome) => outcome,
        Err(_) => {
            // Whatever the server still does about it, the delivery has one id and is filed once.
            app.store().await?.disconnect();
            Err(StoreError::TimedOut.into())
        }
    }
}

/// A connection may turn out to be dead only when it is used, so the first failure to reach the server is no news.
async fn file_twice(app: &App, received: &Received<'_>) -> Result<Filed, OpenError> {
    let store = app.store().await?;
    let first = file(&mut store.session().await?, received).await;
    if !matches!(first, Err(StoreError::Unavailable(_))) {
        return Ok(first?);
    }
    store.disconnect();
    Ok(file(&mut store.session().await?, received).await?)
}

/// How long whoever waits for the answer waits for the doorbell.
const RING_TIMEOUT: Duration = Duration::from_secs(1);

/// A doorbell that is not heard stays in the outbox, so a queue that is down delays the jobs and loses none.
pub(crate) async fn ring(app: &App, jobs: &[(TenantId, JobId)]) {
    match tokio::time::timeout(RING_TIMEOUT, app.queue.ring(jobs)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(error = %Chain(&error), "the worker was not rung; the outbox keeps the jobs")
        }
        Err(_) => tracing::error!("the worker was not rung in time; the outbox keeps the jobs"),
    }
}

async fn carry(app: &App, deadline: Instant, received: &Received<'_>) -> Result<(), NotAccepted> {
    match tokio::time::timeout_at(deadline.into(), send_whole(app, received)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => {
            tracing::error!(error = %Chain(&error), "the queue did not take the delivery either")
        }
        Err(_) => tracing::error!("the queue did not take the delivery in time either"),
    }
    Err(NotAccepted)
}

#[derive(Debug, thiserror::Error)]
enum CarryError {
    #[error("the delivery cannot be stored beside the queue")]
    Payloads(#[from] PayloadError),
    #[error("the delivery cannot be sent")]
    Queue(#[from] QueueError),
}

/// In a message of the queue, or, if it is too large for one, beside it.
async fn send_whole(app: &App, received: &Received<'_>) -> Result<(), CarryError> {
    let carried = |body| {
        Message::File(CarriedDelivery {
            delivery_id: received.delivery_id,
            provider: received.provider,
            received_at: received.received_at,
            headers: received.headers.clone(),
            body,
        })
    };
    let mut message = carried(CarriedBody::Inline(received.body.to_vec()));
    if message.to_body().len() > LARGEST_MESSAGE_BYTES {
        let key = app.payloads.put_carried(received.delivery_id, received.body.to_vec()).await?;
        message = carried(CarriedBody::Stored(key));
    }
    Ok(app.queue.send_after(&message, Duration::ZERO).await?)
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
