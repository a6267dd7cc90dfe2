//! Messages that can never succeed, and those that were returned too often: laid aside, looked at, and sent back.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_sqs::{
    Client,
    types::{
        ChangeMessageVisibilityBatchRequestEntry, Message as SqsMessage, MessageAttributeValue,
        MessageSystemAttributeName, QueueAttributeName,
    },
};
use aws_types::SdkConfig;
use jiff::Timestamp;

use crate::{JobQueue, Message, QueueError};

/// The name of the attribute that says why a message was laid aside.
const REASON: &str = "reason";

/// How long SQS is asked to look for more: without it, it looks in some of its servers only.
const LOOK: Duration = Duration::from_secs(1);

/// Where messages go that can never succeed.
#[derive(Clone)]
pub struct DeadLetterQueue {
    client: Client,
    url: String,
}

/// A message that was laid aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// SQS's id for it, the same for as long as it lies here.
    pub message_id: String,
    /// What it says, word by word.
    pub body: String,
    /// Why a worker laid it aside; nothing when SQS did, since it had come back too often.
    pub reason: Option<String>,
    /// When it was laid aside, or first sent if SQS moved it.
    pub sent_at: Timestamp,
    /// How often it was received, looks at this queue included.
    pub receive_count: u32,
    receipt_handle: String,
}

impl DeadLetterQueue {
    /// The queue at `url`.
    pub fn new(config: &SdkConfig, url: String) -> Self {
        Self { client: Client::new(config), url }
    }

    /// Lays a message's body down with the reason, which SQS's own redrive could not give.
    pub async fn bury(&self, body: &str, reason: &str) -> Result<(), QueueError> {
        // SQS takes no empty body and no empty attribute.
        let body = if body.is_empty() { "(empty)" } else { body };
        let reason = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(reason)
            .build()
            .map_err(QueueError::from_sdk)?;
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_attributes(REASON, reason)
            .send()
            .await
            .map_err(QueueError::from_sdk)?;
        Ok(())
    }

    /// Takes all messages that lie here, oldest first. Nobody else gets them for `hold`; then, or when they are put
    /// back, they lie here again. Those that somebody else has taken at this moment are left out.
    pub async fn take_all(&self, hold: Duration) -> Result<Vec<DeadLetter>, QueueError> {
        let mut taken: Vec<DeadLetter> = Vec::new();
        let mut seen = BTreeSet::new();
        loop {
            let messages = self.receive(hold).await?;
            let before = taken.len();
            let fresh = messages.into_iter().filter_map(DeadLetter::read);
            taken.extend(fresh.filter(|letter| seen.insert(letter.message_id.clone())));
            // What comes for the second time was held too briefly for so long a list, and there is no end to wait for.
            if taken.len() == before {
                taken.sort_by(|one, two| (one.sent_at, &one.message_id).cmp(&(two.sent_at, &two.message_id)));
                return Ok(taken);
            }
        }
    }

    /// Gives back what was taken, at once.
    pub async fn put_back(&self, letters: &[DeadLetter]) -> Result<(), QueueError> {
        for ten in letters.chunks(10) {
            let mut batch = self.client.change_message_visibility_batch().queue_url(&self.url);
            for (index, letter) in ten.iter().enumerate() {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&letter.receipt_handle)
                    .visibility_timeout(0)
                    .build()
                    .map_err(QueueError::from_sdk)?;
                batch = batch.entries(entry);
            }
            batch.send().await.map_err(QueueError::from_sdk)?;
        }
        Ok(())
    }

    /// Moves a taken message to the workers' queue. It is sent before it is deleted here: whoever is cut off in between
    /// leaves it in both, and a doorbell or a delivery that comes twice changes nothing.
    pub async fn redrive(&self, letter: &DeadLetter, to: &JobQueue) -> Result<(), QueueError> {
        to.send_again(&letter.body).await?;
        self.client
            .delete_message()
            .queue_url(&self.url)
            .receipt_handle(&letter.receipt_handle)
            .send()
            .await
            .map_err(QueueError::from_sdk)?;
        Ok(())
    }

    /// About how many messages lie here, those included that somebody has taken.
    pub async fn count(&self) -> Result<u64, QueueError> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .set_attribute_names(Some(names.to_vec()))
            .send()
            .await
            .map_err(QueueError::from_sdk)?;
        let counts = names.iter().filter_map(|name| answer.attributes()?.get(name)?.parse::<u64>().ok());
        Ok(counts.sum())
    }

    async fn receive(&self, hold: Duration) -> Result<Vec<SqsMessage>, QueueError> {
        let seconds = |time: Duration| i32::try_from(time.as_secs()).unwrap_or(i32::MAX);
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .visibility_timeout(seconds(hold))
            .wait_time_seconds(seconds(LOOK))
            .message_attribute_names(REASON)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await
            .map_err(QueueError::from_sdk)?;
        Ok(answer.messages.unwrap_or_default())
    }
}

impl DeadLetter {
    /// What it says, if that is a message of ours.
    pub fn message(&self) -> Result<Message, crate::Unreadable> {
        Message::parse(&self.body)
    }

    fn read(message: SqsMessage) -> Option<Self> {
        let attribute = |name| -> Option<i64> { message.attributes.as_ref()?.get(&name)?.parse().ok() };
        let sent_at = attribute(MessageSystemAttributeName::SentTimestamp)
            .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok());
        let received = attribute(MessageSystemAttributeName::ApproximateReceiveCount);
        let reason = message.message_attributes.as_ref().and_then(|attributes| attributes.get(REASON));
        Some(Self {
            reason: reason.and_then(|reason| reason.string_value()).map(str::to_owned),
            sent_at: sent_at.unwrap_or_default(),
            receive_count: received.and_then(|count| u32::try_from(count).ok()).unwrap_or_default(),
            message_id: message.message_id?,
            body: message.body?,
            receipt_handle: message.receipt_handle?,
        })
    }
}
