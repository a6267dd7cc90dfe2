//! Xero: the identity service and the part of the accounting API that deals with sales.

mod contacts;
mod dates;
mod fields;
mod filter;
mod identity;
mod invoices;
mod payments;

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    call::{Answer, Call, Provider},
    consent,
    ledger::Written,
    limits::Place,
    oauth::TokenRefusal,
    state::State,
    xero::{contacts::Contact, dates::parse_date, fields::Fields, invoices::Invoice, payments::Payment},
};

pub use crate::xero::identity::{SCOPES, access_token};

/// How long an idempotency key is remembered.
const IDEMPOTENCY_MEMORY: SignedDuration = SignedDuration::from_mins(6);
const LONGEST_IDEMPOTENCY_KEY: usize = 128;
const LARGEST_PAGE: usize = 1000;

/// What the organisations hold.
#[derive(Default)]
pub struct XeroRecords {
    organisations: HashMap<String, Organisation>,
    replies: HashMap<(String, String), Reply>,
}

/// Records by id in lower case, so that pages come in a stable order.
#[derive(Default)]
struct Organisation {
    invoices: BTreeMap<String, Invoice>,
    contacts: BTreeMap<String, Contact>,
    payments: Vec<Payment>,
}

/// An answer kept under an idempotency key.
struct Reply {
    request: (String, String, Vec<u8>),
    answer: Answer,
    at: Timestamp,
}

/// Answers one call.
pub fn handle(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    match (call.method.as_str(), call.segments().as_slice()) {
        ("GET" | "POST", ["identity", "connect", "authorize"]) => consent::handle(state, call, None, now),
        ("POST", ["connect", "token"]) => identity::token(state, call, now),
        ("POST", ["connect", "revocation"]) => identity::revoke(state, call),
        ("GET", ["connections"]) => identity::connections(state, call, now),
        ("DELETE", ["connections", id]) => identity::disconnect(state, call, id, now),
        (_, ["api.xro", "2.0", ..]) => accounting(state, call, now),
        _ => not_found(),
    }
}

/// A refusal as Xero's gateway words it.
pub fn problem(status: u16, detail: &str) -> Answer {
    let title = match status {
        401 => "Unauthorized",
        403 => "Forbidden",
        _ => "An error occurred",
    };
    let instance = Uuid::new_v4();
    Answer::json(
        status,
        &json!({"Type": null, "Title": title, "Status": status, "Detail": detail, "Instance": instance, "Extensions": {}}),
    )
}

impl XeroRecords {
    /// Puts a record into an organisation, in place of one with the same id, and returns it as stored.
    pub fn seed(
        &mut self,
        organisation: &str,
        kind: &str,
        record: &str,
        now: Timestamp,
    ) -> Result<Fields, String> {
        let fields: Fields =
            serde_json::from_str(record).map_err(|_| format!("a Xero {kind} must be a JSON object"))?;
        let organisation = self.organisation(organisation);
        match kind {
            "invoice" => invoices::seed(organisation, fields, now),
            "contact" => contacts::seed(organisation, fields, now),
            _ => Err(format!("xero has no kind {kind:?} here; known are invoice, contact, organisation")),
        }
    }

    fn organisation(&mut self, organisation: &str) -> &mut Organisation {
        self.organisations.entry(organisation.to_owned()).or_default()
    }
}

fn accounting(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let revoked_below = state.faults.revoked_below(Provider::Xero);
    let grant = match state.oauth.check(Provider::Xero, call.authorization("Bearer"), revoked_below, now) {
        Ok(grant) => grant,
        Err(refusal) => return unauthorized(refusal),
    };
    let named =
        call.header("xero-tenant-id").and_then(|id| Uuid::parse_str(id).ok()).map(|id| id.to_string());
    let opens = |id: &String| {
        state.oauth.connections_of(grant, revoked_below).any(|(_, connection)| connection.account == *id)
    };
    let Some(account) = named.filter(opens) else {
        return problem(403, "AuthenticationUnsuccessful");
    };
    let rate_headers = match state.limits.admit_xero(&state.config.xero_limits, &account, now) {
        Ok(headers) => headers,
        Err(too_many) => return too_many,
    };
    let mut answer = in_asked_format(call, once_per_key(state, call, &account, now));
    answer.headers.extend(rate_headers);
    answer.occupies = Some(Place::Xero(account));
    answer
}

