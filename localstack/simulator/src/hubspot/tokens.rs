//! HubSpot's OAuth endpoints: tokens, what they are good for, and their end.

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::{
    call::{Answer, Call, Provider},
    oauth::{CodeRefusal, Life, Rotation, TokenPair, access_token_life},
    state::State,
};

/// What a consent that no page was shown for covers.
pub const SCOPES: &[&str] = &[
    EVERY_APPS_SCOPE,
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
];
/// Without it there would be no OAuth.
const EVERY_APPS_SCOPE: &str = "oauth";
const USER_ID: u64 = 900_001;
const USER: &str = "owner@example.com";
const APP_ID: u64 = 7_100_001;

pub fn token(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    if let Err(refused) = authenticate(state, call) {
        return refused;
    }
    let pair = match call.form_field("grant_type").as_deref() {
        Some("authorization_code") => redeem(state, call, now),
        Some("refresh_token") => refresh(state, call, now),
        _ => Err(refuse(400, "unsupported_grant_type", "BAD_GRANT_TYPE", "missing or unknown grant type")),
    };
    match pair {
        Err(refused) => refused,
        Ok(pair) => Answer::json(
            200,
            &json!({
                "token_type": "bearer",
                "token_use": "access_token",
                "access_token": pair.access_token,
                "refresh_token": pair.refresh_token,
                "expires_in": access_token_life(Provider::Hubspot).as_secs(),
                "hub_id": pair.accounts.first().and_then(|portal| portal.parse::<u64>().ok()),
                "user_id": USER_ID,
                "scopes": pair.scopes,
            }),
        ),
    }
}

/// Tells what an access or a refresh token is good for. Its own signed form of an access token is left out.
pub fn introspect(state: &State, call: &Call, now: Timestamp) -> Answer {
    if let Err(refused) = authenticate(state, call) {
        return refused;
    }
    let token = call.form_field("token").unwrap_or_default();
    let revoked_below = state.faults.revoked_below(Provider::Hubspot);
    let found = state.oauth.look_up(Provider::Hubspot, &token, revoked_below, now);
    let Some((grant, seconds_left)) = found else { return Answer::json(200, &json!({ "active": false })) };
    let portal = &grant.connections[0].account;
    let mut body = json!({
        "active": true,
        "token_use": if seconds_left.is_some() { "access_token" } else { "refresh_token" },
        "token": token,
        "token_type": "bearer",
        "client_id": state.config.hubspot_client.id,
        "app_id": APP_ID,
        "hub_id": portal.parse::<u64>().ok(),
        "hub_domain": state.accounts.name(Provider::Hubspot, portal),
        "user_id": USER_ID,
        "user": USER,
        "scopes": grant.scopes,
    });
    if let Some(seconds_left) = seconds_left {
        body["expires_in"] = json!(seconds_left);
        body["is_private_distribution"] = json!(false);
    }
    Answer::json(200, &body)
}

/// Ends a refresh token. As at HubSpot the app stays in the portal, and its access tokens last as long as they last.
pub fn revoke(state: &mut State, call: &Call) -> Answer {
    if let Err(refused) = authenticate(state, call) {
        return refused;
    }
    let Some(token) = call.form_field("token").filter(|token| !token.is_empty()) else {
        return refuse(400, "invalid_request", "BAD_REQUEST", "missing token");
    };
    state.oauth.end_refresh_token(Provider::Hubspot, &token);
    Answer::empty(204)
}

fn authenticate(state: &State, call: &Call) -> Result<(), Answer> {
    if !call.has_content_type("application/x-www-form-urlencoded") {
        return Err(refuse(400, "invalid_request", "BAD_REQUEST", "the body must be a form"));
    }
    let client = &state.config.hubspot_client;
    if call.form_field("client_id").as_deref() != Some(client.id.as_str()) {
        return Err(refuse(401, "invalid_client", "BAD_CLIENT_ID", "missing or unknown client id"));
    }
    if call.form_field("client_secret").as_deref() != Some(client.secret.as_str()) {
        return Err(refuse(401, "invalid_client", "BAD_CLIENT_SECRET", "missing or invalid client secret"));
    }
    Ok(())
}

fn redeem(state: &mut State, call: &Call, now: Timestamp) -> Result<TokenPair, Answer> {
    let field = |name| call.form_field(name).unwrap_or_default();
    let (code, redirect_uri) = (field("code"), field("redirect_uri"));
    let verifier = call.form_field("code_verifier");
    let redeemed =
        state.oauth.codes.redeem(Provider::Hubspot, &code, Some(&redirect_uri), verifier.as_deref(), now);
    let mut permission = redeemed.map_err(|refusal| {
        let (status, message) = match refusal {
            CodeRefusal::Unknown => ("BAD_AUTH_CODE", "missing or unknown auth code"),
            CodeRefusal::OtherRedirect => (
                "MISMATCH_REDIRECT_URI_AUTH_CODE",
                "the redirect URI is not the one that the code was issued for",
            ),
            CodeRefusal::WrongVerifier => ("BAD_CODE_VERIFIER", "missing or invalid code verifier"),
        };
        refuse(400, "invalid_grant", status, message)
    })?;
    if !permission.scopes.iter().any(|scope| scope == EVERY_APPS_SCOPE) {
        permission.scopes.push(EVERY_APPS_SCOPE.to_owned());
    }
    Ok(state.oauth.grant(Provider::Hubspot, permission, Life::Refreshed, now))
}

fn refresh(state: &mut State, call: &Call, now: Timestamp) -> Result<TokenPair, Answer> {
    let refresh_token = call.form_field("refresh_token").unwrap_or_default();
    let rotation =
        if state.config.hubspot_rotates_refresh_tokens { Rotation::Replace } else { Rotation::Keep };
    let revoked_below = state.faults.revoked_below(Provider::Hubspot);
    let pair = state.oauth.refresh(Provider::Hubspot, &refresh_token, rotation, revoked_below, now);
    pair.ok_or_else(|| refuse(400, "invalid_grant", "BAD_REFRESH_TOKEN", "missing or invalid refresh token"))
}

/// A refusal in the words of OAuth, next to HubSpot's older ones.
fn refuse(status: u16, error: &str, old_status: &str, message: &str) -> Answer {
    let body = json!({
        "error": error,
        "error_description": message,
        "category": "VALIDATION_ERROR",
        "status": old_status,
        "message": message,
        "correlationId": Uuid::new_v4(),
    });
    Answer::json(status, &body)
}
