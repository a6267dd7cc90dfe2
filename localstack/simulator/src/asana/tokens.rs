//! Asana's OAuth endpoints: tokens and their end.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{OWN_EMAIL, OWN_NAME, OWN_USER};
use crate::{
    call::{Answer, Call, Provider},
    oauth::{CodeRefusal, Life, Rotation, access_token_life},
    state::State,
};

/// What a consent that no page was shown for covers: all that the app may.
pub const SCOPES: &[&str] = &["default"];

pub fn token(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    if let Err(refused) = authenticate(state, call) {
        return refused;
    }
    let body = match call.form_field("grant_type").as_deref() {
        Some("authorization_code") => redeem(state, call, now),
        Some("refresh_token") => refresh(state, call, now),
        _ => Err(refuse(400, "unsupported_grant_type", "The `grant_type` is none that is known.")),
    };
    match body {
        Ok(body) => Answer::json(200, &body),
        Err(refused) => refused,
    }
}

/// Ends the consent behind a refresh token; Asana takes no other token for this.
pub fn revoke(state: &mut State, call: &Call) -> Answer {
    if let Err(refused) = authenticate(state, call) {
        return refused;
    }
    let token = call.form_field("token").unwrap_or_default();
    match state.oauth.end_consent(Provider::Asana, &token) {
        true => Answer::json(200, &json!({})),
        false => refuse(400, "invalid_grant", "The `token` provided was invalid."),
    }
}

fn authenticate(state: &State, call: &Call) -> Result<(), Answer> {
    if !call.has_content_type("application/x-www-form-urlencoded") {
        return Err(refuse(400, "invalid_request", "The body must be a form."));
    }
    let client = &state.config.asana_client;
    let given = (call.form_field("client_id"), call.form_field("client_secret"));
    if given != (Some(client.id.clone()), Some(client.secret.clone())) {
        return Err(refuse(401, "invalid_client", "The client_id or the client_secret is wrong."));
    }
    Ok(())
}

fn redeem(state: &mut State, call: &Call, now: Timestamp) -> Result<Value, Answer> {
    let field = |name| call.form_field(name).unwrap_or_default();
    let (code, redirect_uri) = (field("code"), field("redirect_uri"));
    let verifier = call.form_field("code_verifier");
    let redeemed =
        state.oauth.codes.redeem(Provider::Asana, &code, Some(&redirect_uri), verifier.as_deref(), now);
    let permission = redeemed.map_err(|refusal| {
        let description = match refusal {
            CodeRefusal::Unknown => "The `code` provided was invalid.",
            CodeRefusal::OtherRedirect => {
                "The `redirect_uri` parameter does not match the one of the `code`."
            }
            CodeRefusal::WrongVerifier => "The `code_verifier` provided was invalid.",
        };
        refuse(400, "invalid_grant", description)
    })?;
    let pair = state.oauth.grant(Provider::Asana, permission, Life::Refreshed, now);
    let mut body = answer(&pair.access_token);
    // It comes with the consent and never again.
    body["refresh_token"] = json!(pair.refresh_token);
    Ok(body)
}

fn refresh(state: &mut State, call: &Call, now: Timestamp) -> Result<Value, Answer> {
    let refresh_token = call.form_field("refresh_token").unwrap_or_default();
    let revoked_below = state.faults.revoked_below(Provider::Asana);
    let pair = state.oauth.refresh(Provider::Asana, &refresh_token, Rotation::Keep, revoked_below, now);
    match pair {
        Some(pair) => Ok(answer(&pair.access_token)),
        None => Err(refuse(400, "invalid_grant", "The refresh_token is invalid or was revoked.")),
    }
}

fn answer(access_token: &str) -> Value {
    json!({
        "access_token": access_token,
        "expires_in": access_token_life(Provider::Asana).as_secs(),
        "token_type": "bearer",
        "data": { "id": OWN_USER, "gid": OWN_USER, "name": OWN_NAME, "email": OWN_EMAIL },
    })
}

fn refuse(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "error_description": description }))
}
