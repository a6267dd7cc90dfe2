//! A paid Xero sales invoice marks its customer in HubSpot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zixly_connectors::{hubspot::Contact, xero::Invoice};
use zixly_domain::{Provider, RecordAction, Workflow, XeroInvoiceSettings};

use super::{
    Definition, nothing_to_do,
    notify::{self, News},
    polls, record, report,
};
use crate::{
    effects::Write,
    error::StepError,
    steps::{Done, Halt, JobRun, StepContext},
};

/// The one property that HubSpot has of itself.
const STAGE: &str = "lifecyclestage";

#[derive(Deserialize)]
struct Parameters {
    organisation_id: String,
    invoice_id: String,
}

/// What is read of an invoice. The amount is text, so that no cent is lost on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ReadInvoice {
    number: Option<String>,
    kind: String,
    status: String,
    amount_paid: Option<String>,
    currency: Option<String>,
    paid_on: Option<String>,
    customer_email: Option<String>,
}

/// A paid sales invoice and whom it concerns, or why there is nothing to do.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Check {
    Paid { customer_email: String, properties: BTreeMap<String, String> },
    Stop(String),
}

pub(super) const DEFINITION: Definition = Definition {
    workflow: Workflow::XeroInvoiceToHubspot,
    version: 1,
    steps: &["read-invoice", "check-invoice", "find-contact", "update-contact", report::STEP, notify::STEP],
    run: |job| Box::pin(run(job)),
};

/// Runs the steps; gives the job's result.
async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    let parameters: Parameters = job.parameters()?;
    let settings: XeroInvoiceSettings = job.settings()?;
    let invoice = job.step("read-invoice", async |context| read_invoice(context, &parameters).await).await?;
    let checked = job
        .step("check-invoice", async |_| {
            Ok(Done::new(check(&parameters.invoice_id, invoice.as_ref(), &settings)))
        })
        .await?;
    let (email, properties) = match checked {
        Check::Paid { customer_email, properties } => (customer_email, properties),
        Check::Stop(why) => return Ok(nothing_to_do(&why)),
    };
    let contact = job.step("find-contact", async |context| find_contact(context, &email).await).await?;
    let Some(contact_id) = contact else {
        return Ok(nothing_to_do(&format!("HubSpot has no contact with the e-mail address {email}.")));
    };
    let update =
        Update { invoice_id: &parameters.invoice_id, contact_id: &contact_id, properties: &properties };
    job.step("update-contact", async |context| update.make(context).await).await?;
    let facts = json!({
        "invoice_id": update.invoice_id,
        "invoice": invoice,
        "contact_id": update.contact_id,
        "written": update.properties,
    });
    let report = report::leave(job, facts).await?;
    let number = invoice.and_then(|invoice| invoice.number).unwrap_or_else(|| parameters.invoice_id.clone());
    let summary = format!("Contact {contact_id} in HubSpot is marked as having paid invoice {number}.");
    let key = format!("paid-invoice/{}/{}", update.invoice_id, update.digest());
    let notified = notify::tell(job, &News { key: &key, summary: &summary }).await?;
    Ok(json!({
        "outcome": "updated",
        "summary": summary,
        "contact_id": contact_id,
        "report": report,
        "notified": notified,
    }))
}

async fn read_invoice(
    context: &StepContext<'_>,
    parameters: &Parameters,
) -> Result<Done<Option<ReadInvoice>>, StepError> {
    let Parameters { organisation_id, invoice_id } = parameters;
    let connection = context.connection(Provider::Xero, Some(organisation_id))?;
    let xero = context.connectors.xero()?;
    let invoice = context
        .call(Provider::Xero, connection, async |token| {
            xero.fetch_invoice(token, organisation_id, invoice_id).await
        })
        .await?;
    let Some(invoice) = invoice else { return Ok(Done::new(None)) };
    let is_paid = invoice.kind == "ACCREC" && invoice.status == "PAID";
    let business =
        is_paid.then(|| polls::paid_invoice(organisation_id, &invoice.invoice_id, invoice.fully_paid_on));
    let about = invoice.invoice_number.clone();
    let read = record(Provider::Xero, "invoice", &invoice.invoice_id, RecordAction::Read);
    Ok(Done::new(Some(ReadInvoice::from(invoice))).touching(read).about(about).taking_business(business))
}

