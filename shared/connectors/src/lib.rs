//! Clients for the providers' APIs, one module per provider, joined by the [`Connector`] trait.
//!
//! A connector turns a call into one HTTP request, and the answer into a value or into a [`ConnectorError`]: a class
//! of failure that tells the caller what can be done about it. All requests go through one function in `http`,
//! which holds the limits; each provider's module knows the shapes of its answers and of its errors.
//!
//! **Invariant:** a connector is handed a valid token and keeps none, sends each request once, never waits, and knows
//! nothing of SQL, jobs or budgets, and of AWS no more than how a mail is sent.

pub mod asana;
pub mod consent;
mod error;
mod http;
pub mod hubspot;
mod limits;
mod oauth;
mod provider_url;
pub mod ses;
pub mod shopify;
pub mod slack;
pub mod supabase_auth;
pub mod trading;
pub mod xero;

use std::future::Future;

use jiff::Timestamp;
use zixly_domain::{Provider, TokenSet};

pub use error::{ConnectorError, MalformedAnswer, ProviderWords, ReauthorisationReason};
pub use http::{http_client, http_client_with_timeout};
pub use limits::{CallLimits, with_limits};
pub use oauth::ClientCredentials;
pub use provider_url::{InvalidProviderUrl, ProviderUrl};

/// What every provider's client can do, whatever its records look like.
pub trait Connector {
    /// Whose API this is.
    fn provider(&self) -> Provider;
}

/// A connector whose access tokens expire. The others have a key that is good until somebody takes it back.
pub trait RefreshTokens: Connector {
    /// Buys a new token set with the refresh token of the given one. The caller stores the answer before using it:
    /// where the provider rotates refresh tokens, the old one dies soon after. Let one caller at a time do this
    /// per token set. `account_id` is any account that the token set is for: Shopify has a token endpoint a shop.
    fn refresh(
        &self,
        account_id: &str,
        token_set: &TokenSet,
        now: Timestamp,
    ) -> impl Future<Output = Result<TokenSet, ConnectorError>> + Send;
}
