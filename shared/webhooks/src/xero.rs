//! Xero: one URL and one key for an app, events of all connected organisations in one POST.
//!
//! The signature carries no time, so a copy sent again verifies again; the events' dedupe keys make it harmless.

mod parse;

use jiff::Timestamp;
use zixly_domain::Provider;

pub use parse::parse;

use crate::{Refusal, Request, SigningKeys, Verified, headers, refuse_empty};

const SIGNATURE: &str = "x-xero-signature";

/// Accepts a request that Xero signed: base64 of HMAC-SHA256 over the raw body. The key is the text that Xero's
/// portal shows, although it looks like base64.
pub fn verify<'a>(keys: &SigningKeys, request: &Request<'a>, _: Timestamp) -> Result<Verified<'a>, Refusal> {
    refuse_empty(request.body)?;
    let signature = headers::base64_mac(request.headers, SIGNATURE)?;
    keys.check(&[request.body], &signature)?;
    Ok(Verified { provider: Provider::Xero, request: *request })
}
