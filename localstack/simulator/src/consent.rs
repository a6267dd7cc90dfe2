//! Where a user lets the app in: what the app asks for, the user's answer, and where the browser goes with it.
//!
//! Any scope counts as one that the app may ask for, and the APIs look at none. A request that may not be the app's
//! own gets a page and no redirect, so that nobody is sent anywhere by a link that the app has not made.

mod page;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use sha2::Sha256;

use crate::{
    ClientCredentials,
    accounts::Account,
    call::{Answer, Call, Provider},
    errand,
    oauth::{OWNER, Permission},
    state::State,
};

/// What a form encodes, but for the space, which Shopify wants as `%20`.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');
/// How long SHA-256 is in base64 without padding.
const CHALLENGE_LENGTH: usize = 43;

/// What an app asks for.
struct Request {
    client_id: String,
    redirect_uri: String,
    /// The same, to send the browser to.
    target: Url,
    scopes: Vec<String>,
    state: String,
    challenge: Option<String>,
}

/// Shows the consent page, or takes the user's answer. Shopify asks in the pages of one shop.
pub fn handle(state: &mut State, call: &Call, shop: Option<&str>, now: Timestamp) -> Answer {
    let request = match Request::read(state, call) {
        Ok(request) => request,
        Err(problem) => return page::problem(400, call.provider, &problem),
    };
    let is_meant = |account: &&Account| shop.is_none_or(|shop| account.id == shop);
    let accounts: Vec<&Account> = state.accounts.of(call.provider).filter(is_meant).collect();
    if accounts.is_empty() {
        return page::problem(404, call.provider, "There is no shop at this address.");
    }
    if call.method == "GET" {
        return page::consent(call.provider, &request, &accounts);
    }
    match call.form_field("answer").as_deref() {
        Some("allow") => match chosen(call, &accounts) {
            Ok(accounts) => allow(state, call.provider, request, accounts, now),
            Err(problem) => page::problem(400, call.provider, &problem),
        },
        Some("cancel") if call.provider == Provider::Shopify => page::not_installed(),
        Some("cancel") => {
            let mut target = request.target;
            target
                .query_pairs_mut()
                .append_pair("error", "access_denied")
                .append_pair("error_description", "The user denied the request")
                .append_pair("state", &request.state);
            redirect(&target)
        }
        _ => page::problem(400, call.provider, "The form came without an answer."),
    }
}

impl Request {
    fn read(state: &State, call: &Call) -> Result<Self, String> {
        let required = |name: &str| {
            let value = call.query(name).filter(|value| !value.is_empty()).map(str::to_owned);
            value.ok_or_else(|| format!("The parameter {name} is missing."))
        };
        let client_id = required("client_id")?;
        if client_id != client(state, call.provider).id {
            return Err("No app has this client_id.".to_owned());
        }
        let redirect_uri = required("redirect_uri")?;
        let target = Url::parse(&redirect_uri).ok();
        let target =
            target.filter(|url| errand::is_on_this_machine(url.as_str()) && url.fragment().is_none());
        let target = target.ok_or("The redirect_uri is none of the app's: it must be on this machine.")?;
        let has_response_type = matches!(call.provider, Provider::Xero | Provider::Asana);
        if has_response_type && required("response_type")? != "code" {
            return Err("The response_type must be code.".to_owned());
        }
        let separator = if call.provider == Provider::Shopify { ',' } else { ' ' };
        let scopes: Vec<String> = required("scope")?
            .split(separator)
            .map(str::trim)
            .filter(|scope| !scope.is_empty())
            .map(str::to_owned)
            .collect();
        if scopes.is_empty() {
            return Err("The parameter scope names no scope.".to_owned());
        }
        let challenge = call.query("code_challenge").map(str::to_owned);
        let is_s256 = call.query("code_challenge_method") == Some("S256");
        if challenge.as_ref().is_some_and(|challenge| challenge.len() != CHALLENGE_LENGTH || !is_s256) {
            return Err("The code_challenge must be a SHA-256, and its method S256.".to_owned());
        }
        // HubSpot and Shopify would do without, but no app should.
        let state = required("state")?;
        Ok(Self { client_id, redirect_uri, target, scopes, state, challenge })
    }
}

/// The app as this provider knows it.
fn client(state: &State, provider: Provider) -> &ClientCredentials {
    match provider {
        Provider::Hubspot => &state.config.hubspot_client,
        Provider::Shopify => &state.config.shopify_client,
        Provider::Asana => &state.config.asana_client,
        // The others have no consent pages.
        _ => &state.config.xero_client,
    }
}

/// The accounts that the user lets the app into.
fn chosen(call: &Call, accounts: &[&Account]) -> Result<Vec<String>, String> {
    let all = || accounts.iter().map(|account| account.id.clone());
    let is_chosen = |id: &String| call.form_values("account").any(|chosen| chosen == *id);
    let chosen: Vec<String> = match call.provider {
        // Whoever consents there lets the app act as himself, wherever he is.
        Provider::Shopify | Provider::Asana => return Ok(all().collect()),
        _ => all().filter(is_chosen).collect(),
    };
    match (call.provider, chosen.len()) {
        (_, 0) => Err("No account was chosen. Go back and choose one.".to_owned()),
        (Provider::Hubspot, 2..) => Err("Go back and choose one account only.".to_owned()),
        _ => Ok(chosen),
    }
}

fn allow(
    state: &mut State,
    provider: Provider,
    Request { redirect_uri, mut target, scopes, state: app_state, challenge, .. }: Request,
    accounts: Vec<String>,
    now: Timestamp,
) -> Answer {
    let shop = accounts[0].clone();
    let permission = Permission { user: OWNER, accounts, scopes };
    let code = state.oauth.codes.issue(provider, permission, redirect_uri, challenge, now);
    target.query_pairs_mut().append_pair("code", &code).append_pair("state", &app_state);
    if provider == Provider::Shopify {
        // By the machine's clock, which tests do not move: whoever checks the time goes by it.
        let timestamp = Timestamp::now().as_second().to_string();
        target
            .query_pairs_mut()
            .append_pair("host", &STANDARD_NO_PAD.encode(format!("{shop}/admin")))
            .append_pair("shop", &shop)
            .append_pair("timestamp", &timestamp);
        let hmac = signature(&target, &client(state, provider).secret);
        target.query_pairs_mut().append_pair("hmac", &hmac);
    }
    redirect(&target)
}

/// Shopify's signature over all parameters of a URL.
fn signature(url: &Url, secret: &str) -> String {
    let encode = |text: &str| utf8_percent_encode(text, FORM).to_string();
    let mut pairs: Vec<_> = url.query_pairs().collect();
    pairs.sort();
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(pairs.join("&").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

fn redirect(target: &Url) -> Answer {
    Answer::empty(303).with_header("location", target).with_header("cache-control", "no-store")
}
