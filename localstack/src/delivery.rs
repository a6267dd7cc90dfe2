//! Deliveries as the providers make them: signed, with the headers that each of them sends, to the URL of each.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use reqwest::{Client, StatusCode};
use sha2::{Digest, Sha256};
use zixly_domain::Provider;

use crate::stack_env::StackEnv;

/// A POST that is ready to be sent.
#[derive(Debug, Clone)]
pub struct SignedDelivery {
    /// Where to.
    pub url: String,
    headers: Vec<(&'static str, String)>,
    /// What is sent. Changing it breaks the signature.
    pub body: Vec<u8>,
}

impl SignedDelivery {
    /// A delivery to the running stack, signed by `provider` with `key`, or with the stack's own key.
    pub fn new(provider: Provider, stack: &StackEnv, key: Option<&str>, body: &[u8]) -> anyhow::Result<Self> {
        let url = format!("{}/webhook/{provider}", stack.get("WEBHOOK_URL")?);
        let key_or = |name: &str| key.map_or_else(|| stack.get(name), Ok);
        Ok(match provider {
            Provider::Xero => xero(&url, key_or("XERO_WEBHOOK_KEY")?, body),
            Provider::HubSpot => hubspot(&url, key_or("HUBSPOT_CLIENT_SECRET")?, body, Timestamp::now()),
            Provider::Shopify => {
                let shop = stack.get("SHOPIFY_SHOP")?;
                shopify(&url, key_or("SHOPIFY_CLIENT_SECRET")?, body, "orders/paid", shop)
            }
            Provider::Asana => asana(stack.get("ASANA_WEBHOOK_URL")?, key_or("ASANA_HOOK_SECRET")?, body),
            Provider::Slack | Provider::Ses | Provider::Trading => {
                bail!("{} sends no deliveries", provider.name())
            }
        })
    }

    /// Its headers, as the door gets them.
    pub fn headers(&self) -> anyhow::Result<HeaderMap> {
        let header = |(name, value): &(&'static str, String)| {
            anyhow::Ok((HeaderName::from_static(name), HeaderValue::from_str(value)?))
        };
        self.headers.iter().map(header).collect()
    }

    /// Sends it; gives the answer's status and how long it took.
    pub async fn post(&self, client: &Client) -> anyhow::Result<(StatusCode, Duration)> {
        let mut request = client.post(&self.url).header("content-type", "application/json");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let started = Instant::now();
        let response = request.body(self.body.clone()).send().await;
        let response = response.with_context(|| format!("cannot reach {}: is the stack up?", self.url))?;
        Ok((response.status(), started.elapsed()))
    }
}

/// As Xero: base64 of HMAC-SHA256 over the body.
pub fn xero(url: &str, key: &str, body: &[u8]) -> SignedDelivery {
    let signature = STANDARD.encode(mac(key, &[body]));
    SignedDelivery { url: url.into(), headers: vec![("x-xero-signature", signature)], body: body.into() }
}

/// As HubSpot, version 3: over method, URL, body and the time in milliseconds.
pub fn hubspot(url: &str, key: &str, body: &[u8], now: Timestamp) -> SignedDelivery {
    let timestamp = now.as_millisecond().to_string();
    let signature = STANDARD.encode(mac(key, &[b"POST", url.as_bytes(), body, timestamp.as_bytes()]));
    let headers = vec![("x-hubspot-signature-v3", signature), ("x-hubspot-request-timestamp", timestamp)];
    SignedDelivery { url: url.into(), headers, body: body.into() }
}

/// As Shopify: over the body alone. The same body again is the same delivery, by its ids.
pub fn shopify(url: &str, key: &str, body: &[u8], topic: &str, shop: &str) -> SignedDelivery {
    let id = |what: &str| {
        let digest = Sha256::new_with_prefix(what).chain_update(topic).chain_update(body).finalize();
        let bytes: [u8; 16] = digest[..16].try_into().expect("a digest has 32 bytes");
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    };
    let headers = vec![
        ("x-shopify-hmac-sha256", STANDARD.encode(mac(key, &[body]))),
        ("x-shopify-topic", topic.to_owned()),
        ("x-shopify-shop-domain", shop.to_owned()),
        ("x-shopify-api-version", "2026-07".to_owned()),
        ("x-shopify-webhook-id", id("webhook")),
        ("x-shopify-event-id", id("event")),
        ("x-shopify-triggered-at", "2026-10-01T22:28:07.123456789Z".to_owned()),
    ];
    SignedDelivery { url: url.into(), headers, body: body.into() }
}

/// As Asana: small hex of HMAC-SHA256 over the body, to the webhook's own endpoint.
pub fn asana(url: &str, key: &str, body: &[u8]) -> SignedDelivery {
    let signature = hex::encode(mac(key, &[body]));
    SignedDelivery { url: url.into(), headers: vec![("x-hook-signature", signature)], body: body.into() }
}

fn mac(key: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
