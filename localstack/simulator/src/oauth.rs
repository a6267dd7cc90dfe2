//! Consents and the tokens behind them: issue, refresh, rotation, expiry.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::call::Provider;

/// How long an access token lives, at both providers.
pub const ACCESS_TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(30);
/// How long Xero's previous refresh token goes on working after a rotation.
const ROTATION_GRACE: SignedDuration = SignedDuration::from_mins(30);
/// How long a refresh token of Xero lives unused.
const XERO_REFRESH_TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);

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
}

struct RefreshToken {
    grant: usize,
    issued_at: Timestamp,
    replaced_at: Option<Timestamp>,
}

impl Oauth {
    /// Records a consent and issues its first tokens.
    pub fn grant(&mut self, provider: Provider, accounts: Vec<String>, now: Timestamp) -> TokenPair {
        let connections =
            accounts.into_iter().map(|account| Connection { id: Uuid::new_v4(), account }).collect();
        self.grants.push(Grant { provider, connections, auth_event_id: Uuid::new_v4(), granted_at: now });
        let grant = self.grants.len() - 1;
        let refresh_token = self.issue_refresh_token(grant, now);
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
        let in_grace = known.replaced_at.is_none_or(|at| now.duration_since(at) < ROTATION_GRACE);
        let alive =
            provider != Provider::Xero || now.duration_since(known.issued_at) < XERO_REFRESH_TOKEN_LIFE;
        if self.grants[grant].provider != provider || grant < revoked_below || !in_grace || !alive {
            return None;
        }
        let refresh_token = match rotation {
            Rotation::Keep => token.to_owned(),
            Rotation::Replace => self.issue_refresh_token(grant, now),
            Rotation::Retire => {
                // The grace counts from the first use: using it again does not buy more time.
                known.replaced_at.get_or_insert(now);
                self.issue_refresh_token(grant, now)
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
        let access_token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        self.access_tokens
            .insert(access_token.clone(), AccessToken { grant, expires_at: now + ACCESS_TOKEN_LIFE });
        let accounts = self.grants[grant].connections.iter().map(|c| c.account.clone()).collect();
        TokenPair { access_token, refresh_token, accounts }
    }

    fn issue_refresh_token(&mut self, grant: usize, now: Timestamp) -> String {
        let token = match self.grants[grant].provider {
            Provider::Xero => format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
            Provider::Hubspot => format!("na1-{}", Uuid::new_v4()),
        };
        self.refresh_tokens.insert(token.clone(), RefreshToken { grant, issued_at: now, replaced_at: None });
        token
    }
}
