//! Users, their sessions, and what keeps a session going or begins one: refresh tokens and mailed links.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{signing::SigningKey, user_json};
use crate::ledger::milliseconds;

/// How long an access token lives.
const ACCESS_TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// How long a replaced refresh token can be used again by a client that did not hear of its replacement.
const REUSE_INTERVAL: SignedDuration = SignedDuration::from_secs(10);
/// How long a mailed link is good.
const LINK_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// How long a user waits for the next mail.
const BETWEEN_MAILS: SignedDuration = SignedDuration::from_secs(60);

/// All that the project's Auth knows.
pub struct AuthRecords {
    issuer: String,
    site_url: String,
    key: SigningKey,
    users: Vec<User>,
    sessions: HashMap<Uuid, Session>,
    access_tokens: HashMap<String, AccessToken>,
    refresh_tokens: HashMap<String, RefreshToken>,
    links: HashMap<String, Link>,
    mails: Vec<Mail>,
}

pub struct User {
    pub id: Uuid,
    pub email: String,
    /// None for one who was invited and has set none.
    pub password: Option<String>,
    pub created_at: Timestamp,
    pub invited_at: Option<Timestamp>,
    /// When he showed that the mailbox is his; only then is he a user like others.
    pub confirmed_at: Option<Timestamp>,
    pub last_sign_in_at: Option<Timestamp>,
    /// What whoever invited him wanted to have kept with him.
    data: Map<String, Value>,
    mailed_at: Option<Timestamp>,
}

/// What a mailed link is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    MagicLink,
    Invite,
}

/// A mail as it lies in its reader's mailbox.
#[derive(Clone, Serialize)]
pub struct Mail {
    to: String,
    subject: &'static str,
    link: String,
    at: String,
}

/// What a sign-in or a refresh hands out.
pub struct Issued {
    pub access_token: String,
    pub expires_at: i64,
    pub expires_in: i64,
    pub refresh_token: String,
    user: Value,
}

/// Why a refresh token gives nothing.
pub enum RefreshRefusal {
    /// Never issued, or its session has ended.
    Unknown,
    /// Replaced too long ago: somebody else may have it, so its session has ended.
    AlreadyUsed,
}

/// Which of a user's sessions a sign-out ends.
#[derive(Clone, Copy)]
pub enum Scope {
    Global,
    Local,
    Others,
}

struct Session {
    user: Uuid,
    method: &'static str,
    began_at: Timestamp,
    /// The refresh token that has not been used; none once one was used twice.
    current: Option<String>,
}

struct AccessToken {
    user: Uuid,
    session: Uuid,
    expires_at: Timestamp,
}

struct RefreshToken {
    session: Uuid,
    /// The one that was used to get this one.
    parent: Option<String>,
    replaced_at: Option<Timestamp>,
}

struct Link {
    kind: LinkKind,
    user: Uuid,
    made_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeededUser {
    id: Uuid,
    email: String,
    password: String,
}

impl AuthRecords {
    /// The Auth of a project at this URL, with a new key and without users.
    pub fn new(url: &str) -> Self {
        Self {
            issuer: format!("{url}/auth/v1"),
            site_url: url.to_owned(),
            key: SigningKey::generate(),
            users: Vec::new(),
            sessions: HashMap::new(),
            access_tokens: HashMap::new(),
            refresh_tokens: HashMap::new(),
            links: HashMap::new(),
            mails: Vec::new(),
        }
    }

    /// Puts a user in, in place of the one with his id.
    pub fn seed(&mut self, kind: &str, record: &str, now: Timestamp) -> Result<Value, String> {
        if kind != "user" {
            return Err(format!("Supabase Auth has users and no {kind:?}"));
        }
        let SeededUser { id, email, password } =
            serde_json::from_str(record).map_err(|error| error.to_string())?;
        let email = email.to_lowercase();
        if self.users.iter().any(|user| user.email == email && user.id != id) {
            return Err(format!("another user has the e-mail address {email}"));
        }
        self.users.retain(|user| user.id != id);
        let mut user = User::new(id, email, Map::new(), now);
        user.password = Some(password);
        user.confirmed_at = Some(now);
        let json = user_json(&user);
        self.users.push(user);
        Ok(json)
    }

    /// The public keys that tokens are checked with.
    pub fn jwks(&self) -> Value {
        self.key.jwks()
    }

    /// Where a link leads whose target is not allowed.
    pub fn site_url(&self) -> &str {
        &self.site_url
    }

    pub fn user_by_email(&self, email: &str) -> Option<&User> {
        let email = email.to_lowercase();
        self.users.iter().find(|user| user.email == email)
    }

