//! Signatures and bodies as providers send them, against the crate's public face.
#![expect(clippy::unwrap_used, reason = "a function that serves tests may panic as they may")]

mod hubspot_signature;
mod signing;
mod xero_parse;
mod xero_signature;
