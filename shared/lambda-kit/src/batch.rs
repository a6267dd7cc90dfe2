//! The only code that knows about partial failures of an SQS batch.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, SystemTime},
};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::{FutureExt, future::join_all};
use tracing::{Instrument, info_span};

use crate::{Chain, telemetry::trace_of};

/// Hands all messages to `handle` at once and reports those whose outcome could not be recorded, so that SQS gives them
/// back later. A failed piece of work is an outcome and is not reported. They share one thread: one goes on while another
/// waits for its provider.
///
/// A message whose turn comes when less than `drain_margin` is left until `deadline` goes back as well. All that is logged
/// of a message has its id, and the trace of who sent it; the invocation has a trace of its own.
pub async fn run_batch<E: std::error::Error>(
    event: SqsEvent,
    deadline: SystemTime,
    drain_margin: Duration,
    handle: impl AsyncFn(SqsMessage) -> Result<(), E>,
) -> SqsBatchResponse {
    let handle = &handle;
    let outcomes = event.records.into_iter().map(|message| {
        let id = message.message_id.clone().unwrap_or_default();
        let sent_by = message.attributes.get("AWSTraceHeader").map(|header| trace_of(header));
        let span = info_span!("message", message.id = id, message.xrayTraceId = sent_by);
        let outcome = async move {
            if is_near(deadline, drain_margin) {
                tracing::warn!("no time left for message {id}, returning it");
                return Some(failure(id));
            }
            // One panic must not fail the messages that already succeeded.
            match AssertUnwindSafe(handle(message)).catch_unwind().await {
                Ok(Ok(())) => return None,
                Ok(Err(error)) => {
                    tracing::error!(error = %Chain(&error), "the outcome of message {id} is not recorded, returning it")
                }
                Err(_) => tracing::error!("message {id} panicked, returning it"),
            }
            Some(failure(id))
        };
        outcome.instrument(span)
    });
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = join_all(outcomes).await.into_iter().flatten().collect();
    response
}

fn is_near(deadline: SystemTime, margin: Duration) -> bool {
    deadline.duration_since(SystemTime::now()).is_ok_and(|left| left < margin)
        || deadline <= SystemTime::now()
}

fn failure(message_id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = message_id;
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bodies: &[&str]) -> SqsEvent {
        let mut event = SqsEvent::default();
        event.records = bodies
            .iter()
            .map(|body| {
                let mut message = SqsMessage::default();
                message.message_id = Some(format!("id-{body}"));
                message.body = Some((*body).to_owned());
                message
            })
            .collect();
        event
    }

    #[tokio::test]
    async fn a_message_does_not_wait_for_the_one_before_it() {
        let gate = tokio::sync::Barrier::new(2);
        let handle = async |_| {
            gate.wait().await;
            Ok::<_, std::io::Error>(())
        };
        let deadline = SystemTime::now() + Duration::from_secs(30);
        let response = run_batch(batch(&["one", "two"]), deadline, Duration::from_secs(2), handle).await;
        assert_eq!(response.batch_item_failures.len(), 0);
    }

    async fn returned(bodies: &[&str], time_left: Duration) -> Vec<String> {
        let deadline = SystemTime::now() + time_left;
        let handle = async |message: SqsMessage| match message.body.as_deref() {
            Some("unrecorded") => Err(std::io::Error::other("store is down")),
            Some("panic") => panic!("broken handler"),
            _ => Ok(()),
        };
        let response = run_batch(batch(bodies), deadline, Duration::from_secs(2), handle).await;
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    #[tokio::test]
    async fn only_what_was_not_recorded_goes_back() {
        let back = returned(&["good", "unrecorded", "panic", "fine"], Duration::from_secs(30)).await;
        assert_eq!(back, ["id-unrecorded", "id-panic"]);
    }

    #[tokio::test]
    async fn a_batch_near_its_deadline_takes_no_new_message() {
        assert_eq!(returned(&["good"], Duration::from_secs(1)).await, ["id-good"]);
    }
}