    /// The user and the session that an access token was issued for, whether or not they are still there.
    pub fn bearer(&self, access_token: &str, now: Timestamp) -> Option<(Uuid, Uuid)> {
        let token = self.access_tokens.get(access_token).filter(|token| now < token.expires_at);
        token.map(|token| (token.user, token.session))
    }

    pub fn user(&self, id: Uuid) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub fn has_session(&self, session: Uuid) -> bool {
        self.sessions.contains_key(&session)
    }

    pub fn begin_session(&mut self, user: Uuid, method: &'static str, now: Timestamp) -> Issued {
        let session = Uuid::new_v4();
        self.sessions.insert(session, Session { user, method, began_at: now, current: None });
        if let Some(user) = self.users.iter_mut().find(|known| known.id == user) {
            user.last_sign_in_at = Some(now);
        }
        let refresh_token = self.replace_refresh_token(session, None);
        self.issue(session, refresh_token, now)
    }

    /// Trades a refresh token for a new pair, and ends the session when the token was used before.
    pub fn refresh(&mut self, token: &str, now: Timestamp) -> Result<Issued, RefreshRefusal> {
        let known = self.refresh_tokens.get_mut(token).ok_or(RefreshRefusal::Unknown)?;
        let session = known.session;
        let is_recent = known.replaced_at.is_none_or(|at| now <= at + REUSE_INTERVAL);
        let current = self.sessions.get(&session).ok_or(RefreshRefusal::Unknown)?.current.clone();
        let Some(current) = current else { return Err(RefreshRefusal::AlreadyUsed) };
        if current == token {
            known.replaced_at = Some(now);
        } else if self.refresh_tokens.get(&current).and_then(|it| it.parent.as_deref()) == Some(token) {
            // The client did not hear of the replacement, which nobody has used: it gets the same one again.
            return Ok(self.issue(session, current, now));
        } else if !is_recent {
            if let Some(session) = self.sessions.get_mut(&session) {
                session.current = None;
            }
            return Err(RefreshRefusal::AlreadyUsed);
        }
        let refresh_token = self.replace_refresh_token(session, Some(token.to_owned()));
        Ok(self.issue(session, refresh_token, now))
    }

    /// Mails a link that signs in; says how many seconds are left when the last mail was sent too short a time ago.
    pub fn mail_link(&mut self, user: Uuid, redirect_to: &str, now: Timestamp) -> Result<(), i64> {
        let Some(known) = self.users.iter_mut().find(|known| known.id == user) else { return Ok(()) };
        let since = known.mailed_at.map_or(BETWEEN_MAILS, |at| now.duration_since(at));
        if since < BETWEEN_MAILS {
            return Err((BETWEEN_MAILS - since).as_secs().max(1));
        }
        known.mailed_at = Some(now);
        let email = known.email.clone();
        self.send(LinkKind::MagicLink, user, email, redirect_to, now);
        Ok(())
    }

    /// Makes a user whom a mailed link lets in, or mails another link to one who has not come yet.
    pub fn invite(
        &mut self,
        email: &str,
        data: Map<String, Value>,
        redirect_to: &str,
        now: Timestamp,
    ) -> &User {
        let email = email.to_lowercase();
        let known = self.users.iter().position(|user| user.email == email);
        let at = known.unwrap_or_else(|| {
            self.users.push(User::new(Uuid::new_v4(), email.clone(), data, now));
            self.users.len() - 1
        });
        self.users[at].invited_at = Some(now);
        self.send(LinkKind::Invite, self.users[at].id, email, redirect_to, now);
        &self.users[at]
    }

    fn send(&mut self, kind: LinkKind, user: Uuid, to: String, redirect_to: &str, now: Timestamp) {
        let token = random();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", &token)
            .append_pair("type", kind.as_str())
            .append_pair("redirect_to", redirect_to)
            .finish();
        let link = format!("{}/verify?{query}", self.issuer);
        self.mails.push(Mail { to, subject: kind.subject(), link, at: milliseconds(now) });
        // A new link ends the one before.
        self.links.retain(|_, link| link.user != user);
        self.links.insert(token, Link { kind, user, made_at: now });
    }

    /// Whom a mailed link signs in; it does so once, and shows that the mailbox is his.
    pub fn open_link(&mut self, token: &str, kind: LinkKind, now: Timestamp) -> Option<Uuid> {
        if self.links.get(token)?.kind != kind {
            return None;
        }
        let link = self.links.remove(token).filter(|link| now < link.made_at + LINK_LIFE)?;
        let user = self.users.iter_mut().find(|user| user.id == link.user)?;
        user.confirmed_at.get_or_insert(now);
        Some(user.id)
    }

