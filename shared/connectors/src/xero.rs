//! Xero: accounting. One token set serves several organisations, so every call names its organisation.

mod by_number;
mod wire;
mod writes;

use jiff::Timestamp;
use jiff::civil::Date;
use oauth2::AuthType;
use reqwest::header::{ACCEPT, IF_MODIFIED_SINCE};
use reqwest::{Client, RequestBuilder};
use rust_decimal::Decimal;
use secrecy::{ExposeSecret, SecretString};
use zixly_domain::{Provider, TokenSet};

use crate::http::{self, Answer};
use crate::oauth::TokenEndpoint;
use crate::{
    ClientCredentials, Connector, ConnectorError, ProviderUrl, ReauthorisationReason, RefreshTokens,
};

pub use writes::{InvoiceLine, NewContact, NewInvoice, NewPayment};

/// How many invoices come in one page.
const PAGE_SIZE: u32 = 100;

/// Where Xero is.
#[derive(Debug, Clone)]
pub struct XeroEndpoints {
    /// The accounting API; in production `https://api.xero.com/api.xro/2.0`.
    pub api_url: ProviderUrl,
    /// The token endpoint; in production `https://identity.xero.com/connect/token`.
    pub token_url: ProviderUrl,
}

/// A client for Xero's accounting API.
#[derive(Debug)]
pub struct Xero {
    http: Client,
    api_url: ProviderUrl,
    tokens: TokenEndpoint,
}

/// An invoice as Xero has it; a sales invoice or a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Xero's id for it.
    pub invoice_id: String,
    /// The number that people see, e.g. `INV-0006`.
    pub invoice_number: Option<String>,
    /// `ACCREC` is a sales invoice, `ACCPAY` a bill; Xero has more.
    pub kind: String,
    /// `DRAFT`, `SUBMITTED`, `AUTHORISED`, `PAID`, `VOIDED` or `DELETED`.
    pub status: String,
    /// The total with taxes, in `currency_code`.
    pub total: Option<Decimal>,
    /// What has been paid so far, in `currency_code`.
    pub amount_paid: Option<Decimal>,
    /// What is still to be paid, in `currency_code`.
    pub amount_due: Option<Decimal>,
    /// ISO 4217, e.g. `NZD`.
    pub currency_code: Option<String>,
    /// Only on a fully paid invoice.
    pub fully_paid_on: Option<Date>,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
    /// Whom the invoice is for.
    pub contact: Option<InvoiceContact>,
    /// What was paid on it; empty in a list, even of paid invoices, where Xero leaves it out.
    pub payments: Vec<Payment>,
}

/// A payment of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Xero's id for it.
    pub payment_id: String,
    /// In the invoice's currency.
    pub amount: Option<Decimal>,
}

/// A part of a list of invoices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoicePage {
    /// Those that were changed longest ago come first.
    pub invoices: Vec<Invoice>,
    /// Whether there is a page after this one.
    pub has_more: bool,
}

/// A contact that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundContact {
    /// Xero's id for the contact.
    pub contact_id: String,
    /// Whether it is put away: nothing can be booked on it until somebody restores it.
    pub is_archived: bool,
}

/// The contact on an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceContact {
    /// Xero's id for the contact.
    pub contact_id: Option<String>,
    /// The name of the person or business.
    pub name: Option<String>,
    /// Never empty.
    pub email_address: Option<String>,
}

impl Xero {
    /// A connector that speaks to the given endpoints.
    pub fn new(http: Client, endpoints: XeroEndpoints, credentials: ClientCredentials) -> Self {
        let tokens = TokenEndpoint {
            provider: Provider::Xero,
            http: http.clone(),
            url: endpoints.token_url.url().clone(),
            auth_type: AuthType::BasicAuth,
            credentials,
        };
        Self { http, api_url: endpoints.api_url, tokens }
    }

    /// The invoice with this id, or nothing when the organisation has none such.
    pub async fn fetch_invoice(
        &self,
        token: &SecretString,
        organisation_id: &str,
        invoice_id: &str,
    ) -> Result<Option<Invoice>, ConnectorError> {
        let url = self.api_url.join(&["Invoices", invoice_id]);
        let answer = match send(self.http.get(url), token, organisation_id).await {
            Err(ConnectorError::Rejected { status: 404, .. }) => return Ok(None),
            answer => answer?,
        };
        let found: wire::Invoices = answer.parse(Provider::Xero)?;
        // The same path without an id lists all invoices, and with a number finds that: take no other than was asked.
        let invoice =
            found.invoices.into_iter().find(|invoice| invoice.invoice_id.eq_ignore_ascii_case(invoice_id));
        Ok(invoice.map(Invoice::from))
    }

