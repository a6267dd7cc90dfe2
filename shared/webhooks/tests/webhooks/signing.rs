//! The sender's side: what a provider does before it sends.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use sha2::Sha256;
use zixly_webhooks::SigningKeys;

/// The code over the parts, written one after the other.
pub fn mac(key: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    parts.iter().for_each(|part| hmac.update(part));
    hmac.finalize().into_bytes().to_vec()
}

/// The same in base64.
pub fn sign(key: &str, parts: &[&[u8]]) -> String {
    STANDARD.encode(mac(key, parts))
}

/// The keys as a function holds them.
pub fn keys(keys: &[&str]) -> SigningKeys {
    SigningKeys::new(keys.iter().map(|&key| SecretString::from(key)))
}

/// The headers, or nothing if HTTP cannot carry one of the values.
pub fn headers(pairs: &[(&str, &[u8])]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(headers)
}

/// Every text that differs from this one in one bit.
pub fn one_bit_off(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    })
}
