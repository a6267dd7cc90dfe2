//! HubSpot: OAuth, and contacts, deals and notes in the CRM.

mod contact_properties;
mod contacts;
mod deals;
mod notes;
mod tokens;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};
use uuid::Uuid;

use crate::{
    call::{Answer, Call, Provider},
    consent,
    hubspot::contact_properties::PropertyProblem,
    ledger::{Written, milliseconds},
    limits::{HubspotRefusal, RateHeaders},
    oauth::TokenRefusal,
    state::State,
};

pub use crate::hubspot::tokens::SCOPES;

const VERSIONS: &[&str] = &["2026-03", "2026-09"];
/// What the portals hold.
#[derive(Default)]
pub struct HubspotRecords {
    portals: HashMap<String, Portal>,
}

#[derive(Default)]
struct Portal {
    contacts: BTreeMap<u64, Record>,
    deals: BTreeMap<u64, Record>,
    notes: BTreeMap<u64, Record>,
    /// Pairs of records that belong together, each once.
    associations: Vec<[(Kind, u64); 2]>,
}

/// Property values by name; when it was made and changed and `hs_object_id` are always among them.
struct Record {
    id: u64,
    properties: BTreeMap<String, String>,
}

/// What a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Contact,
    Deal,
    Note,
}

/// Answers one call.
pub fn handle(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    match (call.method.as_str(), call.segments().as_slice()) {
        ("GET" | "POST", ["oauth", "authorize"]) => consent::handle(state, call, None, now),
        ("POST", ["oauth", version, "token", rest @ ..]) if VERSIONS.contains(version) => match rest {
            [] => tokens::token(state, call, now),
            ["introspect"] => tokens::introspect(state, call, now),
            ["revoke"] => tokens::revoke(state, call),
            _ => not_found_path(),
        },
        // The older paths work until September 2027; notes are documented there only.
        (_, ["crm", "v3", "objects", "notes", rest @ ..]) => objects(state, call, Kind::Note, rest, now),
        (_, ["crm", "objects", version, kind, rest @ ..]) if VERSIONS.contains(version) => {
            match Kind::named(kind) {
                Some(kind) => objects(state, call, kind, rest, now),
                None => not_found_path(),
            }
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
    /// Puts a record into a portal, in place of the one with its id, and returns it as stored.
    pub fn seed(
        &mut self,
        portal: &str,
        kind: &str,
        record: &RawValue,
        now: Timestamp,
    ) -> Result<Value, String> {
        let seed = Seed::read(kind, record)?;
        let portal = self.portal(portal);
        match kind {
            "contact" => contacts::seed(portal, seed, now),
            "deal" => deals::seed(portal, seed, now),
            _ => Err(format!("hubspot has no kind {kind:?} here; known are contact, deal, portal")),
        }
    }

    fn portal(&mut self, portal: &str) -> &mut Portal {
        self.portals.entry(portal.to_owned()).or_default()
    }
}

/// A record as it is given, properties nested as HubSpot shows them or flat.
struct Seed {
    id: Option<String>,
    properties: BTreeMap<String, String>,
    /// For a deal: the contacts that it belongs to.
    contacts: Vec<u64>,
}

impl Seed {
    fn read(kind: &str, record: &RawValue) -> Result<Self, String> {
        let mut fields: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(record.get()).map_err(|_| format!("a {kind} must be a JSON object"))?;
        let id = fields.remove("id").and_then(|id| plain_text(&id));
        let contacts = match fields.remove("contacts") {
            Some(contacts) => serde_json::from_str::<Vec<RecordId>>(contacts.get())
                .map_err(|_| format!("contacts of a {kind} must be a list of ids"))?
                .into_iter()
                .map(|RecordId(id)| id)
                .collect(),
            None => Vec::new(),
        };
        let given = match fields.remove("properties") {
            Some(properties) => serde_json::from_str(properties.get())
                .map_err(|_| format!("properties of a {kind} must be a JSON object"))?,
            None => fields,
        };
        let properties: BTreeMap<String, String> = given
            .into_iter()
            .filter_map(|(name, value)| plain_text(&value).map(|value| (name, value)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let id = id.or_else(|| properties.get("hs_object_id").cloned());
        Ok(Self { id, properties, contacts })
    }

    fn id(&self, kind: &str) -> Result<Option<u64>, String> {
        let id = self.id.as_ref();
        id.map(|id| id.parse().map_err(|_| format!("a {kind}'s id must be a whole number, not {id}")))
            .transpose()
    }
}

/// A record's id as people write it: a text or a number.
struct RecordId(u64);

impl<'de> Deserialize<'de> for RecordId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Box::<RawValue>::deserialize(deserializer)?;
        let id = written.get().trim_matches('"').parse();
        id.map(Self).map_err(|_| serde::de::Error::custom(format!("{written} is not a record's id")))
    }
}

impl Kind {
    /// By its name in paths, or its number.
    fn named(name: &str) -> Option<Self> {
        match name {
            "contacts" | "contact" | "0-1" => Some(Self::Contact),
            "deals" | "deal" | "0-3" => Some(Self::Deal),
            "notes" | "note" | "0-46" => Some(Self::Note),
            _ => None,
        }
    }

    fn singular(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Deal => "deal",
            Self::Note => "note",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Contact => "contacts",
            Self::Deal => "deals",
            Self::Note => "notes",
        }
    }

    /// What HubSpot numbers an association from this kind to another.
    fn association_type(self, to: Self) -> Option<u32> {
        match (self, to) {
            (Self::Deal, Self::Contact) => Some(3),
            (Self::Contact, Self::Deal) => Some(4),
            (Self::Contact, Self::Note) => Some(201),
            (Self::Note, Self::Contact) => Some(202),
            (Self::Deal, Self::Note) => Some(213),
            (Self::Note, Self::Deal) => Some(214),
            _ => None,
        }
    }

    /// What its time of the last change is called.
    fn last_change(self) -> &'static str {
        match self {
            Self::Contact => "lastmodifieddate",
            Self::Deal | Self::Note => "hs_lastmodifieddate",
        }
    }

    fn made(self) -> &'static str {
        match self {
            Self::Contact | Self::Deal => "createdate",
            Self::Note => "hs_createdate",
        }
    }

    /// Shown when nothing was asked for.
    fn shown_by_default(self) -> &'static [&'static str] {
        match self {
            Self::Contact => &["email", "firstname", "lastname"],
            Self::Deal => &["amount", "closedate", "dealname", "dealstage", "pipeline"],
            Self::Note => &[],
        }
    }
}

