//! The numbers of a budget, and what follows from them. No I/O.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

/// How many slices a provider's window has.
const SLICES: usize = 12;

/// How long a limit counts that a provider has taught us.
pub(super) const TAUGHT_FOR: SignedDuration = SignedDuration::from_mins(10);

/// A budget as it stands in the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// The running slice, counted from 1970; none before the first call.
    pub(super) slice: i64,
    /// What the slice began with.
    pub(super) share: u32,
    /// What is left of that.
    pub(super) left: u32,
    /// What was taken in the slices before, the latest last.
    pub(super) before: Vec<u32>,
    /// What the provider has taught us its limit is.
    pub(super) limit: u32,
    /// Until when that counts.
    pub(super) limit_until: Timestamp,
    /// Nothing may be taken before.
    pub(super) closed_until: Timestamp,
    /// Whether there was a call yet.
    pub(super) has_begun: bool,
}

/// What is asked of a budget.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) slice: i64,
    /// How many calls are wanted, if there are as many.
    pub(super) wanted: u32,
    /// What a call counts for.
    pub(super) cost: u32,
    /// What the provider said was left.
    pub(super) ceiling: u32,
    /// What the provider said its limit was.
    pub(super) limit: Option<u32>,
    /// What it documents.
    pub(super) documented: u32,
    pub(super) now: Timestamp,
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plan {
    /// Take the calls out of the running slice.
    Spend { calls: u32 },
    /// Put other numbers, less the calls, in the place of those with this slice and rest, or of none. Without calls,
    /// plan again with those numbers.
    Replace { new: Box<Window>, old: Option<(i64, u32)>, calls: u32 },
    /// There is nothing to take.
    Nothing { before: Before },
}

/// When there is something to take again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Slice(i64),
    Time(Timestamp),
}

impl Window {
    /// Reads an item; none if it is empty.
    pub(super) fn read(item: &HashMap<String, AttributeValue>) -> Option<Self> {
        if item.is_empty() {
            return None;
        }
        let number = |name: &str| read_number(item, name);
        let count = |name: &str| number(name).and_then(|count| u32::try_from(count).ok()).unwrap_or_default();
        let time = |name: &str| {
            number(name).and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
        };
        let before = item.get("taken_before").and_then(|list| list.as_l().ok());
        let before = before.into_iter().flatten();
        Some(Self {
            slice: number("slice").unwrap_or_default(),
            share: count("share"),
            left: count("left"),
            before: before.filter_map(|taken| taken.as_n().ok()?.parse().ok()).collect(),
            limit: count("limit"),
            limit_until: time("limit_until_ms"),
            closed_until: time("closed_until_ms"),
            has_begun: item.contains_key("slice"),
        })
    }

    /// What to do, given the numbers as they were last seen; of a budget never seen, nothing is known.
    pub(super) fn plan(seen: Option<&Self>, asked: &Asked) -> Plan {
        let Some(seen) = seen else { return Plan::Spend { calls: asked.wanted } };
        if seen.closed_until > asked.now {
            return Plan::Nothing { before: Before::Time(seen.closed_until) };
        }
        let limit = asked.limit.or(seen.taught_limit(asked.now)).unwrap_or(asked.documented);
        // A worker whose clock is behind takes from the slice that runs for the others.
        let is_over = !seen.has_begun || seen.slice < asked.slice;
        let mut new = if is_over { seen.rolled(asked.slice) } else { seen.clone() };
        let is_changed = new.fit(limit) || new.left > asked.ceiling;
        new.left = new.left.min(asked.ceiling);
        // Dearer than all that there ever is, nothing could ever be asked.
        let cost = asked.cost.min(limit).max(1);
        let calls = asked.wanted.min(new.left / cost);
        // What the provider has said is for the other workers to know, even if it leaves nothing to take.
        if calls == 0 && !is_changed {
            return Plan::Nothing { before: Before::Slice(new.frees_at(cost)) };
        }
        if !is_over && !is_changed {
            return Plan::Spend { calls };
        }
        new.left = new.left.saturating_sub(calls * asked.cost);
        if let Some(limit) = asked.limit {
            (new.limit, new.limit_until) = (limit, asked.now + TAUGHT_FOR);
        }
        let old = seen.has_begun.then_some((seen.slice, seen.left));
        Plan::Replace { new: Box::new(new), old, calls }
    }

