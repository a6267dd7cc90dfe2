//! A verifier accepts what was signed with one of its keys, in the one form of the provider, and nothing else. Each
//! outcome is compared with what a plain reading of the provider's contract gives.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use zixly_domain::Provider;
use zixly_webhooks::{Refusal, Request, asana, hubspot, verify};

use crate::{fields, headers, keys, mac};

/// A provider that signs the body and nothing else.
pub struct BodySigner {
    provider: Provider,
    header: &'static str,
    encode: fn(&[u8]) -> String,
}

/// Xero's way.
pub const XERO: BodySigner =
    BodySigner { provider: Provider::Xero, header: "x-xero-signature", encode: |mac| STANDARD.encode(mac) };

/// Shopify's way.
pub const SHOPIFY: BodySigner = BodySigner {
    provider: Provider::Shopify,
    header: "x-shopify-hmac-sha256",
    encode: |mac| STANDARD.encode(mac),
};

const ASANA: BodySigner =
    BodySigner { provider: Provider::Asana, header: "x-hook-signature", encode: |mac| hex::encode(mac) };

const HUBSPOT_SIGNATURE: &str = "x-hubspot-signature-v3";
const HUBSPOT_TIMESTAMP: &str = "x-hubspot-request-timestamp";
const HUBSPOT_NOW_MS: i64 = 1_790_000_000_000;
const HUBSPOT_WINDOW_MS: u64 = 300_000;

/// Input: key, signature, body.
pub fn check_body_signature(signer: &BodySigner, input: &[u8]) {
    let Some(([key, signature], body)) = fields(input) else { return };
    let Ok(key) = str::from_utf8(key) else { return };
    let outcome = |keys_now: &[&str], signature: &[u8], body: &[u8]| {
        let headers = headers(&[(signer.header, signature)])?;
        let request = Request { method: "POST", uri: "/", headers: &headers, body };
        let verified = verify(signer.provider, &keys(keys_now), &request, Timestamp::UNIX_EPOCH);
        Some(
            verified
                .map(|verified| assert_eq!((verified.provider(), verified.body()), (signer.provider, body))),
        )
    };

    let right = (signer.encode)(&mac(key, &[body]));
    let refusal = match (body, key.trim()) {
        ([], _) => Some(Refusal::EmptyBody),
        (_, "") => Some(Refusal::NoKey),
        _ => None,
    };
    assert_eq!(outcome(&[key], right.as_bytes(), body), Some(refusal.map_or(Ok(()), Err)));
    if let Some(outcome) = outcome(&[key], signature, body) {
        assert_eq!(outcome.is_ok(), signature == right.as_bytes() && refusal.is_none());
    }
    if refusal.is_some() {
        return;
    }

    for spelling in other_spellings(&right) {
        assert!(
            outcome(&[key], spelling.as_bytes(), body).is_none_or(|outcome| outcome.is_err()),
            "{spelling:?}"
        );
    }
    let other = format!("{key}x");
    assert_eq!(outcome(&[&other, key], right.as_bytes(), body), Some(Ok(())));
    assert_eq!(outcome(&[&other], right.as_bytes(), body), Some(Err(Refusal::WrongSignature)));
    assert_eq!(outcome(&[key], right.as_bytes(), &one_bit_off(body)), Some(Err(Refusal::WrongSignature)));
    let longer = [body, b" "].concat();
    assert_eq!(outcome(&[key], right.as_bytes(), &longer), Some(Err(Refusal::WrongSignature)));
}

/// Input: key, signature, body; the signature is tried as a handshake's secret too.
pub fn check_asana(input: &[u8]) {
    check_body_signature(&ASANA, input);
    let Some(([_, secret], body)) = fields(input) else { return };
    let Some(headers) = headers(&[(asana::HANDSHAKE, secret)]) else { return };
    let taken = asana::handshake(&Request { method: "POST", uri: "/", headers: &headers, body });
    let is_sane = (16..=256).contains(&secret.len())
        && secret.iter().all(|byte| byte.is_ascii_graphic() && *byte != b',');
    assert_eq!(taken.is_some(), is_sane);
    if let Some(taken) = taken {
        assert_eq!(taken.expose_secret().as_bytes(), secret);
    }
}

