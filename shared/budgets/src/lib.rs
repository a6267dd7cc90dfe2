//! Counters in DynamoDB, shared by every instance of every function.
//!
//! **Invariant:** a counter holds numbers and nothing of what was counted.

mod calls;
mod requests;

use std::sync::Arc;

use aws_sdk_dynamodb::{Client, error::BoxError, types::AttributeValue};
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use zixly_domain::Provider;

pub use calls::{CallBudgets, Heard, Place, Standing};
pub use requests::Allowance;
use requests::FullWindows;

/// How long a day's count of refusals is kept.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// DynamoDB did not count.
#[derive(Debug, thiserror::Error)]
#[error("the counter table did not answer as it should")]
pub struct CounterError(#[source] BoxError);

/// The table of counters.
#[derive(Clone)]
pub struct Counters {
    client: Client,
    table: String,
    full_windows: Arc<FullWindows>,
}

impl Counters {
    /// The table called `table`: key `counter_key`, number `count`, time to live `expires_at`.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self { client: Client::new(config), table, full_windows: Arc::default() }
    }

    /// Counts a delivery that was refused, by provider, reason and UTC day: all that is kept of it.
    pub async fn count_refusal(
        &self,
        provider: Provider,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), CounterError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("counter_key", AttributeValue::S(refusal_key(provider, reason, now)))
            .update_expression("ADD #count :one SET #expires_at = :expires_at")
            .expression_attribute_names("#count", "count")
            .expression_attribute_names("#expires_at", "expires_at")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(
                ":expires_at",
                AttributeValue::N((now + KEPT_FOR).as_second().to_string()),
            )
            .send()
            .await
            .map_err(|error| CounterError(error.into()))?;
        Ok(())
    }

    /// Asks the table for a sign of life.
    pub async fn ping(&self) -> Result<(), CounterError> {
        self.client
            .get_item()
            .table_name(&self.table)
            .key("counter_key", AttributeValue::S("ping".to_owned()))
            .send()
            .await
            .map_err(|error| CounterError(error.into()))?;
        Ok(())
    }
}

fn refusal_key(provider: Provider, reason: &str, now: Timestamp) -> String {
    format!("refused/{provider}/{reason}/{}", now.strftime("%F"))
}
