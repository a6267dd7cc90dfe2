//! Signatures and bodies as providers send them, against the crate's public face.
#![expect(clippy::unwrap_used, reason = "a function that serves tests may panic as they may")]

mod asana_parse;
mod asana_signature;
mod hubspot_parse;
mod hubspot_signature;
mod registry;
mod shopify_oauth_callback;
mod shopify_parse;
mod shopify_signature;
mod signing;
mod xero_parse;
mod xero_signature;
