//! All the records that carry a number of ours, so that one too many is seen.

use secrecy::SecretString;
use zixly_domain::Provider;

use super::{Invoice, PAGE_SIZE, Xero, send, wire};
use crate::ConnectorError;

impl Xero {
    /// The invoices and bills with this number that are neither voided nor deleted. A number with a comma is several to
    /// Xero, and has none.
    pub async fn list_invoices_by_number(
        &self,
        token: &SecretString,
        organisation_id: &str,
        number: &str,
    ) -> Result<Vec<Invoice>, ConnectorError> {
        if number.contains(',') {
            return Ok(Vec::new());
        }
        let request = self
            .http
            .get(self.api_url.join(&["Invoices"]))
            .query(&[("InvoiceNumbers", number)])
            .query(&[("page", 1), ("pageSize", PAGE_SIZE)]);
        let found: wire::Invoices = send(request, token, organisation_id).await?.parse(Provider::Xero)?;
        let invoices = found.invoices.into_iter().map(Invoice::from);
        Ok(invoices
            .filter(|invoice| invoice.stands() && invoice.invoice_number.as_deref() == Some(number))
            .collect())
    }

    /// Whether the organisation has a contact with this id, archived or not.
    pub async fn has_contact(
        &self,
        token: &SecretString,
        organisation_id: &str,
        contact_id: &str,
    ) -> Result<bool, ConnectorError> {
        let url = self.api_url.join(&["Contacts", contact_id]);
        match send(self.http.get(url), token, organisation_id).await {
            Err(ConnectorError::Rejected { status: 404, .. }) => Ok(false),
            answer => Ok(!answer?.parse::<wire::Contacts>(Provider::Xero)?.contacts.is_empty()),
        }
    }
}

impl Invoice {
    fn stands(&self) -> bool {
        !matches!(self.status.as_str(), "VOIDED" | "DELETED")
    }
}
