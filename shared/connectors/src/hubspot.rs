//! HubSpot: customer relations. The token names the portal, so no call has to.

mod deals;
mod wire;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use oauth2::AuthType;
use reqwest::{Client, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use zixly_domain::{Provider, TokenSet};

use crate::http::{self, Answer};
use crate::oauth::TokenEndpoint;
use crate::{
    ClientCredentials, Connector, ConnectorError, ProviderUrl, ReauthorisationReason, RefreshTokens,
};

pub use deals::{Deal, Note, NoteIds};

/// A record that HubSpot has locked is free again after this.
const LOCK_LIFE: Duration = Duration::from_secs(2);

/// Where HubSpot is.
#[derive(Debug, Clone)]
pub struct HubSpotEndpoints {
    /// The API and the token endpoint; in production `https://api.hubapi.com`.
    pub api_url: ProviderUrl,
    /// The date in the API's paths, e.g. `2026-03`.
    pub api_version: String,
    /// The date in the token endpoint's path, which does not move with the API's.
    pub oauth_version: String,
}

/// A client for HubSpot's CRM API.
#[derive(Debug)]
pub struct HubSpot {
    http: Client,
    api_url: ProviderUrl,
    api_version: String,
    tokens: TokenEndpoint,
}

/// A person in HubSpot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// HubSpot's id for the person.
    pub id: String,
    /// The properties that were asked for, and some that HubSpot always adds; nothing stands for one without a value.
    pub properties: BTreeMap<String, Option<String>>,
}

impl HubSpot {
    /// A connector that speaks to the given endpoints.
    pub fn new(http: Client, endpoints: HubSpotEndpoints, credentials: ClientCredentials) -> Self {
        let tokens = TokenEndpoint {
            provider: Provider::HubSpot,
            http: http.clone(),
            url: endpoints.api_url.join(&["oauth", &endpoints.oauth_version, "token"]),
            auth_type: AuthType::RequestBody,
            credentials,
        };
        Self { http, api_url: endpoints.api_url, api_version: endpoints.api_version, tokens }
    }

    /// The contact with this e-mail address, or nothing. Unlike a search this sees a write that has just been made.
    pub async fn find_contact_by_email(
        &self,
        token: &SecretString,
        email: &str,
        properties: &[&str],
    ) -> Result<Option<Contact>, ConnectorError> {
        let request = self.http.get(self.contact_url(email)).query(&[("idProperty", "email")]);
        read_contact(request, token, properties).await
    }

    /// The contact with this id, or nothing.
    pub async fn fetch_contact(
        &self,
        token: &SecretString,
        contact_id: &str,
        properties: &[&str],
    ) -> Result<Option<Contact>, ConnectorError> {
        read_contact(self.http.get(self.contact_url(contact_id)), token, properties).await
    }

    /// Sets these properties, leaves all others, and gives the contact as it is then. Repeating it changes nothing.
    pub async fn update_contact(
        &self,
        token: &SecretString,
        contact_id: &str,
        properties: &BTreeMap<String, String>,
    ) -> Result<Contact, ConnectorError> {
        let request = self.http.patch(self.contact_url(contact_id)).json(&wire::ContactUpdate { properties });
        send(request, token).await?.parse::<wire::Contact>(Provider::HubSpot).map(Contact::from)
    }

    fn contact_url(&self, id: &str) -> Url {
        self.object_url(&["contacts", id])
    }

    fn object_url(&self, segments: &[&str]) -> Url {
        let base = ["crm", "objects", &self.api_version];
        self.api_url.join(&[&base, segments].concat())
    }
}

impl Connector for HubSpot {
    fn provider(&self) -> Provider {
        Provider::HubSpot
    }
}

impl RefreshTokens for HubSpot {
    async fn refresh(
        &self,
        _account_id: &str,
        token_set: &TokenSet,
        now: Timestamp,
    ) -> Result<TokenSet, ConnectorError> {
        self.tokens.refresh(token_set, now).await
    }
}

async fn read_contact(
    request: RequestBuilder,
    token: &SecretString,
    properties: &[&str],
) -> Result<Option<Contact>, ConnectorError> {
    match send(request.query(&[("properties", properties.join(","))]), token).await {
        Err(ConnectorError::Rejected { status: 404, .. }) => Ok(None),
        answer => answer?.parse::<wire::Contact>(Provider::HubSpot).map(|contact| Some(contact.into())),
    }
}

async fn send(request: RequestBuilder, token: &SecretString) -> Result<Answer, ConnectorError> {
    let answer = http::send(Provider::HubSpot, request.bearer_auth(token.expose_secret())).await?;
    if answer.status.is_success() { Ok(answer) } else { Err(failure(&answer, token)) }
}

fn failure(answer: &Answer, token: &SecretString) -> ConnectorError {
    let provider = Provider::HubSpot;
    let problem: wire::Problem = answer.parse_problem();
    match answer.status.as_u16() {
        403 if problem.scope_is_missing() => {
            ConnectorError::ReauthorisationNeeded { provider, reason: ReauthorisationReason::ScopeMissing }
        }
        // 423: the record is locked. 477: the account is moving to another data centre, for up to a day.
        status @ (423 | 477) => {
            let default = (status == 423).then_some(LOCK_LIFE);
            ConnectorError::Unavailable { provider, status, retry_after: answer.retry_after().or(default) }
        }
        429 => ConnectorError::RateLimited {
            provider,
            retry_after: answer.retry_after().or_else(|| problem.implied_wait()),
        },
        _ => answer.failure(provider, problem.words(), std::slice::from_ref(token)),
    }
}
