//! Asana: one endpoint and one secret for each webhook, agreed on in a handshake; events of one project.
//!
//! Neither the signature nor the body says which webhook it is, so the endpoint has an id that cannot be guessed.
//! The signature carries no time; the events' dedupe keys make a copy harmless.

mod parse;

use jiff::Timestamp;
use secrecy::SecretString;
use zixly_domain::Provider;

pub use parse::parse;

use crate::{Refusal, Request, SigningKeys, Verified, headers, refuse_empty};

/// Has the secret in a handshake, and is sent back with it in the answer.
pub const HANDSHAKE: &str = "x-hook-secret";

const SIGNATURE: &str = "x-hook-signature";

/// Asana's have 32 or 64 characters. A key of few could be found by trying.
const SECRET_LENGTHS: std::ops::RangeInclusive<usize> = 16..=256;

/// The secret that a handshake brings. **Nobody signs a handshake:** take it only for an endpoint that is being
/// registered and has no secret yet, and verify the request like any other where that is not so.
pub fn handshake(request: &Request<'_>) -> Option<SecretString> {
    let secret = headers::only(request.headers, HANDSHAKE).ok()?;
    let secret = str::from_utf8(secret).ok().filter(|secret| SECRET_LENGTHS.contains(&secret.len()))?;
    secret.bytes().all(|byte| byte.is_ascii_graphic()).then(|| secret.into())
}

/// Accepts a request that Asana signed: hex, in small letters, of HMAC-SHA256 over the raw body. The key is the
/// handshake's secret as text, although it looks like hex. A heartbeat is signed like any other delivery.
pub fn verify<'a>(keys: &SigningKeys, request: &Request<'a>, _: Timestamp) -> Result<Verified<'a>, Refusal> {
    refuse_empty(request.body)?;
    let signature = headers::hex_mac(request.headers, SIGNATURE)?;
    keys.check(&[request.body], &signature)?;
    Ok(Verified { provider: Provider::Asana, request: *request })
}