/// Input: key, signature, timestamp, method, URL, body.
pub fn check_hubspot(input: &[u8]) {
    let Some(([key, signature, timestamp, method, uri], body)) = fields(input) else { return };
    let (Ok(key), Ok(method), Ok(uri)) = (str::from_utf8(key), str::from_utf8(method), str::from_utf8(uri))
    else {
        return;
    };
    let outcome = |keys_now: &[&str], signature: &[u8], method: &str, uri: &str, body: &[u8]| {
        let headers = headers(&[(HUBSPOT_SIGNATURE, signature), (HUBSPOT_TIMESTAMP, timestamp)])?;
        let request = Request { method, uri, headers: &headers, body };
        let now = Timestamp::from_millisecond(HUBSPOT_NOW_MS).expect("a time in range");
        Some(verify(Provider::HubSpot, &keys(keys_now), &request, now).map(|verified| {
            assert_eq!((verified.provider(), verified.body()), (Provider::HubSpot, body));
        }))
    };
    let signed_uri = decoded_once(uri);
    assert_eq!(hubspot::signed_uri(uri), signed_uri);

    let right = STANDARD.encode(mac(key, &[method.as_bytes(), signed_uri.as_bytes(), body, timestamp]));
    let Some(rightly_signed) = outcome(&[key], right.as_bytes(), method, uri, body) else { return };
    let is_in_window = in_window(timestamp);
    let is_accepted = is_in_window && !body.is_empty() && !key.trim().is_empty();
    assert_eq!(rightly_signed.is_ok(), is_accepted, "{rightly_signed:?}");
    if let Some(outcome) = outcome(&[key], signature, method, uri, body) {
        assert_eq!(outcome.is_ok(), is_accepted && signature == right.as_bytes());
    }
    if !is_accepted {
        return;
    }

    for spelling in other_spellings(&right) {
        let outcome = outcome(&[key], spelling.as_bytes(), method, uri, body);
        assert!(outcome.is_none_or(|outcome| outcome.is_err()), "{spelling:?}");
    }
    let other = format!("{key}x");
    let wrong = Some(Err(Refusal::WrongSignature));
    assert_eq!(outcome(&[&other, key], right.as_bytes(), method, uri, body), Some(Ok(())));
    assert_eq!(outcome(&[&other], right.as_bytes(), method, uri, body), wrong);
    assert_eq!(outcome(&[key], right.as_bytes(), method, uri, &one_bit_off(body)), wrong);
    assert_eq!(outcome(&[key], right.as_bytes(), &format!("{method}!"), uri, body), wrong);
    assert_eq!(outcome(&[key], right.as_bytes(), method, &format!("{uri}~"), body), wrong);
}

/// The twelve escapes in a regular scan, otherwise than the code under test does it.
fn decoded_once(uri: &str) -> String {
    const ESCAPES: &str = "3A: 2F/ 3F? 40@ 21! 24$ 27' 28( 29) 2A* 2C, 3B;";
    let mut decoded = Vec::new();
    let bytes = uri.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes[at..].strip_prefix(b"%").and_then(|code| code.get(..2));
        let found = ESCAPES.split(' ').find(|escape| Some(&escape.as_bytes()[..2]) == code);
        decoded.push(found.map_or(bytes[at], |escape| escape.as_bytes()[2]));
        at += if found.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).expect("whole characters are kept")
}

fn in_window(timestamp: &[u8]) -> bool {
    if !timestamp.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sent_ms = str::from_utf8(timestamp).ok().and_then(|digits| digits.parse::<i64>().ok());
    sent_ms.is_some_and(|sent_ms| sent_ms.abs_diff(HUBSPOT_NOW_MS) <= HUBSPOT_WINDOW_MS)
}

/// What a careless reader would take for the same signature.
fn other_spellings(right: &str) -> Vec<String> {
    let spellings = [
        format!("{right} "),
        format!(" {right}"),
        format!("{right}\t"),
        format!("{right}="),
        format!("{right},{right}"),
        format!("\"{right}\""),
        right.trim_end_matches('=').to_owned(),
        right.to_ascii_uppercase(),
        right.to_ascii_lowercase(),
        right.replace('+', "-").replace('/', "_"),
        right.replace('+', " "),
    ];
    spellings.into_iter().filter(|spelling| spelling != right).collect()
}

/// The body with one bit flipped, at a place that depends on all of it.
fn one_bit_off(body: &[u8]) -> Vec<u8> {
    let place =
        body.iter().fold(body.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let mut changed = body.to_vec();
    changed[place / 8 % body.len()] ^= 1 << (place % 8);
    changed
}
