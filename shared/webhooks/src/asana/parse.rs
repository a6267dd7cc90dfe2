//! What an Asana delivery says: which resources changed, and of which field, but not to what.

use http::Uri;
use serde_json::Value;
use zixly_domain::{Delivery, Event, Provider};

use crate::{Malformed, Verified, fields};

/// Reads a delivery that [`verify`](super::verify) accepted. A heartbeat has no events. An event that cannot be
/// read is named in [`Delivery::unreadable`], and the others are there all the same.
pub fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let body = fields::body_of(verified, Provider::Asana)?;
    let endpoint = endpoint(verified.request().uri)?;
    Ok(fields::read_each(Provider::Asana, fields::events_field(body)?, |payload| event(&endpoint, payload)))
}

/// The last part of the URL's path; what the webhook was registered with may go on with a query.
fn endpoint(uri: &str) -> Result<String, Malformed> {
    let uri: Option<Uri> = uri.parse().ok();
    let path = uri.as_ref().map_or("", Uri::path);
    match path.rsplit_once('/') {
        Some((_, endpoint)) if (1..=fields::LONGEST_FIELD_BYTES).contains(&endpoint.len()) => {
            Ok(endpoint.to_owned())
        }
        _ => Err(Malformed::new("the URL does not end with the id of an endpoint")),
    }
}

fn event(endpoint: &str, payload: Value) -> Result<Event, String> {
    let category = fields::text(&payload, "resource.resource_type")?;
    let resource_id = fields::id(&payload, "resource.gid")?;
    let action = fields::text(&payload, "action")?;
    let field = changed_field(&payload)?;
    // Needed, though it may be unreadable: without it a second change of a field looks like the first one.
    let date = fields::text(&payload, "created_at")?;
    let occurred_at = fields::utc(date);
    let instant = fields::instant_or_text(occurred_at, date);
    Ok(Event {
        provider: Provider::Asana,
        account_id: endpoint.to_owned(),
        category: category.to_owned(),
        action: action.to_owned(),
        occurred_at,
        dedupe_key: fields::dedupe_key(&[endpoint, &resource_id, action, field, &instant]),
        other_dedupe_key: None,
        resource_id,
        payload,
    })
}

/// Empty where the event is not about one field: not every change is, and nothing else than a change.
fn changed_field(payload: &Value) -> Result<&str, String> {
    match payload["change"]["field"] {
        Value::Null => Ok(""),
        _ => fields::text(payload, "change.field"),
    }
}
