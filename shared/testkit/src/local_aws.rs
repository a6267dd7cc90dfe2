//! Queues, buckets, tables and secrets of one test's own on the local AWS.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
pub use aws_sdk_sqs::types::Message as SqsMessage;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use aws_types::SdkConfig;
use serde_json::{Value, json};
use uuid::Uuid;
use zixly_connectors::http_client;
use zixly_lambda_kit::aws::sdk_config;

use crate::settings;

/// Where the local AWS is, for a binary that is started by a test.
pub const ENVIRONMENT: [(&str, &str); 3] =
    [("AWS_REGION", "ap-southeast-2"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];

/// The local AWS, with a name that no other test uses.
pub struct LocalAws {
    /// What the functions' clients are made from.
    pub config: SdkConfig,
    /// Where it listens.
    pub endpoint: String,
    /// For our own calls: a scene may be set while the machine is busy with something else.
    patient: SdkConfig,
    name: String,
}

impl LocalAws {
    /// The local AWS that the tests were given.
    pub fn new() -> Self {
        Self::at(settings::required("TEST_AWS_ENDPOINT_URL"))
    }

    /// A local AWS that listens elsewhere.
    pub fn at(endpoint: String) -> Self {
        let lookup = |name: &str| match name {
            "AWS_ENDPOINT_URL" => Some(endpoint.clone()),
            _ => ENVIRONMENT.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
        };
        let config = sdk_config(lookup).expect("everything is set");
        let mut patient = config.clone().into_builder();
        patient.set_timeout_config(None);
        let patient = patient.build();
        Self { config, endpoint, patient, name: format!("test-{}", Uuid::now_v7().simple()) }
    }

    /// A new queue; `suffix` tells this test's queues apart. Returns its URL.
    pub async fn queue(&self, suffix: &str) -> String {
        let queue = aws_sdk_sqs::Client::new(&self.patient)
            .create_queue()
            .queue_name(format!("{}-{suffix}", self.name))
            .send()
            .await
            .expect("the local AWS makes a queue");
        queue.queue_url().expect("a queue has a URL").to_owned()
    }

    /// Takes what lies in a queue, with its attributes.
    pub async fn receive(&self, queue_url: &str) -> Vec<Message> {
        let answer = aws_sdk_sqs::Client::new(&self.patient)
            .receive_message()
            .queue_url(queue_url)
            .max_number_of_messages(10)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .expect("the local AWS has the queue");
        answer.messages.unwrap_or_default()
    }

    /// As [`Self::receive`], with messages that come back after `visibility` unless they are deleted.
    pub async fn receive_for(&self, queue_url: &str, visibility: Duration) -> Vec<Message> {
        let answer = aws_sdk_sqs::Client::new(&self.patient)
            .receive_message()
            .queue_url(queue_url)
            .max_number_of_messages(10)
            .visibility_timeout(seconds(visibility))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .expect("the local AWS has the queue");
        answer.messages.unwrap_or_default()
    }

    /// Has a received message come back after `delay`.
    pub async fn return_after(&self, queue_url: &str, message: &Message, delay: Duration) {
        aws_sdk_sqs::Client::new(&self.patient)
            .change_message_visibility()
            .queue_url(queue_url)
            .receipt_handle(message.receipt_handle().expect("a received message has a receipt handle"))
            .visibility_timeout(seconds(delay))
            .send()
            .await
            .expect("the local AWS has the message");
    }

    /// Puts a message into a queue, to be had after `delay`.
    pub async fn send_after(&self, queue_url: &str, body: &str, delay: Duration) {
        aws_sdk_sqs::Client::new(&self.patient)
            .send_message()
            .queue_url(queue_url)
            .message_body(body)
            .delay_seconds(seconds(delay))
            .send()
            .await
            .expect("the local AWS has the queue");
    }

    /// Takes messages out of a queue for good; at least one, and at most ten. One that has come back since it was received
    /// stays.
    pub async fn delete(&self, queue_url: &str, messages: &[Message]) {
        let mut batch = aws_sdk_sqs::Client::new(&self.patient).delete_message_batch().queue_url(queue_url);
        for (index, message) in messages.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .set_receipt_handle(message.receipt_handle.clone())
                .build()
                .expect("a received message has a receipt handle");
            batch = batch.entries(entry);
        }
        batch.send().await.expect("the local AWS has the queue");
    }

    /// How many messages a queue holds back until later.
    pub async fn waiting_count(&self, queue_url: &str) -> u32 {
        self.counts(queue_url, &[QueueAttributeName::ApproximateNumberOfMessagesDelayed]).await
    }

    /// How many messages are in a queue, those that are being worked on or held back included.
    pub async fn message_count(&self, queue_url: &str) -> u32 {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        self.counts(queue_url, &names).await
    }

    async fn counts(&self, queue_url: &str, names: &[QueueAttributeName]) -> u32 {
        let answer = aws_sdk_sqs::Client::new(&self.patient)
            .get_queue_attributes()
            .queue_url(queue_url)
            .set_attribute_names(Some(names.to_vec()))
            .send()
            .await
            .expect("the local AWS has the queue");
        let attributes = answer.attributes();
        let count = |name| attributes.and_then(|all| all.get(name)?.parse::<u32>().ok());
        names.iter().map(|name| count(name).expect("a count is a number")).sum()
    }

    /// A new bucket. Returns its name.
    pub async fn bucket(&self) -> String {
        aws_sdk_s3::Client::new(&self.patient)
            .create_bucket()
            .bucket(&self.name)
            .create_bucket_configuration(
                aws_sdk_s3::types::CreateBucketConfiguration::builder()
                    .location_constraint(aws_sdk_s3::types::BucketLocationConstraint::ApSoutheast2)
                    .build(),
            )
            .send()
            .await
            .expect("the local AWS makes a bucket");
        self.name.clone()
    }

    /// The object at `key` of [`Self::bucket`].
    pub async fn object(&self, key: &str) -> Vec<u8> {
        let answer = aws_sdk_s3::Client::new(&self.patient)
            .get_object()
            .bucket(&self.name)
            .key(key)
            .send()
            .await
            .expect("the object is there");
        answer.body.collect().await.expect("the object is read").to_vec()
    }

    /// What anybody gets who has the address of an object.
    pub async fn fetch(&self, address: &str) -> reqwest::Response {
        assert!(address.starts_with(&self.endpoint), "{address} leads elsewhere");
        http_client().get(address).send().await.expect("the local AWS answers")
    }

    /// The keys of all objects of [`Self::bucket`].
    pub async fn keys(&self) -> Vec<String> {
        let client = aws_sdk_s3::Client::new(&self.patient);
        let answer = client.list_objects_v2().bucket(&self.name).send().await.expect("the bucket is there");
        answer.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
    }

    /// A new table of counters. Returns its name.
    pub async fn counter_table(&self) -> String {
        self.table(&self.name, &[("counter_key", KeyType::Hash)]).await
    }

    /// A new table of sockets. Returns its name.
    pub async fn socket_table(&self) -> String {
        let keys = [("belongs_to", KeyType::Hash), ("item", KeyType::Range)];
        self.table(&format!("{}-sockets", self.name), &keys).await
    }

    async fn table(&self, name: &str, keys: &[(&str, KeyType)]) -> String {
        let mut table = aws_sdk_dynamodb::Client::new(&self.patient)
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest);
        for (key, key_type) in keys {
            let attribute = AttributeDefinition::builder()
                .attribute_name(*key)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .expect("name and type are set");
            let element = KeySchemaElement::builder()
                .attribute_name(*key)
                .key_type(key_type.clone())
                .build()
                .expect("name and type are set");
            table = table.attribute_definitions(attribute).key_schema(element);
        }
        table.send().await.expect("the local AWS makes a table");
        name.to_owned()
    }

    /// The number called `count` in an item of [`Self::counter_table`]; none where nothing was counted.
    pub async fn count(&self, counter_key: &str) -> Option<u64> {
        let key = AttributeValue::S(counter_key.to_owned());
        let answer = aws_sdk_dynamodb::Client::new(&self.patient)
            .get_item()
            .table_name(&self.name)
            .key("counter_key", key)
            .send()
            .await
            .expect("the local AWS has the table");
        answer.item()?.get("count")?.as_n().ok()?.parse().ok()
    }

    /// A new secret with this value. Returns its name.
    pub async fn secret(&self, suffix: &str, value: &str) -> String {
        let name = format!("{}/{suffix}", self.name);
        aws_sdk_secretsmanager::Client::new(&self.patient)
            .create_secret()
            .name(&name)
            .secret_string(value)
            .send()
            .await
            .expect("the local AWS makes a secret");
        name
    }

    /// A prefix for secrets that no other test uses.
    pub fn secret_prefix(&self) -> String {
        format!("{}/token-sets/", self.name)
    }

    /// What the secrets below [`Self::secret_prefix`] hold.
    pub async fn token_sets(&self) -> Vec<String> {
        let client = aws_sdk_secretsmanager::Client::new(&self.patient);
        let mut values = Vec::new();
        let mut pages = client.list_secrets().into_paginator().send();
        while let Some(page) = pages.next().await {
            for secret in page.expect("the local AWS lists its secrets").secret_list() {
                let name = secret.name().unwrap_or_default();
                if name.starts_with(&self.secret_prefix()) {
                    let value = client.get_secret_value().secret_id(name).send().await;
                    values.extend(value.expect("it is there").secret_string().map(ToOwned::to_owned));
                }
            }
        }
        values
    }
}

/// The event that an event source mapping makes of these messages.
pub fn sqs_event(messages: &[Message]) -> Value {
    let record = |message: &Message| {
        json!({
            "messageId": message.message_id(), "receiptHandle": message.receipt_handle(), "body": message.body(),
            "eventSource": "aws:sqs", "attributes": {}, "messageAttributes": {},
        })
    };
    json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).expect("SQS counts hours at the most")
}

impl Default for LocalAws {
    fn default() -> Self {
        Self::new()
    }
}
