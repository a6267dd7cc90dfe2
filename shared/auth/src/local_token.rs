use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use zixly_domain::UserId;

/// A session that the local stack gives out in the place of Supabase Auth.
#[derive(Debug)]
pub struct LocalSession<'a> {
    /// Who says so: what [`crate::TokenRules::issuer`] expects.
    pub issuer: &'a str,
    /// Whom it is for: what [`crate::TokenRules::audience`] expects.
    pub audience: &'a str,
    /// Who has signed in.
    pub user_id: UserId,
    /// His address, for the page that shows it.
    pub email: &'a str,
    /// When it begins.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A token of that session, signed with the legacy secret as Supabase Auth does. For local stacks, which have no
/// Supabase Auth; against a hosted project only that project signs.
pub fn local_token(legacy_secret: &SecretString, session: &LocalSession) -> SecretString {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let claims = json!({
        "iss": session.issuer,
        "sub": session.user_id,
        "aud": session.audience,
        "exp": session.expires_at.as_second(),
        "iat": session.issued_at.as_second(),
        "email": session.email,
        "role": "authenticated",
    });
    let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, legacy_secret.expose_secret().as_bytes());
    let signature = encode(hmac::sign(&key, signed.as_bytes()));
    SecretString::from(format!("{signed}.{signature}"))
}

fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}
