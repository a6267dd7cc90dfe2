use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

/// The algorithms of public keys.
pub(super) const ALGORITHMS: [&str; 2] = [ES256, RS256];

const ES256: &str = "ES256";
const RS256: &str = "RS256";
/// A coordinate of a point on P-256.
const COORDINATE_BYTES: usize = 32;
/// What an uncompressed point begins with.
const UNCOMPRESSED: u8 = 4;

/// A key of a JWKS, good for one algorithm.
#[derive(Debug)]
pub(super) struct PublicKey {
    pub(super) kid: String,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Es256(UnparsedPublicKey<Vec<u8>>),
    Rs256(RsaPublicKeyComponents<Vec<u8>>),
}

/// Reads a JWKS. Keys of other kinds, for other uses, or without a `kid` are left out, as RFC 7517 asks.
pub(super) fn parse(jwks: &str) -> Result<Vec<PublicKey>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Jwks {
        keys: Vec<Value>,
    }
    let Jwks { keys } = serde_json::from_str(jwks)?;
    Ok(keys.into_iter().filter_map(|key| Jwk::deserialize(key).ok()?.into_public_key()).collect())
}

impl PublicKey {
    pub(super) fn algorithm(&self) -> &'static str {
        match self.material {
            Material::Es256(_) => ES256,
            Material::Rs256(_) => RS256,
        }
    }

    pub(super) fn verify(&self, signed: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.material {
            Material::Es256(key) => key.verify(signed, signature),
            Material::Rs256(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature),
        };
        verified.is_ok()
    }
}

#[derive(Deserialize)]
struct Jwk {
    kid: String,
    kty: String,
    alg: String,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Jwk {
    fn into_public_key(self) -> Option<PublicKey> {
        if !self.is_for_verifying() {
            return None;
        }
        let material = match (self.kty.as_str(), self.alg.as_str()) {
            ("EC", ES256) => self.p256_point().map(Material::Es256),
            ("RSA", RS256) => self.rsa_components().map(Material::Rs256),
            _ => None,
        }?;
        Some(PublicKey { kid: self.kid, material })
    }

    fn is_for_verifying(&self) -> bool {
        self.r#use.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|name| name == "verify"))
    }

    fn p256_point(&self) -> Option<UnparsedPublicKey<Vec<u8>>> {
        let (x, y) = (decode(self.x.as_deref())?, decode(self.y.as_deref())?);
        let is_p256 = self.crv.as_deref() == Some("P-256")
            && [&x, &y].iter().all(|coordinate| coordinate.len() == COORDINATE_BYTES);
        is_p256.then(|| {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [&[UNCOMPRESSED], &x[..], &y[..]].concat())
        })
    }

    fn rsa_components(&self) -> Option<RsaPublicKeyComponents<Vec<u8>>> {
        Some(RsaPublicKeyComponents { n: decode(self.n.as_deref())?, e: decode(self.e.as_deref())? })
    }
}

fn decode(part: Option<&str>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part?).ok()
}
