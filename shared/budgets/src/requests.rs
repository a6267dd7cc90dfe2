//! How many requests a tenant makes. Its window begins with a request and ends a minute later, whatever came in between;
//! the next request begins the next one.
//!
//! A tenant's window is one item, and each request one conditional write to it: the table alone decides which requests
//! are within the limit, so any number of instances may ask at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};
use zixly_domain::TenantId;

use crate::{CounterError, Counters};

const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// How long an ended window is kept: for people who look, since no request asks for it.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(1);
/// Beyond this many tenants at their limit at once, each further one costs a call a request.
const MAX_FULL_WINDOWS: usize = 1000;

/// What a tenant may still ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Whether this request is within the limit.
    pub allowed: bool,
    /// How many requests a window has.
    pub limit: u32,
    /// How many are left of them.
    pub remaining: u32,
    /// When the window ends: whole seconds from now, at least one.
    pub reset: Duration,
}

impl Counters {
    /// Counts a request of the tenant, unless `limit` of them are counted in its window of a minute already.
    ///
    /// One call to the table, a second one when a window begins, and none for a tenant that this instance has seen at
    /// its limit.
    pub async fn take_request(
        &self,
        tenant_id: TenantId,
        limit: u32,
        now: Timestamp,
    ) -> Result<Allowance, CounterError> {
        if let Some(ends_at) = self.full_windows.end(tenant_id, now) {
            return Ok(Window { count: limit, ends_at, allowed: false }.allowance(limit, now));
        }
        let mut window = self.count_request(tenant_id, limit, now).await?;
        if window.is_none() {
            window = self.begin_window(tenant_id, limit, now).await?;
        }
        if window.is_none() {
            // Another request began the window between the two calls.
            window = self.count_request(tenant_id, limit, now).await?;
        }
        let window = window.ok_or_else(|| CounterError("a window that has begun is not there".into()))?;
        if !window.allowed {
            self.full_windows.remember(tenant_id, window.ends_at, now);
        }
        Ok(window.allowance(limit, now))
    }

