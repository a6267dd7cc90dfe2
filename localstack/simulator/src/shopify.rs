//! Shopify: each shop's token endpoint, and orders and webhook subscriptions in its GraphQL Admin API.

mod graphql;
mod orders;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    call::{Answer, Call, Provider},
    ledger::Written,
    oauth::{Rotation, SHOPIFY_REFRESH_TOKEN_LIFE, access_token_life},
    shopify::graphql::{CONNECTION, Field, Operation, TYPE},
    state::State,
};

const VERSIONS: &[&str] = &["2026-01", "2026-04", "2026-07", "2026-10"];
const SCOPE: &str = "read_orders";
/// What a shop can tell an app about.
const TOPICS: &[&str] = &["APP_UNINSTALLED", "ORDERS_CREATE", "ORDERS_PAID", "ORDERS_UPDATED"];

/// What the shops hold.
#[derive(Default)]
pub struct ShopifyRecords {
    shops: HashMap<String, Shop>,
}

#[derive(Default)]
struct Shop {
    /// As the GraphQL API knows them, by number.
    orders: BTreeMap<u64, Value>,
    subscriptions: Vec<Value>,
}

/// What an operation came to.
struct Done {
    data: Map<String, Value>,
    cost: u32,
    has_written: bool,
}

/// Answers one call.
pub fn handle(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    match (call.method.as_str(), call.segments().as_slice()) {
        ("POST", [shop, "admin", "oauth", "access_token"]) if is_shop(shop) => token(state, call, shop, now),
        ("POST", [shop, "admin", "api", version, "graphql.json"])
            if is_shop(shop) && VERSIONS.contains(version) =>
        {
            graphql(state, call, shop, now).with_header("x-shopify-api-version", version)
        }
        _ => refusal(404, "Not Found"),
    }
}

/// A refusal as Shopify words it outside GraphQL.
pub fn refusal(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "errors": message }))
}

/// The refusal of a query for which so many points are missing that they take this long to come back.
pub fn throttled_for(seconds: f64) -> Answer {
    let restore_rate = 100.0;
    throttled(&cost((seconds * restore_rate).ceil(), None, 2000.0, 0.0, restore_rate))
}

/// Whether this is a shop's own domain.
pub fn is_shop(domain: &str) -> bool {
    let name = domain.strip_suffix(".myshopify.com").unwrap_or_default();
    let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
    name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric()) && name.bytes().all(is_letter)
}

impl ShopifyRecords {
    /// Puts an order into a shop, in place of the one with its id, and returns it as given. It is given as webhooks
    /// carry it, so that a delivery and the record behind it can come from one file.
    pub fn seed(&mut self, shop: &str, kind: &str, record: &str) -> Result<Value, String> {
        if kind != "order" {
            return Err(format!("shopify has no kind {kind:?} here; known is order"));
        }
        let order: Value = serde_json::from_str(record).map_err(|error| error.to_string())?;
        let (id, shown) = orders::read(&order)?;
        self.shop(shop).orders.insert(id, shown);
        Ok(order)
    }

    fn shop(&mut self, shop: &str) -> &mut Shop {
        self.shops.entry(shop.to_owned()).or_default()
    }
}

