use jiff::Timestamp;
use secrecy::SecretString;

/// The OAuth tokens behind one or more connections. `Debug` shows no token.
#[derive(Debug, Clone)]
pub struct TokenSet {
    /// Sent with every call until it expires.
    pub access_token: SecretString,
    /// Buys the next pair; a provider may replace it at each use.
    pub refresh_token: SecretString,
    /// When the access token ends, by the provider's word at the time of the answer.
    pub expires_at: Timestamp,
}

impl TokenSet {
    /// Whether the access token has ended or ends within the next two minutes, which a slow call may need.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.expires_at.duration_since(now) <= jiff::SignedDuration::from_mins(2)
    }
}
