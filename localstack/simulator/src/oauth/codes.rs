//! Authorization codes: what a browser carries from a consent page to the app.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::call::Provider;

/// How long a code can be traded in.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// The codes that nobody has traded in. Each provider knows one app only, so a provider's code is that app's.
#[derive(Default)]
pub struct Codes {
    open: HashMap<String, Code>,
}

/// What a user lets the app do, and where.
pub struct Permission {
    pub user: Uuid,
    pub accounts: Vec<String>,
    pub scopes: Vec<String>,
}

/// Why a code gives nothing.
pub enum CodeRefusal {
    /// Never issued, used before, or too old.
    Unknown,
    /// The redirect URI is not the one of the consent page.
    OtherRedirect,
    /// The verifier is not what the challenge was made of.
    WrongVerifier,
}

struct Code {
    provider: Provider,
    permission: Permission,
    redirect_uri: String,
    /// The SHA-256 of the app's verifier in base64, where the app asked so.
    challenge: Option<String>,
    issued_at: Timestamp,
}

impl Codes {
    pub fn issue(
        &mut self,
        provider: Provider,
        permission: Permission,
        redirect_uri: String,
        challenge: Option<String>,
        now: Timestamp,
    ) -> String {
        let random = super::random();
        let code = match provider {
            Provider::Hubspot => format!("na1-{}", Uuid::new_v4()),
            Provider::Asana => format!("0/{random}"),
            _ => random,
        };
        let issued = Code { provider, permission, redirect_uri, challenge, issued_at: now };
        self.open.insert(code.clone(), issued);
        code
    }

    /// Trades a code in, once, whatever comes of it. Without a redirect URI none is compared: Shopify's app names none.
    pub fn redeem(
        &mut self,
        provider: Provider,
        code: &str,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
        now: Timestamp,
    ) -> Result<Permission, CodeRefusal> {
        let code = self.open.remove(code).ok_or(CodeRefusal::Unknown)?;
        if code.provider != provider || now >= code.issued_at + CODE_LIFE {
            return Err(CodeRefusal::Unknown);
        }
        if redirect_uri.is_some_and(|given| given != code.redirect_uri) {
            return Err(CodeRefusal::OtherRedirect);
        }
        let given = verifier.map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
        if given != code.challenge {
            return Err(CodeRefusal::WrongVerifier);
        }
        Ok(code.permission)
    }
}