impl Portal {
    fn records(&mut self, kind: Kind) -> &mut BTreeMap<u64, Record> {
        match kind {
            Kind::Contact => &mut self.contacts,
            Kind::Deal => &mut self.deals,
            Kind::Note => &mut self.notes,
        }
    }

    fn associate(&mut self, one: (Kind, u64), other: (Kind, u64)) {
        if !self.associations.contains(&[one, other]) {
            self.associations.push([one, other]);
        }
    }

    /// The records of a kind that belong to this one, oldest link first.
    fn associated(&self, of: (Kind, u64), kind: Kind) -> Vec<u64> {
        let other = |[one, other]: &[(Kind, u64); 2]| match (*one == of, *other == of) {
            (true, _) => Some(*other),
            (_, true) => Some(*one),
            _ => None,
        };
        let others = self.associations.iter().filter_map(other);
        others.filter(|(other, _)| *other == kind).map(|(_, id)| id).collect()
    }
}

impl Record {
    /// A record with what every record has besides its own properties.
    fn new(kind: Kind, id: u64, mut properties: BTreeMap<String, String>, now: Timestamp) -> Self {
        properties.insert("hs_object_id".to_owned(), id.to_string());
        for name in [kind.made(), kind.last_change()] {
            properties.entry(name.to_owned()).or_insert_with(|| milliseconds(now));
        }
        Self { id, properties }
    }

    /// The record with these properties, and those that are always shown; one that is not set shows as null.
    fn show(&self, kind: Kind, asked_for: &[String]) -> Value {
        let always = [kind.made(), "hs_object_id", kind.last_change()];
        let names: Vec<&str> = match asked_for {
            [] => always.into_iter().chain(kind.shown_by_default().iter().copied()).collect(),
            asked_for => always.into_iter().chain(asked_for.iter().map(String::as_str)).collect(),
        };
        self.show_only(kind, names.into_iter())
    }

    fn show_only<'a>(&self, kind: Kind, names: impl Iterator<Item = &'a str>) -> Value {
        let properties: Map<String, Value> =
            names.map(|name| (name.to_owned(), json!(self.properties.get(name)))).collect();
        json!({
            "id": self.id.to_string(),
            "properties": properties,
            "createdAt": self.properties.get(kind.made()),
            "updatedAt": self.properties.get(kind.last_change()),
            "archived": false,
        })
    }
}

fn objects(state: &mut State, call: &Call, kind: Kind, rest: &[&str], now: Timestamp) -> Answer {
    let revoked_below = state.faults.revoked_below(Provider::Hubspot);
    let grant = match state.oauth.check(Provider::Hubspot, call.authorization("Bearer"), revoked_below, now) {
        Ok(grant) => grant,
        Err(refusal) => return unauthorized(refusal, now),
    };
    let account = grant.connections[0].account.clone();
    let admitted = match rest {
        ["search"] => state.limits.admit_hubspot_search(&state.config.hubspot_limits, &account, now),
        _ => state.limits.admit_hubspot(&state.config.hubspot_limits, &account, now),
    };
    let mut answer = match &admitted {
        Err(refused) => too_many(refused.policy, refused.message),
        Ok(_) => route(state, call, &account, kind, rest, now),
    };
    let headers: RateHeaders = admitted.unwrap_or_else(|HubspotRefusal { headers, .. }| headers);
    answer.headers.extend(headers);
    answer
}

