use std::time::Duration;

use aws_sdk_sqs::{
    Client,
    error::BoxError,
    types::{QueueAttributeName, SendMessageBatchRequestEntry},
};
use aws_types::SdkConfig;
use zixly_domain::{JobId, TenantId};

use crate::Message;

/// The longest that SQS holds a message back.
const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// The longest message that every region's SQS takes. Longer ones go a way around.
pub const LARGEST_MESSAGE_BYTES: usize = 256 * 1024;

/// SQS did not take a message, or give one.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not do what it was asked")]
pub struct QueueError(#[source] BoxError);

impl QueueError {
    pub(crate) fn from_sdk(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}

/// The queue that the workers listen to.
#[derive(Clone)]
pub struct JobQueue {
    client: Client,
    url: String,
}

impl JobQueue {
    /// The queue at `url`.
    pub fn new(config: &SdkConfig, url: String) -> Self {
        Self { client: Client::new(config), url }
    }

    /// Rings for these tenants' jobs, ten to a call. After an error, some may have been rung.
    pub async fn ring(&self, jobs: &[(TenantId, JobId)]) -> Result<(), QueueError> {
        for ten in jobs.chunks(10) {
            let mut batch = self.client.send_message_batch().queue_url(&self.url);
            for (index, (tenant_id, job_id)) in ten.iter().enumerate() {
                batch = batch.entries(entry(index, *tenant_id, *job_id)?);
            }
            let answer = batch.send().await.map_err(QueueError::from_sdk)?;
            if let Some(refused) = answer.failed().first() {
                return Err(QueueError(refused.message().unwrap_or("no reason given").into()));
            }
        }
        Ok(())
    }

    /// Sends one message after `delay`, at most 15 minutes; whoever hears it too early sends it again.
    pub async fn send_after(&self, message: &Message, delay: Duration) -> Result<(), QueueError> {
        // Rounded up: a message that comes a moment too early only has to be sent again.
        let delay_s = delay.min(LONGEST_DELAY).as_millis().div_ceil(1000);
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(message.to_body())
            .set_message_group_id(message.tenant_id().map(|tenant_id| tenant_id.to_string()))
            .delay_seconds(i32::try_from(delay_s).unwrap_or(900))
            .send()
            .await
            .map_err(QueueError::from_sdk)?;
        Ok(())
    }

    /// Sends a message again, word by word as it was.
    pub(crate) async fn send_again(&self, body: &str) -> Result<(), QueueError> {
        let tenant_id = Message::parse(body).ok().and_then(|message| message.tenant_id());
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .set_message_group_id(tenant_id.map(|tenant_id| tenant_id.to_string()))
            .send()
            .await
            .map_err(QueueError::from_sdk)?;
        Ok(())
    }

    /// Has a message that is being worked on come back after `delay` if the worker dies, instead of after the
    /// queue's own, much longer time.
    pub async fn return_after(&self, receipt_handle: &str, delay: Duration) -> Result<(), QueueError> {
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(i32::try_from(delay.as_millis().div_ceil(1000)).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(QueueError::from_sdk)?;
        Ok(())
    }

    /// Asks the queue for a sign of life.
    pub async fn ping(&self) -> Result<(), QueueError> {
        self.client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .map_err(QueueError::from_sdk)?;
        Ok(())
    }
}

impl Message {
    /// The tenant is the message group, so that SQS serves tenants in turn.
    fn tenant_id(&self) -> Option<TenantId> {
        match self {
            Self::Ring { tenant_id, .. } => Some(*tenant_id),
            Self::File(_) => None,
        }
    }
}

fn entry(
    index: usize,
    tenant_id: TenantId,
    job_id: JobId,
) -> Result<SendMessageBatchRequestEntry, QueueError> {
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(Message::Ring { tenant_id, job_id }.to_body())
        .message_group_id(tenant_id.to_string())
        .build()
        .map_err(QueueError::from_sdk)
}
