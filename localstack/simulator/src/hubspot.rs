//! HubSpot: the OAuth token endpoint and contacts in the CRM.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};
use uuid::Uuid;

use crate::{
    call::{Answer, Call, Provider},
    contact_properties::{self, PropertyProblem},
    ledger::milliseconds,
    limits::{HubspotRefusal, RateHeaders},
    oauth::{ACCESS_TOKEN_LIFE, Rotation, TokenRefusal},
    state::State,
};

const VERSIONS: &[&str] = &["2026-03", "2026-09"];
/// Shown whatever was asked for.
const ALWAYS_SHOWN: &[&str] = &["createdate", "hs_object_id", "lastmodifieddate"];
/// Shown as well when nothing was asked for.
const SHOWN_BY_DEFAULT: &[&str] = &["email", "firstname", "lastname"];
const FIRST_CONTACT_ID: u64 = 100_451;
const LARGEST_SEARCH_PAGE: usize = 200;
const LARGEST_SEARCH: usize = 10_000;

/// What the portals hold.
#[derive(Default)]
pub struct HubspotRecords {
    portals: HashMap<String, BTreeMap<u64, Contact>>,
}

/// Property values by name; `createdate`, `lastmodifieddate` and `hs_object_id` are always among them.
struct Contact {
    id: u64,
    properties: BTreeMap<String, String>,
}

/// Answers one call.
pub fn handle(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    match (call.method.as_str(), call.segments().as_slice()) {
        ("POST", ["oauth", version, "token"]) if VERSIONS.contains(version) => token(state, call, now),
        (_, ["crm", "objects", version, "contacts", ..]) if VERSIONS.contains(version) => {
            contacts(state, call, now)
        }
        _ => not_found_path(),
    }
}

/// A refusal as HubSpot words it.
pub fn refusal(status: u16, category: &str, message: &str) -> Answer {
    refusal_with(status, category, message, Map::new())
}

/// HubSpot's 429.
pub fn too_many(policy: &str, message: &str) -> Answer {
    let body = json!({
        "status": "error",
        "message": message,
        "errorType": "RATE_LIMIT",
        "policyName": policy,
        "correlationId": Uuid::new_v4(),
        "requestId": Uuid::new_v4().simple().to_string(),
    });
    Answer::json(429, &body)
}

