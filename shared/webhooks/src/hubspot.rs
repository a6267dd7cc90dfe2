//! HubSpot: signs with the app's client secret, over method, URL, body and time of sending.
//!
//! Requests carry a signature of an older version next to this one. Those have no time in them and therefore
//! never lead to a [`Verified`]; see [`legacy`].

pub mod legacy;
mod parse;

use jiff::Timestamp;
use zixly_domain::Provider;

pub use parse::parse;

use crate::{Refusal, Request, SigningKeys, Verified, headers, refuse_empty};

const SIGNATURE: &str = "x-hubspot-signature-v3";
const TIMESTAMP: &str = "x-hubspot-request-timestamp";

/// HubSpot says: refuse what is older than five minutes. Its own libraries differ at exactly five minutes; we
/// follow the words, so that is still accepted. The same distance into the future is our rule, not HubSpot's: a
/// request dated ahead could otherwise be repeated for as long as it is ahead.
const WINDOW_MS: u64 = 300_000;

/// What HubSpot decodes in the URL before signing it. As its documentation prints them, so in capitals: an
/// escape in small letters is none of these and stays.
const DECODED: [(&str, char); 12] = [
    ("%3A", ':'),
    ("%2F", '/'),
    ("%3F", '?'),
    ("%40", '@'),
    ("%21", '!'),
    ("%24", '$'),
    ("%27", '\''),
    ("%28", '('),
    ("%29", ')'),
    ("%2A", '*'),
    ("%2C", ','),
    ("%3B", ';'),
];

/// Accepts a request that HubSpot signed (version 3) at most five minutes before or after `now`: base64 of
/// HMAC-SHA256 over method, URL, raw body and the timestamp header as it stands.
pub fn verify<'a>(
    keys: &SigningKeys,
    request: &Request<'a>,
    now: Timestamp,
) -> Result<Verified<'a>, Refusal> {
    refuse_empty(request.body)?;
    let signature = headers::base64_mac(request.headers, SIGNATURE)?;
    let timestamp = headers::only(request.headers, TIMESTAMP)?;
    let sent_ms = milliseconds(timestamp).ok_or(Refusal::MalformedTimestamp { header: TIMESTAMP })?;
    let uri = signed_uri(request.uri);
    keys.check(&[request.method.as_bytes(), uri.as_bytes(), request.body, timestamp], &signature)?;
    // After the signature, so that "stale" in a log means a real delivery and not a forged time.
    refuse_outside_window(sent_ms, now.as_millisecond())?;
    Ok(Verified { provider: Provider::HubSpot, request: *request })
}

/// The URL in the form that HubSpot signs: twelve escapes decoded once, all others left.
pub fn signed_uri(uri: &str) -> String {
    let mut signed = String::with_capacity(uri.len());
    let mut rest = uri;
    while let Some(position) = rest.find('%') {
        let (before, escaped) = rest.split_at(position);
        let decoded = DECODED.iter().find(|(escape, _)| escaped.starts_with(escape));
        let (length, character) = decoded.map_or((1, '%'), |(escape, character)| (escape.len(), *character));
        signed.push_str(before);
        signed.push(character);
        rest = &escaped[length..];
    }
    signed + rest
}

/// Digits only: a sign, a fraction or a blank would be a form that HubSpot does not send.
fn milliseconds(timestamp: &[u8]) -> Option<i64> {
    let digits = timestamp.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(timestamp).ok().filter(|_| digits)?.parse().ok()
}

fn refuse_outside_window(sent_ms: i64, now_ms: i64) -> Result<(), Refusal> {
    match sent_ms.abs_diff(now_ms) {
        0..=WINDOW_MS => Ok(()),
        age_ms if sent_ms < now_ms => Err(Refusal::StaleTimestamp { age_ms }),
        ahead_ms => Err(Refusal::FutureTimestamp { ahead_ms }),
    }
}
