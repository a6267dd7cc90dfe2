//! One newtype per id, so that a job's id cannot be handed where a tenant's is meant. All that we make are UUIDv7:
//! they sort by the time of their making, which keeps indexes dense and lists in order.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, later in sort order than those made before it on this machine.
            #[expect(clippy::new_without_default, reason = "two calls differ, so it is no default")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids! {
    /// A customer business.
    TenantId,
    /// A tenant's authorised link to one account at a provider.
    ConnectionId,
    /// The OAuth tokens behind one or more connections.
    TokenSetId,
    /// A tenant's credential for the HTTP interface.
    ApiKeyId,
    /// A person who signs in; the id is Supabase Auth's.
    UserId,
    /// One HTTP POST from a provider.
    DeliveryId,
    /// One business change inside a delivery.
    EventId,
    /// One run of a workflow for a tenant.
    JobId,
    /// A write in somebody else's system.
    EffectId,
    /// An external record that a job read, created or updated.
    RelatedRecordId,
}
