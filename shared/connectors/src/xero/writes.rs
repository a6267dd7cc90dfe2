//! What is written to Xero. Each is create only (`PUT`): written twice, the second one is refused by the unique name,
//! the unique number or the amount that is due. Xero's own idempotency keys are not used: they are kept for six
//! minutes only, and keep an error as well, so that a write which Xero failed could not be repeated.

use jiff::civil::Date;
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use zixly_domain::Provider;

use super::{Invoice, Xero, send, wire};
use crate::http;
use crate::{ConnectorError, MalformedAnswer};

/// A person or business to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NewContact {
    /// What Xero shows; no two active contacts may share one.
    pub name: String,
    /// None where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// None where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// None where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_address: Option<String>,
    /// An id of another system, at most 50 characters.
    pub contact_number: String,
}

/// A sales invoice to be made, approved at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvoice {
    /// Whom it is for.
    pub contact_id: String,
    /// Unique in the organisation.
    pub invoice_number: String,
    /// What the customer knows the business by: the order's name.
    pub reference: String,
    /// When it was made, and due.
    pub date: Date,
    /// ISO 4217.
    pub currency_code: String,
    /// Whether the unit amounts hold the tax.
    pub tax_included: bool,
    /// What was sold.
    pub lines: Vec<InvoiceLine>,
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InvoiceLine {
    /// What was sold.
    pub description: String,
    /// How much of it.
    #[serde(serialize_with = "as_number")]
    pub quantity: Decimal,
    /// The price of one, with at most four decimal places.
    #[serde(serialize_with = "as_number")]
    pub unit_amount: Decimal,
    /// The tax on the whole line; overrides what Xero would work out from the tax type.
    #[serde(serialize_with = "as_number")]
    pub tax_amount: Decimal,
    /// The sales account that it is booked to.
    pub account_code: String,
    /// The tax that it is reported under; the account's own without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_type: Option<String>,
}

/// A payment of a whole invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPayment {
    /// What is paid.
    pub invoice_id: String,
    /// The account that the money went to.
    pub account_code: String,
    /// When.
    pub date: Date,
    /// How much, in the invoice's currency.
    pub amount: Decimal,
}

impl Xero {
    /// Makes a contact and gives its id.
    pub async fn create_contact(
        &self,
        token: &SecretString,
        organisation_id: &str,
        new: &NewContact,
    ) -> Result<String, ConnectorError> {
        let body = WireNewContacts { contacts: [new] };
        let request = self.http.put(self.api_url.join(&["Contacts"])).json(&body);
        let made: wire::Contacts = send(request, token, organisation_id).await?.parse(Provider::Xero)?;
        let id = made.contacts.into_iter().next().and_then(|contact| contact.contact_id);
        id.ok_or_else(|| missing("Contacts[0].ContactID"))
    }

    /// Makes an invoice, and gives it as Xero has it then.
    pub async fn create_invoice(
        &self,
        token: &SecretString,
        organisation_id: &str,
        new: &NewInvoice,
    ) -> Result<Invoice, ConnectorError> {
        let invoice = WireNewInvoice {
            kind: "ACCREC",
            status: "AUTHORISED",
            contact: ContactId { contact_id: &new.contact_id },
            invoice_number: &new.invoice_number,
            reference: &new.reference,
            date: new.date,
            due_date: new.date,
            currency_code: &new.currency_code,
            line_amount_types: if new.tax_included { "Inclusive" } else { "Exclusive" },
            line_items: &new.lines,
        };
        // Without `unitdp` Xero rounds a unit amount to two places.
        let request = self
            .http
            .put(self.api_url.join(&["Invoices"]))
            .query(&[("unitdp", "4")])
            .json(&WireNewInvoices { invoices: [invoice] });
        let made: wire::Invoices = send(request, token, organisation_id).await?.parse(Provider::Xero)?;
        made.invoices.into_iter().next().map(Invoice::from).ok_or_else(|| missing("Invoices[0]"))
    }

    /// Records a payment and gives its id.
    pub async fn create_payment(
        &self,
        token: &SecretString,
        organisation_id: &str,
        new: &NewPayment,
    ) -> Result<String, ConnectorError> {
        let payment = WireNewPayment {
            invoice: InvoiceId { invoice_id: &new.invoice_id },
            account: AccountCode { code: &new.account_code },
            date: new.date,
            amount: new.amount,
        };
        let body = WireNewPayments { payments: [payment] };
        let request = self.http.put(self.api_url.join(&["Payments"])).json(&body);
        let made: wire::Payments = send(request, token, organisation_id).await?.parse(Provider::Xero)?;
        let payment = made.payments.into_iter().next();
        payment.map(|payment| payment.payment_id).ok_or_else(|| missing("Payments[0]"))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireNewContacts<'a> {
    contacts: [&'a NewContact; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireNewInvoices<'a> {
    invoices: [WireNewInvoice<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireNewInvoice<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    status: &'static str,
    /// Only the id: any other field would change the contact.
    contact: ContactId<'a>,
    invoice_number: &'a str,
    reference: &'a str,
    date: Date,
    due_date: Date,
    currency_code: &'a str,
    line_amount_types: &'static str,
    line_items: &'a [InvoiceLine],
}

#[derive(Serialize)]
struct ContactId<'a> {
    #[serde(rename = "ContactID")]
    contact_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireNewPayments<'a> {
    payments: [WireNewPayment<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireNewPayment<'a> {
    invoice: InvoiceId<'a>,
    account: AccountCode<'a>,
    date: Date,
    #[serde(serialize_with = "as_number")]
    amount: Decimal,
}

#[derive(Serialize)]
struct InvoiceId<'a> {
    #[serde(rename = "InvoiceID")]
    invoice_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AccountCode<'a> {
    code: &'a str,
}

/// Every digit as it is: a float on the way would change it.
fn as_number<S: Serializer>(amount: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    let digits = RawValue::from_string(amount.to_string()).expect("a decimal is written as a JSON number");
    digits.serialize(serializer)
}

fn missing(path: &str) -> ConnectorError {
    http::malformed(Provider::Xero, MalformedAnswer::WrongShape { path: path.to_owned() })
}
