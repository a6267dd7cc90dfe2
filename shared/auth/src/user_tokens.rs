//! Tokens of Supabase Auth: JWTs signed with a key of the project's JWKS (ES256 or RS256), or with the project's legacy
//! secret (HS256).
//!
//! Which algorithm a key is used with stands with the key. The header of a token only finds the key: a token that names
//! another algorithm than its key's is refused before anything is computed.

mod key_set;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use uuid::Uuid;
use zixly_domain::UserId;

use key_set::PublicKey;

/// Longer tokens are not looked at; Supabase's are about 1 kB.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// How far the clocks of Supabase and ours may be apart.
const LEEWAY: Duration = Duration::from_secs(30);
/// HS256 asks for a key of at least the length of its output (RFC 7518, 3.2).
const MIN_SECRET_BYTES: usize = 32;
/// Supabase's roles of API keys, which every browser (`anon`) or server of the project holds.
const API_KEY_ROLES: [&str; 2] = ["anon", "service_role"];

/// Whose tokens are accepted, and what they are checked with.
#[derive(Debug, Default)]
pub struct TokenRules<'a> {
    /// Who makes them: `https://….supabase.co/auth/v1`.
    pub issuer: String,
    /// Whom they are for: `authenticated`.
    pub audience: String,
    /// The project's JWKS as JSON text.
    pub jwks: Option<&'a str>,
    /// The project's legacy JWT secret. Only with it is HS256 accepted; a blank one counts as none.
    pub legacy_secret: Option<SecretString>,
}

/// The rules are no rules to go by.
#[derive(Debug, thiserror::Error)]
pub enum TokenRulesError {
    /// What should be the JWKS is something else.
    #[error("the JWKS is not a JSON object with a list of keys")]
    Jwks(#[source] serde_json::Error),
    /// Too short to be safe, and shorter than any that Supabase makes.
    #[error(
        "the legacy JWT secret has {bytes} bytes, at least {MIN_SECRET_BYTES} are needed; copy all of it"
    )]
    ShortSecret {
        /// Its length.
        bytes: usize,
    },
    /// There are keys, but any project's tokens would do.
    #[error("the {0} of users' tokens is not set")]
    Missing(&'static str),
}

/// Why a token is refused. No message repeats anything of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// There is nothing to check a token with.
    #[error("sign-in is not configured: neither a JWKS nor a legacy JWT secret is known")]
    NotConfigured,
    /// It is longer than any real one.
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// It is no JWT, or not one of a session.
    #[error("the token is not a JWT of a session")]
    Malformed,
    /// It asks for an extension (`crit`); none is understood.
    #[error("the token needs an extension that is not understood")]
    Extension,
    /// The algorithm that it names is not the one of its key.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// The JWKS has no such key. It may have one when it is read again.
    #[error("the token's key is not known")]
    UnknownKey,
    /// It was not signed with the key, or was changed since.
    #[error("the token's signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("the token has expired; sign in again")]
    Expired,
    /// Its time has not come, or it was made in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It is some other project's.
    #[error("the token is from another issuer")]
    Issuer,
    /// It is for someone else.
    #[error("the token is for another audience")]
    Audience,
    /// It is an API key of the project, or names no user.
    #[error("the token is not a user's")]
    NotAUser,
}

/// Accepts users' tokens by fixed rules.
#[derive(Debug)]
pub struct UserTokens {
    issuer: String,
    audience: String,
    public_keys: Option<Vec<PublicKey>>,
    legacy_key: Option<hmac::Key>,
}

impl UserTokens {
    /// Takes the rules. Keys of the JWKS that are not for ES256 or RS256 signatures are left out. With neither a JWKS
    /// nor a secret, every token is refused.
    pub fn new(rules: TokenRules) -> Result<Self, TokenRulesError> {
        let TokenRules { issuer, audience, jwks, legacy_secret } = rules;
        let public_keys = jwks.map(key_set::parse).transpose().map_err(TokenRulesError::Jwks)?;
        let legacy_key =
            legacy_secret.filter(|secret| !is_blank(secret)).map(|secret| hs256_key(&secret)).transpose()?;
        if public_keys.is_some() || legacy_key.is_some() {
            for (name, value) in [("issuer", &issuer), ("audience", &audience)] {
                if value.is_empty() {
                    return Err(TokenRulesError::Missing(name));
                }
            }
        }
        Ok(Self { issuer, audience, public_keys, legacy_key })
    }

