//! HubSpot's JSON, as its OpenAPI files and its real answers have it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub(super) struct Contact {
    id: String,
    properties: BTreeMap<String, Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object {
    pub(super) id: String,
    pub(super) created_at: Option<Timestamp>,
    pub(super) properties: BTreeMap<String, Box<RawValue>>,
    #[serde(default)]
    associations: BTreeMap<String, Associated>,
}

#[derive(Deserialize)]
struct Associated {
    results: Vec<AssociatedId>,
}

#[derive(Deserialize)]
struct AssociatedId {
    id: String,
}

impl Object {
    pub(super) fn property(&self, name: &str) -> Option<String> {
        text_of(self.properties.get(name)?).filter(|value| !value.is_empty())
    }

    /// The ids of the associated records of a type, each once: a record may be associated in several ways.
    pub(super) fn associated(&self, object_type: &str) -> Vec<String> {
        let found = self.associations.get(object_type).map(|found| found.results.as_slice());
        let mut ids: Vec<String> = found.unwrap_or_default().iter().map(|record| record.id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

#[derive(Deserialize)]
pub(super) struct Objects {
    pub(super) results: Vec<Object>,
}

#[derive(Deserialize)]
pub(super) struct AssociatedIds {
    pub(super) results: Vec<ToObject>,
    pub(super) paging: Option<Paging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToObject {
    to_object_id: Box<RawValue>,
}

impl ToObject {
    /// HubSpot gives a number here where it gives a text elsewhere.
    pub(super) fn id(&self) -> String {
        self.to_object_id.get().trim_matches('"').to_owned()
    }
}

#[derive(Deserialize)]
pub(super) struct Paging {
    pub(super) next: Option<NextPage>,
}

#[derive(Deserialize)]
pub(super) struct NextPage {
    pub(super) after: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchRead<'a> {
    pub(super) properties: [&'static str; 1],
    pub(super) properties_with_history: [&'static str; 0],
    pub(super) inputs: Vec<ObjectId<'a>>,
}

#[derive(Serialize)]
pub(super) struct NewNote<'a> {
    pub(super) properties: NewNoteProperties<'a>,
    pub(super) associations: [NewAssociation<'a>; 1],
}

#[derive(Serialize)]
pub(super) struct NewNoteProperties<'a> {
    pub(super) hs_timestamp: String,
    pub(super) hs_note_body: &'a str,
}

#[derive(Serialize)]
pub(super) struct NewAssociation<'a> {
    pub(super) to: ObjectId<'a>,
    pub(super) types: [AssociationType; 1],
}

#[derive(Serialize)]
pub(super) struct ObjectId<'a> {
    pub(super) id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssociationType {
    pub(super) association_category: &'static str,
    pub(super) association_type_id: u16,
}

#[derive(Serialize)]
pub(super) struct ContactUpdate<'a> {
    pub(super) properties: &'a BTreeMap<String, String>,
}

impl From<Contact> for super::Contact {
    fn from(wire: Contact) -> Self {
        let properties = wire.properties.into_iter().map(|(name, value)| (name, text_of(&value))).collect();
        Self { id: wire.id, properties }
    }
}

/// HubSpot declares every property as text; should a number or a boolean come, its JSON is that text.
fn text_of(value: &RawValue) -> Option<String> {
    serde_json::from_str::<Option<String>>(value.get()).unwrap_or_else(|_| Some(value.get().to_owned()))
}

/// HubSpot's error document; every field may be missing.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Problem {
    category: Option<String>,
    message: Option<String>,
    policy_name: Option<String>,
    context: Option<ProblemContext>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProblemContext {
    missing_scopes: Option<Vec<String>>,
}

impl Problem {
    pub(super) fn scope_is_missing(&self) -> bool {
        self.category.as_deref() == Some("MISSING_SCOPES")
            || self.context.as_ref().is_some_and(|context| context.missing_scopes.is_some())
    }

    /// The wait that the name of the limit implies. `Retry-After` is not promised with a 429.
    pub(super) fn implied_wait(&self) -> Option<Duration> {
        let words = self.policy_name.as_ref().or(self.message.as_ref())?.to_ascii_uppercase();
        if words.contains("TEN_SECONDLY") {
            Some(Duration::from_secs(10))
        } else if words.contains("DAILY") {
            // It ends at midnight in the account's time zone, which we do not know.
            Some(Duration::from_hours(1))
        } else if words.contains("SECONDLY") {
            Some(Duration::from_secs(1))
        } else {
            None
        }
    }

    pub(super) fn words(self) -> Option<String> {
        self.message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_that_is_no_text_becomes_one_unchanged() {
        let json = r#"{"id":"1","properties":{"a":"x\u00e9","b":null,"c":12.50,"d":true,"e":9007199254740993,"f":""}}"#;
        let contact = super::super::Contact::from(serde_json::from_str::<Contact>(json).unwrap());
        let values: Vec<_> = contact.properties.values().map(Option::as_deref).collect();
        assert_eq!(
            values,
            [Some("xé"), None, Some("12.50"), Some("true"), Some("9007199254740993"), Some("")]
        );
    }
}
