//! What a HubSpot delivery says: a list of events, in the classic format (`deal.propertyChange`) or the generic
//! one (`object.propertyChange` and the type of the object), of any portal that has the app.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zixly_domain::{Delivery, Event, Provider};

use crate::{Malformed, Verified, fields};

/// The types of objects that have a name in the classic format.
const OBJECT_TYPES: [(&str, &str); 4] =
    [("0-1", "contact"), ("0-2", "company"), ("0-3", "deal"), ("0-5", "ticket")];

/// Reads a delivery that [`verify`](super::verify) accepted. HubSpot sends up to 100 events at once; more are
/// taken too. An event that cannot be read is named in [`Delivery::unreadable`], and the others are there all the
/// same.
pub fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let body = fields::body_of(verified, Provider::HubSpot)?;
    Ok(fields::read_each(Provider::HubSpot, fields::list(body)?, event))
}

fn event(payload: Value) -> Result<Event, String> {
    let account_id = fields::id(&payload, "portalId")?;
    let subscription_type = subscription_type(&payload)?;
    let (object, action) = subscription_type
        .split_once('.')
        .filter(|(object, action)| !object.trim().is_empty() && !action.trim().is_empty())
        .ok_or("has a type that is not of the form record.change")?;
    let object_type = match object {
        "object" => Some(fields::text(&payload, "objectTypeId")?),
        _ => None,
    };
    let resource_id = resource_id(&payload, action)?;
    let occurred_at = &payload["occurredAt"];
    if occurred_at.is_null() {
        // Without it a second change to the same value looks like the first one.
        return Err("has no occurredAt".into());
    }
    Ok(Event {
        provider: Provider::HubSpot,
        category: object_type.map_or(object, category_of).to_owned(),
        action: action.to_owned(),
        occurred_at: milliseconds(occurred_at),
        dedupe_key: fields::dedupe_key(&[
            &account_id,
            subscription_type,
            object_type.unwrap_or_default(),
            &resource_id,
            &fingerprint(&payload),
        ]),
        other_dedupe_key: None,
        account_id,
        resource_id,
        payload,
    })
}

/// HubSpot's guide calls the field `eventType`, what it sends has `subscriptionType`.
fn subscription_type(payload: &Value) -> Result<&str, String> {
    let field = if payload["subscriptionType"].is_null() && !payload["eventType"].is_null() {
        "eventType"
    } else {
        "subscriptionType"
    };
    fields::text(payload, field)
}

fn category_of(object_type: &str) -> &str {
    OBJECT_TYPES.iter().find(|(id, _)| *id == object_type).map_or(object_type, |(_, name)| name)
}

fn resource_id(payload: &Value, action: &str) -> Result<String, String> {
    let elsewhere: &[&str] = match action {
        "merge" => &["newObjectId", "primaryObjectId"],
        "associationChange" => &["fromObjectId"],
        _ => &[],
    };
    let field = elsewhere.iter().find(|field| !payload[**field].is_null()).unwrap_or(&"objectId");
    fields::id(payload, field)
}

/// What else tells two changes of a record apart. Not `attemptNumber` and `subscriptionId`, which differ between
/// repetitions of one change; and `eventId` not alone, since HubSpot does not promise that it is unique. Hashed,
/// because a value can be long and a person's.
fn fingerprint(payload: &Value) -> String {
    let details = json!([
        payload["propertyName"],
        payload["propertyValue"],
        payload["occurredAt"],
        payload["eventId"],
        payload["toObjectId"],
        payload["associationType"],
        payload["associationTypeId"],
        payload["associationRemoved"],
        payload["mergedObjectIds"],
    ]);
    hex::encode(Sha256::digest(details.to_string()))
}

fn milliseconds(occurred_at: &Value) -> Option<Timestamp> {
    let milliseconds = match occurred_at {
        Value::String(digits) => digits.parse().ok(),
        number => number.as_i64(),
    };
    Timestamp::from_millisecond(milliseconds?).ok()
}
