//! Shopify: one URL for all shops that have the app, one event a POST, the whole record in it.
//!
//! Only the body is signed, with the app's client secret. What the headers say of shop and topic is therefore
//! checked: against the body by `parse`, and the shop against the connections by who looks them up.

pub mod oauth_callback;
mod parse;

use jiff::Timestamp;
use zixly_domain::Provider;

pub use parse::parse;

use crate::{Refusal, Request, SigningKeys, Verified, headers, refuse_empty};

const SIGNATURE: &str = "x-shopify-hmac-sha256";

/// Accepts a request that Shopify signed: base64 of HMAC-SHA256 over the raw body. For up to an hour after the
/// client secret was replaced, Shopify may still sign with the old one: have both among the keys then.
pub fn verify<'a>(keys: &SigningKeys, request: &Request<'a>, _: Timestamp) -> Result<Verified<'a>, Refusal> {
    refuse_empty(request.body)?;
    let signature = headers::base64_mac(request.headers, SIGNATURE)?;
    keys.check(&[request.body], &signature)?;
    Ok(Verified { provider: Provider::Shopify, request: *request })
}

/// A shop's domain in small letters, if it can be one: `[a-zA-Z0-9][a-zA-Z0-9-_]*\.myshopify\.com`. Everything
/// else could lead our requests, or a browser, to somebody else's server.
pub fn shop_domain(text: &str) -> Option<String> {
    let name = text.strip_suffix(".myshopify.com")?;
    let is_name = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    is_name.then(|| text.to_ascii_lowercase())
}
