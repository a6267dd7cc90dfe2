//! Consents and the tokens behind them: issue, refresh, rotation, expiry.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::call::Provider;

/// How long Xero's previous refresh token goes on working after a rotation.
const XERO_ROTATION_GRACE: SignedDuration = SignedDuration::from_mins(30);
/// How long a refresh token of Xero lives unused.
const XERO_REFRESH_TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);
/// How long a refresh token of Shopify lives.
pub const SHOPIFY_REFRESH_TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How long Shopify's previous refresh token can be retried at the most.
const SHOPIFY_RETRY_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long an access token lives.
pub const fn access_token_life(provider: Provider) -> SignedDuration {
    match provider {
        Provider::Xero | Provider::Hubspot => SignedDuration::from_mins(30),
        Provider::Shopify | Provider::Asana => SignedDuration::from_mins(60),
        // Theirs do not end; this is long enough for a test.
        Provider::Slack | Provider::Ses | Provider::Trading | Provider::Auth => {
            SignedDuration::from_hours(24 * 365 * 10)
        }
    }
}

/// All consents ever given, with their tokens.
#[derive(Default)]
pub struct Oauth {
    grants: Vec<Grant>,
    access_tokens: HashMap<String, AccessToken>,
    refresh_tokens: HashMap<String, RefreshToken>,
}

/// One consent: a user let the app into these accounts.
pub struct Grant {
    provider: Provider,
    pub connections: Vec<Connection>,
    pub auth_event_id: Uuid,
    pub granted_at: Timestamp,
}

/// The app's link to one account.
pub struct Connection {
    pub id: Uuid,
    pub account: String,
}

/// A pair of tokens as handed to the app.
pub struct TokenPair {
    pub access_token: String,
    pub refresh_token: String,
    /// The accounts that it opens.
    pub accounts: Vec<String>,
}

/// What a refresh does to the refresh token that was used.
#[derive(Clone, Copy)]
pub enum Rotation {
    /// It stays the one.
    Keep,
    /// It is replaced and goes on working.
    Replace,
    /// It is replaced and ends after the grace.
    Retire,
    /// It is replaced, gives the same replacement again when retried, and ends once the replacement is used.
    UntilUsed,
}

/// Why an access token opens nothing.
pub enum TokenRefusal {
    /// Not given, never issued, or its consent is withdrawn.
    Unknown,
    Expired(Timestamp),
}

struct AccessToken {
    grant: usize,
    expires_at: Timestamp,
    /// The refresh token that was handed out with it.
    beside: String,
}

struct RefreshToken {
    grant: usize,
    issued_at: Timestamp,
    replaced_at: Option<Timestamp>,
    replaced_by: Option<String>,
    /// The one that this replaced, as long as that can still be retried.
    previous: Option<String>,
    has_ended: bool,
}

impl Oauth {
    /// Records a consent and issues its first tokens.
    pub fn grant(&mut self, provider: Provider, accounts: Vec<String>, now: Timestamp) -> TokenPair {
        let connections =
            accounts.into_iter().map(|account| Connection { id: Uuid::new_v4(), account }).collect();
        self.grants.push(Grant { provider, connections, auth_event_id: Uuid::new_v4(), granted_at: now });
        let grant = self.grants.len() - 1;
        let refresh_token = self.issue_refresh_token(grant, None, now);
        self.issue_pair(grant, refresh_token, now)
    }

    /// How many consents there are; a revocation covers those and none that come after.
    pub fn grant_count(&self) -> usize {
        self.grants.len()
    }

    /// The consent behind an access token. Consents numbered below `revoked_below` are withdrawn.
    pub fn check(
        &self,
        provider: Provider,
        token: Option<&str>,
        revoked_below: usize,
        now: Timestamp,
    ) -> Result<&Grant, TokenRefusal> {
        let token = token.and_then(|token| self.access_tokens.get(token)).ok_or(TokenRefusal::Unknown)?;
        let grant = &self.grants[token.grant];
        if grant.provider != provider || token.grant < revoked_below {
            return Err(TokenRefusal::Unknown);
        }
        if now >= token.expires_at {
            return Err(TokenRefusal::Expired(token.expires_at));
        }
        Ok(grant)
    }

    /// Takes note that a good access token was used: what its refresh token replaced has ended.
    pub fn note_use(&mut self, access_token: &str) {
        if let Some(token) = self.access_tokens.get(access_token) {
            let beside = token.beside.clone();
            self.end_previous(&beside);
        }
    }