/// Repeats the first answer under an idempotency key, error or not, without doing the work again.
fn once_per_key(state: &mut State, call: &Call, account: &str, now: Timestamp) -> Answer {
    let key = match call.header("idempotency-key") {
        Some(key) if call.method != "GET" => key,
        _ => return route(state, call, account, now),
    };
    if key.len() > LONGEST_IDEMPOTENCY_KEY {
        return invalid("Idempotency-Key must not be longer than 128 characters");
    }
    let slot = (account.to_owned(), key.to_owned());
    let request = (call.method.to_string(), call.path_and_query.clone(), call.body.to_vec());
    match state.xero.replies.get(&slot) {
        Some(reply) if now.duration_since(reply.at) >= IDEMPOTENCY_MEMORY => {}
        Some(reply) if reply.request == request => return reply.answer.clone(),
        Some(_) => return invalid("Idempotency-Key has already been used with a different request"),
        None => {}
    }
    let answer = route(state, call, account, now);
    state.xero.replies.insert(slot, Reply { request, answer: answer.clone(), at: now });
    answer
}

fn route(state: &mut State, call: &Call, account: &str, now: Timestamp) -> Answer {
    let organisation = state.xero.organisation(account);
    let answer = match (call.method.as_str(), &call.segments()[2..]) {
        ("GET", ["Invoices"]) => return invoices::list(organisation, call, now),
        ("GET", ["Invoices", id]) => return invoices::read(organisation, id, now),
        ("GET", ["Invoices", id, "History"]) => return invoices::history(organisation, id, now),
        ("GET", ["Contacts"]) => return contacts::list(organisation, call, now),
        ("GET", ["Contacts", id]) => return contacts::read(organisation, id, now),
        ("GET", ["Payments"]) => return payments::list(organisation, call, now),
        ("GET", ["Payments", id]) => return payments::read(organisation, id, now),
        ("PUT" | "POST", ["Invoices", id, "History"]) => invoices::add_history(organisation, call, id, now),
        // To create only; creating or updating by POST is not played.
        ("PUT", ["Invoices"]) => invoices::create(organisation, call, now),
        ("PUT", ["Contacts"]) => contacts::create(organisation, call, now),
        ("PUT", ["Payments"]) => payments::create(organisation, call, now),
        _ => return not_found(),
    };
    if answer.is_success() {
        state.ledger.note_effect(call, account, written(call, &answer), now);
    }
    answer
}

fn written(call: &Call, answer: &Answer) -> Written {
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let made = json(&answer.body);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match &call.segments()[2..] {
        [_, id, "History"] => {
            let note = text(&json(&call.body)["HistoryRecords"][0]["Details"]);
            Written::new("history", format!("{id} {note}"), None)
        }
        ["Invoices"] => {
            let invoice = &made["Invoices"][0];
            Written::new("invoice", text(&invoice["InvoiceNumber"]), invoice["InvoiceID"].as_str())
        }
        ["Contacts"] => {
            let contact = &made["Contacts"][0];
            let number = contact["ContactNumber"].as_str().filter(|number| !number.is_empty());
            let key = number.map_or_else(|| text(&contact["Name"]), str::to_owned);
            Written::new("contact", key, contact["ContactID"].as_str())
        }
        _ => {
            let payment = &made["Payments"][0];
            Written::new("payment", text(&payment["Invoice"]["InvoiceID"]), payment["PaymentID"].as_str())
        }
    }
}

/// Reads the one record that a write brings, under its plural name.
fn one_record<T: DeserializeOwned>(call: &Call, plural: &str) -> Result<T, Answer> {
    let refuse = |message: &str| exception(400, 17, "PostDataInvalidException", message);
    if !call.has_content_type("application/json") {
        return Err(refuse("Invalid Json data"));
    }
    let body: Fields = serde_json::from_slice(&call.body).map_err(|_| refuse("Invalid Json data"))?;
    let records = body.get(plural).map_or("null", |records| records.get());
    let mut records: Vec<T> =
        serde_json::from_str(records).map_err(|error| refuse(&format!("Invalid Json data: {error}")))?;
    match (records.pop(), records.is_empty()) {
        (Some(record), true) => Ok(record),
        _ => Err(refuse(&format!("The simulator takes exactly one record in {plural}"))),
    }
}