fn token(state: &mut State, call: &Call, shop: &str, now: Timestamp) -> Answer {
    #[derive(Deserialize)]
    struct Request {
        client_id: String,
        client_secret: String,
        grant_type: String,
        refresh_token: String,
    }
    let refuse = |status, error: &str, description: &str| {
        Answer::json(status, &json!({ "error": error, "error_description": description }))
    };
    let request: Request = match serde_json::from_slice(&call.body) {
        Ok(request) if call.has_content_type("application/json") => request,
        _ => return refuse(400, "invalid_request", "The request is missing a parameter, or is not JSON"),
    };
    let client = &state.config.shopify_client;
    if (&request.client_id, &request.client_secret) != (&client.id, &client.secret) {
        return refuse(401, "invalid_client", "Client authentication failed");
    }
    if request.grant_type != "refresh_token" {
        return refuse(400, "unsupported_grant_type", "The simulator plays grant_type refresh_token only");
    }
    let revoked_below = state.faults.revoked_below(Provider::Shopify);
    let (rotation, given) = (Rotation::UntilUsed, &request.refresh_token);
    match state.oauth.refresh(Provider::Shopify, given, rotation, revoked_below, now) {
        Some(pair) if pair.accounts == [shop] => Answer::json(
            200,
            &json!({
                "access_token": pair.access_token,
                "scope": SCOPE,
                "expires_in": access_token_life(Provider::Shopify).as_secs(),
                "refresh_token": pair.refresh_token,
                "refresh_token_expires_in": SHOPIFY_REFRESH_TOKEN_LIFE.as_secs(),
            }),
        ),
        // As seen in the wild; the specification of OAuth would have it 400 and invalid_grant.
        _ => refuse(401, "invalid_request", "This request requires an active refresh_token"),
    }
}

fn graphql(state: &mut State, call: &Call, shop: &str, now: Timestamp) -> Answer {
    #[derive(Deserialize)]
    struct Request {
        query: String,
        variables: Option<Map<String, Value>>,
    }
    let revoked_below = state.faults.revoked_below(Provider::Shopify);
    let access_token = call.header("x-shopify-access-token");
    match state.oauth.check(Provider::Shopify, access_token, revoked_below, now) {
        Ok(grant) if grant.connections[0].account == shop => {}
        _ => {
            let message = "[API] Invalid API key or access token (unrecognized login or wrong password)";
            return refusal(401, message);
        }
    }
    state.oauth.note_use(access_token.unwrap_or_default());
    let request: Request = match serde_json::from_slice(&call.body) {
        Ok(request) if call.has_content_type("application/json") => request,
        _ => {
            return Answer::json(
                400,
                &json!({ "errors": { "query": "Required parameter missing or invalid" } }),
            );
        }
    };
    let operation = match Operation::parse(&request.query, &request.variables.unwrap_or_default()) {
        Ok(operation) => operation,
        Err(problem) => return problems(&json!([{ "message": problem }]), None),
    };
    let requested = operation.requested_cost();
    let limits = state.config.shopify_limits;
    if requested > limits.points_per_query {
        let message = format!("Query cost is {requested}, which exceeds the single query max cost limit");
        let error = json!([{ "message": message, "extensions": { "code": "MAX_COST_EXCEEDED" } }]);
        return problems(&error, None);
    }
    let (full, restore_rate) = (f64::from(limits.points), f64::from(limits.restored_per_second));
    let available = state.limits.shopify_points(&limits, shop, now);
    let cost_of = |actual, available| cost(requested.into(), actual, full, available, restore_rate);
    if f64::from(requested) > available {
        return throttled(&cost_of(None, available));
    }
    match state.shopify.shop(shop).run(&operation, now) {
        Err(error) => problems(&error, Some(&cost_of(Some(0), available))),
        Ok(done) => {
            state.limits.charge_shopify(shop, done.cost);
            if done.has_written {
                state.ledger.note_effect(call, shop, written(&operation, &done.data), now);
            }
            let cost = cost_of(Some(done.cost), available - f64::from(done.cost));
            let answer = Answer::json(200, &json!({ "data": done.data, "extensions": { "cost": cost } }));
            // A mutation that only says what its user did wrong has not succeeded.
            if operation.is_mutation && !done.has_written { answer.refusing() } else { answer }
        }
    }
}

fn written(operation: &Operation, data: &Map<String, Value>) -> Written {
    let field = &operation.fields[0];
    let uri = field.arguments.get("webhookSubscription").and_then(|input| input["uri"].as_str());
    let key = format!("{} {}", field.argument("topic").unwrap_or_default(), uri.unwrap_or_default());
    let made = data.get(&field.alias).and_then(|made| made["webhookSubscription"]["id"].as_str());
    Written::new("webhook", key, made)
}

