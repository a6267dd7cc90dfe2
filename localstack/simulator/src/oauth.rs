//! Consents and the tokens behind them: issue, refresh, rotation, expiry, and how a consent ends.

mod codes;

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

pub use crate::oauth::codes::{CodeRefusal, Codes, Permission};
use crate::{call::Provider, xero};

/// Whoever sits before the consent pages; they are all the same person's.
pub const OWNER: Uuid = Uuid::nil();

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

/// All consents ever given, with their tokens, and those whose code is still to be traded in.
#[derive(Default)]
pub struct Oauth {
    pub codes: Codes,
    grants: Vec<Grant>,
    access_tokens: HashMap<String, AccessToken>,
    refresh_tokens: HashMap<String, RefreshToken>,
}

/// How long an app can go on with what it gets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// As long as it trades its refresh token in.
    Refreshed,
    /// Until the access token ends: there is no other.
    Once,
    /// The access token does not end, and there is no other.
    Endless,
}

/// One consent: a user let the app into these accounts.
pub struct Grant {
    provider: Provider,
    user: Uuid,
    /// None once the whole consent has ended.
    pub connections: Vec<Connection>,
    pub scopes: Vec<String>,
    pub auth_event_id: Uuid,
    pub granted_at: Timestamp,
    has_ended: bool,
}

/// The app's link to one account.
pub struct Connection {
    pub id: Uuid,
    pub account: String,
}

/// A pair of tokens as handed to the app.
pub struct TokenPair {
    pub access_token: String,
    /// None where the app cannot go on without a new consent, or need not.
    pub refresh_token: Option<String>,
    /// The accounts that it opens.
    pub accounts: Vec<String>,
    pub scopes: Vec<String>,
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
    beside: Option<String>,
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
    pub fn grant(
        &mut self,
        provider: Provider,
        Permission { user, accounts, scopes }: Permission,
        life: Life,
        now: Timestamp,
    ) -> TokenPair {
        let connections = accounts.into_iter().map(|account| self.connect(provider, user, account)).collect();
        self.grants.push(Grant {
            provider,
            user,
            connections,
            scopes,
            auth_event_id: Uuid::new_v4(),
            granted_at: now,
            has_ended: false,
        });
        let grant = self.grants.len() - 1;
        let refresh_token = (life == Life::Refreshed).then(|| self.issue_refresh_token(grant, None, now));
        let ends_at = match life {
            Life::Refreshed | Life::Once => now + access_token_life(provider),
            Life::Endless => Timestamp::MAX,
        };
        self.issue_pair(grant, refresh_token, ends_at, now)
    }

    /// How many consents there are; a revocation covers those and none that come after.
    pub fn grant_count(&self) -> usize {
        self.grants.len()
    }

    /// The consent behind an access token. Consents numbered below `revoked_below` are withdrawn.
    ///
    /// A token of Xero's goes on to say who it is when its consent has ended, and opens nothing.
    pub fn check(
        &self,
        provider: Provider,
        token: Option<&str>,
        revoked_below: usize,
        now: Timestamp,
    ) -> Result<&Grant, TokenRefusal> {
        let token = token.and_then(|token| self.access_tokens.get(token)).ok_or(TokenRefusal::Unknown)?;
        let grant = &self.grants[token.grant];
        let is_gone = grant.has_ended && provider != Provider::Xero;
        if grant.provider != provider || token.grant < revoked_below || is_gone {
            return Err(TokenRefusal::Unknown);
        }
        if now >= token.expires_at {
            return Err(TokenRefusal::Expired(token.expires_at));
        }
        Ok(grant)
    }

    /// Takes note that a good access token was used: what its refresh token replaced has ended.
    pub fn note_use(&mut self, access_token: &str) {
        let beside = self.access_tokens.get(access_token).and_then(|token| token.beside.clone());
        if let Some(beside) = beside {
            self.end_previous(&beside);
        }
    }

    /// The consent behind an access or a refresh token that is good, and the seconds that an access token has left.
    pub fn look_up(
        &self,
        provider: Provider,
        token: &str,
        revoked_below: usize,
        now: Timestamp,
    ) -> Option<(&Grant, Option<i64>)> {
        if let Ok(grant) = self.check(provider, Some(token), revoked_below, now) {
            let ends_at = self.access_tokens.get(token)?.expires_at;
            return Some((grant, Some(ends_at.duration_since(now).as_secs())));
        }
        let grant = self.refreshable(provider, token, revoked_below, now)?;
        Some((&self.grants[grant], None))
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
        let grant = self.refreshable(provider, token, revoked_below, now)?;
        let known = self.refresh_tokens.get_mut(token)?;
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
        Some(self.issue_pair(grant, Some(refresh_token), now + access_token_life(provider), now))
    }

    /// What an access token of Xero's opens: all that its user has consented to, by this consent or by another.
    pub fn connections_of(
        &self,
        grant: &Grant,
        revoked_below: usize,
    ) -> impl Iterator<Item = (&Grant, &Connection)> {
        let (provider, user) = (grant.provider, grant.user);
        let grants = self.grants.iter().skip(revoked_below);
        let grants = grants.filter(move |grant| grant.provider == provider && grant.user == user);
        grants.flat_map(|grant| grant.connections.iter().map(move |link| (grant, link)))
    }