/// The page that a list asks for, out of all that match.
struct Page {
    number: usize,
    size: usize,
}

impl Page {
    /// Reads the page, and refuses any parameter besides it that is none of these: to leave out a filter in silence
    /// would hand the caller records that it did not ask for.
    fn read(call: &Call, known: &[&str]) -> Result<Self, Answer> {
        let is_known = |name: &str| ["page", "pageSize"].contains(&name) || known.contains(&name);
        if let Some(name) = call.query_names().find(|name| !is_known(name)) {
            return Err(invalid(&format!("The simulator does not know the parameter {name}")));
        }
        let (Some(number), Some(size)) = (whole_number(call, "page", 1), whole_number(call, "pageSize", 100))
        else {
            return Err(invalid("page and pageSize must be whole numbers from 1"));
        };
        if size > LARGEST_PAGE {
            return Err(invalid("pageSize must not be larger than 1000"));
        }
        Ok(Self { number, size })
    }

    fn answer(&self, plural: &str, matching: &[Fields], now: Timestamp) -> Answer {
        let pagination = json!({
            "page": self.number,
            "pageSize": self.size,
            "pageCount": matching.len().div_ceil(self.size),
            "itemCount": matching.len(),
        });
        let skipped = (self.number - 1).saturating_mul(self.size);
        let shown: Vec<&Fields> = matching.iter().skip(skipped).take(self.size).collect();
        Answer::json(200, &envelope(now).with("pagination", pagination).with(plural, shown))
    }
}

/// When a list is asked for what was changed since.
fn changed_since(call: &Call) -> Result<Option<Timestamp>, Answer> {
    match call.header("if-modified-since").map(parse_date) {
        Some(None) => Err(invalid("If-Modified-Since is not a date")),
        Some(since) => Ok(since),
        None => Ok(None),
    }
}

/// The records under their plural name, in the envelope of every answer.
fn records(plural: &str, records: impl Serialize, now: Timestamp) -> Answer {
    Answer::json(200, &envelope(now).with(plural, records))
}

fn envelope(now: Timestamp) -> Fields {
    Fields::default()
        .with("Id", Uuid::new_v4())
        .with("Status", "OK")
        .with("ProviderName", "Simulator")
        .with("DateTimeUTC", format!("/Date({})/", now.as_millisecond()))
}

/// Xero answers in XML unless asked for JSON, which a client that forgot to ask had better notice here.
fn in_asked_format(call: &Call, answer: Answer) -> Answer {
    if call.header("accept").is_some_and(|accepted| accepted.contains("application/json")) {
        return answer;
    }
    let body = format!("<Response><Id>{}</Id><Status>OK</Status></Response>", Uuid::new_v4());
    let body = if answer.is_success() { body } else { "<ApiException/>".to_owned() };
    Answer::text(answer.status, "text/xml; charset=utf-8", body)
}

fn unauthorized(refusal: TokenRefusal) -> Answer {
    match refusal {
        TokenRefusal::Unknown => problem(401, "AuthenticationUnsuccessful"),
        TokenRefusal::Expired(at) => {
            problem(401, &format!("TokenExpired: token expired at {}", at.strftime("%m/%d/%Y %H:%M:%S")))
        }
    }
}

fn not_found() -> Answer {
    let body = "The resource you're looking for cannot be found".to_owned();
    Answer::text(404, "text/html; charset=utf-8", body)
}

fn invalid(message: &str) -> Answer {
    invalid_for(&[message.to_owned()])
}

/// All that is wrong with the one record that was sent.
fn invalid_for(messages: &[String]) -> Answer {
    let errors: Vec<Value> = messages.iter().map(|message| json!({ "Message": message })).collect();
    let body = json!({
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": [{ "ValidationErrors": errors }],
    });
    Answer::json(400, &body)
}

fn query_problem(message: &str) -> Answer {
    exception(400, 16, "QueryParseException", message)
}

fn exception(status: u16, number: u32, kind: &str, message: &str) -> Answer {
    Answer::json(status, &json!({"ErrorNumber": number, "Type": kind, "Message": message}))
}

fn whole_number(call: &Call, name: &str, default: usize) -> Option<usize> {
    match call.query(name) {
        None | Some("") => Some(default),
        Some(text) => text.parse().ok().filter(|number| *number > 0),
    }
}