    /// The limit that a provider has taught us, while it counts.
    pub(super) fn taught_limit(&self, now: Timestamp) -> Option<u32> {
        (self.limit > 0 && self.limit_until > now).then_some(self.limit)
    }

    /// How much was taken in the window that ends with `slice`.
    pub(super) fn taken_at(&self, slice: i64) -> u32 {
        let now = if self.has_begun && self.slice < slice { self.rolled(slice) } else { self.clone() };
        now.before.iter().sum::<u32>() + now.share.saturating_sub(now.left)
    }

    /// The numbers at the beginning of a later slice, before it is known what that may have.
    fn rolled(&self, slice: i64) -> Self {
        let mut before = self.before.clone();
        if self.has_begun {
            before.push(self.share.saturating_sub(self.left));
            let passed = usize::try_from(slice - self.slice - 1).unwrap_or(usize::MAX).min(SLICES);
            before.extend(std::iter::repeat_n(0, passed));
        }
        let surplus = before.len().saturating_sub(SLICES);
        before.drain(..surplus);
        Self { slice, share: 0, left: 0, before, has_begun: true, ..self.clone() }
    }

    /// Gives the running slice what the limit leaves it; whether that is something else than it has.
    fn fit(&mut self, limit: u32) -> bool {
        let share = limit.saturating_sub(self.before.iter().sum());
        let taken = self.share.saturating_sub(self.left);
        let is_other = share != self.share;
        // Under a limit that has become smaller, more may be taken than there is.
        (self.share, self.left) = (share.max(taken), share.saturating_sub(taken));
        is_other && share >= taken
    }

    /// The first slice in which so much has come free that a call can be made.
    fn frees_at(&self, cost: u32) -> i64 {
        let first = self.slice - self.before.len() as i64;
        let taken_now = self.share.saturating_sub(self.left);
        let mut free = self.left;
        for (index, taken) in self.before.iter().chain([&taken_now]).enumerate() {
            free = free.saturating_add(*taken);
            if free >= cost {
                return first + index as i64 + SLICES as i64 + 1;
            }
        }
        self.slice + SLICES as i64 + 1
    }
}

/// The slice that runs at `now`.
pub(super) fn slice_at(window: SignedDuration, now: Timestamp) -> i64 {
    now.as_millisecond().div_euclid(slice_ms(window))
}

/// When a slice begins.
pub(super) fn start_of(window: SignedDuration, slice: i64) -> Timestamp {
    Timestamp::from_millisecond(slice.saturating_mul(slice_ms(window))).unwrap_or(Timestamp::MAX)
}

/// A whole number of them is no shorter than the window.
fn slice_ms(window: SignedDuration) -> i64 {
    let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
    (window_ms + SLICES as i64 - 1) / SLICES as i64
}