impl HubspotRecords {
    /// Puts a contact into a portal and returns it as stored.
    /// It takes the place of the one with its id, and of the one with its e-mail: a portal has one contact for each.
    pub fn seed_contact(&mut self, portal: &str, record: &RawValue, now: Timestamp) -> Result<Value, String> {
        let mut fields: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(record.get()).map_err(|_| "a contact must be a JSON object".to_owned())?;
        let given_id = fields.remove("id").and_then(|id| plain_text(&id));
        let given = match fields.remove("properties") {
            Some(properties) => serde_json::from_str(properties.get())
                .map_err(|_| "properties of a contact must be a JSON object".to_owned())?,
            None => fields,
        };
        let mut properties: BTreeMap<String, String> = given
            .into_iter()
            .filter_map(|(name, value)| plain_text(&value).map(|value| (name, value)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let contacts = self.portals.entry(portal.to_owned()).or_default();
        let with_same_email = properties
            .get("email")
            .and_then(|email| find_by_email(contacts, email))
            .map(|contact| contact.id);
        let id = match given_id.or_else(|| properties.get("hs_object_id").cloned()) {
            Some(id) => id.parse().map_err(|_| format!("a contact's id must be a whole number, not {id}"))?,
            None => with_same_email
                .unwrap_or_else(|| contacts.last_key_value().map_or(FIRST_CONTACT_ID, |(last, _)| last + 1)),
        };
        if let Some(other) = with_same_email {
            contacts.remove(&other);
        }
        properties.insert("hs_object_id".to_owned(), id.to_string());
        for name in ["createdate", "lastmodifieddate"] {
            properties.entry(name.to_owned()).or_insert_with(|| milliseconds(now));
        }
        let contact = Contact { id, properties };
        let stored = contact.show(contact.properties.keys().map(String::as_str));
        contacts.insert(id, contact);
        Ok(stored)
    }
}

impl Contact {
    /// The record with these properties; one that is not set shows as null.
    fn show<'a>(&self, names: impl Iterator<Item = &'a str>) -> Value {
        let properties: Map<String, Value> =
            names.map(|name| (name.to_owned(), json!(self.properties.get(name)))).collect();
        json!({
            "id": self.id.to_string(),
            "properties": properties,
            "createdAt": self.properties.get("createdate"),
            "updatedAt": self.properties.get("lastmodifieddate"),
            "archived": false,
        })
    }
}

fn token(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let refuse = |status, error: &str, old_status: &str, message: &str| {
        let body = json!({
            "error": error,
            "error_description": message,
            "status": old_status,
            "message": message,
            "correlationId": Uuid::new_v4(),
        });
        Answer::json(status, &body)
    };
    if !call.has_content_type("application/x-www-form-urlencoded") {
        return refuse(400, "invalid_request", "BAD_REQUEST", "the body must be a form");
    }
    let client = &state.config.hubspot_client;
    if call.form_field("client_id").as_deref() != Some(client.id.as_str()) {
        return refuse(401, "invalid_client", "BAD_CLIENT_ID", "missing or unknown client id");
    }
    if call.form_field("client_secret").as_deref() != Some(client.secret.as_str()) {
        return refuse(401, "invalid_client", "BAD_CLIENT_SECRET", "missing or invalid client secret");
    }
    if call.form_field("grant_type").as_deref() != Some("refresh_token") {
        return refuse(400, "unsupported_grant_type", "BAD_GRANT_TYPE", "missing or unknown grant type");
    }
    let refresh_token = call.form_field("refresh_token").unwrap_or_default();
    let rotation =
        if state.config.hubspot_rotates_refresh_tokens { Rotation::Replace } else { Rotation::Keep };
    let revoked_below = state.faults.revoked_below(Provider::Hubspot);
    match state.oauth.refresh(Provider::Hubspot, &refresh_token, rotation, revoked_below, now) {
        None => refuse(400, "invalid_grant", "BAD_REFRESH_TOKEN", "missing or invalid refresh token"),
        Some(pair) => Answer::json(
            200,
            &json!({
                "token_type": "bearer",
                "token_use": "access_token",
                "access_token": pair.access_token,
                "refresh_token": pair.refresh_token,
                "expires_in": ACCESS_TOKEN_LIFE.as_secs(),
                "hub_id": pair.accounts.first().and_then(|portal| portal.parse::<u64>().ok()),
                "scopes": ["oauth", "crm.objects.contacts.read", "crm.objects.contacts.write"],
            }),
        ),
    }
}

fn contacts(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let revoked_below = state.faults.revoked_below(Provider::Hubspot);
    let grant = match state.oauth.check(Provider::Hubspot, call.authorization("Bearer"), revoked_below, now) {
        Ok(grant) => grant,
        Err(refusal) => return unauthorized(refusal, now),
    };
    let portal = grant.connections[0].account.clone();
    let segments = call.segments();
    let route = (call.method.as_str(), &segments[4..]);
    let admitted = match route {
        (_, ["search"]) => state.limits.admit_hubspot_search(&state.config.hubspot_limits, &portal, now),
        _ => state.limits.admit_hubspot(&state.config.hubspot_limits, &portal, now),
    };
    let mut answer = match &admitted {
        Err(refused) => too_many(refused.policy, refused.message),
        Ok(_) => match route {
            ("POST", ["search"]) => search(state.hubspot.portals.entry(portal).or_default(), call),
            ("GET", [id]) => read(state.hubspot.portals.entry(portal).or_default(), call, id),
            ("PATCH", [id]) => update(state, call, &portal, id, now),
            _ => not_found_path(),
        },
    };
    let headers: RateHeaders = admitted.unwrap_or_else(|HubspotRefusal { headers, .. }| headers);
    answer.headers.extend(headers);
    answer
}

fn read(contacts: &mut BTreeMap<u64, Contact>, call: &Call, id: &str) -> Answer {
    match find(contacts, call, id) {
        Ok(contact) => Answer::json(200, &contact.show(shown(&asked_for(call)).into_iter())),
        Err(refusal) => refusal,
    }
}

fn update(state: &mut State, call: &Call, portal: &str, id: &str, now: Timestamp) -> Answer {
    #[derive(Deserialize)]
    struct Update {
        properties: BTreeMap<String, Box<RawValue>>,
    }
    if !call.has_content_type("application/json") {
        return refusal(415, "VALIDATION_ERROR", "the body must be application/json");
    }
    let update = match serde_json::from_slice::<Update>(&call.body) {
        Ok(update) => update.properties,
        Err(error) => return refusal(400, "VALIDATION_ERROR", &format!("Invalid input JSON: {error}")),
    };
    if update.is_empty() {
        let message = "No properties found to update, please provide at least one.";
        return refusal(400, "VALIDATION_ERROR", message);
    }
    let contact = match find(state.hubspot.portals.entry(portal.to_owned()).or_default(), call, id) {
        Ok(contact) => contact,
        Err(refusal) => return refusal,
    };
    let mut accepted = Vec::new();
    let mut problems = Vec::new();
    for (name, value) in update {
        match contact_properties::accept(&name, &plain_text(&value).unwrap_or_default()) {
            Ok(value) => accepted.push((name, value)),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return invalid_properties(&problems);
    }
    let named: Vec<String> = accepted.iter().map(|(name, _)| name.clone()).collect();
    for (name, value) in accepted {
        let present = contact.properties.get(&name).map(String::as_str);
        if contact_properties::moves_back(&name, present, &value) {
            continue;
        }
        if value.is_empty() {
            contact.properties.remove(&name);
        } else {
            contact.properties.insert(name, value);
        }
    }
    contact.properties.insert("lastmodifieddate".to_owned(), milliseconds(now));
    let answer = Answer::json(200, &contact.show(shown(&named).into_iter()));
    state.ledger.note_effect(call, portal, now);
    answer
}

fn search(contacts: &mut BTreeMap<u64, Contact>, call: &Call) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Search {
        #[serde(default)]
        filter_groups: Vec<Group>,
        #[serde(default)]
        properties: Vec<String>,
        limit: Option<usize>,
        after: Option<String>,
    }
    #[derive(Deserialize)]
    struct Group {
        filters: Vec<Filter>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Filter {
        property_name: String,
        operator: String,
        value: Option<String>,
    }
    let search: Search = match serde_json::from_slice(&call.body) {
        Ok(search) => search,
        Err(error) => return refusal(400, "VALIDATION_ERROR", &format!("Invalid input JSON: {error}")),
    };
    let groups = &search.filter_groups;
    if let Some(filter) =
        groups.iter().flat_map(|group| &group.filters).find(|filter| filter.operator != "EQ")
    {
        let message = format!("the simulator searches by EQ only, not by {}", filter.operator);
        return refusal(400, "VALIDATION_ERROR", &message);
    }
    let limit = search.limit.unwrap_or(10);
    let Some(after) = search.after.as_deref().map_or(Some(0), |after| after.parse::<usize>().ok()) else {
        return refusal(400, "VALIDATION_ERROR", "after must be a cursor from an earlier answer");
    };
    if limit > LARGEST_SEARCH_PAGE || after.saturating_add(limit) > LARGEST_SEARCH {
        return refusal(400, "VALIDATION_ERROR", "a search gives 200 results a page and 10000 in all");
    }
    let fits = |contact: &Contact, filter: &Filter| {
        let given = filter.value.as_deref().unwrap_or_default();
        contact.properties.get(&filter.property_name).is_some_and(|value| value.eq_ignore_ascii_case(given))
    };
    let matching: Vec<&Contact> = contacts
        .values()
        .filter(|contact| {
            groups.is_empty() || groups.iter().any(|group| group.filters.iter().all(|f| fits(contact, f)))
        })
        .collect();
    let names = shown(&search.properties);
    let results: Vec<Value> =
        matching.iter().skip(after).take(limit).map(|contact| contact.show(names.iter().copied())).collect();
    let mut body = json!({"total": matching.len(), "results": results});
    if after + limit < matching.len() {
        body["paging"] = json!({"next": {"after": (after + limit).to_string()}});
    }
    Answer::json(200, &body)
}

fn find<'a>(
    contacts: &'a mut BTreeMap<u64, Contact>,
    call: &Call,
    id: &str,
) -> Result<&'a mut Contact, Answer> {
    let found = match call.query("idProperty") {
        None | Some("hs_object_id") => id.parse().ok().and_then(|id| contacts.get_mut(&id)),
        Some("email") => find_by_email(contacts, id),
        Some(other) => {
            let message = format!("{other} is not a property with unique values");
            return Err(refusal(400, "VALIDATION_ERROR", &message));
        }
    };
    found.ok_or_else(|| {
        let context = Map::from_iter([("context".to_owned(), json!({"id": [id]}))]);
        let message = "Object not found.  objectId are usually numeric.";
        refusal_with(404, "OBJECT_NOT_FOUND", message, context)
    })
}

