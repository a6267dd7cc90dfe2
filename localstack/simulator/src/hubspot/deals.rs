//! Deals, which the simulator's owner makes and moves; the app reads them.

use jiff::Timestamp;
use serde_json::Value;

use super::{Kind, Portal, Record, Seed};

const FIRST_ID: u64 = 987_654_321;

/// Puts a deal in, in place of the one with its id, with the contacts that it belongs to. What HubSpot works out of
/// the stage is worked out here too, for the default pipeline; other pipelines' stages have names of their own, so a
/// seed may say itself what its stage means.
pub fn seed(portal: &mut Portal, seed: Seed, now: Timestamp) -> Result<Value, String> {
    let next = || portal.deals.last_key_value().map_or(FIRST_ID, |(last, _)| last + 1);
    let id = seed.id("deal")?.unwrap_or_else(next);
    if let Some(unknown) = seed.contacts.iter().find(|contact| !portal.contacts.contains_key(contact)) {
        return Err(format!("there is no contact {unknown} for the deal; seed it first"));
    }
    let mut properties = seed.properties;
    properties.entry("pipeline".to_owned()).or_insert_with(|| "default".to_owned());
    properties.entry("dealstage".to_owned()).or_insert_with(|| "appointmentscheduled".to_owned());
    let stage = properties["dealstage"].clone();
    for (property, closes) in [
        ("hs_is_closed_won", stage == "closedwon"),
        ("hs_is_closed_lost", stage == "closedlost"),
        ("hs_is_closed", stage.starts_with("closed")),
    ] {
        properties.entry(property.to_owned()).or_insert_with(|| closes.to_string());
    }
    portal.associations.retain(|pair| !(pair.contains(&(Kind::Deal, id)) && pair[1].0 == Kind::Contact));
    for contact in seed.contacts {
        portal.associate((Kind::Deal, id), (Kind::Contact, contact));
    }
    let deal = Record::new(Kind::Deal, id, properties, now);
    let stored = deal.show_only(Kind::Deal, deal.properties.keys().map(String::as_str));
    portal.deals.insert(id, deal);
    Ok(stored)
}