pub(super) fn read_number(item: &HashMap<String, AttributeValue>, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u32 = 60;

    fn asked(slice: i64, wanted: u32) -> Asked {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
        Asked { slice, wanted, cost: 1, ceiling: u32::MAX, limit: None, documented: LIMIT, now }
    }

    fn window(slice: i64, share: u32, left: u32, before: &[u32]) -> Window {
        Window { slice, share, left, before: before.to_vec(), has_begun: true, ..Window::default() }
    }

    /// What a lone worker gets that wants so much in each slice, beginning with a new budget.
    fn taken_of(wanted: &[u32]) -> Vec<u32> {
        let mut seen = Window::default();
        let take = |(slice, wanted): (usize, &u32)| match Window::plan(
            Some(&seen),
            &asked(slice as i64 + 1, *wanted),
        ) {
            Plan::Replace { new, calls, .. } => {
                seen = *new;
                calls
            }
            Plan::Nothing { .. } => 0,
            Plan::Spend { .. } => panic!("a new slice begins with new numbers"),
        };
        wanted.iter().enumerate().map(take).collect()
    }

    #[test]
    fn no_thirteen_slices_hold_more_than_the_limit() {
        for wanted in [[60; 40], [7; 40], [1; 40], std::array::from_fn(|slice| (slice as u32 * 37) % 23)] {
            let taken = taken_of(&wanted);
            for slices in taken.windows(SLICES + 1) {
                assert!(slices.iter().sum::<u32>() <= LIMIT, "{taken:?}");
            }
        }
        assert_eq!(taken_of(&[60; 14])[..], [60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60]);
    }

    #[test]
    fn of_a_budget_never_seen_the_table_decides() {
        assert_eq!(Window::plan(None, &asked(5, 3)), Plan::Spend { calls: 3 });
    }

    #[test]
    fn in_the_running_slice_calls_are_taken_as_far_as_there_are() {
        let plan = |left, wanted| Window::plan(Some(&window(5, 60, left, &[])), &asked(5, wanted));
        assert_eq!(plan(10, 4), Plan::Spend { calls: 4 });
        assert_eq!(plan(3, 4), Plan::Spend { calls: 3 });
        assert_eq!(plan(0, 4), Plan::Nothing { before: Before::Slice(18) });
    }

    #[test]
    fn a_clock_that_is_behind_takes_from_the_slice_of_the_others() {
        assert_eq!(Window::plan(Some(&window(6, 60, 9, &[])), &asked(5, 1)), Plan::Spend { calls: 1 });
    }

    #[test]
    fn what_the_provider_says_is_left_beats_the_count() {
        let seen = window(5, 60, 50, &[]);
        let lowered = |left| Box::new(Window { left, ..seen.clone() });
        let plan = |ceiling| Window::plan(Some(&seen), &Asked { ceiling, ..asked(5, 2) });
        let old = Some((5, 50));
        assert_eq!(plan(50), Plan::Spend { calls: 2 });
        assert_eq!(plan(10), Plan::Replace { new: lowered(8), old, calls: 2 });
        assert_eq!(plan(0), Plan::Replace { new: lowered(0), old, calls: 0 });
    }

    #[test]
    fn what_comes_free_first_is_what_was_taken_first() {
        assert_eq!(window(9, 0, 0, &[0, 5, 55]).frees_at(1), 7 + 13);
        assert_eq!(window(9, 0, 0, &[0, 5, 55]).frees_at(6), 8 + 13);
        assert_eq!(window(9, 60, 0, &[]).frees_at(1), 9 + 13);
    }

    #[test]
    fn a_taught_limit_counts_for_a_while() {
        let now = asked(6, 1).now;
        let until = now + SignedDuration::from_secs(1);
        let seen = Window { limit: 100, limit_until: until, ..window(5, 60, 0, &[]) };
        let share = |asked: &Asked| match Window::plan(Some(&seen), asked) {
            Plan::Replace { new, .. } => new.share,
            plan => panic!("{plan:?}"),
        };
        assert_eq!(share(&asked(6, 1)), 40);
        assert_eq!(share(&Asked { limit: Some(200), ..asked(6, 1) }), 140);
        let later = Asked { now: until, ..asked(19, 1) };
        assert_eq!(share(&later), LIMIT);
    }

    #[test]
    fn a_call_dearer_than_the_limit_is_made_when_all_is_there() {
        let dear = Asked { cost: 100, ..asked(5, 4) };
        let plan = Window::plan(Some(&Window::default()), &dear);
        assert!(matches!(plan, Plan::Replace { calls: 1, .. }), "{plan:?}");
        assert!(matches!(Window::plan(Some(&window(5, 60, 59, &[])), &dear), Plan::Nothing { .. }));
    }
}
