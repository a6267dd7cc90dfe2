//! Xero's identity service: tokens, the connections behind them, and how an app gives them back.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{not_found, unauthorized};
use crate::{
    call::{Answer, Call, Provider},
    oauth::{CodeRefusal, Grant, Life, Rotation, TokenPair, access_token_life},
    state::State,
};

/// What a consent that no page was shown for covers.
pub const SCOPES: &[&str] =
    &["offline_access", "accounting.invoices", "accounting.contacts", "accounting.payments"];
/// Without it there is no refresh token.
const OFFLINE: &str = "offline_access";

/// An access token that says, as Xero's do, which consent it is from. Nobody can check its signature.
pub fn access_token(grant: &Grant, now: Timestamp) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let header = json!({ "alg": "RS256", "kid": "simulated", "typ": "JWT" });
    let claims = json!({
        "iss": "https://identity.xero.com",
        "aud": "https://identity.xero.com/resources",
        "nbf": now.as_second(),
        "exp": (now + access_token_life(Provider::Xero)).as_second(),
        "jti": Uuid::new_v4().simple().to_string(),
        "authentication_event_id": grant.auth_event_id,
        "scope": grant.scopes,
    });
    let signature = URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes());
    format!("{}.{}.{signature}", encode(&header), encode(&claims))
}

pub fn token(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    if let Err(refused) = authenticate(state, call) {
        return refused;
    }
    let pair = match call.form_field("grant_type").as_deref() {
        Some("authorization_code") => redeem(state, call, now),
        Some("refresh_token") => refresh(state, call, now),
        _ => Err(refuse(400, "unsupported_grant_type")),
    };
    let pair = match pair {
        Ok(pair) => pair,
        Err(refused) => return refused,
    };
    let mut body = json!({
        "access_token": pair.access_token,
        "expires_in": access_token_life(Provider::Xero).as_secs(),
        "token_type": "Bearer",
        "scope": pair.scopes.join(" "),
    });
    if let Some(refresh_token) = pair.refresh_token {
        body["refresh_token"] = json!(refresh_token);
    }
    Answer::json(200, &body)
}

/// Ends the consent behind a refresh token, and all that its user has let the app into. A token that is none is none: there is nothing left to do for it.
pub fn revoke(state: &mut State, call: &Call) -> Answer {
    if let Err(refused) = authenticate(state, call) {
        return refused;
    }
    let Some(token) = call.form_field("token") else { return refuse(400, "invalid_request") };
    state.oauth.end_consent(Provider::Xero, &token);
    Answer::empty(200)
}

/// What the token's user has let the app into, by whichever consent unless one is asked for.
pub fn connections(state: &State, call: &Call, now: Timestamp) -> Answer {
    let revoked_below = state.faults.revoked_below(Provider::Xero);
    let grant = match state.oauth.check(Provider::Xero, call.authorization("Bearer"), revoked_below, now) {
        Ok(grant) => grant,
        Err(refusal) => return unauthorized(refusal),
    };
    let connections: Vec<Value> = state
        .oauth
        .connections_of(grant, revoked_below)
        .filter(|(grant, _)| call.query("authEventId").is_none_or(|id| id == grant.auth_event_id.to_string()))
        .map(|(grant, connection)| {
            let at = grant.granted_at.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string();
            json!({
                "id": connection.id,
                "authEventId": grant.auth_event_id,
                "tenantId": connection.account,
                "tenantType": "ORGANISATION",
                "tenantName": state.accounts.name(Provider::Xero, &connection.account),
                "createdDateUtc": at,
                "updatedDateUtc": at,
            })
        })
        .collect();
    Answer::json(200, &connections)
}

/// Takes the app out of one organisation, named by the id of the connection.
pub fn disconnect(state: &mut State, call: &Call, id: &str, now: Timestamp) -> Answer {
    let revoked_below = state.faults.revoked_below(Provider::Xero);
    let token = call.authorization("Bearer");
    if let Err(refusal) = state.oauth.check(Provider::Xero, token, revoked_below, now) {
        return unauthorized(refusal);
    }
    let token = token.unwrap_or_default();
    let is_removed = Uuid::parse_str(id).is_ok_and(|id| state.oauth.remove_connection(token, id));
    if is_removed { Answer::empty(204) } else { not_found() }
}

fn authenticate(state: &State, call: &Call) -> Result<(), Answer> {
    let expected = format!("{}:{}", state.config.xero_client.id, state.config.xero_client.secret);
    let given = call.authorization("Basic").and_then(|credentials| STANDARD.decode(credentials).ok());
    if given.as_deref() != Some(expected.as_bytes()) {
        return Err(refuse(401, "invalid_client"));
    }
    if !call.has_content_type("application/x-www-form-urlencoded") {
        return Err(refuse(400, "invalid_request"));
    }
    Ok(())
}

fn redeem(state: &mut State, call: &Call, now: Timestamp) -> Result<TokenPair, Answer> {
    let (Some(code), Some(redirect_uri)) = (call.form_field("code"), call.form_field("redirect_uri")) else {
        return Err(refuse(400, "invalid_request"));
    };
    let verifier = call.form_field("code_verifier");
    let redeemed =
        state.oauth.codes.redeem(Provider::Xero, &code, Some(&redirect_uri), verifier.as_deref(), now);
    let permission = redeemed.map_err(|refusal| match refusal {
        CodeRefusal::Unknown | CodeRefusal::OtherRedirect | CodeRefusal::WrongVerifier => {
            refuse(400, "invalid_grant")
        }
    })?;
    let is_offline = permission.scopes.iter().any(|scope| scope == OFFLINE);
    let life = if is_offline { Life::Refreshed } else { Life::Once };
    Ok(state.oauth.grant(Provider::Xero, permission, life, now))
}

fn refresh(state: &mut State, call: &Call, now: Timestamp) -> Result<TokenPair, Answer> {
    let refresh_token = call.form_field("refresh_token").ok_or_else(|| refuse(400, "invalid_request"))?;
    let revoked_below = state.faults.revoked_below(Provider::Xero);
    let pair = state.oauth.refresh(Provider::Xero, &refresh_token, Rotation::Retire, revoked_below, now);
    pair.ok_or_else(|| refuse(400, "invalid_grant"))
}

fn refuse(status: u16, error: &str) -> Answer {
    Answer::json(status, &json!({ "error": error }))
}
