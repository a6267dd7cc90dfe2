//! The project's signing key and the tokens that it signs.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// An ES256 key; a new one for each simulator, so that whoever checks tokens has to read the JWKS.
pub struct SigningKey {
    kid: Uuid,
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl SigningKey {
    pub fn generate() -> Self {
        let random = SystemRandom::new();
        let how = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::generate_pkcs8(how, &random)
            .map_err(|_| "no randomness")
            .and_then(|pkcs8| EcdsaKeyPair::from_pkcs8(how, pkcs8.as_ref(), &random).map_err(|_| "no key"));
        let pair = pair.expect("a system with randomness makes keys that can be read again");
        Self { kid: Uuid::new_v4(), pair, random }
    }

    /// The public half, as the JWKS lists it.
    pub fn jwks(&self) -> Value {
        // An uncompressed point: a byte that says so, then the two coordinates.
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y),
            "kid": self.kid, "alg": "ES256", "use": "sig", "key_ops": ["verify"],
        }] })
    }

    /// A JWT with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "kid": self.kid, "typ": "JWT" });
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.pair.sign(&self.random, signed.as_bytes());
        let signature = signature.expect("signing needs nothing but randomness");
        format!("{signed}.{}", encode(signature))
    }
}

fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}