    /// The user whose session this token is, if it is one at `now`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<UserId, TokenRefusal> {
        if self.public_keys.is_none() && self.legacy_key.is_none() {
            return Err(TokenRefusal::NotConfigured);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenRefusal::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenRefusal::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenRefusal::Malformed)?;
        let header: Header = parse_object(&decode(header)?)?;
        if header.has_crit {
            return Err(TokenRefusal::Extension);
        }
        self.check_signature(&header, signed.as_bytes(), &decode(signature)?)?;
        self.check_claims(&parse_object(&decode(claims)?)?, now)
    }

    fn check_signature(&self, header: &Header, signed: &[u8], signature: &[u8]) -> Result<(), TokenRefusal> {
        let is_right = match (self.public_key(header), &self.legacy_key) {
            (Some(key), _) if header.alg != key.algorithm() => return Err(TokenRefusal::Algorithm),
            (Some(key), _) => key.verify(signed, signature),
            // A project that has moved to signing keys gives its legacy secret a `kid`, too, which no JWKS lists.
            (None, Some(key)) if header.alg == "HS256" => hmac::verify(key, signed, signature).is_ok(),
            (None, _) if key_set::ALGORITHMS.contains(&header.alg.as_str()) => {
                return Err(TokenRefusal::UnknownKey);
            }
            (None, _) => return Err(TokenRefusal::Algorithm),
        };
        if is_right { Ok(()) } else { Err(TokenRefusal::Signature) }
    }

    fn public_key(&self, header: &Header) -> Option<&PublicKey> {
        let kid = header.kid.as_ref()?;
        self.public_keys.iter().flatten().find(|key| key.kid == *kid)
    }

    fn check_claims(&self, claims: &Claims, now: Timestamp) -> Result<UserId, TokenRefusal> {
        if claims.role.as_deref().is_some_and(|role| API_KEY_ROLES.contains(&role)) {
            return Err(TokenRefusal::NotAUser);
        }
        if claims.iss != self.issuer {
            return Err(TokenRefusal::Issuer);
        }
        if !claims.aud.includes(&self.audience) {
            return Err(TokenRefusal::Audience);
        }
        let now = now.as_duration().as_secs_f64();
        let leeway = LEEWAY.as_secs_f64();
        if claims.exp + leeway <= now {
            return Err(TokenRefusal::Expired);
        }
        if [claims.nbf, claims.iat].into_iter().flatten().any(|from| from > now + leeway) {
            return Err(TokenRefusal::NotYetValid);
        }
        claims.sub.as_deref().and_then(user_id).ok_or(TokenRefusal::NotAUser)
    }
}

/// What is read of a JWT's header. A field that is given twice is an error, here and in the claims: which one counts
/// would be a matter of the reader.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    #[serde(rename = "crit", default, deserialize_with = "is_present")]
    has_crit: bool,
}

/// What is read of the claims. Nothing in `user_metadata` is: the user writes it himself.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: Option<String>,
    aud: Audience,
    exp: f64,
    iat: Option<f64>,
    nbf: Option<f64>,
    role: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn includes(&self, expected: &str) -> bool {
        match self {
            Self::One(audience) => audience == expected,
            Self::Many(audiences) => audiences.iter().any(|audience| audience == expected),
        }
    }
}

fn is_present<'de, D: Deserializer<'de>>(field: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(field).map(|_| true)
}

fn decode(part: &str) -> Result<Vec<u8>, TokenRefusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenRefusal::Malformed)
}

fn parse_object<T: DeserializeOwned>(json: &[u8]) -> Result<T, TokenRefusal> {
    // A struct would be read from a list as well.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(TokenRefusal::Malformed);
    }
    serde_json::from_slice(json).map_err(|_| TokenRefusal::Malformed)
}

/// Supabase writes a user's id with hyphens; the other spellings that a UUID may have are nobody's.
fn user_id(subject: &str) -> Option<UserId> {
    const HYPHENATED: usize = uuid::fmt::Hyphenated::LENGTH;
    let id = (subject.len() == HYPHENATED).then(|| Uuid::try_parse(subject).ok()).flatten()?;
    (!id.is_nil()).then_some(UserId(id))
}

fn hs256_key(secret: &SecretString) -> Result<hmac::Key, TokenRulesError> {
    let secret = secret.expose_secret().as_bytes();
    if secret.len() < MIN_SECRET_BYTES {
        return Err(TokenRulesError::ShortSecret { bytes: secret.len() });
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, secret))
}

fn is_blank(secret: &SecretString) -> bool {
    secret.expose_secret().trim().is_empty()
}
