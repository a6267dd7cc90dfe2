//! The only code that knows about partial failures of an SQS batch.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, SystemTime},
};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::FutureExt;

use crate::Chain;

/// Hands each message to `handle`, in order, and reports those whose outcome could not be recorded, so that SQS
/// gives them back later. A failed piece of work is an outcome and is not reported.
///
/// Stops taking messages when less than `drain_margin` is left until `deadline`; the rest goes back as well.
pub async fn run_batch<E: std::error::Error>(
    event: SqsEvent,
    deadline: SystemTime,
    drain_margin: Duration,
    mut handle: impl AsyncFnMut(SqsMessage) -> Result<(), E>,
) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let id = message.message_id.clone().unwrap_or_default();
        if is_near(deadline, drain_margin) {
            tracing::warn!(message.id = id, "no time left for message {id}, returning it");
            response.batch_item_failures.push(failure(id));
            continue;
        }
        // One panic must not fail the messages that already succeeded.
        match AssertUnwindSafe(handle(message)).catch_unwind().await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => tracing::error!(
                message.id = id,
                error = %Chain(&error),
                "the outcome of message {id} is not recorded, returning it"
            ),
            Err(_) => tracing::error!(message.id = id, "message {id} panicked, returning it"),
        }
        response.batch_item_failures.push(failure(id));
    }
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
