//! Who is calling: a tenant's API key.
//!
//! **Invariant:** a key is shown once, when it is made; from then on only its hash is known.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::TryRngCore;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

const PREFIX: &str = "zixly_";
const RANDOM_BYTES: usize = 32;

/// A tenant's credential: `zixly_` and 256 random bits in URL-safe base64.
pub struct ApiKey(SecretString);

impl ApiKey {
    /// A new key.
    ///
    /// # Panics
    /// When the operating system has no randomness to give; there is nothing safe to do then.
    pub fn generate() -> Self {
        let mut random = [0; RANDOM_BYTES];
        rand::rngs::OsRng.try_fill_bytes(&mut random).expect("the operating system gives randomness");
        Self(SecretString::from(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random))))
    }

    /// The key in an `Authorization: Bearer …` header; none when it is no key of ours.
    pub fn from_authorization(header: &str) -> Option<Self> {
        let (scheme, token) = header.split_once(' ')?;
        let random = token.strip_prefix(PREFIX)?;
        let decoded = URL_SAFE_NO_PAD.decode(random).ok()?;
        (scheme.eq_ignore_ascii_case("bearer") && decoded.len() == RANDOM_BYTES)
            .then(|| Self(SecretString::from(token)))
    }

    /// What is stored and looked up. The key is random, so looking its hash up gives nothing away by timing.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose_secret().as_bytes()).into()
    }

    /// The key itself, to be shown once.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_again_by_its_header() {
        let key = ApiKey::generate();
        let again = ApiKey::from_authorization(&format!("bearer {}", key.expose())).unwrap();
        assert_eq!(again.hash(), key.hash());
        assert_ne!(ApiKey::generate().hash(), key.hash());
    }

    #[test]
    fn what_is_no_key_of_ours_is_not_looked_up() {
        for header in ["", "Bearer", "Bearer zixly_short", "Basic dXNlcjpwdw==", "Bearer eyJhbGciOi.x.y"] {
            assert!(ApiKey::from_authorization(header).is_none(), "{header}");
        }
        let key = ApiKey::generate();
        assert!(ApiKey::from_authorization(key.expose()).is_none());
        assert!(ApiKey::from_authorization(&format!("Basic {}", key.expose())).is_none());
    }
}
