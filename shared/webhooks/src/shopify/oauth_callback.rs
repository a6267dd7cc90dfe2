//! The query with which Shopify sends a person back to us after a shop has agreed to the app.
//!
//! It is signed with the app's client secret, unlike the one of other providers, and in hex, unlike a delivery.

use form_urlencoded::byte_serialize;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::shop_domain;
use crate::{SigningKeys, keys};

/// How far Shopify's clock and ours may be apart, either way, as in its own library.
const WINDOW_S: u64 = 90;

/// A callback that Shopify signed just now. Whether it answers a request of ours is still open.
#[derive(Debug)]
pub struct SignedCallback {
    shop: String,
    code: SecretString,
    state: Option<SecretString>,
}

/// What a shop has agreed to.
#[derive(Debug)]
pub struct Grant {
    /// The shop's domain, in small letters.
    pub shop: String,
    /// To be exchanged for tokens, once.
    pub code: SecretString,
}

/// Why a callback leads to no tokens. The words are for the person in front of the browser.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackRefusal {
    /// Shopify always sends it.
    #[error("the parameter {name} is missing; start again from the shop's page of apps")]
    MissingParameter {
        /// Which one.
        name: &'static str,
    },
    /// It is not clear which of the values counts.
    #[error("a parameter occurs more than once")]
    RepeatedParameter,
    /// No code of a SHA-256, whatever the key.
    #[error("the parameter hmac is not a SHA-256 code in hex")]
    MalformedSignature,
    /// There is no key, or Shopify did not sign this query with it.
    #[error("the callback cannot be taken for Shopify's")]
    NotSigned(#[source] crate::Refusal),
    /// Rightly signed, but not by the domain of a shop.
    #[error("the parameter shop is not a shop's myshopify.com domain")]
    MalformedShop,
    /// The time of sending cannot be read.
    #[error("the parameter timestamp is not a whole number of seconds")]
    MalformedTimestamp,
    /// A copy sent again, or a clock is wrong.
    #[error("the callback is {off_by_s} s off our clock, which is too far; start again")]
    OutsideWindow {
        /// Seconds before or after our clock.
        off_by_s: u64,
    },
    /// Somebody else's request, or one that was answered before.
    #[error("the callback answers no request of this browser; start again")]
    OtherState,
}

/// Accepts a query (without its `?`) that Shopify signed at most 90 s before or after `now`: hex of HMAC-SHA256 over
/// all other parameters, sorted by name, in form encoding with `%20` for a space.
pub fn verify(keys: &SigningKeys, query: &str, now: Timestamp) -> Result<SignedCallback, CallbackRefusal> {
    let mut parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    parameters.sort();
    if parameters.windows(2).any(|two| two[0].0 == two[1].0) {
        return Err(CallbackRefusal::RepeatedParameter);
    }
    let find = |name: &'static str| {
        let found = parameters.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_ref()).ok_or(CallbackRefusal::MissingParameter { name })
    };
    let mac = keys::mac_from_hex(find("hmac")?.as_bytes()).ok_or(CallbackRefusal::MalformedSignature)?;
    let signed = signed_text(parameters.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
    keys.check(&[signed.as_bytes()], &mac).map_err(CallbackRefusal::NotSigned)?;
    refuse_outside_window(find("timestamp")?, now)?;
    Ok(SignedCallback {
        shop: shop_domain(find("shop")?).ok_or(CallbackRefusal::MalformedShop)?,
        code: find("code")?.into(),
        state: find("state").ok().map(SecretString::from),
    })
}

impl SignedCallback {
    /// The grant, if the callback answers the request that was sent with this state. A callback without a state
    /// answers none.
    pub fn answering(self, state: &str) -> Result<Grant, CallbackRefusal> {
        let is_same =
            |answered: SecretString| bool::from(answered.expose_secret().as_bytes().ct_eq(state.as_bytes()));
        if state.is_empty() || !self.state.is_some_and(is_same) {
            return Err(CallbackRefusal::OtherState);
        }
        Ok(Grant { shop: self.shop, code: self.code })
    }
}

fn signed_text<'a>(sorted: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let signed = sorted.filter(|(name, _)| !matches!(*name, "hmac" | "signature"));
    signed.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect::<Vec<_>>().join("&")
}

fn refuse_outside_window(timestamp: &str, now: Timestamp) -> Result<(), CallbackRefusal> {
    let is_digits = timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let sent_s: Option<i64> = timestamp.parse().ok().filter(|_| is_digits);
    match sent_s.ok_or(CallbackRefusal::MalformedTimestamp)?.abs_diff(now.as_second()) {
        0..=WINDOW_S => Ok(()),
        off_by_s => Err(CallbackRefusal::OutsideWindow { off_by_s }),
    }
}
