//! What the bodies of all providers have in common: JSON, taken apart event by event, so that one that cannot be
//! read does not take the others with it. No reason quotes the body.

use jiff::{Timestamp, civil::DateTime, tz::Offset};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, error::Category, value::RawValue};
use zixly_domain::{Delivery, Event, Provider, UnreadableEvent, has_nul};

use crate::{Malformed, Verified};

/// The longest text taken for an id, a category or a time. Real ones have at most 36 bytes, a shop's domain 77.
pub(crate) const LONGEST_FIELD_BYTES: usize = 80;

/// The body, if this provider signed it.
pub(crate) fn body_of<'a>(verified: &Verified<'a>, provider: Provider) -> Result<&'a [u8], Malformed> {
    if verified.provider() != provider {
        let signer = verified.provider().name();
        return Err(Malformed::new(format!("the body is signed by {signer}, not by {}", provider.name())));
    }
    Ok(verified.body())
}

/// The still unread events of a body `{"events": […]}`.
pub(crate) fn events_field(body: &[u8]) -> Result<Vec<&RawValue>, Malformed> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        events: Vec<&'a RawValue>,
    }
    // Serde would also take a list for the object, its first element for the events.
    require_opening(body, b'{', "an object")?;
    match serde_json::from_slice::<Body>(body) {
        Ok(body) => Ok(body.events),
        // This class of messages can quote the body, so only the position is taken from it.
        Err(error) if error.classify() == Category::Data => Err(Malformed::new(format!(
            "the body has no list named events, or more than one, at line {} column {}",
            error.line(),
            error.column()
        ))),
        Err(error) => Err(not_json(error)),
    }
}

/// The still unread events of a body `[…]`.
pub(crate) fn list(body: &[u8]) -> Result<Vec<&RawValue>, Malformed> {
    require_opening(body, b'[', "a list")?;
    serde_json::from_slice(body).map_err(not_json)
}

/// Reads the events one by one; what `read` says of one that it cannot read is to follow the words "the event".
pub(crate) fn read_each(
    provider: Provider,
    raw_events: Vec<&RawValue>,
    read: impl Fn(Value) -> Result<Event, String>,
) -> Delivery {
    let mut delivery = Delivery { provider, events: Vec::new(), unreadable: Vec::new() };
    for (index, raw) in raw_events.into_iter().enumerate() {
        match object(raw.get().as_bytes()).and_then(&read) {
            Ok(event) => delivery.events.push(event),
            Err(reason) => delivery.unreadable.push(UnreadableEvent { index, reason }),
        }
    }
    delivery
}

/// An object that the database can store.
pub(crate) fn object(json: &[u8]) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(json).map_err(|error| format!("cannot be read: {error}"))?;
    if !value.is_object() {
        return Err("is not an object".into());
    }
    if has_nul(&value) {
        return Err("contains the character U+0000, which the database cannot store".into());
    }
    Ok(value)
}

/// A text that says something; `field` may lead into objects by points: `resource.gid`.
pub(crate) fn text<'a>(payload: &'a Value, field: &str) -> Result<&'a str, String> {
    match at(payload, field)? {
        Value::String(text) if text.trim().is_empty() => Err(format!("has an empty {field}")),
        Value::String(text) if text.len() > LONGEST_FIELD_BYTES => {
            Err(format!("has {} bytes as its {field}; {LONGEST_FIELD_BYTES} are the most", text.len()))
        }
        Value::String(text) => Ok(text),
        _ => Err(format!("has no text as its {field}")),
    }
}

/// An id, as text with exactly the digits of the body, wherever it stands as a number.
pub(crate) fn id(payload: &Value, field: &str) -> Result<String, String> {
    match at(payload, field)? {
        // Any other number has already lost digits by being read.
        Value::Number(number) if number.is_u64() || number.is_i64() => Ok(number.to_string()),
        Value::Number(_) => Err(format!("has no whole number of at most 64 bits as its {field}")),
        Value::String(_) => text(payload, field).map(str::to_owned),
        _ => Err(format!("has neither a number nor text as its {field}")),
    }
}

/// One key for these parts, as a JSON list, since any plain separator could be part of a field.
pub(crate) fn dedupe_key(parts: &[&str]) -> String {
    Value::from(parts).to_string()
}

/// Reads UTC with or without its saying so, with any number of digits of a second's fraction.
pub(crate) fn utc(date: &str) -> Option<Timestamp> {
    let date = without_digits_below_nanoseconds(date);
    date.parse().ok().or_else(|| Offset::UTC.to_timestamp(date.parse::<DateTime>().ok()?).ok())
}

/// What stands for a time in a dedupe key: the same for each way to write an instant.
pub(crate) fn instant_or_text(instant: Option<Timestamp>, text: &str) -> String {
    instant.map_or_else(|| text.to_owned(), |instant| instant.to_string())
}

fn require_opening(body: &[u8], bracket: u8, what: &str) -> Result<(), Malformed> {
    if body.trim_ascii_start().first() == Some(&bracket) {
        return Ok(());
    }
    Err(match serde_json::from_slice::<IgnoredAny>(body) {
        Ok(_) => Malformed::new(format!("the body is JSON, but not {what}")),
        Err(error) => not_json(error),
    })
}

fn not_json(error: serde_json::Error) -> Malformed {
    Malformed::new(format!("the body is not JSON: {error}"))
}

/// The value there; null counts as nothing.
fn at<'a>(payload: &'a Value, field: &str) -> Result<&'a Value, String> {
    let value = field.split('.').try_fold(payload, |value, name| value.get(name));
    value.filter(|value| !value.is_null()).ok_or_else(|| format!("has no {field}"))
}

fn without_digits_below_nanoseconds(date: &str) -> String {
    let Some((seconds, rest)) = date.split_once('.') else { return date.to_owned() };
    let (digits, zone) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
    format!("{seconds}.{}{zone}", &digits[..digits.len().min(9)])
}