    /// Trades a refresh token for a new pair; nothing when the token is no longer good.
    pub fn refresh(
        &mut self,
        provider: Provider,
        token: &str,
        rotation: Rotation,
        revoked_below: usize,
        now: Timestamp,
    ) -> Option<TokenPair> {
        let known = self.refresh_tokens.get_mut(token)?;
        let grant = known.grant;
        if self.grants[grant].provider != provider || grant < revoked_below || !known.is_alive(provider, now)
        {
            return None;
        }
        if !matches!(rotation, Rotation::Keep | Rotation::Replace) {
            // The grace counts from the first use: using it again does not buy more time.
            known.replaced_at.get_or_insert(now);
        }
        let replacement = known.replaced_by.clone();
        let refresh_token = match (rotation, replacement) {
            (Rotation::Keep, _) => token.to_owned(),
            (Rotation::Replace | Rotation::Retire, _) => self.issue_refresh_token(grant, None, now),
            (Rotation::UntilUsed, Some(replacement)) => replacement,
            (Rotation::UntilUsed, None) => {
                self.end_previous(token);
                let replacement = self.issue_refresh_token(grant, Some(token.to_owned()), now);
                if let Some(known) = self.refresh_tokens.get_mut(token) {
                    known.replaced_by = Some(replacement.clone());
                }
                replacement
            }
        };
        Some(self.issue_pair(grant, refresh_token, now))
    }

    /// Ends every access token of a provider now; the refresh tokens stay good.
    pub fn expire_access_tokens(&mut self, provider: Provider, now: Timestamp) {
        for token in self.access_tokens.values_mut() {
            if self.grants[token.grant].provider == provider {
                token.expires_at = token.expires_at.min(now);
            }
        }
    }

    fn issue_pair(&mut self, grant: usize, refresh_token: String, now: Timestamp) -> TokenPair {
        let random = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let provider = self.grants[grant].provider;
        let access_token = match provider {
            Provider::Shopify => format!("shpat_{random}"),
            Provider::Slack if self.grants[grant].connections[0].is_bot() => format!("xoxb-{random}"),
            _ => random,
        };
        let token = AccessToken {
            grant,
            expires_at: now + access_token_life(provider),
            beside: refresh_token.clone(),
        };
        self.access_tokens.insert(access_token.clone(), token);
        let accounts = self.grants[grant].connections.iter().map(|c| c.account.clone()).collect();
        TokenPair { access_token, refresh_token, accounts }
    }

    fn issue_refresh_token(&mut self, grant: usize, previous: Option<String>, now: Timestamp) -> String {
        let random = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let token = match self.grants[grant].provider {
            Provider::Hubspot => format!("na1-{}", Uuid::new_v4()),
            Provider::Shopify => format!("shprt_{random}"),
            Provider::Asana => format!("2/{random}"),
            Provider::Xero | Provider::Slack | Provider::Ses | Provider::Trading | Provider::Auth => random,
        };
        let issued = RefreshToken {
            grant,
            issued_at: now,
            replaced_at: None,
            replaced_by: None,
            previous,
            has_ended: false,
        };
        self.refresh_tokens.insert(token.clone(), issued);
        token
    }

    fn end_previous(&mut self, refresh_token: &str) {
        let previous = self.refresh_tokens.get_mut(refresh_token).and_then(|token| token.previous.take());
        if let Some(previous) = previous.and_then(|previous| self.refresh_tokens.get_mut(&previous)) {
            previous.has_ended = true;
        }
    }
}

impl Connection {
    /// Whether this is a Slack workspace, and not an incoming webhook in one.
    fn is_bot(&self) -> bool {
        !self.account.contains('/')
    }
}

impl RefreshToken {
    fn is_alive(&self, provider: Provider, now: Timestamp) -> bool {
        let age = now.duration_since(self.issued_at);
        let replaced_for = self.replaced_at.map_or(SignedDuration::ZERO, |at| now.duration_since(at));
        match provider {
            Provider::Xero => age < XERO_REFRESH_TOKEN_LIFE && replaced_for < XERO_ROTATION_GRACE,
            Provider::Shopify => {
                !self.has_ended && age < SHOPIFY_REFRESH_TOKEN_LIFE && replaced_for < SHOPIFY_RETRY_LIFE
            }
            Provider::Hubspot
            | Provider::Asana
            | Provider::Slack
            | Provider::Ses
            | Provider::Trading
            | Provider::Auth => true,
        }
    }
}
