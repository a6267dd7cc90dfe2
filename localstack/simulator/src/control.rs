//! The routes under `/_sim`: what a person or a test does to the providers from outside.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};
use uuid::Uuid;

use crate::{
    accounts, asana, auth,
    call::Provider,
    faults::{FaultKind, FaultSpec},
    hubspot,
    oauth::{Life, Permission, access_token_life},
    ses, shopify, slack,
    state::{Shared, State as Simulated},
    trading, xero,
};

type Reply = Result<Response, Refusal>;

/// The control routes.
pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/health", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/seed", post(seed))
        .route("/grant", post(grant))
        .route("/disconnect", post(disconnect))
        .route("/subscriptions", delete(drop_subscriptions))
        .route("/effects", get(effects))
        .route("/calls", get(calls))
        .route("/mails", get(mails))
        .route("/faults", get(list_faults).post(add_fault).delete(clear_faults))
        .route("/clock", post(clock))
        .route("/reset", post(reset))
}

/// An order that cannot be carried out, with the reason for whoever gave it.
struct Refusal(String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": self.0 }))).into_response()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    provider: Provider,
    kind: String,
    record: Box<RawValue>,
    /// The Xero organisation, HubSpot portal, shop, Asana or Slack workspace; the demo one when left out.
    tenant_id: Option<AccountName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Consent {
    provider: Provider,
    accounts: Vec<AccountName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disconnection {
    provider: Provider,
    account: AccountName,
}

/// An account as people write it: an organisation's id is text, a portal's a number.
#[derive(Deserialize)]
#[serde(untagged, expecting = "an account is a text or a number")]
enum AccountName {
    Text(String),
    Number(u64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Only {
    provider: Option<Provider>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_s: u32,
}

async fn seed(State(shared): State<Arc<Shared>>, body: Bytes) -> Reply {
    let seed: Seed = parse(&body)?;
    let mut state = shared.lock();
    let now = state.now();
    let account = match &seed.tenant_id {
        Some(name) => name.canonical(seed.provider)?,
        None => demo_account(&state, seed.provider),
    };
    let (kind, record) = (seed.kind.as_str(), &*seed.record);
    if let Some(field) = accounts::naming_field(seed.provider, kind) {
        return seed_account(&mut state, &seed, field);
    }
    match seed.provider {
        Provider::Xero => created(&state.xero.seed(&account, kind, record.get(), now).map_err(Refusal)?),
        Provider::Hubspot => created(&state.hubspot.seed(&account, kind, record, now).map_err(Refusal)?),
        Provider::Shopify => created(&state.shopify.seed(&account, kind, record.get()).map_err(Refusal)?),
        Provider::Asana => {
            let name = state.accounts.name(Provider::Asana, &account).to_owned();
            let seeded = state.asana.seed((&account, &name), kind, record.get(), now);
            created(&seeded.map_err(Refusal)?)
        }
        Provider::Slack => created(&state.slack.seed(&account, kind, record.get(), now).map_err(Refusal)?),
        Provider::Trading => created(&state.trading.seed(kind, record.get()).map_err(Refusal)?),
        Provider::Auth => created(&state.auth.seed(kind, record.get(), now).map_err(Refusal)?),
        Provider::Ses => Err(Refusal("Amazon SES holds nothing that could be given to it".to_owned())),
    }
}

/// Gives the user of the consent pages an account, or another name to one.
fn seed_account(state: &mut Simulated, seed: &Seed, field: &str) -> Reply {
    let record: Value = parse(seed.record.get().as_bytes())?;
    let name = record["name"].as_str().filter(|name| !name.is_empty());
    let (Ok(id), Some(name)) = (AccountName::deserialize(&record[field]), name) else {
        return Err(Refusal(format!("a {} has a {field} and a name", seed.kind)));
    };
    state.accounts.put(seed.provider, id.canonical(seed.provider)?, name.to_owned());
    created(&record)
}

async fn grant(State(shared): State<Arc<Shared>>, body: Bytes) -> Reply {
    let consent: Consent = parse(&body)?;
    let accounts: Vec<String> =
        consent.accounts.iter().map(|name| name.canonical(consent.provider)).collect::<Result<_, _>>()?;
    match (consent.provider, accounts.len()) {
        (_, 0) => return Err(Refusal("accounts must name at least one account".to_owned())),
        (Provider::Ses | Provider::Trading | Provider::Auth, _) => {
            let name = consent.provider.as_str();
            return Err(Refusal(format!("{name} has a key of the app's own and takes no consent")));
        }
        (Provider::Slack, 2..) => {
            return Err(Refusal("a Slack consent covers one workspace or one webhook".to_owned()));
        }
        (Provider::Hubspot, 2..) => {
            return Err(Refusal("a HubSpot consent covers exactly one portal".to_owned()));
        }
        (Provider::Shopify, 2..) => {
            return Err(Refusal("a Shopify consent covers exactly one shop".to_owned()));
        }
        _ => {}
    }
    // What opens an incoming webhook is its URL.
    let hook =
        accounts.first().filter(|account| consent.provider == Provider::Slack && account.contains('/'));
    let prefix = hook.map_or_else(String::new, |hook| format!("{}/slack/services/{hook}/", shared.url));
    let mut state = shared.lock();
    let now = state.now();
    let scopes = scopes(consent.provider).iter().map(|scope| (*scope).to_owned()).collect();
    let permission = Permission { user: Uuid::new_v4(), accounts, scopes };
    let pair = state.oauth.grant(consent.provider, permission, Life::Refreshed, now);
    created(&json!({
        "access_token": prefix + &pair.access_token,
        "refresh_token": pair.refresh_token,
        "expires_in": access_token_life(consent.provider).as_secs(),
    }))
}

async fn disconnect(State(shared): State<Arc<Shared>>, body: Bytes) -> Reply {
    let Disconnection { provider, account } = parse(&body)?;
    let account = account.canonical(provider)?;
    let mut state = shared.lock();
    if !state.oauth.disconnect(provider, &account) {
        return Err(Refusal(format!("nobody has let the app into {account}")));
    }
    if provider == Provider::Shopify {
        state.shopify.drop_subscriptions(Some(&account));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn drop_subscriptions(
    State(shared): State<Arc<Shared>>,
    only: Result<Query<Only>, QueryRejection>,
) -> Reply {
    let only = provider_filter(only)?;
    let mut state = shared.lock();
    match only {
        Some(Provider::Shopify) => state.shopify.drop_subscriptions(None),
        Some(Provider::Asana) => state.asana.drop_webhooks(),
        _ => return Err(Refusal("provider must be shopify or asana: no other has subscriptions".to_owned())),
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn effects(State(shared): State<Arc<Shared>>, only: Result<Query<Only>, QueryRejection>) -> Reply {
    let only = provider_filter(only)?;
    let state = shared.lock();
    let effects: Vec<_> = state
        .ledger
        .effects
        .iter()
        .filter(|effect| only.is_none_or(|only| effect.provider == only))
        .collect();
    Ok(Json(effects).into_response())
}

async fn calls(State(shared): State<Arc<Shared>>, only: Result<Query<Only>, QueryRejection>) -> Reply {
    let only = provider_filter(only)?;
    let state = shared.lock();
    let calls: Vec<_> =
        state.ledger.calls.iter().filter(|call| only.is_none_or(|only| call.provider == only)).collect();
    Ok(Json(calls).into_response())
}

async fn mails(State(shared): State<Arc<Shared>>) -> Response {
    Json(shared.lock().auth.mails()).into_response()
}

async fn add_fault(State(shared): State<Arc<Shared>>, body: Bytes) -> Reply {
    let spec: FaultSpec = parse(&body)?;
    if let Some(problem) = spec.problem() {
        return Err(Refusal(problem));
    }
    let mut state = shared.lock();
    let now = state.now();
    if spec.fault == FaultKind::Expire {
        // Nothing to lie in wait for: it has happened when this returns.
        state.oauth.expire_access_tokens(spec.provider, now);
    } else {
        let grant_count = state.oauth.grant_count();
        state.faults.add(spec.clone(), grant_count);
    }
    created(&spec)
}

async fn list_faults(State(shared): State<Arc<Shared>>) -> Json<Vec<FaultSpec>> {
    Json(shared.lock().faults.list())
}

async fn clear_faults(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.lock().faults.clear();
    StatusCode::NO_CONTENT
}

async fn clock(State(shared): State<Arc<Shared>>, body: Bytes) -> Reply {
    let Advance { advance_s } = parse(&body)?;
    let mut state = shared.lock();
    state.advance(SignedDuration::from_secs(advance_s.into()));
    shared.clock_moved.send_replace(());
    Ok(Json(json!({"now": state.now().to_string()})).into_response())
}

async fn reset(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.lock().reset();
    StatusCode::NO_CONTENT
}

impl AccountName {
    /// The account as its provider writes it.
    fn canonical(&self, provider: Provider) -> Result<String, Refusal> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        };
        match provider {
            Provider::Xero => Uuid::parse_str(&text)
                .map(|id| id.to_string())
                .map_err(|_| Refusal(format!("a Xero organisation is named by a UUID, not {text:?}"))),
            Provider::Hubspot => text
                .parse::<u64>()
                .map(|id| id.to_string())
                .map_err(|_| Refusal(format!("a HubSpot portal is named by a number, not {text:?}"))),
            Provider::Shopify if shopify::is_shop(&text) => Ok(text),
            Provider::Shopify => {
                Err(Refusal(format!("a shop is named by its myshopify.com domain, not {text:?}")))
            }
            Provider::Asana => text
                .parse::<u64>()
                .map(|gid| gid.to_string())
                .map_err(|_| Refusal(format!("an Asana workspace is named by its gid, not {text:?}"))),
            Provider::Slack if slack::is_account(&text) => Ok(text),
            Provider::Slack => Err(Refusal(format!(
                "Slack has workspaces such as T0001, and incoming webhooks such as T0001/B0001, not {text:?}"
            ))),
            Provider::Ses => Ok(ses::ACCOUNT.to_owned()),
            Provider::Trading => Ok(trading::ACCOUNT.to_owned()),
            Provider::Auth => Ok(auth::ACCOUNT.to_owned()),
        }
    }
}

/// What a consent covers that no page was shown for.
fn scopes(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::Xero => xero::SCOPES,
        Provider::Hubspot => hubspot::SCOPES,
        Provider::Shopify => shopify::SCOPES,
        Provider::Asana => asana::SCOPES,
        Provider::Slack | Provider::Ses | Provider::Trading | Provider::Auth => &[],
    }
}

fn demo_account(state: &Simulated, provider: Provider) -> String {
    match provider {
        Provider::Xero => state.config.demo_xero_organisation.to_string(),
        Provider::Hubspot => state.config.demo_hubspot_portal.to_string(),
        Provider::Shopify => state.config.demo_shop.clone(),
        Provider::Asana => state.config.demo_asana_workspace.to_string(),
        Provider::Slack => state.config.demo_slack_team.clone(),
        Provider::Ses => ses::ACCOUNT.to_owned(),
        Provider::Trading => trading::ACCOUNT.to_owned(),
        Provider::Auth => auth::ACCOUNT.to_owned(),
    }
}

/// Serde's own message names an unknown field or word and lists the known ones.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal(error.to_string()))
}

fn provider_filter(only: Result<Query<Only>, QueryRejection>) -> Result<Option<Provider>, Refusal> {
    only.map(|Query(only)| only.provider).map_err(|rejection| Refusal(rejection.body_text()))
}

fn created(body: &impl Serialize) -> Reply {
    Ok((StatusCode::CREATED, Json(body)).into_response())
}
