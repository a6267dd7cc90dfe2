//! A paid Shopify order becomes a paid invoice in Xero, for exactly what the customer paid.

mod draft;
mod read;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zixly_connectors::{
    ConnectorError,
    xero::{InvoiceLine, NewContact, NewInvoice, NewPayment, Payment},
};
use zixly_domain::{Provider, RecordAction, Workflow};
use zixly_store::connections::Connection;

use self::{
    draft::{Draft, draft},
    read::{ReadLine, ReadOrder},
};
use super::{
    Definition, nothing_to_do,
    notify::{self, News},
    record, report,
    shopify_privacy_request::refuse_if_removed,
};
use crate::{
    config::Booking,
    effects::Write,
    error::StepError,
    steps::{Done, Halt, JobRun, StepContext},
};

#[derive(Deserialize)]
struct Parameters {
    shop: String,
    order_id: String,
}

/// What is to be booked, or why there is nothing to do.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Check {
    Book(Box<Draft>),
    Stop(String),
}

pub(super) const DEFINITION: Definition = Definition {
    workflow: Workflow::ShopifyOrderToXero,
    version: 1,
    steps: &[
        "read-order",
        "check-order",
        "find-contact",
        "create-contact",
        "create-invoice",
        "record-payment",
        report::STEP,
        notify::STEP,
    ],
    run: |job| Box::pin(run(job)),
};

/// Runs the steps; gives the job's result.
async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    refuse_if_removed(job)?;
    let parameters: Parameters = job.parameters()?;
    let booking = job.context.app.config.booking.with(job.settings()?);
    let order = job.step("read-order", async |context| read_order(context, &parameters).await).await?;
    let checked =
        job.step("check-order", async |_| Ok(Done::new(check(&parameters, order.as_ref())))).await?;
    let draft = match checked {
        Check::Book(draft) => draft,
        Check::Stop(why) => return Ok(nothing_to_do(&why)),
    };
    let found = job
        .step("find-contact", async |context| Books::open(context, &booking, &draft)?.find_contact().await)
        .await?;
    let contact_id = match found {
        Some(contact_id) => contact_id,
        None => {
            job.step("create-contact", async |context| {
                Books::open(context, &booking, &draft)?.create_contact().await
            })
            .await?
        }
    };
    let invoice_id = job
        .step("create-invoice", async |context| {
            Books::open(context, &booking, &draft)?.create_invoice(&contact_id).await
        })
        .await?;
    let payment_id = job
        .step("record-payment", async |context| {
            Books::open(context, &booking, &draft)?.record_payment(&invoice_id).await
        })
        .await?;
    // Without the person: what is kept of one is kept where a request to remove it finds it.
    let facts = json!({
        "shop": parameters.shop,
        "order_id": parameters.order_id,
        "order": draft.reference,
        "contact_id": contact_id,
        "invoice_id": invoice_id,
        "invoice_number": draft.invoice_number,
        "payment_id": payment_id,
        "amount": draft.total,
        "currency": draft.currency,
    });
    let report = report::leave(job, facts).await?;
    let summary = format!("Order {} is invoice {} in Xero, paid.", draft.reference, draft.invoice_number);
    let key = format!("order/{}/{}", parameters.shop, parameters.order_id);
    let notified = notify::tell(job, &News { key: &key, summary: &summary }).await?;
    Ok(json!({
        "outcome": "booked",
        "summary": summary,
        "invoice_id": invoice_id,
        "report": report,
        "notified": notified,
    }))
}

async fn read_order(
    context: &StepContext<'_>,
    parameters: &Parameters,
) -> Result<Done<Option<ReadOrder>>, StepError> {
    let Parameters { shop, order_id } = parameters;
    let connection = context.connection(Provider::Shopify, Some(shop))?;
    let shopify = context.connectors.shopify()?;
    let mut read: Option<ReadOrder> = None;
    let mut lines_after = None;
    loop {
        let part = context
            .call(Provider::Shopify, connection, async |token| {
                shopify.fetch_order(token, shop, order_id, lines_after.as_deref()).await
            })
            .await?;
        let Some(mut part) = part else { return Ok(Done::new(None)) };
        lines_after = part.next_lines.take();
        match &mut read {
            None => read = Some(ReadOrder::from(part)),
            Some(order) => order.lines.extend(part.lines.into_iter().map(ReadLine::from)),
        }
        if lines_after.is_none() {
            break;
        }
    }
    let about = read.as_ref().map(|order| order.name.clone());
    let order = record(Provider::Shopify, "order", order_id, RecordAction::Read);
    Ok(Done::new(read).touching(order).about(about))
}

