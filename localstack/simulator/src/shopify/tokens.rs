//! A shop's token endpoint.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::{
    call::{Answer, Call, Provider},
    oauth::{Life, Rotation, SHOPIFY_REFRESH_TOKEN_LIFE, TokenPair, access_token_life},
    state::State,
};

/// What a consent that no page was shown for covers.
pub const SCOPES: &[&str] = &["read_orders"];

#[derive(Deserialize)]
struct Request {
    client_id: String,
    client_secret: String,
    /// Left out with a code.
    grant_type: Option<String>,
    code: Option<String>,
    refresh_token: Option<String>,
    /// `"1"` for a token that ends and can be refreshed.
    expiring: Option<String>,
}

pub fn token(state: &mut State, call: &Call, shop: &str, now: Timestamp) -> Answer {
    let missing = || refuse(400, "invalid_request", "The request is missing a parameter, or is not JSON");
    let request: Request = match serde_json::from_slice(&call.body) {
        Ok(request) if call.has_content_type("application/json") => request,
        _ => return missing(),
    };
    let client = &state.config.shopify_client;
    if (&request.client_id, &request.client_secret) != (&client.id, &client.secret) {
        return refuse(401, "invalid_client", "Client authentication failed");
    }
    let pair = match (request.grant_type.as_deref(), &request.code, &request.refresh_token) {
        (None, Some(code), None) => {
            let is_expiring = request.expiring.as_deref() == Some("1");
            redeem(state, shop, code, is_expiring, now)
        }
        (Some("refresh_token"), None, Some(refresh_token)) => refresh(state, shop, refresh_token, now),
        (None | Some("refresh_token"), ..) => Err(missing()),
        _ => Err(refuse(400, "unsupported_grant_type", "The simulator plays grant_type refresh_token only")),
    };
    let pair = match pair {
        Ok(pair) => pair,
        Err(refused) => return refused,
    };
    let mut body = json!({ "access_token": pair.access_token, "scope": pair.scopes.join(",") });
    if let Some(refresh_token) = pair.refresh_token {
        body["expires_in"] = json!(access_token_life(Provider::Shopify).as_secs());
        body["refresh_token"] = json!(refresh_token);
        body["refresh_token_expires_in"] = json!(SHOPIFY_REFRESH_TOKEN_LIFE.as_secs());
    }
    Answer::json(200, &body)
}

fn redeem(
    state: &mut State,
    shop: &str,
    code: &str,
    is_expiring: bool,
    now: Timestamp,
) -> Result<TokenPair, Answer> {
    let life = if is_expiring { Life::Refreshed } else { Life::Endless };
    match state.oauth.codes.redeem(Provider::Shopify, code, None, None, now) {
        Ok(permission) if permission.accounts == [shop] => {
            Ok(state.oauth.grant(Provider::Shopify, permission, life, now))
        }
        _ => {
            let description = "The authorization code was not found or was already used";
            Err(refuse(400, "invalid_request", description))
        }
    }
}

fn refresh(state: &mut State, shop: &str, refresh_token: &str, now: Timestamp) -> Result<TokenPair, Answer> {
    let revoked_below = state.faults.revoked_below(Provider::Shopify);
    let pair = state.oauth.refresh(Provider::Shopify, refresh_token, Rotation::UntilUsed, revoked_below, now);
    // As seen in the wild; the specification of OAuth would have it 400 and invalid_grant.
    let refusal = || refuse(401, "invalid_request", "This request requires an active refresh_token");
    pair.filter(|pair| pair.accounts == [shop]).ok_or_else(refusal)
}

fn refuse(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "error_description": description }))
}
