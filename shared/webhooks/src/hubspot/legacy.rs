//! The signatures of versions 1 and 2, to check recorded examples with. They carry no time, so a copy of a
//! request would pass for ever; therefore they answer a question here and open no door.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{Request, SigningKeys, headers};

const SIGNATURE: &str = "x-hubspot-signature";
const VERSION: &str = "x-hubspot-signature-version";

/// Whether the request carries the right signature of version 1: SHA-256 over secret and body, in hex.
pub fn matches_v1(keys: &SigningKeys, request: &Request<'_>) -> bool {
    matches(keys, request, b"v1", &[request.body])
}

/// Whether the request carries the right signature of version 2: SHA-256 over secret, method, URL and body, in
/// hex.
pub fn matches_v2(keys: &SigningKeys, request: &Request<'_>) -> bool {
    matches(keys, request, b"v2", &[request.method.as_bytes(), request.uri.as_bytes(), request.body])
}

fn matches(keys: &SigningKeys, request: &Request<'_>, version: &[u8], parts: &[&[u8]]) -> bool {
    if headers::only(request.headers, VERSION) != Ok(version) {
        return false;
    }
    let signature = headers::only(request.headers, SIGNATURE).ok().and_then(|hex| hex::decode(hex).ok());
    let Some(signature) = signature else { return false };
    keys.iter().fold(false, |found, key| {
        let mut hash = Sha256::new_with_prefix(key);
        for part in parts {
            hash.update(part);
        }
        found | bool::from(hash.finalize().as_slice().ct_eq(&signature))
    })
}
