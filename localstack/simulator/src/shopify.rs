//! Shopify: each shop's OAuth, and the shop itself, orders and webhook subscriptions in its GraphQL Admin API.

mod graphql;
mod orders;
mod subscriptions;
mod tokens;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    call::{Answer, Call, Provider},
    consent,
    ledger::Written,
    shopify::graphql::{CONNECTION, Field, Operation, TYPE},
    state::State,
};

pub use crate::shopify::tokens::SCOPES;

const VERSIONS: &[&str] = &["2026-01", "2026-04", "2026-07", "2026-10"];

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
    subscription_count: u64,
}

/// What an operation came to.
#[derive(Default)]
struct Done {
    data: Map<String, Value>,
    cost: u32,
    written: Option<Written>,
    /// It says what its user did wrong.
    has_failed: bool,
    /// The app is to be taken out of the shop.
    uninstalls: bool,
}

/// Answers one call.
pub fn handle(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    match (call.method.as_str(), call.segments().as_slice()) {
        ("GET" | "POST", [shop, "admin", "oauth", "authorize"]) if is_shop(shop) => {
            consent::handle(state, call, Some(shop), now)
        }
        ("POST", [shop, "admin", "oauth", "access_token"]) if is_shop(shop) => {
            tokens::token(state, call, shop, now)
        }
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
            return Err(format!("shopify has no kind {kind:?} here; known are order, shop"));
        }
        let order: Value = serde_json::from_str(record).map_err(|error| error.to_string())?;
        let (id, shown) = orders::read(&order)?;
        self.shop(shop).orders.insert(id, shown);
        Ok(order)
    }

    /// Takes a shop's subscriptions away, or those of all shops, as Shopify does with those that keep failing.
    pub fn drop_subscriptions(&mut self, of: Option<&str>) {
        let shops = self.shops.iter_mut().filter(|(shop, _)| of.is_none_or(|of| of == shop.as_str()));
        shops.for_each(|(_, shop)| shop.subscriptions.clear());
    }

    fn shop(&mut self, shop: &str) -> &mut Shop {
        self.shops.entry(shop.to_owned()).or_default()
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
    let identity = json!({
        TYPE: "Shop",
        "id": orders::gid("Shop", 1),
        "name": state.accounts.name(Provider::Shopify, shop),
        "myshopifyDomain": shop,
    });
    match state.shopify.shop(shop).run(&operation, &identity, now) {
        Err(error) => problems(&error, Some(&cost_of(Some(0), available))),
        Ok(done) => {
            state.limits.charge_shopify(shop, done.cost);
            if let Some(written) = done.written {
                state.ledger.note_effect(call, shop, written, now);
            }
            if done.uninstalls {
                state.oauth.disconnect(Provider::Shopify, shop);
                state.shopify.drop_subscriptions(Some(shop));
            }
            let cost = cost_of(Some(done.cost), available - f64::from(done.cost));
            let answer = Answer::json(200, &json!({ "data": done.data, "extensions": { "cost": cost } }));
            if done.has_failed { answer.refusing() } else { answer }
        }
    }
}

impl Shop {
    fn run(&mut self, operation: &Operation, identity: &Value, now: Timestamp) -> Result<Done, Value> {
        let mut done = Done::default();
        for field in &operation.fields {
            if operation.is_mutation {
                done.cost += 10;
            }
            let value = match (operation.is_mutation, field.name.as_str()) {
                (false, "shop") => identity.clone(),
                (false, "order") => self.order(field)?,
                (false, "webhookSubscriptions") => json!({ CONNECTION: self.subscriptions }),
                (true, "webhookSubscriptionCreate") => self.subscribe(field, &mut done, now),
                (true, "webhookSubscriptionDelete") => self.unsubscribe(field, &mut done),
                (true, "appUninstall") => {
                    done.uninstalls = true;
                    let app = json!({ TYPE: "App", "id": orders::gid("App", 1) });
                    json!({ TYPE: "AppUninstallPayload", "app": app, "userErrors": [] })
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