    /// One more in the window that is open; none if there is no such window.
    async fn count_request(
        &self,
        tenant_id: TenantId,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<Window>, CounterError> {
        let written = self
            .update_window(tenant_id, now)
            .update_expression("ADD #count :one")
            .condition_expression("#window_ends_at_ms > :now_ms AND #count < :limit")
            .expression_attribute_values(":limit", number(limit))
            .send()
            .await;
        match written {
            Ok(answer) => Window::read(answer.attributes(), true).map(Some),
            Err(error) => match error.into_service_error() {
                UpdateItemError::ConditionalCheckFailedException(failed) if failed.item().is_some() => {
                    let window = Window::read(failed.item(), false)?;
                    Ok((window.ends_at > now).then_some(window))
                }
                UpdateItemError::ConditionalCheckFailedException(_) => Ok(None),
                error => Err(CounterError(error.into())),
            },
        }
    }

    /// The first one in a new window; none if a window is open.
    async fn begin_window(
        &self,
        tenant_id: TenantId,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<Window>, CounterError> {
        let ends_at = now + WINDOW;
        let written = self
            .update_window(tenant_id, now)
            .update_expression(
                "SET #count = :one, #window_ends_at_ms = :ends_at_ms, #expires_at = :expires_at",
            )
            .condition_expression("attribute_not_exists(#window_ends_at_ms) OR #window_ends_at_ms <= :now_ms")
            .expression_attribute_names("#expires_at", "expires_at")
            .expression_attribute_values(":ends_at_ms", number(ends_at.as_millisecond()))
            .expression_attribute_values(":expires_at", number((ends_at + KEPT_FOR).as_second()))
            .send()
            .await;
        match written {
            Ok(_) => Ok(Some(Window { count: 1, ends_at, allowed: limit > 0 })),
            Err(error) => match error.into_service_error() {
                UpdateItemError::ConditionalCheckFailedException(_) => Ok(None),
                error => Err(CounterError(error.into())),
            },
        }
    }

    /// What both writes have in common.
    fn update_window(&self, tenant_id: TenantId, now: Timestamp) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("counter_key", AttributeValue::S(format!("requests/{tenant_id}")))
            .expression_attribute_names("#count", "count")
            .expression_attribute_names("#window_ends_at_ms", "window_ends_at_ms")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now_ms", number(now.as_millisecond()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

/// A tenant's window after a request.
struct Window {
    count: u32,
    ends_at: Timestamp,
    /// Whether the request is among those counted.
    allowed: bool,
}

impl Window {
    fn read(item: Option<&HashMap<String, AttributeValue>>, allowed: bool) -> Result<Self, CounterError> {
        let number = |name: &str| -> Option<i64> { item?.get(name)?.as_n().ok()?.parse().ok() };
        let count = number("count").and_then(|count| u32::try_from(count).ok());
        let ends_at = number("window_ends_at_ms").and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let (count, ends_at) = count
            .zip(ends_at)
            .ok_or_else(|| CounterError("a window has no numbers count and window_ends_at_ms".into()))?;
        Ok(Self { count, ends_at, allowed })
    }

    fn allowance(&self, limit: u32, now: Timestamp) -> Allowance {
        Allowance {
            allowed: self.allowed,
            limit,
            remaining: limit.saturating_sub(self.count),
            reset: whole_seconds(self.ends_at.duration_since(now)),
        }
    }
}

/// The windows of a minute that this instance has seen used up.
#[derive(Default)]
pub(crate) struct FullWindows(Mutex<HashMap<TenantId, Timestamp>>);

impl FullWindows {
    fn end(&self, tenant_id: TenantId, now: Timestamp) -> Option<Timestamp> {
        self.lock().get(&tenant_id).copied().filter(|&ends_at| ends_at > now)
    }

    fn remember(&self, tenant_id: TenantId, ends_at: Timestamp, now: Timestamp) {
        let mut windows = self.lock();
        if windows.len() >= MAX_FULL_WINDOWS {
            windows.retain(|_, ends_at| *ends_at > now);
        }
        if windows.len() < MAX_FULL_WINDOWS {
            windows.insert(tenant_id, ends_at);
        }
    }

    /// A panic elsewhere leaves the map whole, since each change is one call.
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rounded up, so that who waits as long as he is told is let in.
fn whole_seconds(left: SignedDuration) -> Duration {
    let left = Duration::try_from(left).unwrap_or_default();
    let whole = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    Duration::from_secs(whole.max(1))
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_windows_are_remembered_until_they_end_and_never_too_many() {
        let windows = FullWindows::default();
        let now = Timestamp::UNIX_EPOCH;
        let later = now + WINDOW;
        let first = TenantId::new();
        windows.remember(first, later, now);
        assert_eq!(windows.end(first, now), Some(later));
        assert_eq!(windows.end(first, later), None);
        assert_eq!(windows.end(TenantId::new(), now), None);
        for _ in 0..2 * MAX_FULL_WINDOWS {
            windows.remember(TenantId::new(), later, now);
        }
        assert_eq!(windows.lock().len(), MAX_FULL_WINDOWS);
        assert_eq!(windows.end(first, now), Some(later));
        let next = TenantId::new();
        windows.remember(next, later + WINDOW, later);
        assert_eq!(windows.lock().len(), 1, "ended windows make room");
        assert_eq!(windows.end(next, later), Some(later + WINDOW));
    }

    #[test]
    fn the_reset_is_in_whole_seconds() {
        for (left_ms, seconds) in
            [(60_000, 60), (59_001, 60), (59_000, 59), (1001, 2), (1000, 1), (1, 1), (0, 1), (-5000, 1)]
        {
            assert_eq!(whole_seconds(SignedDuration::from_millis(left_ms)).as_secs(), seconds, "{left_ms}");
        }
    }
}
