//! Faults that lie in wait for calls.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{
    asana, auth,
    call::{Answer, Call, Provider},
    hubspot, limits, ses, shopify, slack, trading, xero,
};

/// The faults in force, oldest first; the first that matches a call is the one it meets.
#[derive(Default)]
pub struct Faults {
    entries: Vec<Entry>,
}

struct Entry {
    spec: FaultSpec,
    /// For a revocation: the consents numbered below this are the ones withdrawn.
    revoked_below: usize,
}

/// A fault as it is ordered.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    pub provider: Provider,
    /// The calls that can meet it; all calls when left out.
    #[serde(default, rename = "match")]
    pub matches: CallPattern,
    pub fault: FaultKind,
    /// How many calls still meet it.
    #[serde(default = "once")]
    pub times: u32,
    /// For limits and statuses the `Retry-After`; for `slow` the delay.
    #[serde(default)]
    pub retry_after_s: Option<f64>,
    /// For `status`: which one, 500 by default. For Slack it may be 200, which says no in its body.
    #[serde(default)]
    pub status: Option<u16>,
    /// For `timeout_after_commit`: the work is done so many seconds after the caller has hung up, and not before.
    #[serde(default)]
    pub commit_after_s: Option<f64>,
}

/// Which calls a fault waits for.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallPattern {
    #[serde(default)]
    pub method: Option<String>,
    /// A part of the provider's path and query; `*` stands for anything.
    #[serde(default)]
    pub path: Option<String>,
}

/// What can go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The work is done, at once or later, and the answer never comes.
    TimeoutAfterCommit,
    /// Nothing is done and no answer comes.
    TimeoutBefore,
    /// An error status in the provider's shape; nothing is done.
    Status,
    /// A 429 in the provider's shape; nothing is done.
    RateLimit,
    /// The work is done and half of the answer comes.
    Malformed,
    /// The work is done and the answer comes late.
    Slow,
    /// Every present consent is withdrawn for as long as the fault stands.
    Revoke,
    /// Every present access token ends at once.
    Expire,
}

/// What a call meets before it is worked on.
pub enum BeforeFault {
    Timeout,
    Answer(Answer),
    Slow(Duration),
}

/// What a call meets once it has succeeded.
pub enum AfterFault {
    Timeout,
    Malformed,
}

impl FaultSpec {
    /// Says what is wrong with an order that could never do what it asks for.
    pub fn problem(&self) -> Option<String> {
        if self.times == 0 {
            return Some("times must be at least 1".to_owned());
        }
        let is_hidden_no = self.provider == Provider::Slack && self.status == Some(200);
        if self.status.is_some_and(|status| !(400..=599).contains(&status)) && !is_hidden_no {
            return Some("status must be between 400 and 599".to_owned());
        }
        if self.commit_after_s.is_some_and(|seconds| !(0.0..=3600.0).contains(&seconds)) {
            return Some("commit_after_s must be between 0 and 3600".to_owned());
        }
        if self.commit_after_s.is_some() && self.fault != FaultKind::TimeoutAfterCommit {
            return Some("commit_after_s goes with timeout_after_commit only".to_owned());
        }
        if self.retry_after_s.is_some_and(|seconds| !(0.0..=86_400.0).contains(&seconds)) {
            return Some("retry_after_s must be between 0 and 86400".to_owned());
        }
        let has_key = matches!(self.provider, Provider::Slack | Provider::Ses | Provider::Trading);
        if has_key && self.fault == FaultKind::Expire {
            return Some(format!("{} has a key and no token that could expire", self.provider.as_str()));
        }
        if self.provider == Provider::Auth && self.fault == FaultKind::Expire {
            return Some("a token of auth says itself when it ends".to_owned());
        }
        None
    }
}

impl Faults {
    /// Lays a fault in wait. `grant_count` is how many consents there are now.
    pub fn add(&mut self, spec: FaultSpec, grant_count: usize) {
        self.entries.push(Entry { spec, revoked_below: grant_count });
    }

    pub fn list(&self) -> Vec<FaultSpec> {
        self.entries.iter().map(|entry| entry.spec.clone()).collect()
    }

    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Consents of this provider numbered below the result are withdrawn.
    pub fn revoked_below(&self, provider: Provider) -> usize {
        let revocations = self
            .entries
            .iter()
            .filter(|entry| entry.spec.provider == provider && entry.spec.fault == FaultKind::Revoke);
        revocations.map(|entry| entry.revoked_below).max().unwrap_or(0)
    }

    /// Whether any revocation stands.
    pub fn is_revoked(&self, provider: Provider) -> bool {
        let is_revocation = |spec: &FaultSpec| spec.provider == provider && spec.fault == FaultKind::Revoke;
        self.entries.iter().any(|entry| is_revocation(&entry.spec))
    }

