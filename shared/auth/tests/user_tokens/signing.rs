//! The issuer's side: what Supabase Auth does, and what somebody who wants to pass for it might.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
};
use serde_json::{Value, json};

/// The project's legacy secret.
pub const SECRET: &str = "super-secret-jwt-token-with-at-least-32-characters-long";

/// A part of a token.
pub fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// A token with an empty signature.
pub fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.{}.", encode(header), encode(claims))
}

/// A token signed with HS256, whatever its header says.
pub fn hs256(secret: &str, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("{signed}.{}", encode(hmac::sign(&key, signed.as_bytes())))
}

/// A key of `rs256.json` and the token that was signed with it.
pub fn rs256(name: &str) -> (Value, String) {
    let recorded: Value = serde_json::from_str(include_str!("rs256.json")).unwrap();
    (recorded[name]["jwk"].clone(), recorded[name]["token"].as_str().unwrap().to_owned())
}

/// A new P-256 key.
pub struct EcKey {
    kid: &'static str,
    pkcs8: Vec<u8>,
}

impl EcKey {
    pub fn generate(kid: &'static str) -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        Self { kid, pkcs8: pkcs8.unwrap().as_ref().to_vec() }
    }

    /// Its public half, as a JWKS lists it.
    pub fn jwk(&self) -> Value {
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.pkcs8, &SystemRandom::new())
                .unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "key_ops": ["verify"], "kid": self.kid,
            "x": encode(x), "y": encode(y),
        })
    }

    /// A token as Supabase Auth makes it.
    pub fn es256(&self, claims: &str) -> String {
        self.sign(&json!({ "alg": "ES256", "kid": self.kid, "typ": "JWT" }).to_string(), claims)
    }

    /// A token signed with ES256, whatever its header says.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.signature(&ECDSA_P256_SHA256_FIXED_SIGNING, &signed);
        format!("{signed}.{}", encode(signature))
    }

    /// The signature as other protocols write it.
    pub fn der_signature(&self, signed: &str) -> Vec<u8> {
        self.signature(&ECDSA_P256_SHA256_ASN1_SIGNING, signed)
    }

    fn signature(&self, how: &'static ring::signature::EcdsaSigningAlgorithm, signed: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(how, &self.pkcs8, &random).unwrap();
        pair.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec()
    }
}