fn route(state: &mut State, call: &Call, account: &str, kind: Kind, rest: &[&str], now: Timestamp) -> Answer {
    let portal = state.hubspot.portal(account);
    let answer = match (kind, call.method.as_str(), rest) {
        (Kind::Contact, "POST", ["search"]) => return contacts::search(portal, call),
        (Kind::Contact, "GET", [id]) => return contacts::read(portal, call, id),
        (Kind::Deal | Kind::Note, "GET", [id]) => return read(portal, call, kind, id),
        (Kind::Note, "POST", ["batch", "read"]) => return notes::read_many(portal, call, now),
        (_, "GET", [id, "associations", to]) => return associations(portal, call, kind, id, to),
        (Kind::Contact, "PATCH", [id]) => contacts::update(portal, call, id, now),
        (Kind::Note, "POST", []) => notes::create(portal, call, now),
        _ => return not_found_path(),
    };
    if answer.is_success() {
        state.ledger.note_effect(call, account, written(call, kind, &answer), now);
    }
    answer
}

/// A note is its text. An update is the record and what it is set to: the same again is one too many.
fn written(call: &Call, kind: Kind, answer: &Answer) -> Written {
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let record = json(&answer.body);
    let id = record["id"].as_str();
    let key = match kind {
        Kind::Note => record["properties"]["hs_note_body"].as_str().unwrap_or_default().to_owned(),
        _ => format!("{} {}", id.unwrap_or_default(), json(&call.body)["properties"]),
    };
    Written::new(kind.singular(), key, id)
}

/// A record by its id, with the records that belong to it where they are asked for.
fn read(portal: &mut Portal, call: &Call, kind: Kind, id: &str) -> Answer {
    let found = id.parse().ok().and_then(|id| portal.records(kind).get(&id));
    let Some(record) = found else { return no_such_record(id) };
    let id = record.id;
    let mut shown = record.show(kind, &asked_for(call, "properties"));
    let mut associations = Map::new();
    for name in asked_for(call, "associations") {
        let Some(to) = Kind::named(&name).filter(|to| kind.association_type(*to).is_some()) else {
            let message = format!("the simulator knows no association from {} to {name}", kind.plural());
            return refusal(400, "VALIDATION_ERROR", &message);
        };
        let association = format!("{}_to_{}", kind.singular(), to.singular());
        let ids = portal.associated((kind, id), to);
        let results: Vec<Value> =
            ids.iter().map(|id| json!({ "id": id.to_string(), "type": association })).collect();
        // HubSpot leaves out what there is none of.
        if !results.is_empty() {
            associations.insert(to.plural().to_owned(), json!({ "results": results }));
        }
    }
    if !associations.is_empty() {
        shown["associations"] = Value::Object(associations);
    }
    Answer::json(200, &shown)
}

/// The ids of the records of another kind that belong to one.
fn associations(portal: &mut Portal, call: &Call, kind: Kind, id: &str, to: &str) -> Answer {
    let found = id.parse().ok().and_then(|id| portal.records(kind).get(&id)).map(|record| record.id);
    let Some(id) = found else { return no_such_record(id) };
    let Some((to, type_id)) = Kind::named(to).and_then(|to| Some((to, kind.association_type(to)?))) else {
        let message = format!("the simulator knows no association from {} to {to}", kind.plural());
        return refusal(400, "VALIDATION_ERROR", &message);
    };
    let number = |name, default: usize| call.query(name).map_or(Some(default), |text| text.parse().ok());
    let (Some(limit @ 1..=500), Some(after)) = (number("limit", 500), number("after", 0)) else {
        return refusal(400, "VALIDATION_ERROR", "limit is 1 to 500, after a cursor from an earlier answer");
    };
    let ids = portal.associated((kind, id), to);
    let types = json!([{ "category": "HUBSPOT_DEFINED", "typeId": type_id, "label": null }]);
    let results: Vec<Value> = ids
        .iter()
        .skip(after)
        .take(limit)
        .map(|id| json!({ "toObjectId": id.to_string(), "associationTypes": types }))
        .collect();
    let mut body = json!({ "results": results });
    if after.saturating_add(limit) < ids.len() {
        body["paging"] = json!({ "next": { "after": (after + limit).to_string() } });
    }
    Answer::json(200, &body)
}

fn no_such_record(id: &str) -> Answer {
    let context = Map::from_iter([("context".to_owned(), json!({ "id": [id] }))]);
    let message = "Object not found.  objectId are usually numeric.";
    refusal_with(404, "OBJECT_NOT_FOUND", message, context)
}

/// The names in a list, given as one list or by repeating the parameter.
fn asked_for(call: &Call, parameter: &str) -> Vec<String> {
    call.query_values(parameter)
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
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
