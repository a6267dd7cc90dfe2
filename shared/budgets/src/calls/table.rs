//! The item of a budget, as it is written: each write on a condition, so that of two workers one has to look again.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};

use super::MAX_TRIES;
use super::window::{self, Window};
use crate::CounterError;

/// How long jobs may be sent away for, beyond the time when there is something to take: then the line begins anew.
const LONGEST_LINE: SignedDuration = SignedDuration::from_mins(15);
/// How long the budget of an account that nobody calls is kept.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(48);

/// Nobody was refused a call for a time that goes on.
const IS_OPEN: &str = "(attribute_not_exists(#closed) OR #closed <= :now)";

pub(super) type Item = HashMap<String, AttributeValue>;

/// Whether the condition of a write held, and the item as it is now.
pub(super) enum Written {
    Yes(Item),
    No(Item),
}

pub(super) struct Table {
    client: Client,
    name: String,
}

impl Table {
    pub(super) fn new(config: &SdkConfig, name: String) -> Self {
        Self { client: Client::new(config), name }
    }

    /// The item as it is; none if there is none.
    pub(super) async fn read(&self, key: &str) -> Result<Option<Window>, CounterError> {
        let read = self.client.get_item().table_name(&self.name);
        let read = read.key("counter_key", AttributeValue::S(key.to_owned())).send().await;
        let item = read.map_err(|error| CounterError(error.into()))?.item;
        Ok(item.as_ref().and_then(Window::read))
    }

    /// Takes `units` out of the slice, if it still has them and no more than `ceiling`.
    pub(super) async fn spend(
        &self,
        key: &str,
        slice: i64,
        units: u32,
        ceiling: u32,
        now: Timestamp,
    ) -> Result<Written, CounterError> {
        let write = self
            .update(key)
            .update_expression("SET #left = #left - :units")
            .condition_expression(format!(
                "#slice >= :slice AND #left >= :units AND #left <= :ceiling AND {IS_OPEN}"
            ))
            .expression_attribute_names("#slice", "slice")
            .expression_attribute_values(":slice", number(slice))
            .expression_attribute_values(":units", number(units))
            .expression_attribute_values(":ceiling", number(ceiling));
        self.send_while_open(write, now).await
    }

    /// Puts a new window in the place of the one whose slice and rest are `old`.
    pub(super) async fn replace(
        &self,
        key: &str,
        new: &Window,
        old: Option<(i64, u32)>,
        now: Timestamp,
    ) -> Result<Written, CounterError> {
        let before = new.before.iter().map(number).collect();
        let write = self
            .update(key)
            .update_expression(
                "SET #slice = :slice, #left = :left, #share = :share, #before = :before, #limit = :limit, \
                 #limit_until = :limit_until, #expires_at = :expires_at",
            )
            .expression_attribute_names("#slice", "slice")
            .expression_attribute_names("#share", "share")
            .expression_attribute_names("#before", "taken_before")
            .expression_attribute_names("#limit", "limit")
            .expression_attribute_names("#limit_until", "limit_until_ms")
            .expression_attribute_names("#expires_at", "expires_at")
            .expression_attribute_values(":slice", number(new.slice))
            .expression_attribute_values(":left", number(new.left))
            .expression_attribute_values(":share", number(new.share))
            .expression_attribute_values(":before", AttributeValue::L(before))
            .expression_attribute_values(":limit", number(new.limit))
            .expression_attribute_values(":limit_until", number(new.limit_until.as_millisecond()))
            .expression_attribute_values(":expires_at", number((now + KEPT_FOR).as_second()));
        let write = match old {
            None => write.condition_expression(format!("attribute_not_exists(#slice) AND {IS_OPEN}")),
            Some((slice, left)) => write
                .condition_expression(format!("#slice = :old_slice AND #left = :old_left AND {IS_OPEN}"))
                .expression_attribute_values(":old_slice", number(slice))
                .expression_attribute_values(":old_left", number(left)),
        };
        self.send_while_open(write, now).await
    }

    /// Nobody takes anything before `until`.
    pub(super) async fn close(
        &self,
        key: &str,
        until: Timestamp,
        lesson: Option<u32>,
        now: Timestamp,
    ) -> Result<(), CounterError> {
        let mut set = "SET #closed = :until, #expires_at = :expires_at".to_owned();
        let mut write = self.update(key);
        if let Some(least) = lesson {
            set.push_str(", #limit = :limit, #limit_until = :limit_until");
            write = write
                .expression_attribute_names("#limit", "limit")
                .expression_attribute_names("#limit_until", "limit_until_ms")
                .expression_attribute_values(":limit", number(least))
                .expression_attribute_values(
                    ":limit_until",
                    number((now + window::TAUGHT_FOR).as_millisecond()),
                );
        }
        let write = write
            .update_expression(set)
            .condition_expression("attribute_not_exists(#closed) OR #closed < :until")
            .expression_attribute_names("#closed", "closed_until_ms")
            .expression_attribute_names("#expires_at", "expires_at")
            .expression_attribute_values(":until", number(until.as_millisecond()))
            .expression_attribute_values(":expires_at", number((until + KEPT_FOR).as_second()));
        self.send(write).await?;
        Ok(())
    }

    /// The next free turn of the line that begins at `from`, whose turns are `step_ms` apart.
    pub(super) async fn next_turn(
        &self,
        key: &str,
        from: Timestamp,
        step_ms: i64,
    ) -> Result<Timestamp, CounterError> {
        let line = || {
            self.update(key)
                .expression_attribute_names("#turn", "turn_ms")
                .expression_attribute_values(":from", number(from.as_millisecond()))
                .expression_attribute_values(":end", number((from + LONGEST_LINE).as_millisecond()))
        };
        for _ in 0..MAX_TRIES {
            let after_the_last = line()
                .update_expression("SET #turn = #turn + :step")
                .condition_expression("#turn >= :from AND #turn < :end")
                .expression_attribute_values(":step", number(step_ms));
            if let Written::Yes(item) = self.send(after_the_last).await? {
                return read_time(&item, "turn_ms");
            }
            let first = line()
                .update_expression("SET #turn = :from")
                .condition_expression("attribute_not_exists(#turn) OR #turn < :from OR #turn >= :end");
            if let Written::Yes(item) = self.send(first).await? {
                return read_time(&item, "turn_ms");
            }
        }
        Err(CounterError("too many workers wrote to the same line".into()))
    }

    async fn send_while_open(
        &self,
        write: UpdateItemFluentBuilder,
        now: Timestamp,
    ) -> Result<Written, CounterError> {
        let write = write
            .expression_attribute_names("#left", "left")
            .expression_attribute_names("#closed", "closed_until_ms")
            .expression_attribute_values(":now", number(now.as_millisecond()));
        self.send(write).await
    }

    fn update(&self, key: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .key("counter_key", AttributeValue::S(key.to_owned()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    async fn send(&self, write: UpdateItemFluentBuilder) -> Result<Written, CounterError> {
        match write.send().await {
            Ok(answer) => Ok(Written::Yes(answer.attributes.unwrap_or_default())),
            Err(error) => match error.into_service_error() {
                UpdateItemError::ConditionalCheckFailedException(failed) => {
                    Ok(Written::No(failed.item.unwrap_or_default()))
                }
                error => Err(CounterError(error.into())),
            },
        }
    }
}

fn read_time(item: &Item, name: &str) -> Result<Timestamp, CounterError> {
    let time = window::read_number(item, name).and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.ok_or_else(|| CounterError(format!("a budget has no time {name}").into()))
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
