//! Invoices: reading, listing, creating, and the notes in their history.

use jiff::Timestamp;
use rust_decimal::{Decimal, RoundingStrategy::MidpointAwayFromZero};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{
    Organisation, Page, changed_since,
    dates::{day, iso_text, parse_date, xero_date},
    fields::{Fields, Number},
    invalid, invalid_for, not_found, one_record, records,
};
use crate::call::{Answer, Call};

const LONGEST_NOTE: usize = 2500;
const LONGEST_NUMBER: usize = 255;

/// The accounts that sales can be booked to, besides bank accounts.
const SALES_ACCOUNTS: &[&str] = &["200", "260", "270", "425"];
/// Tax on sales in percent, by type; the first goes with an account unless another is named.
const TAX_TYPES: &[(&str, i64)] =
    &[("OUTPUT2", 15), ("OUTPUT", 10), ("NONE", 0), ("EXEMPTOUTPUT", 0), ("ZERORATEDOUTPUT", 0)];

/// An invoice as it was given or made.
pub struct Invoice {
    pub fields: Fields,
    updated_at: Timestamp,
    history: Vec<HistoryRecord>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct HistoryRecord {
    details: String,
    #[serde(rename = "DateUTC")]
    date_utc: String,
    #[serde(rename = "DateUTCString")]
    date_utc_string: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NewInvoice {
    #[serde(rename = "Type")]
    kind: String,
    status: Option<String>,
    contact: ContactReference,
    invoice_number: Option<String>,
    reference: Option<String>,
    date: Option<String>,
    due_date: Option<String>,
    currency_code: Option<String>,
    line_amount_types: Option<String>,
    #[serde(default)]
    line_items: Vec<NewLine>,
    url: Option<String>,
}

/// By id only: other fields would change the contact, which no caller means when it makes an invoice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactReference {
    #[serde(rename = "ContactID")]
    id: Uuid,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NewLine {
    description: Option<String>,
    quantity: Option<Number>,
    unit_amount: Option<Number>,
    line_amount: Option<Number>,
    discount_rate: Option<Number>,
    account_code: Option<String>,
    tax_type: Option<String>,
    tax_amount: Option<Number>,
}

/// A line with its amounts worked out.
struct Line {
    fields: Fields,
    amount: Decimal,
    tax: Decimal,
}

/// Puts an invoice in; it gets nothing but an id of its own.
pub fn seed(organisation: &mut Organisation, fields: Fields, now: Timestamp) -> Result<Fields, String> {
    let (id, fields) = match (fields.text("InvoiceID"), fields.get("InvoiceID")) {
        (Some(id), _) if !id.is_empty() => (id, fields),
        (_, Some(_)) => return Err("InvoiceID must be a text that is not empty".to_owned()),
        (_, None) => {
            let id = Uuid::new_v4().to_string();
            (id.clone(), fields.after("InvoiceID", id))
        }
    };
    let updated_at = fields.text("UpdatedDateUTC").and_then(|date| parse_date(&date)).unwrap_or(now);
    let invoice = Invoice { fields: fields.clone(), updated_at, history: Vec::new() };
    organisation.invoices.insert(id.to_lowercase(), invoice);
    Ok(fields)
}

pub fn read(organisation: &mut Organisation, id: &str, now: Timestamp) -> Answer {
    match find(organisation, id) {
        Some(invoice) => records("Invoices", [&invoice.fields], now),
        None => not_found(),
    }
}

pub fn list(organisation: &Organisation, call: &Call, now: Timestamp) -> Answer {
    let (page, since) =
        match (Page::read(call, &["Statuses", "InvoiceNumbers", "order"]), changed_since(call)) {
            (Ok(page), Ok(since)) => (page, since),
            (Err(refusal), _) | (_, Err(refusal)) => return refusal,
        };
    let one_of = |name: &str| -> Option<Vec<&str>> { Some(call.query(name)?.split(',').collect()) };
    let (statuses, numbers) = (one_of("Statuses"), one_of("InvoiceNumbers"));
    let is_listed = |list: &Option<Vec<&str>>, value: Option<String>| {
        list.as_ref().is_none_or(|list| list.contains(&value.unwrap_or_default().as_str()))
    };
    let mut matching: Vec<&Invoice> = organisation
        .invoices
        .values()
        .filter(|invoice| is_listed(&statuses, invoice.fields.text("Status")))
        .filter(|invoice| is_listed(&numbers, invoice.fields.text("InvoiceNumber")))
        .filter(|invoice| since.is_none_or(|since| invoice.updated_at > since))
        .collect();
    match call.query("order") {
        None => {}
        Some("UpdatedDateUTC" | "UpdatedDateUTC ASC") => matching.sort_by_key(|invoice| invoice.updated_at),
        Some(_) => return invalid("The simulator orders invoices by UpdatedDateUTC only"),
    }
    let matching: Vec<Fields> = matching.into_iter().map(|invoice| invoice.fields.clone()).collect();
    page.answer("Invoices", &matching, now)
}

/// Makes an invoice; a number that is taken is refused, which makes a number a lasting key.
pub fn create(organisation: &mut Organisation, call: &Call, now: Timestamp) -> Answer {
    let new: NewInvoice = match one_record(call, "Invoices") {
        Ok(new) => new,
        Err(refusal) => return refusal,
    };
    let places = if call.query("unitdp") == Some("4") { 4 } else { 2 };
    let mut problems = new.problems(organisation);
    let lines: Vec<Line> =
        new.line_items.iter().filter_map(|line| line.work_out(&new, places, &mut problems)).collect();
    if !problems.is_empty() {
        return invalid_for(&problems);
    }
    let id = Uuid::new_v4().to_string();
    let number = match &new.invoice_number {
        Some(number) => number.clone(),
        None => format!("INV-{:04}", organisation.invoices.len() + 1),
    };
    let contact = organisation.contacts[&new.contact.id.to_string()].in_invoice();
    let fields = new.fields(&id, number, contact, lines, now);
    let answer = records("Invoices", [&fields], now);
    organisation.invoices.insert(id, Invoice { fields, updated_at: now, history: Vec::new() });
    answer
}

pub fn history(organisation: &mut Organisation, id: &str, now: Timestamp) -> Answer {
    match find(organisation, id) {
        Some(invoice) => records("HistoryRecords", &invoice.history, now),
        None => not_found(),
    }
}

pub fn add_history(organisation: &mut Organisation, call: &Call, id: &str, now: Timestamp) -> Answer {
    #[derive(Deserialize)]
    struct Note {
        #[serde(rename = "Details")]
        details: String,
    }
    let note: Note = match one_record(call, "HistoryRecords") {
        Ok(note) => note,
        Err(refusal) => return refusal,
    };
    if note.details.is_empty() || note.details.len() > LONGEST_NOTE {
        return invalid("Details is required and holds at most 2500 characters");
    }
    let Some(invoice) = find(organisation, id) else { return not_found() };
    let added =
        HistoryRecord { details: note.details, date_utc: xero_date(now), date_utc_string: iso_text(now) };
    invoice.history.push(added.clone());
    records("HistoryRecords", [added], now)
}

/// Xero takes the number as well as the id.
pub fn find<'a>(organisation: &'a mut Organisation, id_or_number: &str) -> Option<&'a mut Invoice> {
    let invoices = &mut organisation.invoices;
    let id = id_or_number.to_lowercase();
    if invoices.contains_key(&id) {
        return invoices.get_mut(&id);
    }
    invoices
        .values_mut()
        .find(|invoice| invoice.fields.text("InvoiceNumber").as_deref() == Some(id_or_number))
}

