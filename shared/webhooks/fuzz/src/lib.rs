//! What must hold for every request, whoever sent it. Each target of `fuzz_targets/` calls one function here with
//! the fuzzer's bytes, and a broken promise is a panic.
//!
//! An input is text that a person can write: some fields, each ended by a line break, then the body.

pub mod oauth_callback;
pub mod parsers;
pub mod verifiers;

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use sha2::Sha256;
use zixly_webhooks::SigningKeys;

/// The first `N` lines of an input and the rest; nothing if there are fewer lines.
fn fields<const N: usize>(input: &[u8]) -> Option<([&[u8]; N], &[u8])> {
    let mut rest = input;
    let mut fields = [&input[..0]; N];
    for field in &mut fields {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        *field = &rest[..end];
        rest = &rest[end + 1..];
    }
    Some((fields, rest))
}

/// Headers of these pairs, or nothing if HTTP cannot carry one of them.
fn headers(pairs: &[(&'static str, &[u8])]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).ok()?);
    }
    Some(headers)
}

fn keys(keys: &[&str]) -> SigningKeys {
    SigningKeys::new(keys.iter().map(|key| SecretString::from(*key)))
}

fn mac(key: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key of any length");
    parts.iter().for_each(|part| hmac.update(part));
    hmac.finalize().into_bytes().to_vec()
}