fn check(parameters: &Parameters, order: Option<&ReadOrder>) -> Check {
    let Parameters { shop, order_id } = parameters;
    let Some(order) = order else {
        return Check::Stop(format!(
            "Shopify shows no order {order_id}: it is gone, or older than the app may see."
        ));
    };
    let name = &order.name;
    let status = order.financial_status.as_deref().unwrap_or("without a payment status");
    if order.is_test {
        Check::Stop(format!("Order {name} is a test."))
    } else if order.is_cancelled {
        Check::Stop(format!("Order {name} is cancelled."))
    } else if status != "PAID" {
        Check::Stop(format!("Order {name} is {status}, not PAID."))
    } else if order.total.is_zero() {
        Check::Stop(format!("Order {name} cost nothing."))
    } else if let Some(date) = order.date {
        Check::Book(Box::new(draft(shop, order_id, date, order)))
    } else {
        Check::Stop(format!("Order {name} has no date."))
    }
}

/// The tenant's organisation in Xero, and what is to be booked there.
struct Books<'a> {
    context: &'a StepContext<'a>,
    connection: &'a Connection,
    booking: &'a Booking,
    draft: &'a Draft,
}

impl<'a> Books<'a> {
    fn open(context: &'a StepContext<'a>, booking: &'a Booking, draft: &'a Draft) -> Result<Self, StepError> {
        let connection = context.connection(Provider::Xero, None)?;
        Ok(Self { context, connection, booking, draft })
    }

    async fn find_contact(&self) -> Result<Done<Option<String>>, StepError> {
        let found = self.look_for_contact().await?;
        let done = Done::new(found.clone());
        Ok(match found {
            Some(id) => done.touching(record(Provider::Xero, "contact", &id, RecordAction::Read)),
            None => done,
        })
    }

    async fn create_contact(&self) -> Result<Done<String>, StepError> {
        let Draft { contact, .. } = self.draft;
        let write = Write {
            effect_key: &self.effect_key(&format!("contact/{}", contact.number)),
            step: "create-contact",
            provider: Provider::Xero,
            connection: Some(self.connection),
            target: &format!("contact {}", contact.number),
            action: &format!("PUT contact {}", contact.number),
            request: &json!(contact),
        };
        let look = async |_| self.look_for_contact().await;
        let create = async || match self.put_contact(&contact.name).await {
            // Somebody else has the name, unless it is this contact, made by an attempt that was cut off.
            Err(error) if is_about_the_name(&error) => match self.look_for_contact().await? {
                Some(contact_id) => Ok(contact_id),
                None => self.put_contact(&format!("{} ({})", contact.name, contact.number)).await,
            },
            made => made,
        };
        let contact_id = self.context.once(write, look, create).await?;
        let created = record(Provider::Xero, "contact", &contact_id, RecordAction::Create);
        Ok(Done::new(contact_id).touching(created))
    }

    /// By our number first: that is the customer, whatever has become of his address. Then by his address: somebody
    /// else may have made him. One that is put away is the customer too, and nothing can be booked on him.
    async fn look_for_contact(&self) -> Result<Option<String>, StepError> {
        let (xero, organisation_id) = (self.context.connectors.xero()?, &self.connection.account_id);
        let draft::Contact { number, email, .. } = &self.draft.contact;
        let mut found = self
            .context
            .call(Provider::Xero, self.connection, async |token| {
                xero.find_contacts_by_number(token, organisation_id, number).await
            })
            .await?;
        if let Some(email) = email
            && found.iter().all(|contact| contact.is_archived)
        {
            let of_the_address = self
                .context
                .call(Provider::Xero, self.connection, async |token| {
                    xero.find_contacts_by_email(token, organisation_id, email).await
                })
                .await?;
            found.extend(of_the_address);
        }
        let active = found.iter().find(|contact| !contact.is_archived);
        match (active, found.first()) {
            (Some(contact), _) => Ok(Some(contact.contact_id.clone())),
            (None, Some(archived)) => Err(StepError::ArchivedContact(archived.contact_id.clone())),
            (None, None) => Ok(None),
        }
    }

    async fn put_contact(&self, name: &str) -> Result<String, StepError> {
        let xero = self.context.connectors.xero()?;
        let contact = self.draft.contact.clone();
        let new = NewContact {
            name: name.to_owned(),
            first_name: contact.first_name,
            last_name: contact.last_name,
            email_address: contact.email,
            contact_number: contact.number,
        };
        self.context
            .call(Provider::Xero, self.connection, async |token| {
                xero.create_contact(token, &self.connection.account_id, &new).await
            })
            .await
    }

    async fn create_invoice(&self, contact_id: &str) -> Result<Done<String>, StepError> {
        let draft = self.draft;
        let (xero, organisation_id) = (self.context.connectors.xero()?, &self.connection.account_id);
        let write = Write {
            effect_key: &self.effect_key(&format!("invoice/{}", draft.invoice_number)),
            step: "create-invoice",
            provider: Provider::Xero,
            connection: Some(self.connection),
            target: &format!("invoice {}", draft.invoice_number),
            action: &format!("PUT invoice {}", draft.invoice_number),
            request: &json!({
                "contact_id": contact_id,
                "reference": draft.reference,
                "date": draft.date,
                "currency": draft.currency,
                "tax_included": draft.tax_included,
                "account": self.booking.sales_account,
                "tax_type": self.booking.tax_type,
                "lines": draft.lines,
            }),
        };
        let look = async |_| {
            let found = self
                .context
                .call(Provider::Xero, self.connection, async |token| {
                    xero.find_invoice_by_number(token, organisation_id, &draft.invoice_number).await
                })
                .await?;
            Ok(found.map(|invoice| invoice.invoice_id))
        };
        let create = async || {
            let new = self.new_invoice(contact_id);
            let made = self
                .context
                .call(Provider::Xero, self.connection, async |token| {
                    xero.create_invoice(token, organisation_id, &new).await
                })
                .await?;
            Ok(made.invoice_id)
        };
        let invoice_id = self.context.once(write, look, create).await?;
        let created = record(Provider::Xero, "invoice", &invoice_id, RecordAction::Create);
        Ok(Done::new(invoice_id).touching(created))
    }

