//! Supabase Auth as pages in a browser use it: sign-in with a password or a mailed link, refresh, sign-out.
//!
//! The project takes no sign-ups: its users are seeded. A mailed link leads to pages on this machine only; any other
//! `redirect_to` counts as not on the project's list and gives way to its site's URL, which is the simulator's.

mod sessions;
mod signing;

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

pub use sessions::AuthRecords;
use sessions::{RefreshRefusal, Scope, User};

use crate::{
    call::{Answer, Call, Provider},
    ledger::milliseconds,
    state::State,
};

/// The one account: whose project it is.
pub const ACCOUNT: &str = "project";
/// The key that pages carry, unless the configuration has another.
pub const API_KEY: &str = "sb_publishable_local";

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
    if let Some(refused) = without_key(state, call) {
        return refused;
    }
    match route {
        ("POST", ["v1", "token"]) => match call.query("grant_type") {
            Some("password") => sign_in(state, call, now),
            Some("refresh_token") => refresh(state, call, now),
            _ => refusal(400, "invalid_credentials", "unsupported_grant_type"),
        },
        ("POST", ["v1", "otp"]) => mail_link(state, call, now),
        ("POST", ["v1", "logout"]) => sign_out(state, call, now),
        ("GET", ["v1", "user"]) => show_user(state, call, now),
        _ => Answer::text(404, "text/plain", "404 page not found\n".to_owned()),
    }
}

/// The gateway in front of Supabase Auth asks for the key, and words its refusals in its own way.
fn without_key(state: &State, call: &Call) -> Option<Answer> {
    let (message, hint) = match call.header("apikey").or_else(|| call.query("apikey")) {
        Some(key) if key == state.config.auth_api_key && !state.faults.is_revoked(Provider::Auth) => {
            return None;
        }
        Some(_) => ("Invalid API key", "Double check your Supabase `anon` or `service_role` API key."),
        None => ("No API key found in request", "No `apikey` request header or url param was found."),
    };
    Some(Answer::json(401, &json!({ "message": message, "hint": hint })))
}

fn sign_in(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let PasswordGrant { email, password } = match parse(call) {
        Ok(grant) => grant,
        Err(refused) => return refused,
    };
    if email.is_empty() {
        return refusal(400, "validation_failed", "missing email or phone");
    }
    let user = state.auth.user_by_email(&email).filter(|user| user.password == password);
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
    let Some(user_id) = state.auth.user_by_email(&email).map(|user| user.id) else {
        return if create_user {
            refusal(422, "signup_disabled", "Signups not allowed for this instance")
        } else {
            refusal(422, "otp_disabled", "Signups not allowed for otp")
        };
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
    let is_link = call.query("type") == Some("magiclink");
    let user_id = call.query("token").filter(|_| is_link).and_then(|token| state.auth.open_link(token, now));
    let mut fragment = form_urlencoded::Serializer::new(String::new());
    match user_id {
        Some(user_id) => {
            let issued = state.auth.begin_session(user_id, "otp", now);
            fragment
                .append_pair("access_token", &issued.access_token)
                .append_pair("expires_at", &issued.expires_at.to_string())
                .append_pair("expires_in", &issued.expires_in.to_string())
                .append_pair("refresh_token", &issued.refresh_token)
                .append_pair("token_type", "bearer")
                .append_pair("type", "magiclink");
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

/// The session and the user behind the token of a call.
fn signed_in<'a>(state: &'a State, call: &Call, now: Timestamp) -> Result<(uuid::Uuid, &'a User), Answer> {
    let token = call
        .authorization("bearer")
        .ok_or_else(|| refusal(401, "no_authorization", "This endpoint requires a valid Bearer token"))?;
    let Some(session_id) = state.auth.session_of(token, now) else {
        let message = "invalid JWT: unable to parse or verify signature, token is malformed or has expired";
        return Err(refusal(403, "bad_jwt", message));
    };
    let message = "Session from session_id claim in JWT does not exist";
    let user = state.auth.user_of(session_id);
    user.map(|user| (session_id, user)).ok_or_else(|| refusal(403, "session_not_found", message))
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
    let created_at = milliseconds(user.created_at);
    json!({
        "id": user.id,
        "aud": "authenticated",
        "role": "authenticated",
        "email": user.email,
        "email_confirmed_at": created_at,
        "phone": "",
        "confirmed_at": created_at,
        "last_sign_in_at": user.last_sign_in_at.map(milliseconds),
        "app_metadata": { "provider": "email", "providers": ["email"] },
        "user_metadata": { "email_verified": true },
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
