use std::{fmt, time::Duration};

use zixly_domain::Provider;

/// Why a call gave no result, in classes by what the caller can do. No variant holds a token or a body.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// Wait, then repeat the call.
    #[error("{} is limiting our requests", .provider.name())]
    RateLimited {
        /// Who limits.
        provider: Provider,
        /// How long to wait, at most a day; nothing when the provider does not say and does not imply it.
        retry_after: Option<Duration>,
    },
    /// Refresh the token set once, then repeat the call; where nothing can be refreshed, somebody has to put the key right.
    #[error("{} does not accept our token or key", .provider.name())]
    Unauthorised {
        /// Who refuses.
        provider: Provider,
    },
    /// Nothing works until a person of the tenant connects the account again.
    #[error("{} must be connected again: {reason}", .provider.name())]
    ReauthorisationNeeded {
        /// Which account to connect.
        provider: Provider,
        /// What ended the old authorisation.
        reason: ReauthorisationReason,
    },
    /// Nothing was sent: the account's id, or the address of its webhook, is not one that the provider gives.
    #[error("the account or address is not one of {}", .provider.name())]
    NoSuchAccount {
        /// Whose account it should be.
        provider: Provider,
    },
    /// Repeating the call cannot help.
    #[error("{} rejected the request with status {status}", .provider.name())]
    Rejected {
        /// Who rejects.
        provider: Provider,
        /// The HTTP status.
        status: u16,
        /// The provider's own words.
        words: ProviderWords,
    },
    /// The provider has a problem of its own or has locked the record; repeat the call later.
    #[error("{} cannot answer now (status {status})", .provider.name())]
    Unavailable {
        /// Who is unavailable.
        provider: Provider,
        /// The HTTP status.
        status: u16,
        /// How long to wait, where the provider says.
        retry_after: Option<Duration>,
    },
    /// No whole answer arrived: no connection, a broken one, or a timeout.
    #[error("{} cannot be reached", .provider.name())]
    Unreachable {
        /// Who cannot be reached.
        provider: Provider,
        /// The cause, without the URL, which may hold an e-mail address.
        #[source]
        source: reqwest::Error,
    },
    /// The provider reported success, but in an answer that we cannot read.
    #[error("the answer of {} cannot be read", .provider.name())]
    Malformed {
        /// Who answered.
        provider: Provider,
        /// What is wrong with the answer.
        #[source]
        source: MalformedAnswer,
    },
}

/// What a provider said, without control characters and secrets, at most 300 characters. It may name a person, so it
/// cannot be printed, and no error prints it: it is for whoever asks for it by name.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderWords(pub String);

impl fmt::Debug for ProviderWords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ProviderWords(…)")
    }
}

/// What ended an authorisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReauthorisationReason {
    /// Before believing this, read the token set again: another worker may have used the refresh token first.
    #[error("the refresh token is no longer accepted")]
    RefreshTokenRefused,
    /// The tokens are good, but not for this account.
    #[error("the account has been disconnected")]
    Disconnected,
    /// The consent covers less than the call needs.
    #[error("a permission that the call needs has not been granted")]
    ScopeMissing,
}

/// What is wrong with an answer. The text of the JSON error is left out, since it quotes values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedAnswer {
    /// HTML, XML, nothing, or JSON that breaks off.
    #[error("it is not JSON")]
    NotJson,
    /// A field is missing, or holds something that it never should.
    #[error("it does not have the expected shape at {path:?}")]
    WrongShape {
        /// Where, as in `Invoices[0].Total`; for a missing field, the object around it.
        path: String,
    },
    /// Reading stopped at the limit.
    #[error("it is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
}

impl ConnectorError {
    /// Whose call failed.
    pub fn provider(&self) -> Provider {
        match self {
            Self::RateLimited { provider, .. }
            | Self::Unauthorised { provider }
            | Self::ReauthorisationNeeded { provider, .. }
            | Self::NoSuchAccount { provider }
            | Self::Rejected { provider, .. }
            | Self::Unavailable { provider, .. }
            | Self::Unreachable { provider, .. }
            | Self::Malformed { provider, .. } => *provider,
        }
    }

    /// Whether a write that ended so may have happened all the same: look before writing again.
    pub fn outcome_is_doubtful(&self) -> bool {
        match self {
            // Locked records and moving accounts answer with 4xx before anything is written. Slack says with 200 that it
            // has failed inside.
            Self::Unavailable { status, .. } => !(400..500).contains(status),
            Self::Unreachable { source, .. } => !source.is_connect() && !source.is_builder(),
            Self::Malformed { .. } => true,
            Self::RateLimited { .. }
            | Self::Unauthorised { .. }
            | Self::ReauthorisationNeeded { .. }
            | Self::NoSuchAccount { .. }
            | Self::Rejected { .. } => false,
        }
    }
}
