//! The words of Zixly as types: ids, providers, events, workflows, and the rules about states and retries.
//!
//! **Invariant:** no I/O, no clock and no randomness but in the ids; knows nothing of HTTP, SQL or AWS.

mod event;
mod ids;
mod job;
mod nul;
mod provider;
mod retry;
mod role;
mod token_set;
mod workflow;
mod workflow_settings;

pub use event::{Delivery, Event, UnreadableEvent};
pub use ids::{
    ApiKeyId, ConnectionId, DeliveryId, EffectId, EventId, JobId, RelatedRecordId, TenantId, TokenSetId,
    UserId,
};
pub use job::{EffectStatus, JobStatus, RecordAction, WaitingReason};
pub use nul::has_nul;
pub use provider::Provider;
pub use retry::{MAX_ATTEMPTS, backoff};
pub use role::Role;
pub use token_set::TokenSet;
pub use workflow::{EventJob, JobRequest, Workflow, jobs_for};
pub use workflow_settings::{
    AsanaTaskSettings, Channel, HubspotDealSettings, SettingProblem, ShopifyOrderSettings, WorkflowSettings,
    XeroInvoiceSettings, check_settings,
};

/// A text that is none of the words that its type knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a {kind}; known are {known}")]
pub struct UnknownWord {
    /// What was expected, e.g. `job status`.
    pub kind: &'static str,
    /// What was found.
    pub value: String,
    /// The words that would have been understood, separated by commas.
    pub known: String,
}

/// Gives a fieldless enum its one spelling in tables, messages and URLs: `as_str`, `Display` and `FromStr`.
macro_rules! words {
    ($type:ident, $kind:literal, { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every value, in the order of the definition.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The spelling used in tables, messages and URLs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    $crate::UnknownWord { kind: $kind, value: text.to_owned(), known: known.join(", ") }
                })
            }
        }
    };
}
pub(crate) use words;
