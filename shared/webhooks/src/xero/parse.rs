//! What a Xero delivery says. Read with tolerance, for it cannot be asked for again: unknown categories, further
//! fields and any sequence numbers are taken as they come.

use serde_json::Value;
use zixly_domain::{Delivery, Event, Provider};

use crate::{Malformed, Verified, fields};

/// Reads a delivery that [`verify`](super::verify) accepted. An intent-to-receive has no events. An event that
/// cannot be read is named in [`Delivery::unreadable`], and the others are there all the same.
pub fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let body = fields::body_of(verified, Provider::Xero)?;
    Ok(fields::read_each(Provider::Xero, fields::events_field(body)?, event))
}

fn event(payload: Value) -> Result<Event, String> {
    let account_id = fields::text(&payload, "tenantId")?;
    let resource_id = fields::text(&payload, "resourceId")?;
    let category = fields::text(&payload, "eventCategory")?;
    let action = fields::text(&payload, "eventType")?;
    // Needed, though it may be unreadable: without it a second change of a record looks like the first one.
    let date = fields::text(&payload, "eventDateUtc")?;
    let occurred_at = fields::utc(date);
    let instant = fields::instant_or_text(occurred_at, date);
    Ok(Event {
        provider: Provider::Xero,
        account_id: account_id.to_owned(),
        category: category.to_owned(),
        action: action.to_owned(),
        resource_id: resource_id.to_owned(),
        occurred_at,
        dedupe_key: fields::dedupe_key(&[account_id, resource_id, category, action, &instant]),
        other_dedupe_key: None,
        payload,
    })
}
