//! A provider's POST as API Gateway hands it to the door, signed with keys that everybody may know.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use zixly_domain::Provider;

/// Where the world reaches the door; HubSpot signs it.
pub const BASE_URL: &str = "https://hooks.example.com";
/// What Xero signs with.
pub const XERO_KEY: &str = "xero-webhook-key";
/// What HubSpot signs with.
pub const HUBSPOT_SECRET: &str = "hubspot-client-secret";
/// What Shopify signs with.
pub const SHOPIFY_SECRET: &str = "shopify-client-secret";
/// What Asana signs with at every endpoint.
pub const HOOK_SECRET: &str = "asana-hook-secret-of-32-characters";

/// One POST, still to be signed.
#[derive(Clone)]
pub struct Post {
    /// Who sends it.
    pub provider: Provider,
    /// Where to: `/webhook/xero`.
    pub path: String,
    /// What it says.
    pub body: String,
    /// The headers that say what it is.
    pub headers: Vec<(&'static str, String)>,
}

impl Post {
    /// The event that API Gateway makes of it, signed at this moment.
    pub fn event(&self) -> Value {
        api_gateway_event("POST", &self.path, &self.signed_headers(), &self.body)
    }

    /// The headers that say what it is; the signature is not among them.
    pub fn headers(&self) -> HeaderMap {
        let headers = self.headers.iter();
        headers
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn signed_headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = self.headers.clone();
        headers.push(("content-type", "application/json".to_owned()));
        let body = self.body.as_bytes();
        match self.provider {
            Provider::Xero => headers.push(("x-xero-signature", STANDARD.encode(mac(XERO_KEY, &[body])))),
            Provider::Shopify => {
                headers.push(("x-shopify-hmac-sha256", STANDARD.encode(mac(SHOPIFY_SECRET, &[body]))));
            }
            Provider::Asana => headers.push(("x-hook-signature", hex::encode(mac(HOOK_SECRET, &[body])))),
            Provider::HubSpot => {
                let now = Timestamp::now().as_millisecond().to_string();
                let url = format!("{BASE_URL}{}", self.path);
                let mac = mac(HUBSPOT_SECRET, &[b"POST", url.as_bytes(), body, now.as_bytes()]);
                headers.push(("x-hubspot-signature-v3", STANDARD.encode(mac)));
                headers.push(("x-hubspot-request-timestamp", now));
            }
            Provider::Slack | Provider::Ses | Provider::Trading => unreachable!("it sends no deliveries"),
        }
        headers
    }
}

/// The event that API Gateway makes of a request.
pub fn api_gateway_event(method: &str, path: &str, headers: &[(&str, String)], body: &str) -> Value {
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000", "apiId": "api", "domainName": "hooks.example.com", "domainPrefix": "hooks",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test",
            },
            "requestId": "request", "routeKey": "$default", "stage": "$default",
            "time": "01/Oct/2026:09:12:45 +0000", "timeEpoch": 1_790_845_965_000_u64,
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

fn mac(key: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}
