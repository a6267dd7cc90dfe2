//! How often all workers together may call a provider for one account.
//!
//! A budget is one item in the table. It counts what was taken in the running *slice* (a twelfth of the provider's
//! window) and in the twelve slices before it, so that no window of the provider, wherever it begins, holds more calls
//! than the limit. A worker takes some calls at once, as many as it is about to make, with one conditional write, and
//! spends them on its own until the slice ends. What a provider says beats what we count: a smaller rest lowers ours,
//! another limit replaces the documented one, and once it has refused a call nobody calls again before it said.
//!
//! Who finds nothing left is told when to come again. Those times are handed out one by one, as far apart as the
//! budget allows calls, so that jobs that wait for the same window do not come back in the same moment.
//!
//! While the table does not answer, calls go on: the provider refuses what is too much.

mod window;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zixly_domain::Provider;

use crate::CounterError;
use window::{Plan, Window};

/// A table that does not answer must not hold up a call for longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long a table that has not answered is left alone.
const AWAY: SignedDuration = SignedDuration::from_secs(30);
/// What was taken and not spent is given up after this time, or another worker's news of a refusal would come late.
const BLOCK_LIFE: SignedDuration = SignedDuration::from_secs(2);
/// The most calls that are taken at once.
const MAX_BLOCK: u32 = 8;
/// How often workers may get in each other's way before one waits for the next slice.
const MAX_TRIES: usize = 8;
/// How long a limit counts that a provider has taught us.
const TAUGHT_FOR: SignedDuration = SignedDuration::from_mins(10);
/// How long jobs may be sent away for, beyond the time when there is something to take: then the line begins anew.
const LONGEST_LINE: SignedDuration = SignedDuration::from_mins(15);
/// How long the budget of an account that nobody calls is kept.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(48);
/// How long a call waits for others of this worker to end, at a provider that limits calls at once.
const PLACE_WITHIN: Duration = Duration::from_secs(5);
/// Beyond this many accounts, the worker begins to forget what it has seen of them.
const MAX_ACCOUNTS: usize = 1000;

/// What a provider said about a call's limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// How much may be asked in a window, and how long that window is.
    pub limit: Option<(u32, Duration)>,
    /// How much is left.
    pub remaining: Option<u32>,
    /// What the call counted for.
    pub cost: Option<u32>,
}

