//! Credentials of our own: a prefix that says what it is, and 256 bits that nobody can guess in URL-safe base64.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::TryRngCore;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use zixly_domain::JobId;

const RANDOM_BYTES: usize = 32;

/// A tenant's credential: `zixly_…`.
#[derive(Debug)]
pub struct ApiKey(SecretString);

/// What an external API calls back with, once, for one job: `zixly_cb_…`.
#[derive(Debug)]
pub struct CallbackToken(SecretString);

/// What goes with a person by a provider and comes back, so that an answer can be told to be to our question: `zixly_st_…`.
#[derive(Debug)]
pub struct ConsentState(SecretString);

/// What stays in the browser meanwhile, so that it can be told to be the one that has asked: `zixly_ck_…`.
#[derive(Debug)]
pub struct ConsentCookie(SecretString);

// None is ever taken for another, since the length of what follows the prefix is checked.
credential!(ApiKey, "zixly_");
credential!(CallbackToken, "zixly_cb_");
credential!(ConsentState, "zixly_st_");
credential!(ConsentCookie, "zixly_ck_");

impl ConsentCookie {
    /// The secret behind the challenge of RFC 7636: known to this browser and to nobody who sees the code go by.
    pub fn pkce_verifier(&self) -> SecretString {
        let digest = Sha256::digest([b"pkce".as_slice(), self.expose().as_bytes()].concat());
        text("", &digest)
    }
}

impl CallbackToken {
    /// The token of a job, the same each time, for whoever has the secret: so that what is sent with it can be sent again
    /// unchanged, and the token be stored nowhere.
    pub fn derive(secret: &SecretString, job_id: JobId) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let tag = hmac::sign(&key, &[b"callback".as_slice(), job_id.0.as_bytes()].concat());
        Self(text("zixly_cb_", tag.as_ref()))
    }
}

macro_rules! credential {
    ($type:ident, $prefix:literal) => {
        impl $type {
            /// A new one.
            ///
            /// # Panics
            /// When the operating system has no randomness to give; there is nothing safe to do then.
            pub fn generate() -> Self {
                Self(generate($prefix))
            }

            /// Takes the text; none when it is none of ours.
            pub fn parse(text: &str) -> Option<Self> {
                parse($prefix, text).map(Self)
            }

            /// What is stored and looked up. The text is random, so looking its hash up gives nothing away by timing.
            pub fn hash(&self) -> [u8; 32] {
                Sha256::digest(self.0.expose_secret().as_bytes()).into()
            }

            /// The text itself, to be shown once.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }
    };
}
use credential;

fn generate(prefix: &str) -> SecretString {
    let mut random = [0; RANDOM_BYTES];
    rand::rngs::OsRng.try_fill_bytes(&mut random).expect("the operating system gives randomness");
    text(prefix, &random)
}

fn text(prefix: &str, bytes: &[u8]) -> SecretString {
    SecretString::from(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

fn parse(prefix: &str, text: &str) -> Option<SecretString> {
    let random = URL_SAFE_NO_PAD.decode(text.strip_prefix(prefix)?).ok()?;
    (random.len() == RANDOM_BYTES).then(|| SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_in(authorization: &str) -> Option<ApiKey> {
        ApiKey::parse(crate::bearer(authorization)?)
    }

    #[test]
    fn a_key_is_found_again_by_its_header() {
        let key = ApiKey::generate();
        let again = key_in(&format!("bearer {}", key.expose())).unwrap();
        assert_eq!(again.hash(), key.hash());
        assert_ne!(ApiKey::generate().hash(), key.hash());
    }

    #[test]
    fn a_callback_token_is_found_again_by_its_text() {
        let token = CallbackToken::generate();
        assert!(token.expose().starts_with("zixly_cb_"));
        assert_eq!(CallbackToken::parse(token.expose()).unwrap().hash(), token.hash());
        assert_ne!(CallbackToken::generate().hash(), token.hash());
    }

    #[test]
    fn a_derived_callback_token_is_the_same_for_its_job_and_secret_only() {
        let (secret, job_id) = (SecretString::from("key"), JobId::new());
        let token = CallbackToken::derive(&secret, job_id);
        assert_eq!(CallbackToken::parse(token.expose()).unwrap().hash(), token.hash());
        assert_eq!(CallbackToken::derive(&secret, job_id).expose(), token.expose());
        assert_ne!(CallbackToken::derive(&secret, JobId::new()).hash(), token.hash());
        assert_ne!(CallbackToken::derive(&SecretString::from("other"), job_id).hash(), token.hash());
    }

    #[test]
    fn what_is_no_key_of_ours_is_not_looked_up() {
        for header in ["", "Bearer", "Bearer zixly_short", "Basic dXNlcjpwdw==", "Bearer eyJhbGciOi.x.y"] {
            assert!(key_in(header).is_none(), "{header}");
        }
        let key = ApiKey::generate();
        assert!(key_in(key.expose()).is_none());
        assert!(key_in(&format!("Basic {}", key.expose())).is_none());
        assert!(ApiKey::parse(&format!("{} ", key.expose())).is_none());
    }

    #[test]
    fn a_key_is_no_callback_token_whatever_its_random_part() {
        assert!(ApiKey::parse(CallbackToken::generate().expose()).is_none());
        assert!(CallbackToken::parse(ApiKey::generate().expose()).is_none());
        let looks_like_a_token = format!("zixly_cb_{}", "A".repeat(40));
        assert!(ApiKey::parse(&looks_like_a_token).is_some());
        assert!(CallbackToken::parse(&looks_like_a_token).is_none());
    }

    #[test]
    fn debug_shows_neither() {
        let (key, token) = (ApiKey::generate(), CallbackToken::generate());
        let shown = format!("{key:?} {token:?}");
        assert!(!shown.contains(&key.expose()[6..]) && !shown.contains(&token.expose()[9..]), "{shown}");
    }
}
