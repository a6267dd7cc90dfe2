//! Xero's JSON, as its OpenAPI file and its real answers have it.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{FoundContact, Invoice, InvoiceContact, Payment};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Invoices {
    pub(super) invoices: Vec<WireInvoice>,
    #[serde(rename = "pagination")]
    pub(super) pagination: Option<Pagination>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pagination {
    pub(super) page_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Contacts {
    pub(super) contacts: Vec<WireContact>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Payments {
    pub(super) payments: Vec<WirePayment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WirePayment {
    #[serde(rename = "PaymentID")]
    pub(super) payment_id: String,
    #[serde(default, deserialize_with = "exact_decimal")]
    amount: Option<Decimal>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WireInvoice {
    #[serde(rename = "InvoiceID")]
    pub(super) invoice_id: String,
    invoice_number: Option<String>,
    #[serde(rename = "Type")]
    kind: String,
    status: String,
    #[serde(default, deserialize_with = "exact_decimal")]
    total: Option<Decimal>,
    #[serde(default, deserialize_with = "exact_decimal")]
    amount_paid: Option<Decimal>,
    #[serde(default, deserialize_with = "exact_decimal")]
    amount_due: Option<Decimal>,
    currency_code: Option<String>,
    #[serde(default, deserialize_with = "date")]
    fully_paid_on_date: Option<Date>,
    #[serde(default, rename = "UpdatedDateUTC", deserialize_with = "moment")]
    updated_at: Option<Timestamp>,
    contact: Option<WireContact>,
    payments: Option<Vec<WirePayment>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WireContact {
    #[serde(rename = "ContactID")]
    pub(super) contact_id: Option<String>,
    name: Option<String>,
    email_address: Option<String>,
    contact_number: Option<String>,
    contact_status: Option<String>,
}

impl WireContact {
    pub(super) fn has_email(&self, email: &str) -> bool {
        self.email_address.as_deref().is_some_and(|address| address.trim().eq_ignore_ascii_case(email))
    }

    pub(super) fn has_number(&self, number: &str) -> bool {
        self.contact_number.as_deref() == Some(number)
    }

    pub(super) fn found(self) -> Option<FoundContact> {
        let is_archived = self.contact_status.is_some_and(|status| status != "ACTIVE");
        Some(FoundContact { contact_id: self.contact_id?, is_archived })
    }
}

impl From<WireInvoice> for Invoice {
    fn from(wire: WireInvoice) -> Self {
        Self {
            invoice_id: wire.invoice_id,
            invoice_number: wire.invoice_number,
            kind: wire.kind,
            status: wire.status,
            total: wire.total,
            amount_paid: wire.amount_paid,
            amount_due: wire.amount_due,
            currency_code: wire.currency_code,
            fully_paid_on: wire.fully_paid_on_date,
            updated_at: wire.updated_at,
            contact: wire.contact.map(InvoiceContact::from),
            payments: wire.payments.unwrap_or_default().into_iter().map(Payment::from).collect(),
        }
    }
}

impl From<WirePayment> for Payment {
    fn from(wire: WirePayment) -> Self {
        Self { payment_id: wire.payment_id, amount: wire.amount }
    }
}

impl From<WireContact> for InvoiceContact {
    fn from(wire: WireContact) -> Self {
        Self {
            contact_id: wire.contact_id,
            name: wire.name,
            // Xero sends an empty text for a contact without an address.
            email_address: wire
                .email_address
                .map(|address| address.trim().to_owned())
                .filter(|address| !address.is_empty()),
        }
    }
}

/// Money goes from the digits of the answer into a decimal; a float on the way would change it.
fn exact_decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    let Some(digits) = Option::<Box<RawValue>>::deserialize(deserializer)? else { return Ok(None) };
    Decimal::from_str_exact(digits.get())
        .or_else(|_| Decimal::from_scientific(digits.get()))
        .map(Some)
        .map_err(|_| D::Error::custom("not an amount of money"))
}

fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    parse_date(&text).map(Some).ok_or_else(|| D::Error::custom("not a date"))
}

/// Nothing for a time in another form: no call fails for the want of it.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.as_deref().and_then(parse_moment))
}

/// `/Date(1552953600000+0000)/`, the same without an offset, or ISO text with or without a time.
fn parse_date(text: &str) -> Option<Date> {
    match parse_moment(text) {
        Some(moment) => Some(moment.to_zoned(TimeZone::UTC).date()),
        None => text.split('T').next()?.parse().ok(),
    }
}

/// Milliseconds count from 1970 in UTC, and Xero's offset is always zero.
fn parse_moment(text: &str) -> Option<Timestamp> {
    let inner = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    Timestamp::from_millisecond(inner.strip_suffix("+0000").unwrap_or(inner).parse().ok()?).ok()
}

/// Xero's error documents: the API gateway's (`Title`, `Detail`) and the accounting API's (`Message`, `Elements`).
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Problem {
    title: Option<String>,
    detail: Option<String>,
    message: Option<String>,
    elements: Vec<Element>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Element {
    validation_errors: Vec<ValidationError>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ValidationError {
    message: String,
}

impl Problem {
    pub(super) fn mentions(&self, word: &str) -> bool {
        self.detail.as_deref().is_some_and(|detail| detail.contains(word))
    }

    /// The most precise words in it: what is wrong with the elements, before "A validation exception occurred".
    pub(super) fn words(self) -> Option<String> {
        let errors: Vec<_> = self
            .elements
            .into_iter()
            .flat_map(|element| element.validation_errors)
            .map(|error| error.message)
            .collect();
        if errors.is_empty() { self.message.or(self.detail).or(self.title) } else { Some(errors.join(" ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(digits: &str) -> Option<String> {
        let json = format!(r#"{{"InvoiceID":"1","Type":"ACCREC","Status":"PAID","Total":{digits}}}"#);
        serde_json::from_str::<WireInvoice>(&json).unwrap().total.map(|total| total.to_string())
    }

    #[test]
    fn money_keeps_every_digit() {
        assert_eq!(total("148062.76").unwrap(), "148062.76");
        assert_eq!(total("0.10").unwrap(), "0.10");
        assert_eq!(total("9007199254740993.0001").unwrap(), "9007199254740993.0001");
        assert_eq!(total("1.5E+3").unwrap(), "1500");
        assert_eq!(total("null"), None);
    }

    #[test]
    fn every_form_of_a_date_gives_the_same_day() {
        for text in [
            "/Date(1552953600000+0000)/",
            "/Date(1552953600000)/",
            "2019-03-19",
            "2019-03-19T00:00:00",
            "2019-03-19T18:10:38Z",
        ] {
            assert_eq!(parse_date(text), Some(jiff::civil::date(2019, 3, 19)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_not_guessed() {
        for text in ["", "/Date()/", "/Date(99999999999999999999)/", "19/03/2019"] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}
