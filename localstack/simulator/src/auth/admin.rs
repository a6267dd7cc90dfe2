//! What only a server with the secret key may do.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Key, bad_jwt, no_bearer, parse, redirect_target, refusal, user_json};
use crate::{
    call::{Answer, Call},
    state::State,
};

#[derive(Deserialize)]
struct Invitation {
    #[serde(default)]
    email: String,
    #[serde(default)]
    data: Map<String, Value>,
}

/// Mails somebody a link that makes him a user; whoever was invited before and has not come gets another.
pub fn invite(state: &mut State, call: &Call, key: Key, now: Timestamp) -> Result<Answer, Answer> {
    check_role(state, call, key, now)?;
    let Invitation { email, data } = parse(call)?;
    if email.is_empty() {
        return Err(refusal(400, "validation_failed", "An email address is required"));
    }
    if !is_address(&email) {
        let message = "Unable to validate email address: invalid format";
        return Err(refusal(400, "validation_failed", message));
    }
    if state.auth.user_by_email(&email).is_some_and(|user| user.confirmed_at.is_some()) {
        let message = "A user with this email address has already been registered";
        return Err(refusal(422, "email_exists", message));
    }
    let redirect_to = redirect_target(state, call);
    Ok(Answer::json(200, &user_json(state.auth.invite(&email, data, &redirect_to, now))))
}

/// Takes a user out, and his sessions with him.
pub fn delete_user(
    state: &mut State,
    call: &Call,
    key: Key,
    id: &str,
    now: Timestamp,
) -> Result<Answer, Answer> {
    check_role(state, call, key, now)?;
    let id = Uuid::parse_str(id).map_err(|_| refusal(404, "validation_failed", "user_id must be an UUID"))?;
    match state.auth.delete_user(id) {
        true => Ok(Answer::json(200, &json!({}))),
        false => Err(refusal(404, "user_not_found", "User not found")),
    }
}

/// Makes sure that the secret key speaks. The gateway takes the `apikey` for the bearer where there is none.
fn check_role(state: &State, call: &Call, key: Key, now: Timestamp) -> Result<(), Answer> {
    let is_user = |token| state.auth.bearer(token, now).is_some();
    match (call.authorization("bearer"), key) {
        (None, Key::Service) => Ok(()),
        (None, Key::Publishable) => Err(no_bearer()),
        (Some(token), Key::Service) if token == state.config.auth_service_key => Ok(()),
        (Some(token), _) if token == state.config.auth_api_key || is_user(token) => {
            Err(refusal(403, "not_admin", "User not allowed"))
        }
        (Some(_), _) => Err(bad_jwt()),
    }
}

fn is_address(email: &str) -> bool {
    let is_plain = email.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain && email.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty())
}