impl From<Invoice> for ReadInvoice {
    fn from(invoice: Invoice) -> Self {
        Self {
            number: invoice.invoice_number,
            kind: invoice.kind,
            status: invoice.status,
            amount_paid: invoice.amount_paid.or(invoice.total).map(|amount| amount.to_string()),
            currency: invoice.currency_code,
            paid_on: invoice.fully_paid_on.map(|date| date.to_string()),
            customer_email: invoice.contact.and_then(|contact| contact.email_address),
        }
    }
}

fn check(invoice_id: &str, invoice: Option<&ReadInvoice>, settings: &XeroInvoiceSettings) -> Check {
    let Some(invoice) = invoice else {
        return Check::Stop(format!("Xero has no invoice {invoice_id} any more."));
    };
    let number = invoice.number.as_deref().unwrap_or(invoice_id);
    if invoice.kind != "ACCREC" {
        let what = if invoice.kind == "ACCPAY" { "a bill" } else { invoice.kind.as_str() };
        return Check::Stop(format!("{number} is {what}, not a sales invoice."));
    }
    if invoice.status != "PAID" {
        return Check::Stop(format!("Invoice {number} is {}, not PAID.", invoice.status));
    }
    let Some(customer_email) = invoice.customer_email.clone() else {
        return Check::Stop(format!("The customer of invoice {number} has no e-mail address in Xero."));
    };
    let values = [
        (STAGE, Some(settings.lifecycle_stage.clone())),
        (&settings.invoice_property, Some(number.to_owned())),
        (&settings.amount_property, invoice.amount_paid.clone()),
        (&settings.currency_property, invoice.currency.clone()),
        (&settings.paid_on_property, invoice.paid_on.clone()),
    ];
    let properties = values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    Check::Paid { customer_email, properties }
}

async fn find_contact(context: &StepContext<'_>, email: &str) -> Result<Done<Option<String>>, StepError> {
    let connection = context.connection(Provider::HubSpot, None)?;
    let hubspot = context.connectors.hubspot()?;
    let contact = context
        .call(Provider::HubSpot, connection, async |token| {
            hubspot.find_contact_by_email(token, email, &["email"]).await
        })
        .await?;
    Ok(match contact {
        Some(contact) => {
            let read = record(Provider::HubSpot, "contact", &contact.id, RecordAction::Read);
            Done::new(Some(contact.id)).touching(read)
        }
        None => Done::new(None),
    })
}

/// The one write of this workflow.
struct Update<'a> {
    invoice_id: &'a str,
    contact_id: &'a str,
    properties: &'a BTreeMap<String, String>,
}

