//! Whether a provider really sent a delivery, and what the delivery says.
//!
//! One module per provider. Its `verify` reads the raw bytes and makes a [`Verified`]; its `parse` takes nothing
//! else, so no body is understood before its signature is. A provider without a key refuses everything.
//!
//! **Invariant:** pure functions, no I/O and no clock; no log, so nothing of a body or a key can leave by one;
//! no way to a [`Verified`] but a correct signature, now or at the door.

pub mod asana;
mod fields;
mod headers;
pub mod hubspot;
mod kept;
mod keys;
pub mod shopify;
pub mod xero;

use http::HeaderMap;
use jiff::Timestamp;
use zixly_domain::{Delivery, Provider};

pub use kept::{Kept, keep};
pub use keys::SigningKeys;

/// Those that never knock: whatever comes in their name is refused.
macro_rules! silent {
    () => {
        Provider::Slack | Provider::Ses | Provider::Trading
    };
}

/// The one list of who can knock; a provider that is missing here and among the silent ones does not compile.
macro_rules! providers {
    ($($provider:ident => $module:ident),+ $(,)?) => {
        /// Accepts a request that this provider signed, at the time `now` where its signature has a time in it.
        pub fn verify<'a>(
            provider: Provider,
            keys: &SigningKeys,
            request: &Request<'a>,
            now: Timestamp,
        ) -> Result<Verified<'a>, Refusal> {
            match provider {
                $(Provider::$provider => $module::verify(keys, request, now),)+
                silent!() => Err(Refusal::NoKey),
            }
        }

        /// Reads what the provider that signed it says.
        pub fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
            match verified.provider {
                $(Provider::$provider => $module::parse(verified),)+
                silent!() => Err(Malformed::new(format!("{} sends no deliveries", verified.provider.name()))),
            }
        }
    };
}

providers! {
    Xero => xero,
    HubSpot => hubspot,
    Shopify => shopify,
    Asana => asana,
}

/// A request as it came, before anything has looked into it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// `POST`, in capitals as on the wire.
    pub method: &'a str,
    /// The full public URL that the provider called, from configuration and not from the request's own headers.
    pub uri: &'a str,
    /// All headers, repeated ones included.
    pub headers: &'a HeaderMap,
    /// The bytes as sent: decoded when the gateway had put them into base64, otherwise untouched.
    pub body: &'a [u8],
}

/// A request that the provider signed.
#[derive(Clone, Copy)]
pub struct Verified<'a> {
    provider: Provider,
    request: Request<'a>,
}

impl<'a> Verified<'a> {
    /// A request that the door verified before it went through our own queue or into our own database, where
    /// nobody else can put anything.
    pub fn at_the_door(provider: Provider, request: Request<'a>) -> Self {
        Self { provider, request }
    }

    /// Who signed it.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// The bytes that were signed.
    pub fn body(&self) -> &'a [u8] {
        self.request.body
    }

    /// Everything that came. Only HubSpot signs more of it than the body.
    pub fn request(&self) -> &Request<'a> {
        &self.request
    }
}

impl std::fmt::Debug for Verified<'_> {
    // A body names people and amounts, so a log gets its size only.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Verified({}, {} bytes)", self.provider, self.request.body.len())
    }
}

/// Why a request is not taken for the provider's. All are answered with 401; the words are for our own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing to verify with.
    #[error("no signing key is configured; put the key that the provider shows into the function's secret")]
    NoKey,
    /// A signature over nothing vouches for nothing.
    #[error("the body is empty")]
    EmptyBody,
    /// A header that the signature needs is not there.
    #[error("the header {header} is missing")]
    MissingHeader {
        /// Which one.
        header: &'static str,
    },
    /// It is not clear which of the values counts.
    #[error("the header {header} has more than one value")]
    RepeatedHeader {
        /// Which one.
        header: &'static str,
    },
    /// The signature cannot be one, whatever the key.
    #[error("the header {header} is not a SHA-256 code in the form that the provider writes")]
    MalformedSignature {
        /// Where it stands.
        header: &'static str,
    },
    /// Signed with another key, or changed on the way.
    #[error("the signature belongs to another key or to another request")]
    WrongSignature,
    /// The time of sending cannot be read.
    #[error("the header {header} is not a whole number of milliseconds")]
    MalformedTimestamp {
        /// Where it stands.
        header: &'static str,
    },
    /// Rightly signed, but so long ago that it may be a copy sent again.
    #[error("signed {age_ms} ms ago, which is too long; if it is not, a clock is wrong")]
    StaleTimestamp {
        /// How long ago by our clock.
        age_ms: u64,
    },
    /// Rightly signed, but for a time to come.
    #[error("signed {ahead_ms} ms in the future, which is too far; if it is not, a clock is wrong")]
    FutureTimestamp {
        /// How far ahead of our clock.
        ahead_ms: u64,
    },
}

impl Refusal {
    /// The reason in one word, for a counter's key.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoKey => "no-key",
            Self::EmptyBody => "empty-body",
            Self::MissingHeader { .. } => "missing-header",
            Self::RepeatedHeader { .. } => "repeated-header",
            Self::MalformedSignature { .. } => "malformed-signature",
            Self::WrongSignature => "wrong-signature",
            Self::MalformedTimestamp { .. } => "malformed-timestamp",
            Self::StaleTimestamp { .. } => "stale-timestamp",
            Self::FutureTimestamp { .. } => "future-timestamp",
        }
    }
}

/// A signed body that cannot be understood as a delivery. Sending it again would not help, so it is kept and
/// answered like any other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Malformed {
    /// What is wrong and where, without quoting the body.
    pub reason: String,
}

impl Malformed {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

fn refuse_empty(body: &[u8]) -> Result<(), Refusal> {
    if body.is_empty() { Err(Refusal::EmptyBody) } else { Ok(()) }
}
