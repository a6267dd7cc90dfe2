//! Notes on contacts and deals. There is no key for them: the same note sent twice is two notes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{Kind, Portal, Record, RecordId, plain_text, refusal};
use crate::{
    call::{Answer, Call},
    ledger::milliseconds,
};

const FIRST_ID: u64 = 55_000_001;
const LONGEST_BODY: usize = 65_536;
const LARGEST_BATCH: usize = 100;
const WRITABLE: &[&str] = &["hs_timestamp", "hs_note_body", "hubspot_owner_id", "hs_attachment_ids"];

#[derive(Deserialize)]
struct NewNote {
    properties: BTreeMap<String, Box<RawValue>>,
    #[serde(default)]
    associations: Vec<Association>,
}

#[derive(Deserialize)]
struct Association {
    to: To,
    types: Vec<AssociationType>,
}

#[derive(Deserialize)]
struct To {
    id: RecordId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssociationType {
    association_category: String,
    association_type_id: u32,
}

/// Makes a note on the records that it is associated with.
pub fn create(portal: &mut Portal, call: &Call, now: Timestamp) -> Answer {
    if !call.has_content_type("application/json") {
        return refusal(415, "VALIDATION_ERROR", "the body must be application/json");
    }
    let new = match serde_json::from_slice::<NewNote>(&call.body) {
        Ok(new) => new,
        Err(error) => return refusal(400, "VALIDATION_ERROR", &format!("Invalid input JSON: {error}")),
    };
    let properties: BTreeMap<String, String> = new
        .properties
        .into_iter()
        .map(|(name, value)| (name, plain_text(&value).unwrap_or_default()))
        .collect();
    let checked = check(&properties).and_then(|()| targets(portal, &new.associations));
    let targets = match checked {
        Ok(targets) => targets,
        Err(problem) => return refusal(400, "VALIDATION_ERROR", &problem),
    };
    let id = portal.notes.last_key_value().map_or(FIRST_ID, |(last, _)| last + 1);
    for target in targets {
        portal.associate((Kind::Note, id), target);
    }
    let note = Record::new(Kind::Note, id, properties, now);
    let answer = Answer::json(201, &note.show_only(Kind::Note, note.properties.keys().map(String::as_str)));
    portal.notes.insert(id, note);
    answer
}

/// Shows many notes at once; of those that are not there it says so much.
pub fn read_many(portal: &Portal, call: &Call, now: Timestamp) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Batch {
        inputs: Vec<To>,
        properties: Vec<String>,
        #[serde(rename = "propertiesWithHistory")]
        _with_history: Vec<String>,
    }
    let batch: Batch = match serde_json::from_slice(&call.body) {
        Ok(batch) => batch,
        Err(error) => return refusal(400, "VALIDATION_ERROR", &format!("Invalid input JSON: {error}")),
    };
    if batch.inputs.len() > LARGEST_BATCH {
        return refusal(400, "VALIDATION_ERROR", "a batch holds at most 100 inputs");
    }
    let (found, missing): (Vec<_>, Vec<_>) = batch
        .inputs
        .into_iter()
        .map(|To { id: RecordId(id) }| (id, portal.notes.get(&id)))
        .partition(|(_, note)| note.is_some());
    let found = found.into_iter().filter_map(|(_, note)| note);
    let results: Vec<Value> = found.map(|note| note.show(Kind::Note, &batch.properties)).collect();
    let mut body = json!({
        "status": "COMPLETE", "results": results, "startedAt": milliseconds(now), "completedAt": milliseconds(now),
    });
    if missing.is_empty() {
        return Answer::json(200, &body);
    }
    let ids: Vec<String> = missing.into_iter().map(|(id, _)| id.to_string()).collect();
    body["numErrors"] = json!(1);
    body["errors"] = json!([{
        "status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some NOTE objects, they may be \
         deleted or not exist. Check that ids are valid.", "context": { "ids": ids }, "errors": [], "links": {},
    }]);
    Answer::json(207, &body)
}

fn check(properties: &BTreeMap<String, String>) -> Result<(), String> {
    if let Some(name) = properties.keys().find(|name| !WRITABLE.contains(&name.as_str())) {
        return Err(format!("Property values were not valid: PROPERTY_DOESNT_EXIST {name}"));
    }
    let time = properties.get("hs_timestamp").map(String::as_str).unwrap_or_default();
    if time.is_empty() {
        return Err("Required properties missing: hs_timestamp".to_owned());
    }
    if time.parse::<Timestamp>().is_err() && time.parse::<i64>().is_err() {
        return Err(format!("hs_timestamp is ISO text or milliseconds, not {time}"));
    }
    if properties.get("hs_note_body").is_some_and(|body| body.chars().count() > LONGEST_BODY) {
        return Err(format!("hs_note_body holds at most {LONGEST_BODY} characters"));
    }
    Ok(())
}

/// The records that a note goes to; one that does not exist, or by the wrong type, makes no note at all.
fn targets(portal: &mut Portal, associations: &[Association]) -> Result<Vec<(Kind, u64)>, String> {
    let mut targets = Vec::new();
    for association in associations {
        let RecordId(id) = association.to.id;
        for association_type in &association.types {
            let number = association_type.association_type_id;
            let kinds = [Kind::Contact, Kind::Deal];
            let kind = kinds.into_iter().find(|kind| Kind::Note.association_type(*kind) == Some(number));
            let kind = kind
                .filter(|_| association_type.association_category == "HUBSPOT_DEFINED")
                .ok_or_else(|| format!("no association type {number} goes from a note to anything here"))?;
            if !portal.records(kind).contains_key(&id) {
                return Err(format!("the {} {id} to associate with does not exist", kind.singular()));
            }
            targets.push((kind, id));
        }
    }
    Ok(targets)
}
