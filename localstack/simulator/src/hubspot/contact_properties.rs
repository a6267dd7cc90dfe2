//! The contact properties that a portal knows, and what it takes for each.

use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};

/// HubSpot never moves a contact back along this list unless the stage is cleared first.
const LIFECYCLE_STAGES: &[&str] = &[
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
];

const LEAD_STATUSES: &[&str] = &[
    "NEW",
    "OPEN",
    "IN_PROGRESS",
    "OPEN_DEAL",
    "UNQUALIFIED",
    "ATTEMPTED_TO_CONTACT",
    "CONNECTED",
    "BAD_TIMING",
];

enum Kind {
    Text,
    Number,
    Date,
    Options(&'static [&'static str]),
    ReadOnly,
}

/// HubSpot's own properties, then those that an owner of Zixly creates in the portal.
const PROPERTIES: &[(&str, Kind)] = &[
    ("address", Kind::Text),
    ("city", Kind::Text),
    ("company", Kind::Text),
    ("country", Kind::Text),
    ("createdate", Kind::ReadOnly),
    ("email", Kind::Text),
    ("firstname", Kind::Text),
    ("hs_lead_status", Kind::Options(LEAD_STATUSES)),
    ("hs_object_id", Kind::ReadOnly),
    ("hubspot_owner_id", Kind::Text),
    ("jobtitle", Kind::Text),
    ("lastmodifieddate", Kind::ReadOnly),
    ("lastname", Kind::Text),
    ("lifecyclestage", Kind::Options(LIFECYCLE_STAGES)),
    ("mobilephone", Kind::Text),
    ("phone", Kind::Text),
    ("state", Kind::Text),
    ("website", Kind::Text),
    ("zip", Kind::Text),
    ("zixly_last_paid_amount", Kind::Number),
    ("zixly_last_paid_currency", Kind::Text),
    ("zixly_last_paid_invoice", Kind::Text),
    ("zixly_last_paid_on", Kind::Date),
];

/// Why a value is not taken.
pub struct PropertyProblem {
    property: String,
    code: &'static str,
    message: String,
}

impl PropertyProblem {
    /// As it stands inside the message of the whole refusal.
    pub fn in_message(&self) -> Value {
        json!({
            "isValid": false,
            "message": self.message,
            "error": self.code,
            "name": self.property,
            "localizedErrorMessage": self.message,
        })
    }

    /// As it stands in the list of errors.
    pub fn detail(&self) -> Value {
        json!({"message": self.message, "code": self.code, "context": {"propertyName": [self.property]}})
    }
}

/// The value as HubSpot would store it; an empty one clears the property.
pub fn accept(property: &str, value: &str) -> Result<String, PropertyProblem> {
    let refuse = |code, message| Err(PropertyProblem { property: property.to_owned(), code, message });
    let Some((_, kind)) = PROPERTIES.iter().find(|(name, _)| *name == property) else {
        return refuse("PROPERTY_DOESNT_EXIST", format!("Property \"{property}\" does not exist"));
    };
    match kind {
        Kind::ReadOnly => {
            let message = format!("\"{property}\" is a read only property; its value cannot be set.");
            refuse("READ_ONLY_VALUE", message)
        }
        _ if value.is_empty() => Ok(String::new()),
        Kind::Text => Ok(value.to_owned()),
        Kind::Number if value.parse::<f64>().is_ok_and(f64::is_finite) => Ok(value.to_owned()),
        Kind::Number => refuse("INVALID_LONG", format!("{value} was not a valid number.")),
        Kind::Date => match midnight(value) {
            Some(date) => Ok(date.to_string()),
            None => refuse("INVALID_DATE", format!("{value} is not a date, or not at midnight UTC.")),
        },
        Kind::Options(options) if options.contains(&value) => Ok(value.to_owned()),
        Kind::Options(options) => {
            let message = format!("{value} was not one of the allowed options: [{}]", options.join(", "));
            refuse("INVALID_OPTION", message)
        }
    }
}

/// Whether setting this value would move the contact back along the lifecycle, which HubSpot ignores.
pub fn moves_back(property: &str, from: Option<&str>, to: &str) -> bool {
    let place = |stage: &str| LIFECYCLE_STAGES.iter().position(|known| *known == stage);
    match (property, from.and_then(place), place(to)) {
        ("lifecyclestage", Some(from), Some(to)) => to < from,
        _ => false,
    }
}

/// A date property takes a plain date, or a time that is midnight in UTC as ISO text or milliseconds.
fn midnight(value: &str) -> Option<Date> {
    if value.len() == 10
        && let Ok(date) = value.parse()
    {
        return Some(date);
    }
    let from_milliseconds = || Timestamp::from_millisecond(value.parse().ok()?).ok();
    let time: Timestamp = value.parse().ok().or_else(from_milliseconds)?;
    let midnight = time.as_millisecond().rem_euclid(86_400_000) == 0;
    midnight.then(|| time.to_zoned(jiff::tz::TimeZone::UTC).date())
}
