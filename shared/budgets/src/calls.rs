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

mod documented;
mod table;
mod window;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zixly_domain::Provider;

use crate::CounterError;
use documented::{Documented, documented};
use table::{Table, Written};
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

/// How an account's budget stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How much may be asked in a window.
    pub limit: u32,
    /// How much of that is left now.
    pub left: u32,
    /// How long the window is.
    pub window: Duration,
    /// The provider takes nothing before, if it has refused a call.
    pub closed_until: Option<Timestamp>,
}

/// The right to make one call, held until it has ended.
#[derive(Debug)]
#[must_use]
pub struct Place(#[expect(dead_code, reason = "held, and given back when dropped")] OwnedSemaphorePermit);

/// The budgets of all accounts, as one worker shares them with the others.
pub struct CallBudgets {
    table: Table,
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

impl CallBudgets {
    /// Budgets in the table called `table`, the one that [`crate::Counters`] are in.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            table: Table::new(config, table),
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
                self.answer(self.table.close(&key, until, lesson, now), now).await;
            }
        }
        self.stand_in_line(&key, provider, &known, until, now).await
    }

    /// How the account's budget stands for all workers; none while nothing is known of it, or the table does not answer.
    /// It takes nothing.
    pub async fn standing(&self, provider: Provider, account: &str, now: Timestamp) -> Option<Standing> {
        let window = self.answer(self.table.read(&key(provider, account)), now).await??;
        let rules = documented(provider);
        let limit = window.taught_limit(now).unwrap_or(rules.most);
        let taken = window.taken_at(window::slice_at(rules.window, now));
        Some(Standing {
            limit,
            left: limit.saturating_sub(taken),
            window: rules.window.unsigned_abs(),
            closed_until: Some(window.closed_until).filter(|until| *until > now),
        })
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
            let (written, calls) = match Window::plan(state.window.as_ref(), &asked) {
                Plan::Nothing { before } => {
                    return Ok(Taken::NothingBefore(match before {
                        window::Before::Slice(slice) => window::start_of(rules.window, slice),
                        window::Before::Time(until) => until,
                    }));
                }
                Plan::Spend { calls } => {
                    (self.table.spend(key, slice, calls * state.cost, ceiling, now).await?, calls)
                }
                Plan::Replace { new, old, calls } => (self.table.replace(key, &new, old, now).await?, calls),
            };
            match written {
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
            turn = self.answer(self.table.next_turn(key, from, step_ms), now).await.unwrap_or(from);
        }
        Duration::try_from(turn.duration_since(now)).unwrap_or_default()
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