    fn new_invoice(&self, contact_id: &str) -> NewInvoice {
        let Self { draft, booking, .. } = self;
        let line = |line: &draft::Line| InvoiceLine {
            description: line.description.clone(),
            quantity: line.quantity,
            unit_amount: line.unit_amount,
            tax_amount: line.tax,
            account_code: booking.sales_account.clone(),
            tax_type: booking.tax_type.clone(),
        };
        NewInvoice {
            contact_id: contact_id.to_owned(),
            invoice_number: draft.invoice_number.clone(),
            reference: draft.reference.clone(),
            date: draft.date,
            currency_code: draft.currency.clone(),
            tax_included: draft.tax_included,
            lines: draft.lines.iter().map(line).collect(),
        }
    }

    async fn record_payment(&self, invoice_id: &str) -> Result<Done<String>, StepError> {
        let draft = self.draft;
        let (xero, organisation_id) = (self.context.connectors.xero()?, &self.connection.account_id);
        let new = NewPayment {
            invoice_id: invoice_id.to_owned(),
            account_code: self.booking.payment_account.clone(),
            date: draft.date,
            amount: draft.total,
        };
        let write = Write {
            effect_key: &self.effect_key(&format!("invoice/{}/payment", draft.invoice_number)),
            step: "record-payment",
            provider: Provider::Xero,
            connection: Some(self.connection),
            target: &format!("invoice {}", draft.invoice_number),
            action: &format!("PUT payment of invoice {}", draft.invoice_number),
            request: &json!({
                "invoice_id": invoice_id,
                "account": new.account_code,
                "date": new.date,
                "amount": new.amount,
            }),
        };
        // A payment of another amount is somebody else's, unless nothing is left to pay.
        let look = async |_| {
            let found = self
                .context
                .call(Provider::Xero, self.connection, async |token| {
                    xero.fetch_invoice(token, organisation_id, invoice_id).await
                })
                .await?;
            let is_paid = found.as_ref().is_some_and(|invoice| invoice.status == "PAID");
            let ours = |payment: &Payment| is_paid || payment.amount == Some(draft.total);
            Ok(found
                .and_then(|invoice| invoice.payments.into_iter().find(ours))
                .map(|payment| payment.payment_id))
        };
        let pay = async || {
            self.context
                .call(Provider::Xero, self.connection, async |token| {
                    xero.create_payment(token, organisation_id, &new).await
                })
                .await
        };
        let payment_id = self.context.once(write, look, pay).await?;
        let created = record(Provider::Xero, "payment", &payment_id, RecordAction::Create);
        Ok(Done::new(payment_id).touching(created))
    }

    fn effect_key(&self, what: &str) -> String {
        format!("xero/{}/{what}", self.connection.account_id)
    }
}

/// "The contact name Pat O'Neil is already assigned to another contact."
fn is_about_the_name(error: &StepError) -> bool {
    match error {
        StepError::Connector(ConnectorError::Rejected { words, .. }) => {
            words.0.to_ascii_lowercase().contains("contact name")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;

    fn stops(change: impl FnOnce(&mut ReadOrder)) -> String {
        let mut order = draft::tests::order();
        change(&mut order);
        match check(&parameters(), Some(&order)) {
            Check::Stop(why) => why,
            go => panic!("{go:?} should have stopped"),
        }
    }

    fn parameters() -> Parameters {
        Parameters { shop: "quickstart.myshopify.com".into(), order_id: "5726128734520".into() }
    }

    #[test]
    fn everything_but_a_paid_order_stops_and_says_why() {
        assert_eq!(stops(|order| order.is_test = true), "Order #1002 is a test.");
        assert_eq!(stops(|order| order.is_cancelled = true), "Order #1002 is cancelled.");
        assert_eq!(
            stops(|order| order.financial_status = Some("PARTIALLY_REFUNDED".into())),
            "Order #1002 is PARTIALLY_REFUNDED, not PAID."
        );
        assert_eq!(stops(|order| order.total = Decimal::ZERO), "Order #1002 cost nothing.");
        assert_eq!(
            check(&parameters(), None),
            Check::Stop(
                "Shopify shows no order 5726128734520: it is gone, or older than the app may see.".into()
            )
        );
    }
}