impl Update<'_> {
    async fn make(&self, context: &StepContext<'_>) -> Result<Done<String>, StepError> {
        let connection = context.connection(Provider::HubSpot, None)?;
        let write = Write {
            effect_key: &self.effect_key(&connection.account_id),
            step: "update-contact",
            provider: Provider::HubSpot,
            connection: Some(connection),
            target: &format!("contact {}", self.contact_id),
            action: &format!("PATCH contact {}", self.contact_id),
            request: &json!({ "properties": self.properties }),
        };
        let hubspot = context.connectors.hubspot()?;
        let look = async |_| {
            let names: Vec<&str> = self.properties.keys().map(String::as_str).collect();
            let contact = context
                .call(Provider::HubSpot, connection, async |token| {
                    hubspot.fetch_contact(token, self.contact_id, &names).await
                })
                .await?;
            Ok(contact.filter(|contact| self.is_there(contact)).map(|contact| contact.id))
        };
        let patch = async || {
            let contact = context
                .call(Provider::HubSpot, connection, async |token| {
                    hubspot.update_contact(token, self.contact_id, self.properties).await
                })
                .await?;
            Ok(contact.id)
        };
        let contact_id = context.once(write, look, patch).await?;
        let updated = record(Provider::HubSpot, "contact", &contact_id, RecordAction::Update);
        Ok(Done::new(contact_id).touching(updated))
    }

    /// Two jobs about the same payment of the same invoice mean the same write. When the invoice is paid anew, with
    /// another amount or on another day, it is another write.
    fn effect_key(&self, portal_id: &str) -> String {
        let Self { invoice_id, contact_id, .. } = self;
        format!("hubspot/{portal_id}/contact/{contact_id}/paid-invoice/{invoice_id}/{}", self.digest())
    }

    /// Names what is written.
    fn digest(&self) -> String {
        let properties = serde_json::to_vec(self.properties).expect("texts serialise");
        Sha256::digest(properties).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether the contact shows this write. HubSpot moves `lifecyclestage` forwards only, so that one proves nothing.
    fn is_there(&self, contact: &Contact) -> bool {
        self.properties
            .iter()
            .filter(|(name, _)| name.as_str() != STAGE)
            .all(|(name, value)| contact.properties.get(name).is_some_and(|is| is.as_deref() == Some(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid() -> ReadInvoice {
        ReadInvoice {
            number: Some("INV-0006".into()),
            kind: "ACCREC".into(),
            status: "PAID".into(),
            amount_paid: Some("148062.76".into()),
            currency: Some("NZD".into()),
            paid_on: Some("2019-03-19".into()),
            customer_email: Some("liam@rockstar.com".into()),
        }
    }

    fn checked(invoice: Option<&ReadInvoice>) -> Check {
        check("a03ffcd2", invoice, &XeroInvoiceSettings::default())
    }

    fn stops(change: impl FnOnce(&mut ReadInvoice)) -> String {
        let mut invoice = paid();
        change(&mut invoice);
        match checked(Some(&invoice)) {
            Check::Stop(why) => why,
            go => panic!("{go:?} should have stopped"),
        }
    }

    #[test]
    fn a_paid_sales_invoice_marks_its_customer() {
        let Check::Paid { customer_email, properties } = checked(Some(&paid())) else {
            panic!("a paid sales invoice goes on")
        };
        assert_eq!(customer_email, "liam@rockstar.com");
        let written: Vec<(&str, &str)> =
            properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            written,
            [
                ("lifecyclestage", "customer"),
                ("zixly_last_paid_amount", "148062.76"),
                ("zixly_last_paid_currency", "NZD"),
                ("zixly_last_paid_invoice", "INV-0006"),
                ("zixly_last_paid_on", "2019-03-19"),
            ]
        );
    }

    #[test]
    fn a_contact_is_marked_as_its_owner_wants_it() {
        let settings = XeroInvoiceSettings {
            lifecycle_stage: "evangelist".into(),
            amount_property: "last_amount".into(),
            ..XeroInvoiceSettings::default()
        };
        let Check::Paid { properties, .. } = check("a03ffcd2", Some(&paid()), &settings) else {
            panic!("it is paid")
        };
        assert_eq!(properties["lifecyclestage"], "evangelist");
        assert_eq!(properties["last_amount"], "148062.76");
        assert!(!properties.contains_key("zixly_last_paid_amount"));
    }

    #[test]
    fn everything_else_stops_and_says_why() {
        assert_eq!(
            stops(|invoice| invoice.kind = "ACCPAY".into()),
            "INV-0006 is a bill, not a sales invoice."
        );
        assert_eq!(
            stops(|invoice| invoice.status = "AUTHORISED".into()),
            "Invoice INV-0006 is AUTHORISED, not PAID."
        );
        assert_eq!(
            stops(|invoice| invoice.customer_email = None),
            "The customer of invoice INV-0006 has no e-mail address in Xero."
        );
        assert_eq!(checked(None), Check::Stop("Xero has no invoice a03ffcd2 any more.".into()));
    }

    #[test]
    fn paying_anew_is_another_write() {
        let key = |invoice: ReadInvoice| {
            let Check::Paid { properties, .. } = checked(Some(&invoice)) else { panic!("it is paid") };
            Update { invoice_id: "a03ffcd2", contact_id: "1", properties: &properties }.effect_key("99")
        };
        assert_eq!(
            key(paid()),
            "hubspot/99/contact/1/paid-invoice/a03ffcd2/54023fa15059fe26",
            "what jobs of before have written is known"
        );
        let again = ReadInvoice { paid_on: Some("2019-04-01".into()), ..paid() };
        assert_ne!(key(paid()), key(again));
    }
}
