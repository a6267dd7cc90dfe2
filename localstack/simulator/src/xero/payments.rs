//! Payments of invoices.

use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    Organisation, Page,
    dates::{day, parse_date, xero_date},
    fields::{Fields, Number},
    filter::Filter,
    invalid_for, invoices, not_found, one_record, query_problem, records,
};
use crate::call::{Answer, Call};

/// The accounts that payments can be made to.
const PAYMENT_ACCOUNTS: &[(&str, &str)] =
    &[("090", "Business Bank Account"), ("970", "Owner A Funds Introduced")];
const SEARCHABLE: &[&str] =
    &["PaymentID", "Reference", "Status", "Invoice.InvoiceID", "Invoice.InvoiceNumber"];

/// A payment as Xero shows it.
pub struct Payment {
    fields: Fields,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NewPayment {
    invoice: InvoiceReference,
    account: AccountReference,
    date: Option<String>,
    amount: Number,
    reference: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InvoiceReference {
    #[serde(rename = "InvoiceID")]
    id: Option<String>,
    #[serde(rename = "InvoiceNumber")]
    number: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AccountReference {
    code: String,
}

pub fn read(organisation: &Organisation, id: &str, now: Timestamp) -> Answer {
    let id = id.to_lowercase();
    match organisation.payments.iter().find(|payment| payment.field("PaymentID") == Some(id.clone())) {
        Some(payment) => records("Payments", [&payment.fields], now),
        None => not_found(),
    }
}

pub fn list(organisation: &Organisation, call: &Call, now: Timestamp) -> Answer {
    let page = match Page::read(call, &["where"]) {
        Ok(page) => page,
        Err(refusal) => return refusal,
    };
    let filter = match call.query("where").map(Filter::parse) {
        Some(Err(problem)) => return query_problem(&problem),
        Some(Ok(filter)) => Some(filter),
        None => None,
    };
    if let Some(field) = filter.as_ref().and_then(|filter| filter.unknown_field(SEARCHABLE)) {
        return query_problem(&format!("No property or field '{field}' exists in type 'Payment'"));
    }
    let matching: Vec<Fields> = organisation
        .payments
        .iter()
        .filter(|payment| filter.as_ref().is_none_or(|filter| filter.fits(|name| payment.field(name))))
        .map(|payment| payment.fields.clone())
        .collect();
    page.answer("Payments", &matching, now)
}

/// Pays an authorised invoice, in part or in full and never more than that.
pub fn create(organisation: &mut Organisation, call: &Call, now: Timestamp) -> Answer {
    let new: NewPayment = match one_record(call, "Payments") {
        Ok(new) => new,
        Err(refusal) => return refusal,
    };
    let mut problems = Vec::new();
    let account = PAYMENT_ACCOUNTS.iter().find(|(code, _)| *code == new.account.code);
    if account.is_none() {
        problems.push(format!("Account code '{}' cannot be used for payments", new.account.code));
    }
    let date = new.date.as_deref().map_or_else(|| Some(day(now)), parse_date);
    if date.is_none() {
        problems.push("Date is not valid".to_owned());
    }
    let Number(amount) = new.amount;
    if amount <= rust_decimal::Decimal::ZERO {
        problems.push("Payment amount must be greater than zero".to_owned());
    }
    let named = new.invoice.id.as_deref().or(new.invoice.number.as_deref()).unwrap_or_default();
    let invoice = invoices::find(organisation, named);
    match &invoice {
        None => problems.push("Invoice could not be found".to_owned()),
        // What is paid already has nothing due, which is the better reason.
        Some(invoice) if invoice.fields.text("Status").is_some_and(|status| !is_payable(&status)) => {
            problems.push("Payments can only be made against Authorised documents".to_owned());
        }
        Some(invoice) if amount > invoice.amount_due() => {
            problems.push("Payment amount exceeds the amount outstanding on this document".to_owned());
        }
        Some(_) => {}
    }
    let (Some(invoice), Some((code, name)), Some(date), true) = (invoice, account, date, problems.is_empty())
    else {
        return invalid_for(&problems);
    };
    let amount = invoices::money(amount);
    let payment = Fields::default()
        .with("PaymentID", Uuid::new_v4())
        .with("Date", xero_date(date))
        .with("Amount", amount)
        .with("Reference", new.reference.unwrap_or_default());
    invoice.pay(payment.clone(), amount.0, date, now);
    let shown = ["Type", "InvoiceID", "InvoiceNumber", "AmountDue", "AmountPaid", "Status", "Contact"];
    let of =
        shown.into_iter().fold(Fields::default(), |of, name| of.with_some(name, invoice.fields.get(name)));
    let fields = payment
        .with("PaymentType", "ACCRECPAYMENT")
        .with("Status", "AUTHORISED")
        .with("UpdatedDateUTC", xero_date(now))
        .with("HasAccount", true)
        .with("IsReconciled", false)
        .with("Account", Fields::default().with("Code", code).with("Name", name))
        .with("Invoice", of)
        .with("HasValidationErrors", false);
    let answer = records("Payments", [&fields], now);
    organisation.payments.push(Payment { fields });
    answer
}

fn is_payable(status: &str) -> bool {
    ["AUTHORISED", "PAID"].contains(&status)
}

impl Payment {
    fn field(&self, name: &str) -> Option<String> {
        match name.strip_prefix("Invoice.") {
            Some(name) => {
                let value = self.fields.object("Invoice").text(name);
                if name == "InvoiceID" { value.map(|id| id.to_lowercase()) } else { value }
            }
            None => self.fields.text(name),
        }
    }
}