fn find_by_email<'a>(contacts: &'a mut BTreeMap<u64, Contact>, email: &str) -> Option<&'a mut Contact> {
    contacts
        .values_mut()
        .find(|contact| contact.properties.get("email").is_some_and(|own| own.eq_ignore_ascii_case(email)))
}

/// The property names of a read, given as one list or by repeating the parameter.
fn asked_for(call: &Call) -> Vec<String> {
    call.query_values("properties")
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn shown(asked_for: &[String]) -> Vec<&str> {
    let asked_for: Vec<&str> = if asked_for.is_empty() {
        SHOWN_BY_DEFAULT.to_vec()
    } else {
        asked_for.iter().map(String::as_str).collect()
    };
    ALWAYS_SHOWN.iter().copied().chain(asked_for).collect()
}

/// A property's text: HubSpot stores text only, and a number keeps the digits that it came with.
fn plain_text(value: &RawValue) -> Option<String> {
    match serde_json::from_str(value.get()) {
        Ok(Value::Null) | Err(_) => None,
        Ok(Value::String(text)) => Some(text),
        Ok(_) => Some(value.get().to_owned()),
    }
}

fn unauthorized(refused: TokenRefusal, now: Timestamp) -> Answer {
    match refused {
        TokenRefusal::Unknown => {
            let message = "Authentication credentials not found. This API supports OAuth 2.0 authentication.";
            refusal(401, "INVALID_AUTHENTICATION", message)
        }
        TokenRefusal::Expired(at) => {
            let seconds = now.duration_since(at).as_secs();
            let message = format!("The OAuth token used to make this call expired {seconds} second(s) ago.");
            refusal(401, "EXPIRED_AUTHENTICATION", &message)
        }
    }
}

fn invalid_properties(problems: &[PropertyProblem]) -> Answer {
    let listed: Vec<Value> = problems.iter().map(PropertyProblem::in_message).collect();
    let details: Vec<Value> = problems.iter().map(PropertyProblem::detail).collect();
    let message = format!("Property values were not valid: {}", Value::Array(listed));
    refusal_with(400, "VALIDATION_ERROR", &message, Map::from_iter([("errors".to_owned(), json!(details))]))
}

fn not_found_path() -> Answer {
    refusal(404, "OBJECT_NOT_FOUND", "No such path, or one that the simulator does not play.")
}

fn refusal_with(status: u16, category: &str, message: &str, more: Map<String, Value>) -> Answer {
    let mut body = Map::from_iter([
        ("status".to_owned(), json!("error")),
        ("message".to_owned(), json!(message)),
        ("correlationId".to_owned(), json!(Uuid::new_v4())),
        ("category".to_owned(), json!(category)),
    ]);
    body.extend(more);
    Answer::json(status, &body)
}