impl Invoice {
    /// What is still to be paid.
    pub fn amount_due(&self) -> Decimal {
        self.fields.number("AmountDue").unwrap_or_default()
    }

    /// Books a payment; the one that pays the rest makes the invoice paid.
    pub fn pay(&mut self, payment: Fields, amount: Decimal, date: Timestamp, now: Timestamp) {
        let due = self.amount_due() - amount;
        let paid = self.fields.number("AmountPaid").unwrap_or_default() + amount;
        let mut payments: Vec<Fields> = self
            .fields
            .get("Payments")
            .and_then(|payments| serde_json::from_str(payments.get()).ok())
            .unwrap_or_default();
        payments.push(payment);
        self.fields.set("Payments", payments);
        self.fields.set("AmountDue", money(due));
        self.fields.set("AmountPaid", money(paid));
        if due.is_zero() {
            self.fields.set("Status", "PAID");
            self.fields.set("FullyPaidOnDate", xero_date(date));
        }
        self.fields.set("UpdatedDateUTC", xero_date(now));
        self.updated_at = now;
    }
}

impl NewInvoice {
    fn problems(&self, organisation: &mut Organisation) -> Vec<String> {
        let mut problems = Vec::new();
        let mut complain = |condition: bool, message: &str| {
            if condition {
                problems.push(message.to_owned());
            }
        };
        complain(self.kind != "ACCREC", "The simulator makes sales invoices (Type ACCREC) only");
        let status = self.status();
        complain(
            !["DRAFT", "SUBMITTED", "AUTHORISED"].contains(&status),
            "Invoice not of valid status for creation",
        );
        complain(
            !organisation.contacts.contains_key(&self.contact.id.to_string()),
            "The Contact with the specified ContactID could not be found",
        );
        if let Some(number) = &self.invoice_number {
            complain(
                number.is_empty() || number.len() > LONGEST_NUMBER,
                "InvoiceNumber has 1 to 255 letters",
            );
            complain(find(organisation, number).is_some(), "Invoice # must be unique.");
        }
        complain(
            !["Exclusive", "Inclusive", "NoTax"].contains(&self.line_amount_types()),
            "LineAmountTypes must be Exclusive, Inclusive or NoTax",
        );
        let is_date = |date: &Option<String>| date.as_deref().is_none_or(|date| parse_date(date).is_some());
        complain(!is_date(&self.date), "Date is not valid");
        complain(!is_date(&self.due_date), "DueDate is not valid");
        let currency = self.currency_code();
        complain(
            currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_uppercase()),
            "CurrencyCode must be three capital letters",
        );
        if status != "DRAFT" {
            complain(self.due_date.is_none(), "Due Date cannot be empty");
            complain(self.line_items.is_empty(), "One or more line items must be specified");
        }
        problems
    }

    fn status(&self) -> &str {
        self.status.as_deref().unwrap_or("DRAFT")
    }

    fn line_amount_types(&self) -> &str {
        self.line_amount_types.as_deref().unwrap_or("Exclusive")
    }

    fn currency_code(&self) -> &str {
        self.currency_code.as_deref().unwrap_or("NZD")
    }

    fn fields(self, id: &str, number: String, contact: Fields, lines: Vec<Line>, now: Timestamp) -> Fields {
        let date = self.date.as_deref().and_then(parse_date).unwrap_or_else(|| day(now));
        let due_date = self.due_date.as_deref().and_then(parse_date);
        let amounts: Decimal = lines.iter().map(|line| line.amount).sum();
        let tax: Decimal = lines.iter().map(|line| line.tax).sum();
        let (subtotal, total) = match self.line_amount_types() {
            "Inclusive" => (amounts - tax, amounts),
            _ => (amounts, amounts + tax),
        };
        Fields::default()
            .with("Type", &self.kind)
            .with("InvoiceID", id)
            .with("InvoiceNumber", number)
            .with("Reference", self.reference.as_deref().unwrap_or_default())
            .with("Payments", json!([]))
            .with("AmountDue", money(total))
            .with("AmountPaid", money(Decimal::ZERO))
            .with("AmountCredited", money(Decimal::ZERO))
            .with_some("Url", self.url.as_deref())
            .with("HasErrors", false)
            .with("Contact", contact)
            .with("DateString", iso_text(date))
            .with("Date", xero_date(date))
            .with_some("DueDateString", due_date.map(iso_text))
            .with_some("DueDate", due_date.map(xero_date))
            .with("Status", self.status())
            .with("LineAmountTypes", self.line_amount_types())
            .with("LineItems", lines.into_iter().map(|line| line.fields).collect::<Vec<_>>())
            .with("SubTotal", money(subtotal))
            .with("TotalTax", money(tax))
            .with("Total", money(total))
            .with("UpdatedDateUTC", xero_date(now))
            .with("CurrencyCode", self.currency_code())
    }
}