impl Shop {
    fn run(&mut self, operation: &Operation, now: Timestamp) -> Result<Done, Value> {
        let mut done = Done { data: Map::new(), cost: 0, has_written: false };
        for field in &operation.fields {
            let value = match (operation.is_mutation, field.name.as_str()) {
                (false, "order") => self.order(field)?,
                (false, "webhookSubscriptions") => json!({ CONNECTION: self.subscriptions }),
                (true, "webhookSubscriptionCreate") => {
                    done.cost += 10;
                    let outcome = self.subscribe(field, now);
                    done.has_written |= outcome["userErrors"] == json!([]);
                    outcome
                }
                (is_mutation, name) => {
                    let root = if is_mutation { "Mutation" } else { "QueryRoot" };
                    return Err(undefined(&format!("Field '{name}' doesn't exist on type '{root}'")));
                }
            };
            let answer = field.answer(&value, &mut done.cost).map_err(|problem| undefined(&problem))?;
            done.data.insert(field.alias.clone(), answer);
        }
        Ok(done)
    }

    /// An order by its global id; null when the shop has none by it.
    fn order(&self, field: &Field) -> Result<Value, Value> {
        let id = field.argument("id").unwrap_or_default();
        let number = id.strip_prefix("gid://shopify/Order/").and_then(|number| number.parse().ok());
        match number {
            None => Err(json!([{ "message": format!("Invalid global id '{id}'"), "path": [field.alias] }])),
            Some(number) => Ok(self.orders.get::<u64>(&number).cloned().unwrap_or_default()),
        }
    }

    fn subscribe(&mut self, field: &Field, now: Timestamp) -> Value {
        let topic = field.argument("topic").unwrap_or_default();
        let input = field.arguments.get("webhookSubscription");
        let uri = input.and_then(|input| input["uri"].as_str()).unwrap_or_default();
        let refuse = |path: &[&str], message: &str| {
            json!({
                TYPE: "WebhookSubscriptionCreatePayload",
                "webhookSubscription": null,
                "userErrors": [{ TYPE: "UserError", "field": path, "message": message }],
            })
        };
        if !TOPICS.contains(&topic) {
            return refuse(&["topic"], "Topic is invalid");
        }
        if !uri.starts_with("http") {
            return refuse(&["webhookSubscription", "uri"], "Address is invalid");
        }
        let is_taken = |known: &Value| known["topic"] == topic && known["uri"] == uri;
        if self.subscriptions.iter().any(is_taken) {
            return refuse(&["webhookSubscription", "uri"], "Address for this topic has already been taken");
        }
        let subscription = json!({
            TYPE: "WebhookSubscription",
            "id": orders::gid("WebhookSubscription", self.subscriptions.len() as u64 + 1),
            "topic": topic,
            "uri": uri,
            "format": "JSON",
            "createdAt": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        });
        self.subscriptions.push(subscription.clone());
        json!({
            TYPE: "WebhookSubscriptionCreatePayload",
            "webhookSubscription": subscription,
            "userErrors": [],
        })
    }
}

fn undefined(message: &str) -> Value {
    json!([{ "message": message, "extensions": { "code": "undefinedField" } }])
}

/// GraphQL says what is wrong with status 200.
fn problems(errors: &Value, cost: Option<&Value>) -> Answer {
    let body = match cost {
        Some(cost) => json!({ "errors": errors, "extensions": { "cost": cost } }),
        None => json!({ "errors": errors }),
    };
    Answer::json(200, &body).refusing()
}

fn throttled(cost: &Value) -> Answer {
    problems(&json!([{ "message": "Throttled", "extensions": { "code": "THROTTLED" } }]), Some(cost))
}

fn cost(requested: f64, actual: Option<u32>, full: f64, available: f64, restore_rate: f64) -> Value {
    json!({
        "requestedQueryCost": requested as u64,
        "actualQueryCost": actual,
        "throttleStatus": {
            "maximumAvailable": full,
            "currentlyAvailable": available.floor() as i64,
            "restoreRate": restore_rate,
        },
    })
}
