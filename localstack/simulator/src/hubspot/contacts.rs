//! Contacts: reading, searching, updating.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    Kind, Portal, Record, Seed, asked_for, contact_properties, invalid_properties, no_such_record,
    plain_text, refusal,
};
use crate::{
    call::{Answer, Call},
    ledger::milliseconds,
};

const FIRST_ID: u64 = 100_451;
const LARGEST_SEARCH_PAGE: usize = 200;
const LARGEST_SEARCH: usize = 10_000;

/// Puts a contact in. It takes the place of the one with its id, and of the one with its e-mail: a portal has one
/// contact for each.
pub fn seed(portal: &mut Portal, seed: Seed, now: Timestamp) -> Result<Value, String> {
    let contacts = &mut portal.contacts;
    let with_same_email = seed
        .properties
        .get("email")
        .and_then(|email| find_by_email(contacts, email))
        .map(|contact| contact.id);
    let next = || contacts.last_key_value().map_or(FIRST_ID, |(last, _)| last + 1);
    let id = seed.id("contact")?.or(with_same_email).unwrap_or_else(next);
    if let Some(other) = with_same_email {
        contacts.remove(&other);
    }
    let contact = Record::new(Kind::Contact, id, seed.properties, now);
    let stored = contact.show_only(Kind::Contact, contact.properties.keys().map(String::as_str));
    contacts.insert(id, contact);
    Ok(stored)
}

pub fn read(portal: &mut Portal, call: &Call, id: &str) -> Answer {
    match find(&mut portal.contacts, call, id) {
        Ok(contact) => Answer::json(200, &contact.show(Kind::Contact, &asked_for(call, "properties"))),
        Err(refusal) => refusal,
    }
}

pub fn update(portal: &mut Portal, call: &Call, id: &str, now: Timestamp) -> Answer {
    #[derive(Deserialize)]
    struct Update {
        properties: BTreeMap<String, Box<RawValue>>,
    }
    if !call.has_content_type("application/json") {
        return refusal(415, "VALIDATION_ERROR", "the body must be application/json");
    }
    let update = match serde_json::from_slice::<Update>(&call.body) {
        Ok(update) => update.properties,
        Err(error) => return refusal(400, "VALIDATION_ERROR", &format!("Invalid input JSON: {error}")),
    };
    if update.is_empty() {
        let message = "No properties found to update, please provide at least one.";
        return refusal(400, "VALIDATION_ERROR", message);
    }
    let contact = match find(&mut portal.contacts, call, id) {
        Ok(contact) => contact,
        Err(refusal) => return refusal,
    };
    let mut accepted = Vec::new();
    let mut problems = Vec::new();
    for (name, value) in update {
        match contact_properties::accept(&name, &plain_text(&value).unwrap_or_default()) {
            Ok(value) => accepted.push((name, value)),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return invalid_properties(&problems);
    }
    let named: Vec<String> = accepted.iter().map(|(name, _)| name.clone()).collect();
    for (name, value) in accepted {
        let present = contact.properties.get(&name).map(String::as_str);
        if contact_properties::moves_back(&name, present, &value) {
            continue;
        }
        if value.is_empty() {
            contact.properties.remove(&name);
        } else {
            contact.properties.insert(name, value);
        }
    }
    contact.properties.insert("lastmodifieddate".to_owned(), milliseconds(now));
    Answer::json(200, &contact.show(Kind::Contact, &named))
}

pub fn search(portal: &Portal, call: &Call) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Search {
        #[serde(default)]
        filter_groups: Vec<Group>,
        #[serde(default)]
        properties: Vec<String>,
        limit: Option<usize>,
        after: Option<String>,
    }
    #[derive(Deserialize)]
    struct Group {
        filters: Vec<Filter>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Filter {
        property_name: String,
        operator: String,
        value: Option<String>,
    }
    let search: Search = match serde_json::from_slice(&call.body) {
        Ok(search) => search,
        Err(error) => return refusal(400, "VALIDATION_ERROR", &format!("Invalid input JSON: {error}")),
    };
    let groups = &search.filter_groups;
    if let Some(filter) =
        groups.iter().flat_map(|group| &group.filters).find(|filter| filter.operator != "EQ")
    {
        let message = format!("the simulator searches by EQ only, not by {}", filter.operator);
        return refusal(400, "VALIDATION_ERROR", &message);
    }
    let limit = search.limit.unwrap_or(10);
    let Some(after) = search.after.as_deref().map_or(Some(0), |after| after.parse::<usize>().ok()) else {
        return refusal(400, "VALIDATION_ERROR", "after must be a cursor from an earlier answer");
    };
    if limit > LARGEST_SEARCH_PAGE || after.saturating_add(limit) > LARGEST_SEARCH {
        return refusal(400, "VALIDATION_ERROR", "a search gives 200 results a page and 10000 in all");
    }
    let fits = |contact: &Record, filter: &Filter| {
        let given = filter.value.as_deref().unwrap_or_default();
        contact.properties.get(&filter.property_name).is_some_and(|value| value.eq_ignore_ascii_case(given))
    };
    let matching: Vec<&Record> = portal
        .contacts
        .values()
        .filter(|contact| {
            groups.is_empty() || groups.iter().any(|group| group.filters.iter().all(|f| fits(contact, f)))
        })
        .collect();
    let results: Vec<Value> = matching
        .iter()
        .skip(after)
        .take(limit)
        .map(|contact| contact.show(Kind::Contact, &search.properties))
        .collect();
    let mut body = json!({"total": matching.len(), "results": results});
    if after + limit < matching.len() {
        body["paging"] = json!({"next": {"after": (after + limit).to_string()}});
    }
    Answer::json(200, &body)
}

fn find<'a>(
    contacts: &'a mut BTreeMap<u64, Record>,
    call: &Call,
    id: &str,
) -> Result<&'a mut Record, Answer> {
    let found = match call.query("idProperty") {
        None | Some("hs_object_id") => id.parse().ok().and_then(|id| contacts.get_mut(&id)),
        Some("email") => find_by_email(contacts, id),
        Some(other) => {
            let message = format!("{other} is not a property with unique values");
            return Err(refusal(400, "VALIDATION_ERROR", &message));
        }
    };
    found.ok_or_else(|| no_such_record(id))
}

fn find_by_email<'a>(contacts: &'a mut BTreeMap<u64, Record>, email: &str) -> Option<&'a mut Record> {
    contacts
        .values_mut()
        .find(|contact| contact.properties.get("email").is_some_and(|own| own.eq_ignore_ascii_case(email)))
}