    /// Gives a user another password, and ends his other sessions: somebody who knew the old one may hold them.
    pub fn change_password(&mut self, user: Uuid, session: Uuid, password: String) {
        if let Some(known) = self.users.iter_mut().find(|known| known.id == user) {
            known.password = Some(password);
        }
        self.links.retain(|_, link| link.user != user);
        self.sign_out(session, Scope::Others);
    }

    /// Takes a user out with all that is his; says whether there was one.
    pub fn delete_user(&mut self, id: Uuid) -> bool {
        let count = self.users.len();
        self.users.retain(|user| user.id != id);
        self.sessions.retain(|_, session| session.user != id);
        self.refresh_tokens.retain(|_, token| self.sessions.contains_key(&token.session));
        self.links.retain(|_, link| link.user != id);
        self.users.len() < count
    }

    pub fn sign_out(&mut self, session: Uuid, scope: Scope) {
        let Some(user) = self.sessions.get(&session).map(|session| session.user) else { return };
        self.sessions.retain(|id, other| {
            other.user != user
                || match scope {
                    Scope::Global => false,
                    Scope::Local => *id != session,
                    Scope::Others => *id == session,
                }
        });
        self.refresh_tokens.retain(|_, token| self.sessions.contains_key(&token.session));
    }

    pub fn mails(&self) -> &[Mail] {
        &self.mails
    }

    /// Forgets mails and links; users and sessions stay.
    pub fn forget_mails(&mut self) {
        self.mails.clear();
        self.links.clear();
        for user in &mut self.users {
            user.mailed_at = None;
        }
    }

    fn replace_refresh_token(&mut self, session: Uuid, parent: Option<String>) -> String {
        // Twelve characters, as those of Supabase.
        let token = random()[..12].to_owned();
        self.refresh_tokens.insert(token.clone(), RefreshToken { session, parent, replaced_at: None });
        if let Some(session) = self.sessions.get_mut(&session) {
            session.current = Some(token.clone());
        }
        token
    }

    fn issue(&mut self, session_id: Uuid, refresh_token: String, now: Timestamp) -> Issued {
        let session = &self.sessions[&session_id];
        let user = self.users.iter().find(|user| user.id == session.user);
        let user = user.expect("a session is begun for a user, and ends with him");
        // By the machine's clock, which tests do not move: those who check the token go by it.
        let issued_at = Timestamp::now();
        let expires_at = issued_at + ACCESS_TOKEN_LIFE;
        let access_token = self.key.sign(&json!({
            "iss": self.issuer,
            "sub": user.id,
            "aud": "authenticated",
            "exp": expires_at.as_second(),
            "iat": issued_at.as_second(),
            "email": user.email,
            "phone": "",
            "app_metadata": { "provider": "email", "providers": ["email"] },
            "user_metadata": user.metadata(),
            "role": "authenticated",
            "aal": "aal1",
            "amr": [{ "method": session.method, "timestamp": session.began_at.as_second() }],
            "session_id": session_id,
            "is_anonymous": false,
        }));
        let token = AccessToken { user: user.id, session: session_id, expires_at: now + ACCESS_TOKEN_LIFE };
        self.access_tokens.insert(access_token.clone(), token);
        Issued {
            access_token,
            expires_at: expires_at.as_second(),
            expires_in: ACCESS_TOKEN_LIFE.as_secs(),
            refresh_token,
            user: user_json(user),
        }
    }
}

impl User {
    fn new(id: Uuid, email: String, data: Map<String, Value>, now: Timestamp) -> Self {
        Self {
            id,
            email,
            password: None,
            created_at: now,
            invited_at: None,
            confirmed_at: None,
            last_sign_in_at: None,
            data,
            mailed_at: None,
        }
    }

    /// What the user could change himself.
    pub fn metadata(&self) -> Value {
        let mut metadata = self.data.clone();
        metadata.insert("email_verified".to_owned(), json!(self.confirmed_at.is_some()));
        Value::Object(metadata)
    }
}

impl LinkKind {
    /// By its name in a link.
    pub fn named(name: &str) -> Option<Self> {
        [Self::MagicLink, Self::Invite].into_iter().find(|kind| kind.as_str() == name)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::MagicLink => "magiclink",
            Self::Invite => "invite",
        }
    }

    fn subject(self) -> &'static str {
        match self {
            Self::MagicLink => "Your Magic Link",
            Self::Invite => "You have been invited",
        }
    }
}

impl Issued {
    pub fn to_json(&self) -> Value {
        json!({
            "access_token": self.access_token,
            "token_type": "bearer",
            "expires_in": self.expires_in,
            "expires_at": self.expires_at,
            "refresh_token": self.refresh_token,
            "user": self.user,
        })
    }
}

fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
