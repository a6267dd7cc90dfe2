//! Xero: the identity service and the part of the accounting API that deals with invoices.

use std::collections::{BTreeMap, HashMap};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp, civil, fmt::rfc2822, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use uuid::Uuid;

use crate::{
    call::{Answer, Call, Provider},
    oauth::{ACCESS_TOKEN_LIFE, Rotation, TokenRefusal},
    state::State,
};

/// How long an idempotency key is remembered.
const IDEMPOTENCY_MEMORY: SignedDuration = SignedDuration::from_mins(6);
const LONGEST_IDEMPOTENCY_KEY: usize = 128;
const LARGEST_PAGE: usize = 1000;
const LONGEST_NOTE: usize = 2500;

/// What the organisations hold.
#[derive(Default)]
pub struct XeroRecords {
    organisations: HashMap<String, Organisation>,
    replies: HashMap<(String, String), Reply>,
}

#[derive(Default)]
struct Organisation {
    /// By `InvoiceID` in lower case, so that pages come in a stable order.
    invoices: BTreeMap<String, Invoice>,
}

struct Invoice {
    number: Option<String>,
    status: Option<String>,
    updated_at: Timestamp,
    history: Vec<HistoryRecord>,
    /// The record as it was given: an amount read as a float would lose its zeros.
    record: Box<RawValue>,
}