    /// Somebody takes the app out of an account, in the provider's own pages; says whether it was in there. At Xero a
    /// user's consents go on as long as they cover anything, elsewhere a consent ends.
    pub fn disconnect(&mut self, provider: Provider, account: &str) -> bool {
        let covers = |grant: &&mut Grant| {
            grant.provider == provider && grant.connections.iter().any(|link| link.account == account)
        };
        let mut users = Vec::new();
        for grant in self.grants.iter_mut().filter(covers) {
            users.push(grant.user);
            match provider {
                Provider::Xero => grant.connections.retain(|link| link.account != account),
                _ => grant.end(),
            }
        }
        for user in &users {
            let is_out = self.of_user(provider, *user).all(|grant| grant.connections.is_empty());
            if provider == Provider::Xero && is_out {
                self.of_user(provider, *user).for_each(Grant::end);
            }
        }
        !users.is_empty()
    }

    /// The app gives back its link to one account; says whether the token's user had it. His consents go on.
    pub fn remove_connection(&mut self, access_token: &str, id: Uuid) -> bool {
        let Some(grant) = self.access_tokens.get(access_token).map(|token| token.grant) else { return false };
        let (provider, user) = (self.grants[grant].provider, self.grants[grant].user);
        let mut is_removed = false;
        for grant in self.of_user(provider, user) {
            let count = grant.connections.len();
            grant.connections.retain(|link| link.id != id);
            is_removed |= grant.connections.len() < count;
        }
        is_removed
    }

    /// The app gives back the consent behind a refresh token; says whether there was one. At Xero all links to what its
    /// user has consented to go with it.
    pub fn end_consent(&mut self, provider: Provider, refresh_token: &str) -> bool {
        let grant = self.refresh_tokens.get(refresh_token).map(|token| token.grant);
        let Some(grant) = grant.filter(|grant| self.grants[*grant].provider == provider) else {
            return false;
        };
        self.grants[grant].end();
        if provider == Provider::Xero {
            let user = self.grants[grant].user;
            self.of_user(provider, user).for_each(|grant| grant.connections.clear());
        }
        true
    }

    /// Ends a refresh token and nothing else.
    pub fn end_refresh_token(&mut self, provider: Provider, refresh_token: &str) {
        let grants = &self.grants;
        let token = self.refresh_tokens.get_mut(refresh_token);
        if let Some(token) = token.filter(|token| grants[token.grant].provider == provider) {
            token.has_ended = true;
        }
    }

    /// Ends every access token of a provider now; the refresh tokens stay good.
    pub fn expire_access_tokens(&mut self, provider: Provider, now: Timestamp) {
        for token in self.access_tokens.values_mut() {
            if self.grants[token.grant].provider == provider {
                token.expires_at = token.expires_at.min(now);
            }
        }
    }

    /// A link to an account. Xero has one for each user and organisation, which a new consent takes over.
    fn connect(&mut self, provider: Provider, user: Uuid, account: String) -> Connection {
        let earlier = self.of_user(provider, user).filter(|grant| grant.provider == Provider::Xero);
        let earlier = earlier.map(|grant| &mut grant.connections).find_map(|links| {
            let at = links.iter().position(|link| link.account == account)?;
            Some(links.remove(at))
        });
        earlier.unwrap_or_else(|| Connection { id: Uuid::new_v4(), account })
    }

    fn of_user(&mut self, provider: Provider, user: Uuid) -> impl Iterator<Item = &mut Grant> {
        self.grants.iter_mut().filter(move |grant| grant.provider == provider && grant.user == user)
    }

    /// The consent behind a refresh token that can be traded in.
    fn refreshable(
        &self,
        provider: Provider,
        token: &str,
        revoked_below: usize,
        now: Timestamp,
    ) -> Option<usize> {
        let known = self.refresh_tokens.get(token)?;
        let grant = &self.grants[known.grant];
        let is_open = grant.provider == provider && !grant.has_ended && known.grant >= revoked_below;
        (is_open && known.is_alive(provider, now)).then_some(known.grant)
    }

    fn issue_pair(
        &mut self,
        number: usize,
        refresh_token: Option<String>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> TokenPair {
        let grant = &self.grants[number];
        let random = random();
        let access_token = match grant.provider {
            Provider::Xero => xero::access_token(grant, now),
            Provider::Shopify => format!("shpat_{random}"),
            Provider::Slack if grant.connections[0].is_bot() => format!("xoxb-{random}"),
            _ => random,
        };
        let accounts = grant.connections.iter().map(|link| link.account.clone()).collect();
        let pair = TokenPair { access_token, refresh_token, accounts, scopes: grant.scopes.clone() };
        let token = AccessToken { grant: number, expires_at, beside: pair.refresh_token.clone() };
        self.access_tokens.insert(pair.access_token.clone(), token);
        pair
    }

    fn issue_refresh_token(&mut self, grant: usize, previous: Option<String>, now: Timestamp) -> String {
        let random = random();
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

impl Grant {
    /// The whole consent ends.
    fn end(&mut self) {
        self.has_ended = true;
        self.connections.clear();
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
        let is_in_time = match provider {
            Provider::Xero => age < XERO_REFRESH_TOKEN_LIFE && replaced_for < XERO_ROTATION_GRACE,
            Provider::Shopify => age < SHOPIFY_REFRESH_TOKEN_LIFE && replaced_for < SHOPIFY_RETRY_LIFE,
            Provider::Hubspot
            | Provider::Asana
            | Provider::Slack
            | Provider::Ses
            | Provider::Trading
            | Provider::Auth => true,
        };
        is_in_time && !self.has_ended
    }
}

fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