    /// How long after the caller has hung up the work is done, where a fault says so. Only what may write is put off:
    /// nobody could tell a late read from none.
    pub fn take_late(&mut self, call: &Call) -> Option<SignedDuration> {
        if call.method == "GET" {
            return None;
        }
        self.take(call, |spec| match spec.fault {
            FaultKind::TimeoutAfterCommit => {
                spec.commit_after_s.and_then(|s| SignedDuration::try_from_secs_f64(s).ok())
            }
            _ => None,
        })
    }

    /// The fault that meets this call before it is worked on.
    pub fn take_before(&mut self, call: &Call) -> Option<BeforeFault> {
        self.take(call, |spec| match spec.fault {
            FaultKind::TimeoutBefore => Some(BeforeFault::Timeout),
            FaultKind::Slow => {
                Some(BeforeFault::Slow(Duration::from_secs_f64(spec.retry_after_s.unwrap_or(2.0))))
            }
            FaultKind::Status => Some(BeforeFault::Answer(error_answer(spec))),
            FaultKind::RateLimit => Some(BeforeFault::Answer(rate_limit_answer(spec))),
            FaultKind::TimeoutAfterCommit | FaultKind::Malformed | FaultKind::Revoke | FaultKind::Expire => {
                None
            }
        })
    }

    /// The fault that meets this call now that it has succeeded.
    pub fn take_after(&mut self, call: &Call) -> Option<AfterFault> {
        self.take(call, |spec| match spec.fault {
            FaultKind::TimeoutAfterCommit if spec.commit_after_s.is_none() => Some(AfterFault::Timeout),
            FaultKind::Malformed => Some(AfterFault::Malformed),
            _ => None,
        })
    }

    fn take<T>(&mut self, call: &Call, as_fault: impl Fn(&FaultSpec) -> Option<T>) -> Option<T> {
        let (index, fault) = self.entries.iter().enumerate().find_map(|(index, entry)| {
            let meant = entry.spec.provider == call.provider && entry.spec.matches.covers(call);
            if meant { as_fault(&entry.spec).map(|fault| (index, fault)) } else { None }
        })?;
        let times = &mut self.entries[index].spec.times;
        *times -= 1;
        if *times == 0 {
            self.entries.remove(index);
        }
        Some(fault)
    }
}

impl CallPattern {
    fn covers(&self, call: &Call) -> bool {
        let method_fits =
            self.method.as_ref().is_none_or(|method| call.method.as_str().eq_ignore_ascii_case(method));
        method_fits && self.path.as_ref().is_none_or(|pattern| occurs(pattern, &call.path_and_query))
    }
}

/// Whether the pieces of `pattern` between its stars occur in `path`, in order.
fn occurs(pattern: &str, path: &str) -> bool {
    let mut rest = path;
    pattern.split('*').all(|piece| match rest.find(piece) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}

fn error_answer(spec: &FaultSpec) -> Answer {
    let status = spec.status.unwrap_or(500);
    let answer = match spec.provider {
        Provider::Xero => xero::problem(status, "InjectedFault"),
        Provider::Hubspot => hubspot::refusal(status, "INTERNAL_ERROR", "internal error"),
        Provider::Shopify => shopify::refusal(status, "Internal Server Error"),
        Provider::Asana => asana::refusal(status, "Server Error"),
        Provider::Slack => slack::failure(status),
        Provider::Ses => ses::failure(status),
        Provider::Trading => trading::refusal(status, "internal error"),
        Provider::Auth => auth::failure(status),
    };
    with_retry_after(answer, spec)
}

fn rate_limit_answer(spec: &FaultSpec) -> Answer {
    let answer = match spec.provider {
        Provider::Xero => limits::xero_too_many("minute", None),
        Provider::Hubspot => {
            let message = "You have reached your ten_secondly_rolling limit.";
            hubspot::too_many("TEN_SECONDLY_ROLLING", message)
        }
        // These always say when, each in its own way.
        Provider::Shopify => return shopify::throttled_for(spec.retry_after_s.unwrap_or(1.0)),
        Provider::Asana => return asana::too_many(spec.retry_after_s.unwrap_or(1.0)),
        Provider::Slack => return slack::too_many(spec.retry_after_s.unwrap_or(1.0)),
        Provider::Ses => ses::too_many(),
        Provider::Trading => trading::refusal(429, "too many requests"),
        Provider::Auth => auth::failure(429),
    };
    with_retry_after(answer, spec)
}

fn with_retry_after(answer: Answer, spec: &FaultSpec) -> Answer {
    match spec.retry_after_s {
        Some(seconds) => answer.with_header("retry-after", seconds),
        None => answer,
    }
}

fn once() -> u32 {
    1
}