impl NewLine {
    /// The line with its amounts; what is wrong with it goes to the problems.
    fn work_out(&self, invoice: &NewInvoice, places: u32, problems: &mut Vec<String>) -> Option<Line> {
        let before = problems.len();
        let description = self.description.as_deref().unwrap_or_default();
        if description.is_empty() {
            problems.push("Description is required for each line".to_owned());
        }
        let account = self.account_code.as_deref();
        match account {
            None if invoice.status() == "DRAFT" => {}
            None => problems.push("Account code must be specified".to_owned()),
            Some(code) if SALES_ACCOUNTS.contains(&code) => {}
            Some(code) => {
                problems.push(format!("Account code '{code}' is not a valid code for this document."));
            }
        }
        let tax_type = match (invoice.line_amount_types(), self.tax_type.as_deref()) {
            ("NoTax", _) => "NONE",
            (_, Some(tax_type)) => tax_type,
            (_, None) => TAX_TYPES[0].0,
        };
        let rate = TAX_TYPES.iter().find(|(known, _)| *known == tax_type).map(|(_, rate)| *rate);
        if rate.is_none() {
            problems.push(format!(
                "The TaxType code '{tax_type}' does not exist or cannot be used for this type of transaction."
            ));
        }
        let quantity = self.quantity.map_or(Decimal::ONE, |Number(number)| number);
        let unit = self.unit_amount.map_or(Decimal::ZERO, |Number(number)| number);
        let unit = unit.round_dp_with_strategy(places, MidpointAwayFromZero);
        let hundred = Decimal::ONE_HUNDRED;
        let discount = self.discount_rate.map_or(Decimal::ZERO, |Number(number)| number);
        let amount = cents(quantity * unit * (hundred - discount) / hundred);
        if let Some(Number(given)) = self.line_amount
            && given != amount
        {
            problems.push(format!("The line total {given} does not match the expected line total {amount}"));
        }
        if problems.len() > before {
            return None;
        }
        let rate = Decimal::from(rate.unwrap_or_default());
        let tax = match (self.tax_amount, invoice.line_amount_types()) {
            (_, "NoTax") => Decimal::ZERO,
            (Some(Number(given)), _) => cents(given),
            (None, "Inclusive") => cents(amount * rate / (hundred + rate)),
            (None, _) => cents(amount * rate / hundred),
        };
        let fields = Fields::default()
            .with("Description", description)
            .with("UnitAmount", Number(unit))
            .with("TaxType", tax_type)
            .with("TaxAmount", money(tax))
            .with("LineAmount", money(amount))
            .with_some("AccountCode", account)
            .with("Tracking", json!([]))
            .with("Quantity", Number(quantity))
            .with("LineItemID", Uuid::new_v4());
        Some(Line { fields, amount, tax })
    }
}

fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, MidpointAwayFromZero)
}

/// An amount with both its digits after the point.
pub fn money(mut amount: Decimal) -> Number {
    amount.rescale(2);
    Number(amount)
}