    /// The invoice with this number, or nothing. A sales invoice's number is unique in its organisation, but for those
    /// that are voided or deleted: they are left out.
    pub async fn find_invoice_by_number(
        &self,
        token: &SecretString,
        organisation_id: &str,
        number: &str,
    ) -> Result<Option<Invoice>, ConnectorError> {
        let url = self.api_url.join(&["Invoices", number]);
        let answer = match send(self.http.get(url), token, organisation_id).await {
            Err(ConnectorError::Rejected { status: 404, .. }) => return Ok(None),
            answer => answer?,
        };
        let found: wire::Invoices = answer.parse(Provider::Xero)?;
        let mut invoices = found.invoices.into_iter().map(Invoice::from);
        Ok(invoices.find(|invoice| {
            invoice.invoice_number.as_deref() == Some(number)
                && !matches!(invoice.status.as_str(), "VOIDED" | "DELETED")
        }))
    }

    /// A page, from 1, of the paid invoices and bills that were changed after `modified_since`. One that is changed
    /// between two pages goes to the end, and those behind it move forward, over the edge of a page: whoever asks for
    /// the next page rather asks for the first one after the last change that he has seen.
    pub async fn list_paid_invoices(
        &self,
        token: &SecretString,
        organisation_id: &str,
        modified_since: Timestamp,
        page: u32,
    ) -> Result<InvoicePage, ConnectorError> {
        let request = self
            .http
            .get(self.api_url.join(&["Invoices"]))
            .query(&[("Statuses", "PAID"), ("order", "UpdatedDateUTC ASC")])
            .query(&[("page", page), ("pageSize", PAGE_SIZE)])
            // Xero takes whole seconds.
            .header(IF_MODIFIED_SINCE, modified_since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let found: wire::Invoices = send(request, token, organisation_id).await?.parse(Provider::Xero)?;
        let has_more = match found.pagination {
            Some(pagination) => page < pagination.page_count,
            None => found.invoices.len() >= PAGE_SIZE as usize,
        };
        Ok(InvoicePage { invoices: found.invoices.into_iter().map(Invoice::from).collect(), has_more })
    }

    /// The contacts with this e-mail address, archived ones too. An address that would end the text in Xero's filter
    /// has none, whoever it belongs to.
    pub async fn find_contacts_by_email(
        &self,
        token: &SecretString,
        organisation_id: &str,
        email: &str,
    ) -> Result<Vec<FoundContact>, ConnectorError> {
        if email.contains(['"', '\\']) {
            return Ok(Vec::new());
        }
        let filter = format!("EmailAddress==\"{email}\"");
        self.find_contacts(token, organisation_id, &filter, |contact| contact.has_email(email)).await
    }

    /// The contacts with this number, an id of another system without quotation marks; archived ones too.
    pub async fn find_contacts_by_number(
        &self,
        token: &SecretString,
        organisation_id: &str,
        number: &str,
    ) -> Result<Vec<FoundContact>, ConnectorError> {
        let filter = format!("ContactNumber==\"{number}\"");
        self.find_contacts(token, organisation_id, &filter, |contact| contact.has_number(number)).await
    }

    async fn find_contacts(
        &self,
        token: &SecretString,
        organisation_id: &str,
        filter: &str,
        is_meant: impl Fn(&wire::WireContact) -> bool,
    ) -> Result<Vec<FoundContact>, ConnectorError> {
        let query = [("where", filter), ("includeArchived", "true")];
        let request = self.http.get(self.api_url.join(&["Contacts"])).query(&query);
        let found: wire::Contacts = send(request, token, organisation_id).await?.parse(Provider::Xero)?;
        Ok(found.contacts.into_iter().filter(is_meant).filter_map(wire::WireContact::found).collect())
    }
}

impl Connector for Xero {
    fn provider(&self) -> Provider {
        Provider::Xero
    }
}

impl RefreshTokens for Xero {
    async fn refresh(
        &self,
        _account_id: &str,
        token_set: &TokenSet,
        now: Timestamp,
    ) -> Result<TokenSet, ConnectorError> {
        self.tokens.refresh(token_set, now).await
    }
}

async fn send(
    request: RequestBuilder,
    token: &SecretString,
    organisation_id: &str,
) -> Result<Answer, ConnectorError> {
    let request = request
        .bearer_auth(token.expose_secret())
        .header("xero-tenant-id", organisation_id)
        // Without it the answer is XML.
        .header(ACCEPT, "application/json");
    let answer = http::send(Provider::Xero, request).await?;
    if answer.status.is_success() { Ok(answer) } else { Err(failure(&answer, token)) }
}

fn failure(answer: &Answer, token: &SecretString) -> ConnectorError {
    let provider = Provider::Xero;
    let problem: wire::Problem = answer.parse_problem();
    let refused_for = |reason| ConnectorError::ReauthorisationNeeded { provider, reason };
    match answer.status.as_u16() {
        401 if problem.mentions("AuthorizationUnsuccessful") => {
            refused_for(ReauthorisationReason::ScopeMissing)
        }
        403 if problem.mentions("AuthenticationUnsuccessful") => {
            refused_for(ReauthorisationReason::Disconnected)
        }
        _ => answer.failure(provider, problem.words(), std::slice::from_ref(token)),
    }
}