/// An answer kept under an idempotency key.
struct Reply {
    request: (String, String, Vec<u8>),
    answer: Answer,
    at: Timestamp,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct HistoryRecord {
    details: String,
    #[serde(rename = "DateUTC")]
    date_utc: String,
    #[serde(rename = "DateUTCString")]
    date_utc_string: String,
}

/// Answers one call.
pub fn handle(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    match (call.method.as_str(), call.segments().as_slice()) {
        ("POST", ["connect", "token"]) => token(state, call, now),
        ("GET", ["connections"]) => connections(state, call, now),
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
    /// Puts an invoice into an organisation, in place of one with the same id, and returns it as stored.
    pub fn seed_invoice(
        &mut self,
        organisation: &str,
        record: Box<RawValue>,
        now: Timestamp,
    ) -> Result<Box<RawValue>, String> {
        let fields: serde_json::Map<String, Value> =
            serde_json::from_str(record.get()).map_err(|_| "an invoice must be a JSON object".to_owned())?;
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let (id, record) = match (text("InvoiceID"), fields.contains_key("InvoiceID")) {
            (Some(""), _) | (None, true) => {
                return Err("InvoiceID must be a text that is not empty".to_owned());
            }
            (Some(id), _) => (id.to_owned(), record),
            (None, false) => {
                let id = Uuid::new_v4().to_string();
                let record = with_invoice_id(&id, &record, fields.is_empty());
                (id, record)
            }
        };
        let invoice = Invoice {
            number: text("InvoiceNumber").map(str::to_owned),
            status: text("Status").map(str::to_owned),
            updated_at: text("UpdatedDateUTC").and_then(parse_date).unwrap_or(now),
            history: Vec::new(),
            record: record.clone(),
        };
        let invoices = &mut self.organisations.entry(organisation.to_owned()).or_default().invoices;
        invoices.insert(id.to_lowercase(), invoice);
        Ok(record)
    }

    /// Xero takes the number as well as the id in the path.
    fn find(&mut self, organisation: &str, id_or_number: &str) -> Option<&mut Invoice> {
        let invoices = &mut self.organisations.get_mut(organisation)?.invoices;
        let id = id_or_number.to_lowercase();
        if invoices.contains_key(&id) {
            return invoices.get_mut(&id);
        }
        invoices.values_mut().find(|invoice| invoice.number.as_deref() == Some(id_or_number))
    }
}

fn token(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let refuse = |status, error: &str| Answer::json(status, &json!({ "error": error }));
    let expected = format!("{}:{}", state.config.xero_client.id, state.config.xero_client.secret);
    let given = call.authorization("Basic").and_then(|credentials| STANDARD.decode(credentials).ok());
    if given.as_deref() != Some(expected.as_bytes()) {
        return refuse(401, "invalid_client");
    }
    if !call.has_content_type("application/x-www-form-urlencoded") {
        return refuse(400, "invalid_request");
    }
    if call.form_field("grant_type").as_deref() != Some("refresh_token") {
        return refuse(400, "unsupported_grant_type");
    }
    let Some(refresh_token) = call.form_field("refresh_token") else {
        return refuse(400, "invalid_request");
    };
    let revoked_below = state.faults.revoked_below(Provider::Xero);
    match state.oauth.refresh(Provider::Xero, &refresh_token, Rotation::Retire, revoked_below, now) {
        None => refuse(400, "invalid_grant"),
        Some(pair) => Answer::json(
            200,
            &json!({
                "access_token": pair.access_token,
                "refresh_token": pair.refresh_token,
                "expires_in": ACCESS_TOKEN_LIFE.as_secs(),
                "token_type": "Bearer",
                "scope": "offline_access accounting.invoices accounting.contacts",
            }),
        ),
    }
}

fn connections(state: &State, call: &Call, now: Timestamp) -> Answer {
    let revoked_below = state.faults.revoked_below(Provider::Xero);
    let grant = match state.oauth.check(Provider::Xero, call.authorization("Bearer"), revoked_below, now) {
        Ok(grant) => grant,
        Err(refusal) => return unauthorized(refusal),
    };
    let wanted = call.query("authEventId").is_none_or(|id| id == grant.auth_event_id.to_string());
    let at = grant.granted_at.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string();
    let connections: Vec<Value> = grant
        .connections
        .iter()
        .filter(|_| wanted)
        .map(|connection| {
            json!({
                "id": connection.id,
                "authEventId": grant.auth_event_id,
                "tenantId": connection.account,
                "tenantType": "ORGANISATION",
                "tenantName": "Demo Company (simulated)",
                "createdDateUtc": at,
                "updatedDateUtc": at,
            })
        })
        .collect();
    Answer::json(200, &connections)
}

fn accounting(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let revoked_below = state.faults.revoked_below(Provider::Xero);
    let grant = match state.oauth.check(Provider::Xero, call.authorization("Bearer"), revoked_below, now) {
        Ok(grant) => grant,
        Err(refusal) => return unauthorized(refusal),
    };
    let named =
        call.header("xero-tenant-id").and_then(|id| Uuid::parse_str(id).ok()).map(|id| id.to_string());
    let Some(account) =
        named.filter(|id| grant.connections.iter().any(|connection| connection.account == *id))
    else {
        return problem(403, "AuthenticationUnsuccessful");
    };
    let rate_headers = match state.limits.admit_xero(&state.config.xero_limits, &account, now) {
        Ok(headers) => headers,
        Err(too_many) => return too_many,
    };
    let mut answer = in_asked_format(call, once_per_key(state, call, &account, now));
    answer.headers.extend(rate_headers);
    answer.occupies = Some(account);
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
    match (call.method.as_str(), &call.segments()[2..]) {
        ("GET", ["Invoices"]) => list_invoices(&state.xero, call, account, now),
        ("GET", ["Invoices", id]) => read_invoice(&mut state.xero, account, id, now),
        ("GET", ["Invoices", id, "History"]) => match state.xero.find(account, id) {
            Some(invoice) => history_envelope(&invoice.history, now),
            None => not_found(),
        },
        ("PUT" | "POST", ["Invoices", id, "History"]) => add_history(state, call, account, id, now),
        _ => not_found(),
    }
}

fn read_invoice(records: &mut XeroRecords, account: &str, id: &str, now: Timestamp) -> Answer {
    match records.find(account, id) {
        Some(invoice) => Answer::json(200, &InvoicesEnvelope::of(vec![&invoice.record], None, now)),
        None => not_found(),
    }
}

fn list_invoices(records: &XeroRecords, call: &Call, account: &str, now: Timestamp) -> Answer {
    // To leave out a filter in silence would hand the caller records that it did not ask for.
    let unknown = call.query_names().find(|name| !["Statuses", "page", "pageSize"].contains(name));
    if let Some(name) = unknown {
        return invalid(&format!("The simulator does not know the parameter {name}"));
    }
    let (Some(page), Some(page_size)) = (whole_number(call, "page", 1), whole_number(call, "pageSize", 100))
    else {
        return invalid("page and pageSize must be whole numbers from 1");
    };
    if page_size > LARGEST_PAGE {
        return invalid("pageSize must not be larger than 1000");
    }
    let since = match call.header("if-modified-since").map(parse_date) {
        Some(None) => return invalid("If-Modified-Since is not a date"),
        Some(since) => since,
        None => None,
    };
    let statuses: Option<Vec<&str>> = call.query("Statuses").map(|list| list.split(',').collect());
    let matching: Vec<&Invoice> = records
        .organisations
        .get(account)
        .into_iter()
        .flat_map(|organisation| organisation.invoices.values())
        .filter(|invoice| {
            let status = invoice.status.as_deref().unwrap_or_default();
            statuses.as_ref().is_none_or(|statuses| statuses.contains(&status))
        })
        .filter(|invoice| since.is_none_or(|since| invoice.updated_at > since))
        .collect();
    let pagination = Pagination {
        page,
        page_size,
        page_count: matching.len().div_ceil(page_size),
        item_count: matching.len(),
    };
    let skipped = (page - 1).saturating_mul(page_size);
    let shown = matching.iter().skip(skipped).take(page_size).map(|invoice| &*invoice.record).collect();
    Answer::json(200, &InvoicesEnvelope::of(shown, Some(pagination), now))
}

fn add_history(state: &mut State, call: &Call, account: &str, id: &str, now: Timestamp) -> Answer {
    #[derive(Deserialize)]
    struct Notes {
        #[serde(rename = "HistoryRecords")]
        records: Vec<Note>,
    }
    #[derive(Deserialize)]
    struct Note {
        #[serde(rename = "Details")]
        details: String,
    }
    let notes = match serde_json::from_slice::<Notes>(&call.body) {
        Ok(notes) if call.has_content_type("application/json") => notes.records,
        _ => return exception(400, 17, "PostDataInvalidException", "Invalid Json data"),
    };
    if notes.is_empty()
        || notes.iter().any(|note| note.details.is_empty() || note.details.len() > LONGEST_NOTE)
    {
        return invalid("Details is required and holds at most 2500 characters");
    }
    let Some(invoice) = state.xero.find(account, id) else { return not_found() };
    let added: Vec<HistoryRecord> = notes
        .into_iter()
        .map(|note| HistoryRecord {
            details: note.details,
            date_utc: xero_date(now),
            date_utc_string: now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        })
        .collect();
    invoice.history.extend(added.iter().cloned());
    state.ledger.note_effect(call, account, now);
    history_envelope(&added, now)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InvoicesEnvelope<'a> {
    id: Uuid,
    status: &'static str,
    provider_name: &'static str,
    #[serde(rename = "DateTimeUTC")]
    date_time_utc: String,
    #[serde(rename = "pagination", skip_serializing_if = "Option::is_none")]
    pagination: Option<Pagination>,
    invoices: Vec<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    page: usize,
    page_size: usize,
    page_count: usize,
    item_count: usize,
}

impl<'a> InvoicesEnvelope<'a> {
    fn of(invoices: Vec<&'a RawValue>, pagination: Option<Pagination>, now: Timestamp) -> Self {
        Self {
            id: Uuid::new_v4(),
            status: "OK",
            provider_name: "Simulator",
            date_time_utc: format!("/Date({})/", now.as_millisecond()),
            pagination,
            invoices,
        }
    }
}

fn history_envelope(records: &[HistoryRecord], now: Timestamp) -> Answer {
    Answer::json(
        200,
        &json!({
            "Id": Uuid::new_v4(),
            "Status": "OK",
            "ProviderName": "Simulator",
            "DateTimeUTC": format!("/Date({})/", now.as_millisecond()),
            "HistoryRecords": records,
        }),
    )
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
    let body = json!({
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": [{"ValidationErrors": [{"Message": message}]}],
    });
    Answer::json(400, &body)
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

/// The record with an id written into its text, so that everything else stays letter for letter.
fn with_invoice_id(id: &str, record: &RawValue, is_empty: bool) -> Box<RawValue> {
    let rest = record.get().trim_start().strip_prefix('{').expect("the caller has read it as an object");
    let comma = if is_empty { "" } else { "," };
    let text = format!("{{\"InvoiceID\":\"{id}\"{comma}{rest}");
    RawValue::from_string(text).expect("an object with one more field is still an object")
}

fn xero_date(time: Timestamp) -> String {
    format!("/Date({}+0000)/", time.as_millisecond())
}

/// Reads `/Date(ms+0000)/`, ISO text with or without a zone (UTC then), and HTTP dates.
fn parse_date(text: &str) -> Option<Timestamp> {
    if let Some(milliseconds) = text.strip_prefix("/Date(") {
        let end = milliseconds.find(['+', ')'])?;
        return Timestamp::from_millisecond(milliseconds[..end].parse().ok()?).ok();
    }
    let zoned = text.parse::<Timestamp>().ok();
    let plain =
        || text.parse::<civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    zoned.or_else(plain).or_else(|| rfc2822::DateTimeParser::new().parse_timestamp(text).ok())
}
