use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::Refusal;

/// The length of a SHA-256 code.
pub(crate) const MAC_BYTES: usize = 32;

/// The keys that a provider may sign with: one, or two while a new one replaces an old one. `Debug` shows none.
#[derive(Debug, Clone)]
pub struct SigningKeys(Vec<SecretString>);

impl SigningKeys {
    /// Takes the keys as the provider shows them. Blank ones are left out, since everybody knows them; with none
    /// left, every request is refused.
    pub fn new(keys: impl IntoIterator<Item = SecretString>) -> Self {
        Self(keys.into_iter().filter(|key| !key.expose_secret().trim().is_empty()).collect())
    }

    /// Whether one of the keys made `mac` over the parts, written one after the other.
    pub(crate) fn check(&self, parts: &[&[u8]], mac: &[u8; MAC_BYTES]) -> Result<(), Refusal> {
        if self.0.is_empty() {
            // The same work as with a key, so that the time of the answer does not tell that there is none.
            std::hint::black_box(is_mac_of(b"", parts, mac));
            return Err(Refusal::NoKey);
        }
        // No early end: the time must not tell which key it was.
        let found = self
            .0
            .iter()
            .fold(false, |found, key| found | is_mac_of(key.expose_secret().as_bytes(), parts, mac));
        if found { Ok(()) } else { Err(Refusal::WrongSignature) }
    }

    /// The keys as text, for the older schemes that do not use them as keys of an HMAC.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.expose_secret())
    }
}

/// Reads a code in hex, of small letters only: a second spelling of a signature is not taken.
pub(crate) fn mac_from_hex(hex: &[u8]) -> Option<[u8; MAC_BYTES]> {
    let mut mac = [0; MAC_BYTES];
    let small = !hex.iter().any(u8::is_ascii_uppercase);
    (small && hex::decode_to_slice(hex, &mut mac).is_ok()).then_some(mac)
}

fn is_mac_of(key: &[u8], parts: &[&[u8]], mac: &[u8; MAC_BYTES]) -> bool {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        hmac.update(part);
    }
    hmac.verify_slice(mac).is_ok()
}