/// The right to make one call, held until it has ended.
#[derive(Debug)]
#[must_use]
pub struct Place(#[expect(dead_code, reason = "held, and given back when dropped")] OwnedSemaphorePermit);

/// The budgets of all accounts, as one worker shares them with the others.
pub struct CallBudgets {
    client: Client,
    table: String,
    accounts: Mutex<HashMap<String, Arc<Account>>>,
    away_until: Mutex<Timestamp>,
}

/// What this worker knows of an account.
struct Account {
    places: Arc<Semaphore>,
    state: tokio::sync::Mutex<Known>,
}

struct Known {
    /// The item as it was last seen.
    window: Option<Window>,
    /// Calls that are taken and not made.
    block: u32,
    block_ends_at: Timestamp,
    /// How many calls the last block had.
    block_size: u32,
    /// The provider takes no call before.
    closed_until: Timestamp,
    /// There is nothing to take before.
    empty_until: Timestamp,
    /// The provider's own limit for our window, as long as the table does not know it.
    limit: Option<u32>,
    /// What the provider said was left, and when.
    remaining: Option<(u32, Timestamp)>,
    /// What a call counts for.
    cost: u32,
}

/// What a provider documents about its limits.
#[derive(Debug, Clone, Copy)]
struct Documented {
    window: SignedDuration,
    /// What an account may have at most. A provider that tells nothing in its answers teaches by refusing: then the
    /// budget is `least` for a while.
    most: u32,
    least: u32,
    /// What a call counts for, until the provider says.
    cost: u32,
    /// How many calls one worker makes at once.
    at_once: usize,
}

const fn documented(provider: Provider) -> Documented {
    let a_second = SignedDuration::from_secs(1);
    let a_minute = SignedDuration::from_secs(60);
    let any = Semaphore::MAX_PERMITS;
    match provider {
        // Xero takes 5 calls at once from all workers together, and tells in no header how many are under way. Two
        // from each keeps two workers clear of it; beyond that, Xero's refusal comes without a time and is waited out
        // for some seconds.
        Provider::Xero => Documented { window: a_minute, most: 60, least: 60, cost: 1, at_once: 2 },
        Provider::HubSpot => {
            Documented { window: SignedDuration::from_secs(10), most: 110, least: 110, cost: 1, at_once: any }
        }
        // A bucket of points that fills in 20 s, whatever the plan.
        Provider::Shopify => Documented {
            window: SignedDuration::from_secs(20),
            most: 2000,
            least: 2000,
            cost: 50,
            at_once: any,
        },
        // 1500 for who pays, 150 for who does not, and no header that tells which it is.
        Provider::Asana => Documented { window: a_minute, most: 1500, least: 150, cost: 1, at_once: 10 },
        // Several hundred a minute for a workspace. The one a second that a channel takes is Slack's to tell.
        Provider::Slack => Documented { window: a_second, most: 10, least: 5, cost: 1, at_once: any },
        // The account's 14 a second are for all tenants, so each has half of them: one that floods leaves the others
        // theirs.
        Provider::Ses => Documented { window: a_second, most: 7, least: 2, cost: 1, at_once: any },
        // It documents nothing.
        Provider::Trading => Documented { window: a_second, most: 50, least: 5, cost: 1, at_once: any },
    }
}

impl CallBudgets {
    /// Budgets in the table called `table`, the one that [`crate::Counters`] are in.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: Client::new(config),
            table,
            accounts: Mutex::default(),
            away_until: Mutex::new(Timestamp::UNIX_EPOCH),
        }
    }

    /// Takes one call out of the account's budget; if there is none, says how long to wait before asking again.
    ///
    /// `account` is whatever the provider counts calls by: mostly the account, whichever tenants are connected to it.
    pub async fn take(&self, provider: Provider, account: &str, now: Timestamp) -> Result<Place, Duration> {
        let key = key(provider, account);
        let known = self.account(&key, provider);
        let place = tokio::time::timeout(PLACE_WITHIN, known.places.clone().acquire_owned()).await;
        let place = place.map_err(|_| PLACE_WITHIN)?.expect("nobody closes it");
        let closed_until = {
            let mut state = known.state.lock().await;
            match self.spend(&key, provider, &mut state, now).await {
                Ok(()) => return Ok(Place(place)),
                Err(closed_until) => closed_until,
            }
        };
        drop(place);
        Err(self.stand_in_line(&key, provider, &known, closed_until, now).await)
    }

    /// Takes note of what the provider said in its answer to a call.
    pub async fn heard(&self, provider: Provider, account: &str, heard: Heard, now: Timestamp) {
        let known = self.account(&key(provider, account), provider);
        let mut state = known.state.lock().await;
        let rules = documented(provider);
        if let Some(cost) = heard.cost {
            state.cost = cost.max(1);
        }
        let limit = heard.limit.and_then(|(limit, window)| in_our_window(limit, window, rules.window));
        // A rest that is larger than all there should be: the account has more than we know.
        let larger = heard.remaining.filter(|&left| left > state.limit(rules, now));
        let stored = state.window.as_ref().and_then(|window| window.taught_limit(now));
        if let Some(limit) = limit.or(larger).filter(|limit| stored != Some(*limit)) {
            state.limit = Some(limit);
            state.empty_until = Timestamp::UNIX_EPOCH;
        }
        if let Some(remaining) = heard.remaining {
            state.remaining = Some((remaining, now));
            state.block = state.block.min(remaining / state.cost);
        }
    }

    /// Takes note that the provider has refused a call for `retry_after`, for all workers, and says how long the job
    /// whose call it was waits.
    pub async fn refused(
        &self,
        provider: Provider,
        account: &str,
        retry_after: Duration,
        now: Timestamp,
    ) -> Duration {
        let key = key(provider, account);
        let known = self.account(&key, provider);
        let until = now + SignedDuration::try_from(retry_after).unwrap_or(SignedDuration::from_hours(24));
        {
            let mut state = known.state.lock().await;
            state.block = 0;
            state.closed_until = state.closed_until.max(until);
            let rules = documented(provider);
            let lesson = (rules.least < rules.most).then_some(rules.least);
            state.limit = lesson.or(state.limit);
            if !self.is_away(now) {
                self.answer(self.close(&key, until, lesson, now), now).await;
            }
        }
        self.stand_in_line(&key, provider, &known, until, now).await
    }

    /// One call: of those that are taken already, or of the table's. If there is none, when there will be.
    async fn spend(
        &self,
        key: &str,
        provider: Provider,
        state: &mut Known,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        let until = state.closed_until.max(state.empty_until);
        if until > now {
            return Err(until);
        }
        if state.block > 0 && now < state.block_ends_at {
            state.block -= 1;
            return Ok(());
        }
        if self.is_away(now) {
            return Ok(());
        }
        match self.answer(self.take_block(key, provider, state, now), now).await {
            Some(Taken::Calls(calls)) => {
                state.block = calls - 1;
                state.block_size = calls;
                Ok(())
            }
            Some(Taken::NothingBefore(until)) => {
                state.empty_until = until;
                Err(until)
            }
            None => Ok(()),
        }
    }

    async fn take_block(
        &self,
        key: &str,
        provider: Provider,
        state: &mut Known,
        now: Timestamp,
    ) -> Result<Taken, CounterError> {
        let rules = documented(provider);
        let slice = window::slice_at(rules.window, now);
        let slice_ends_at = window::start_of(rules.window, slice + 1);
        // Who has spent a block within its time is busy, and takes twice as much.
        let is_busy = state.block_size > 0 && now < state.block_ends_at;
        let most = (rules.most / rules.cost / 15).clamp(1, MAX_BLOCK);
        let wanted = if is_busy { (state.block_size * 2).min(most) } else { 1 };
        // A rest that the provider told a while ago may be another window's.
        let told = state.remaining.take().filter(|(_, at)| *at + BLOCK_LIFE > now);
        let ceiling = told.map_or(u32::MAX, |(remaining, _)| remaining);
        state.block_ends_at = slice_ends_at.min(now + BLOCK_LIFE);
        for _ in 0..MAX_TRIES {
            let asked = window::Asked {
                slice,
                wanted,
                cost: state.cost,
                ceiling,
                limit: state.limit,
                documented: rules.most,
                now,
            };
            let (write, calls) = match Window::plan(state.window.as_ref(), &asked) {
                Plan::Nothing { before } => {
                    return Ok(Taken::NothingBefore(match before {
                        window::Before::Slice(slice) => window::start_of(rules.window, slice),
                        window::Before::Time(until) => until,
                    }));
                }
                Plan::Spend { calls } => {
                    let units = calls * state.cost;
                    let write = self
                        .update(key)
                        .update_expression("SET #left = #left - :units")
                        .condition_expression(
                            "#slice >= :slice AND #left >= :units AND #left <= :ceiling AND \
                             (attribute_not_exists(#closed) OR #closed <= :now)",
                        )
                        .expression_attribute_names("#slice", "slice")
                        .expression_attribute_values(":slice", number(slice))
                        .expression_attribute_values(":units", number(units))
                        .expression_attribute_values(":ceiling", number(ceiling));
                    (write, calls)
                }
                Plan::Replace { new, old, calls } => (self.replace(key, &new, old.as_ref(), now), calls),
            };
            let write = write
                .expression_attribute_names("#left", "left")
                .expression_attribute_names("#closed", "closed_until_ms")
                .expression_attribute_values(":now", number(now.as_millisecond()));
            match self.send(write).await? {
                Written::Yes(item) => {
                    state.window = Window::read(&item);
                    // What it was to be taught, it knows now.
                    let known = state.window.as_ref().and_then(|window| window.taught_limit(now));
                    state.limit = state.limit.filter(|limit| known != Some(*limit));
                    if calls > 0 {
                        return Ok(Taken::Calls(calls));
                    }
                }
                // Somebody else was there; his numbers are the ones to go on from.
                Written::No(item) => state.window = Some(Window::read(&item).unwrap_or_default()),
            }
        }
        Ok(Taken::NothingBefore(slice_ends_at))
    }

    fn replace(
        &self,
        key: &str,
        new: &Window,
        old: Option<&(i64, u32)>,
        now: Timestamp,
    ) -> UpdateItemFluentBuilder {
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
        let open = "(attribute_not_exists(#closed) OR #closed <= :now)";
        match old {
            None => write.condition_expression(format!("attribute_not_exists(#slice) AND {open}")),
            Some((slice, left)) => write
                .condition_expression(format!("#slice = :old_slice AND #left = :old_left AND {open}"))
                .expression_attribute_values(":old_slice", number(slice))
                .expression_attribute_values(":old_left", number(left)),
        }
    }

    /// Nobody takes anything before `until`.
    async fn close(
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
                .expression_attribute_values(":limit_until", number((now + TAUGHT_FOR).as_millisecond()));
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

    /// How long to wait for a turn, the first of which is at `from`.
    async fn stand_in_line(
        &self,
        key: &str,
        provider: Provider,
        known: &Account,
        from: Timestamp,
        now: Timestamp,
    ) -> Duration {
        let rules = documented(provider);
        let (limit, cost) = {
            let state = known.state.lock().await;
            (state.limit(rules, now).max(1), state.cost)
        };
        let step_ms = (rules.window.as_millis() as i64 * i64::from(cost) / i64::from(limit)).max(1);
        let mut turn = from;
        if !self.is_away(now) {
            turn = self.answer(self.next_turn(key, from, step_ms), now).await.unwrap_or(from);
        }
        Duration::try_from(turn.duration_since(now)).unwrap_or_default()
    }

    async fn next_turn(&self, key: &str, from: Timestamp, step_ms: i64) -> Result<Timestamp, CounterError> {
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

    fn update(&self, key: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
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

    /// What the table says, if it does in time. If not, it is left alone for a while.
    async fn answer<T>(
        &self,
        asked: impl Future<Output = Result<T, CounterError>>,
        now: Timestamp,
    ) -> Option<T> {
        let why = match tokio::time::timeout(ANSWER_WITHIN, asked).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.to_string() + &causes(&error),
            Err(_) => "there was no answer in time".to_owned(),
        };
        tracing::warn!(error = why, "calls are let through uncounted");
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = now + AWAY;
        None
    }

    fn is_away(&self, now: Timestamp) -> bool {
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) > now
    }

    fn account(&self, key: &str, provider: Provider) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get(key) {
            return account.clone();
        }
        if accounts.len() >= MAX_ACCOUNTS {
            // Those that are in use are kept by their users; what else is lost is in the table.
            accounts.clear();
        }
        let rules = documented(provider);
        let account = Arc::new(Account {
            places: Arc::new(Semaphore::new(rules.at_once)),
            state: tokio::sync::Mutex::new(Known {
                window: None,
                block: 0,
                block_ends_at: Timestamp::UNIX_EPOCH,
                block_size: 0,
                closed_until: Timestamp::UNIX_EPOCH,
                empty_until: Timestamp::UNIX_EPOCH,
                limit: None,
                remaining: None,
                cost: rules.cost,
            }),
        });
        accounts.insert(key.to_owned(), account.clone());
        account
    }
}

/// What came of asking the table.
enum Taken {
    Calls(u32),
    NothingBefore(Timestamp),
}

type Item = HashMap<String, AttributeValue>;

/// Whether the condition of a write held, and the item as it is now.
enum Written {
    Yes(Item),
    No(Item),
}

impl Known {
    /// How much a window has, as far as we know.
    fn limit(&self, rules: Documented, now: Timestamp) -> u32 {
        let stored = || self.window.as_ref().and_then(|window| window.taught_limit(now));
        self.limit.or_else(stored).unwrap_or(rules.most)
    }
}

/// A limit for another window than ours; none where that says nothing.
fn in_our_window(limit: u32, window: Duration, ours: SignedDuration) -> Option<u32> {
    let scaled = f64::from(limit) * ours.as_secs_f64() / window.as_secs_f64();
    // Also refuses what is no number.
    (1.0..=1e9).contains(&scaled).then_some(scaled as u32)
}

fn key(provider: Provider, account: &str) -> String {
    format!("calls/{provider}/{account}")
}

fn read_time(item: &Item, name: &str) -> Result<Timestamp, CounterError> {
    let time = window::read_number(item, name).and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.ok_or_else(|| CounterError(format!("a budget has no time {name}").into()))
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
