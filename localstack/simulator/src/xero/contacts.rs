//! Contacts: finding them by a field, and creating them.

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Organisation, Page, changed_since,
    dates::{parse_date, xero_date},
    fields::Fields,
    filter::Filter,
    invalid_for, not_found, one_record, query_problem, records,
};
use crate::call::{Answer, Call};

const LONGEST_NAME: usize = 255;
const LONGEST_CONTACT_NUMBER: usize = 50;
/// What a new contact may bring.
const WRITABLE: &[&str] = &[
    "Name",
    "FirstName",
    "LastName",
    "EmailAddress",
    "ContactNumber",
    "AccountNumber",
    "ContactStatus",
    "Phones",
    "Addresses",
];
const SEARCHABLE: &[&str] = &["ContactID", "ContactNumber", "ContactStatus", "EmailAddress", "Name"];

/// A customer of the organisation.
pub struct Contact {
    fields: Fields,
    updated_at: Timestamp,
}

/// Puts a contact in, in place of the one with its id; it gets an id and a status.
pub fn seed(organisation: &mut Organisation, fields: Fields, now: Timestamp) -> Result<Fields, String> {
    let id = match fields.get("ContactID") {
        None => Uuid::new_v4(),
        Some(_) => fields
            .text("ContactID")
            .and_then(|id| Uuid::parse_str(&id).ok())
            .ok_or_else(|| "ContactID must be a UUID".to_owned())?,
    };
    if fields.text("Name").is_none_or(|name| name.is_empty()) {
        return Err("a Xero contact must have a Name".to_owned());
    }
    let fields = if fields.get("ContactID").is_none() { fields.after("ContactID", id) } else { fields };
    let status = fields.text("ContactStatus").unwrap_or_else(|| "ACTIVE".to_owned());
    let fields = fields.with("ContactStatus", status);
    let updated_at = fields.text("UpdatedDateUTC").and_then(|date| parse_date(&date)).unwrap_or(now);
    organisation.contacts.insert(id.to_string(), Contact { fields: fields.clone(), updated_at });
    Ok(fields)
}

pub fn read(organisation: &Organisation, id: &str, now: Timestamp) -> Answer {
    match organisation.contacts.get(&id.to_lowercase()) {
        Some(contact) => records("Contacts", [&contact.fields], now),
        None => not_found(),
    }
}

pub fn list(organisation: &Organisation, call: &Call, now: Timestamp) -> Answer {
    let known = ["where", "searchTerm", "summaryOnly", "includeArchived"];
    let (page, since) = match (Page::read(call, &known), changed_since(call)) {
        (Ok(page), Ok(since)) => (page, since),
        (Err(refusal), _) | (_, Err(refusal)) => return refusal,
    };
    let filter = match call.query("where").map(Filter::parse) {
        Some(Err(problem)) => return query_problem(&problem),
        Some(Ok(filter)) => Some(filter),
        None => None,
    };
    if let Some(field) = filter.as_ref().and_then(|filter| filter.unknown_field(SEARCHABLE)) {
        return query_problem(&format!("No property or field '{field}' exists in type 'Contact'"));
    }
    let with_archived = call.query("includeArchived") == Some("true");
    let matching: Vec<Fields> = organisation
        .contacts
        .values()
        .filter(|contact| with_archived || contact.is_active())
        .filter(|contact| since.is_none_or(|since| contact.updated_at > since))
        .filter(|contact| call.query("searchTerm").is_none_or(|term| contact.mentions(term)))
        .filter(|contact| filter.as_ref().is_none_or(|filter| filter.fits(|name| contact.fields.text(name))))
        .map(|contact| contact.fields.clone())
        .collect();
    page.answer("Contacts", &matching, now)
}

/// Makes a contact. Names are unique among the active ones; e-mail addresses and contact numbers are not.
pub fn create(organisation: &mut Organisation, call: &Call, now: Timestamp) -> Answer {
    let new: Fields = match one_record(call, "Contacts") {
        Ok(new) => new,
        Err(refusal) => return refusal,
    };
    let problems = problems(organisation, &new);
    if !problems.is_empty() {
        return invalid_for(&problems);
    }
    let id = Uuid::new_v4().to_string();
    let fields = new
        .after("ContactID", &id)
        .with("ContactStatus", "ACTIVE")
        .with("UpdatedDateUTC", xero_date(now))
        .with("IsSupplier", false)
        .with("IsCustomer", false)
        .with("HasValidationErrors", false);
    let answer = records("Contacts", [&fields], now);
    organisation.contacts.insert(id, Contact { fields, updated_at: now });
    answer
}

fn problems(organisation: &Organisation, new: &Fields) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(name) = new.names().find(|name| !WRITABLE.contains(name)) {
        problems.push(format!("The simulator does not take {name} for a new contact"));
    }
    match new.text("Name").as_deref().map(str::trim) {
        None | Some("") => problems.push("The Contact Name must be specified".to_owned()),
        Some(name) if name.len() > LONGEST_NAME => {
            problems.push("Name holds at most 255 characters".to_owned());
        }
        Some(name) if organisation.contacts.values().any(|contact| contact.is_called(name)) => {
            problems.push(format!(
                "The contact name {name} is already assigned to another contact. The contact name must be unique \
                 across all active contacts."
            ));
        }
        Some(_) => {}
    }
    if new.text("ContactNumber").is_some_and(|number| number.len() > LONGEST_CONTACT_NUMBER) {
        problems.push("ContactNumber holds at most 50 characters".to_owned());
    }
    if new.text("EmailAddress").is_some_and(|email| !email.is_empty() && !is_email(&email)) {
        problems.push("Email address must be valid.".to_owned());
    }
    problems
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
        && !text.contains(char::is_whitespace)
}

impl Contact {
    /// The part of a contact that an invoice shows.
    pub fn in_invoice(&self) -> Fields {
        Fields::default()
            .with_some("ContactID", self.fields.text("ContactID"))
            .with_some("Name", self.fields.text("Name"))
            .with_some("EmailAddress", self.fields.text("EmailAddress"))
    }

    fn is_active(&self) -> bool {
        self.fields.text("ContactStatus").as_deref() == Some("ACTIVE")
    }

    fn is_called(&self, name: &str) -> bool {
        self.is_active() && self.fields.text("Name").is_some_and(|own| own.trim().eq_ignore_ascii_case(name))
    }

    /// Whether the term is part of a name, an address or a number.
    fn mentions(&self, term: &str) -> bool {
        let term = term.to_lowercase();
        ["Name", "FirstName", "LastName", "EmailAddress", "ContactNumber"]
            .into_iter()
            .filter_map(|name| self.fields.text(name))
            .any(|value| value.to_lowercase().contains(&term))
    }
}
