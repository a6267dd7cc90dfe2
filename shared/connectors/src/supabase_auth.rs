//! Supabase Auth as an administrator uses it: inviting and removing users. Our own tables say what a user may do; his
//! password and sessions are there.

use reqwest::header::HeaderName;
use reqwest::{Client, Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use zixly_domain::UserId;

use crate::ProviderUrl;

const API_KEY: HeaderName = HeaderName::from_static("apikey");

/// A client with the project's secret key.
pub struct AuthAdmin {
    http: Client,
    url: ProviderUrl,
    key: SecretString,
}

/// Why Supabase Auth has not done it.
#[derive(Debug, thiserror::Error)]
pub enum AuthAdminError {
    /// Somebody signs in with this address already.
    #[error("the address is in use at Supabase Auth")]
    InUse,
    /// It does not take the address.
    #[error("Supabase Auth does not take the address")]
    Unusable,
    /// It does not do it now: a limit, a key that is not the project's, a problem of its own.
    #[error("Supabase Auth answered with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// No answer that can be read has come.
    #[error("Supabase Auth cannot be reached")]
    Unreachable(#[source] reqwest::Error),
}

#[derive(Deserialize)]
struct Invited {
    id: UserId,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error_code: String,
}

impl AuthAdmin {
    /// A client for the project at `url` (`https://….supabase.co/auth/v1`).
    pub fn new(http: Client, url: ProviderUrl, key: SecretString) -> Self {
        Self { http, url, key }
    }

    /// Has an invitation mailed whose link leads to `redirect_to`, and gives the id that the user will sign in with.
    pub async fn invite(&self, email: &str, redirect_to: &str) -> Result<UserId, AuthAdminError> {
        let request = self.request(Method::POST, &["invite"]).query(&[("redirect_to", redirect_to)]);
        let answer =
            request.json(&json!({ "email": email })).send().await.map_err(AuthAdminError::unreachable)?;
        let status = answer.status().as_u16();
        if answer.status().is_success() {
            let invited: Invited = answer.json().await.map_err(AuthAdminError::unreachable)?;
            return Ok(invited.id);
        }
        let refusal: Refusal = answer.json().await.unwrap_or_default();
        Err(match (status, refusal.error_code.as_str()) {
            (_, "email_exists" | "user_already_exists") => AuthAdminError::InUse,
            (400 | 422, "validation_failed" | "email_address_invalid" | "email_address_not_authorized") => {
                AuthAdminError::Unusable
            }
            _ => AuthAdminError::Refused { status },
        })
    }

    /// Removes a user and ends his sessions. It is no error when he is gone already.
    pub async fn remove(&self, user_id: UserId) -> Result<(), AuthAdminError> {
        let request = self.request(Method::DELETE, &["admin", "users", &user_id.to_string()]);
        let answer = request.send().await.map_err(AuthAdminError::unreachable)?;
        match answer.status().as_u16() {
            404 => Ok(()),
            _ if answer.status().is_success() => Ok(()),
            status => Err(AuthAdminError::Refused { status }),
        }
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let key = self.key.expose_secret();
        self.http.request(method, self.url.join(path)).header(API_KEY, key).bearer_auth(key)
    }
}

impl AuthAdminError {
    fn unreachable(error: reqwest::Error) -> Self {
        Self::Unreachable(error.without_url())
    }
}
