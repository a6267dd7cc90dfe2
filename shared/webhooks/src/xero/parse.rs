//! What a Xero delivery says. Read with tolerance, for it cannot be asked for again: unknown categories, further
//! fields and any sequence numbers are taken as they come.

use jiff::{Timestamp, civil::DateTime, tz::Offset};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, error::Category, value::RawValue};
use zixly_domain::{Delivery, Event, Provider, UnreadableEvent};

use crate::{Malformed, Verified};

/// The longest text taken for an id, a category or a time. Real ones have at most 36 bytes; five of this length
/// still fit into one entry of a database index when all their characters have to be escaped.
const LONGEST_FIELD_BYTES: usize = 80;

#[derive(Deserialize)]
struct Body<'a> {
    // Unparsed, so that an event which cannot be read does not take the others with it.
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// Reads a delivery that [`verify`](super::verify) accepted. An intent-to-receive has no events. An event that
/// cannot be read is named in [`Delivery::unreadable`], and the others are there all the same.
pub fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    if verified.provider != Provider::Xero {
        return Err(malformed(format!("the body is signed by {}, not by Xero", verified.provider.name())));
    }
    let mut delivery = Delivery { provider: Provider::Xero, events: Vec::new(), unreadable: Vec::new() };
    for (index, raw) in raw_events(verified.body)?.into_iter().enumerate() {
        match read_event(raw) {
            Ok(event) => delivery.events.push(event),
            Err(reason) => delivery.unreadable.push(UnreadableEvent { index, reason }),
        }
    }
    Ok(delivery)
}

fn raw_events(body: &[u8]) -> Result<Vec<&RawValue>, Malformed> {
    if !body.trim_ascii_start().starts_with(b"{") {
        // Serde would also take a list for the object, its first element for the events.
        return Err(malformed(match serde_json::from_slice::<IgnoredAny>(body) {
            Ok(_) => "the body is JSON, but not an object".into(),
            Err(error) => format!("the body is not JSON: {error}"),
        }));
    }
    match serde_json::from_slice::<Body>(body) {
        Ok(body) => Ok(body.events),
        // This class of messages can quote the body, so only the position is taken from it.
        Err(error) if error.classify() == Category::Data => Err(malformed(format!(
            "the body has no list named events, or more than one, at line {} column {}",
            error.line(),
            error.column()
        ))),
        Err(error) => Err(malformed(format!("the body is not JSON: {error}"))),
    }
}

fn read_event(raw: &RawValue) -> Result<Event, String> {
    let payload: Value =
        serde_json::from_str(raw.get()).map_err(|error| format!("cannot be read: {error}"))?;
    if !payload.is_object() {
        return Err("is not an object".into());
    }
    if has_nul(&payload) {
        return Err("contains the character U+0000, which the database cannot store".into());
    }
    let account_id = text(&payload, "tenantId")?;
    let resource_id = text(&payload, "resourceId")?;
    let category = text(&payload, "eventCategory")?;
    let action = text(&payload, "eventType")?;
    // Needed, though it may be unreadable: without it a second change of a record looks like the first one.
    let date = text(&payload, "eventDateUtc")?;
    let occurred_at = utc(date);
    let instant = occurred_at.map_or_else(|| date.to_owned(), |at| at.to_string());
    Ok(Event {
        provider: Provider::Xero,
        account_id: account_id.to_owned(),
        category: category.to_owned(),
        action: action.to_owned(),
        resource_id: resource_id.to_owned(),
        occurred_at,
        // As a JSON list, since any plain separator could be part of a field.
        dedupe_key: Value::from(vec![account_id, resource_id, category, action, &instant]).to_string(),
        payload,
    })
}

fn text<'a>(payload: &'a Value, field: &str) -> Result<&'a str, String> {
    match payload.get(field) {
        Some(Value::String(text)) if text.trim().is_empty() => Err(format!("has an empty {field}")),
        Some(Value::String(text)) if text.len() > LONGEST_FIELD_BYTES => {
            Err(format!("has a {field} of {} bytes; {LONGEST_FIELD_BYTES} are the most", text.len()))
        }
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("has a {field} that is not text")),
        None => Err(format!("has no {field}")),
    }
}

/// Xero writes UTC with or without saying so, with none to seven digits of a second's fraction.
fn utc(date: &str) -> Option<Timestamp> {
    let date = without_digits_below_nanoseconds(date);
    date.parse().ok().or_else(|| Offset::UTC.to_timestamp(date.parse::<DateTime>().ok()?).ok())
}

fn without_digits_below_nanoseconds(date: &str) -> String {
    let Some((seconds, rest)) = date.split_once('.') else { return date.to_owned() };
    let (digits, zone) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
    format!("{seconds}.{}{zone}", &digits[..digits.len().min(9)])
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn malformed(reason: String) -> Malformed {
    Malformed { reason }
}
