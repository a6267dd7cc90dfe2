//! Supabase Auth as pages in a browser use it: sign-in with a password or a mailed link, refresh, a new password, sign-out;
//! and as a server with the secret key does: invitations, and the end of a user.
//!
//! The project takes no sign-ups: its users are seeded or invited. A mailed link leads to pages on this machine only; any other
//! `redirect_to` counts as not on the project's list and gives way to its site's URL, which is the simulator's.

mod admin;
mod sessions;
mod signing;

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

pub use sessions::AuthRecords;
use sessions::{LinkKind, RefreshRefusal, Scope, User};
use uuid::Uuid;

use crate::{
    call::{Answer, Call, Provider},
    ledger::milliseconds,
    state::State,
};

/// The one account: whose project it is.
pub const ACCOUNT: &str = "project";
/// The key that pages carry, unless the configuration has another.
pub const API_KEY: &str = "sb_publishable_local";
/// The key that servers carry, unless the configuration has another.
pub const SERVICE_KEY: &str = "sb_secret_local";
const SHORTEST_PASSWORD: usize = 6;

/// Whose key a call carries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Publishable,
    Service,
}

#[derive(Deserialize)]
struct PasswordGrant {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

#[derive(Deserialize)]
struct RefreshGrant {
    #[serde(default)]
    refresh_token: String,
}

#[derive(Deserialize)]
struct LinkRequest {
    #[serde(default)]
    email: String,
    #[serde(default = "yes")]
    create_user: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserUpdate {
    password: Option<String>,
}

/// Answers one call; every answer lets pages of any origin read it.
pub fn handle(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let answer = if call.method == "OPTIONS" { preflight() } else { answer(state, call, now) };
    readable_everywhere(answer)
}

/// An answer with this status as Supabase Auth words it.
pub fn failure(status: u16) -> Answer {
    readable_everywhere(match status {
        429 => refusal(429, "over_request_rate_limit", "Request rate limit reached"),
        400..500 => refusal(status, "validation_failed", "Injected fault"),
        _ => refusal(
            status,
            "unexpected_failure",
            "Unexpected failure, please check server logs for more information",
        ),
    })
}

fn answer(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let segments = call.segments();
    let route = (call.method.as_str(), segments.as_slice());
    // A mail program and a function that checks tokens have no key.
    match route {
        ("GET", ["v1", ".well-known", "jwks.json"]) => {
            return Answer::json(200, &state.auth.jwks()).with_header("cache-control", "public, max-age=600");
        }
        ("GET", ["v1", "verify"]) => return verify(state, call, now),
        _ => {}
    }
    let key = match key(state, call) {
        Ok(key) => key,
        Err(refused) => return refused,
    };
    match route {
        ("POST", ["v1", "token"]) => match call.query("grant_type") {
            Some("password") => sign_in(state, call, now),
            Some("refresh_token") => refresh(state, call, now),
            _ => refusal(400, "invalid_credentials", "unsupported_grant_type"),
        },
        ("POST", ["v1", "otp"]) => mail_link(state, call, now),
        ("POST", ["v1", "logout"]) => sign_out(state, call, now),
        ("GET", ["v1", "user"]) => show_user(state, call, now),
        ("PUT", ["v1", "user"]) => update_user(state, call, now).unwrap_or_else(|refused| refused),
        ("POST", ["v1", "invite"]) => admin::invite(state, call, key, now).unwrap_or_else(|refused| refused),
        ("DELETE", ["v1", "admin", "users", id]) => {
            admin::delete_user(state, call, key, id, now).unwrap_or_else(|refused| refused)
        }
        _ => Answer::text(404, "text/plain", "404 page not found\n".to_owned()),
    }
}

/// The gateway in front of Supabase Auth asks for a key, and words its refusals in its own way.
fn key(state: &State, call: &Call) -> Result<Key, Answer> {
    let is_blocked = state.faults.is_revoked(Provider::Auth);
    let (message, hint) = match call.header("apikey").or_else(|| call.query("apikey")) {
        Some(key) if key == state.config.auth_api_key && !is_blocked => return Ok(Key::Publishable),
        Some(key) if key == state.config.auth_service_key && !is_blocked => return Ok(Key::Service),
        Some(_) => ("Invalid API key", "Double check your Supabase `anon` or `service_role` API key."),
        None => ("No API key found in request", "No `apikey` request header or url param was found."),
    };
    Err(Answer::json(401, &json!({ "message": message, "hint": hint })))
}

fn sign_in(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let PasswordGrant { email, password } = match parse(call) {
        Ok(grant) => grant,
        Err(refused) => return refused,
    };
    if email.is_empty() {
        return refusal(400, "validation_failed", "missing email or phone");
    }
    let user = state.auth.user_by_email(&email).filter(|user| user.password.as_ref() == Some(&password));
    match user.map(|user| user.id) {
        Some(user_id) => Answer::json(200, &state.auth.begin_session(user_id, "password", now).to_json()),
        None => refusal(400, "invalid_credentials", "Invalid login credentials"),
    }
}

fn refresh(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let RefreshGrant { refresh_token } = match parse(call) {
        Ok(grant) => grant,
        Err(refused) => return refused,
    };
    if refresh_token.is_empty() {
        let body = json!({ "error": "invalid_request", "error_description": "refresh_token required" });
        return Answer::json(400, &body);
    }
    match state.auth.refresh(&refresh_token, now) {
        Ok(issued) => Answer::json(200, &issued.to_json()),
        Err(RefreshRefusal::Unknown) => {
            refusal(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
        }
        Err(RefreshRefusal::AlreadyUsed) => {
            refusal(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
        }
    }
}

fn mail_link(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let LinkRequest { email, create_user } = match parse(call) {
        Ok(request) => request,
        Err(refused) => return refused,
    };
    if !email.contains('@') {
        return refusal(400, "validation_failed", "Unable to validate email address: invalid format");
    }
    let user_id = match state.auth.user_by_email(&email) {
        Some(user) if user.confirmed_at.is_some() => user.id,
        None if !create_user => return refusal(422, "otp_disabled", "Signups not allowed for otp"),
        // Who was invited and has not come yet has not signed up.
        _ => return refusal(422, "signup_disabled", "Signups not allowed for this instance"),
    };
    let redirect_to = redirect_target(state, call);
    match state.auth.mail_link(user_id, &redirect_to, now) {
        Ok(()) => Answer::json(200, &json!({})),
        Err(seconds) => {
            let message =
                format!("For security purposes, you can only request this after {seconds} seconds.");
            refusal(429, "over_email_send_rate_limit", &message)
        }
    }
}

/// What the mailed link opens in a browser: signs in once, and tells the page in the fragment.
fn verify(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let redirect_to = redirect_target(state, call);
    let link = call.query("token").zip(call.query("type").and_then(LinkKind::named));
    let opened = link.and_then(|(token, kind)| Some((state.auth.open_link(token, kind, now)?, kind)));
    let mut fragment = form_urlencoded::Serializer::new(String::new());
    match opened {
        Some((user_id, kind)) => {
            let issued = state.auth.begin_session(user_id, "otp", now);
            fragment
                .append_pair("access_token", &issued.access_token)
                .append_pair("expires_at", &issued.expires_at.to_string())
                .append_pair("expires_in", &issued.expires_in.to_string())
                .append_pair("refresh_token", &issued.refresh_token)
                .append_pair("token_type", "bearer")
                .append_pair("type", kind.as_str());
        }
        None => {
            fragment
                .append_pair("error", "access_denied")
                .append_pair("error_code", "otp_expired")
                .append_pair("error_description", "Email link is invalid or has expired");
        }
    }
    Answer::empty(303).with_header("location", format!("{redirect_to}#{}", fragment.finish()))
}

fn sign_out(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let scope = match call.query("scope").unwrap_or_default() {
        "" | "global" => Scope::Global,
        "local" => Scope::Local,
        "others" => Scope::Others,
        other => {
            return refusal(400, "validation_failed", &format!("Unsupported logout scope \"{other}\""));
        }
    };
    match signed_in(state, call, now) {
        Ok((session_id, _)) => {
            state.auth.sign_out(session_id, scope);
            Answer::empty(204)
        }
        Err(refused) => refused,
    }
}

fn show_user(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    match signed_in(state, call, now) {
        Ok((_, user)) => Answer::json(200, &user_json(user)),
        Err(refused) => refused,
    }
}

/// Sets the user's password, of which Supabase's own rules want six characters and that it is another.
fn update_user(state: &mut State, call: &Call, now: Timestamp) -> Result<Answer, Answer> {
    let (session_id, user) = signed_in(state, call, now)?;
    let user_id = user.id;
    if let Some(password) = parse::<UserUpdate>(call)?.password {
        if password.len() < SHORTEST_PASSWORD {
            let message = format!("Password should be at least {SHORTEST_PASSWORD} characters.");
            return Err(weak_password(&message));
        }
        if user.password.as_ref() == Some(&password) {
            let message = "New password should be different from the old password.";
            return Err(refusal(422, "same_password", message));
        }
        state.auth.change_password(user_id, session_id, password);
    }
    Ok(show_user(state, call, now))
}

fn weak_password(message: &str) -> Answer {
    let reasons = json!({ "reasons": ["length"] });
    let body =
        json!({ "code": 422, "error_code": "weak_password", "msg": message, "weak_password": reasons });
    Answer::json(422, &body)
}

/// The session and the user behind the token of a call.
fn signed_in<'a>(state: &'a State, call: &Call, now: Timestamp) -> Result<(Uuid, &'a User), Answer> {
    let token = call.authorization("bearer").ok_or_else(no_bearer)?;
    let (user_id, session_id) = state.auth.bearer(token, now).ok_or_else(bad_jwt)?;
    let message = "User from sub claim in JWT does not exist";
    let user = state.auth.user(user_id).ok_or_else(|| refusal(403, "user_not_found", message))?;
    if !state.auth.has_session(session_id) {
        let message = "Session from session_id claim in JWT does not exist";
        return Err(refusal(403, "session_not_found", message));
    }
    Ok((session_id, user))
}

fn no_bearer() -> Answer {
    refusal(401, "no_authorization", "This endpoint requires a valid Bearer token")
}

fn bad_jwt() -> Answer {
    let message = "invalid JWT: unable to parse or verify signature, token is malformed or has expired";
    refusal(403, "bad_jwt", message)
}

/// Where a mailed link leads to in the end.
fn redirect_target(state: &State, call: &Call) -> String {
    let allowed = call.query("redirect_to").filter(|target| is_on_this_machine(target));
    allowed.unwrap_or_else(|| state.auth.site_url()).to_owned()
}

fn is_on_this_machine(target: &str) -> bool {
    let is_plain = target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let authority = target.strip_prefix("http://").and_then(|rest| rest.split(['/', '?']).next());
    let host = authority.filter(|_| is_plain).and_then(|authority| {
        let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
        port.bytes().all(|byte| byte.is_ascii_digit()).then_some(host)
    });
    host.is_some_and(|host| host == "127.0.0.1" || host == "localhost" || host.ends_with(".localhost"))
}

fn user_json(user: &User) -> Value {
    let (created_at, confirmed_at) = (milliseconds(user.created_at), user.confirmed_at.map(milliseconds));
    json!({
        "id": user.id,
        "aud": "authenticated",
        "role": "authenticated",
        "email": user.email,
        "email_confirmed_at": confirmed_at,
        "invited_at": user.invited_at.map(milliseconds),
        "phone": "",
        "confirmed_at": confirmed_at,
        "last_sign_in_at": user.last_sign_in_at.map(milliseconds),
        "app_metadata": { "provider": "email", "providers": ["email"] },
        "user_metadata": user.metadata(),
        "identities": [],
        "created_at": created_at,
        "updated_at": created_at,
        "is_anonymous": false,
    })
}

fn parse<T: DeserializeOwned>(call: &Call) -> Result<T, Answer> {
    serde_json::from_slice(&call.body)
        .map_err(|error| refusal(400, "bad_json", &format!("Could not parse request body as JSON: {error}")))
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "code": status, "error_code": code, "msg": message }))
}

fn preflight() -> Answer {
    Answer::empty(204)
        .with_header("access-control-allow-methods", "GET, POST, PUT, DELETE, OPTIONS")
        .with_header(
            "access-control-allow-headers",
            "accept, apikey, authorization, content-type, x-client-info, x-supabase-api-version",
        )
        .with_header("access-control-max-age", 86_400)
}

fn readable_everywhere(answer: Answer) -> Answer {
    answer.with_header("access-control-allow-origin", "*")
}

const fn yes() -> bool {
    true
}
