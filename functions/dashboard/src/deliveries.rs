//! `GET /api/pipelines/deliveries` and `/{id}`: what came in, as it came.

use base64::{Engine, engine::general_purpose::STANDARD};
use lambda_http::Request;
use serde_json::{Value, json};
use zixly_access::Viewing;
use zixly_domain::DeliveryId;
use zixly_lambda_kit::problem::Problem;
use zixly_store::views::deliveries::{self, Filter};

use crate::{
    App,
    answers::{self, Answer, unknown},
    query,
};

/// How much of a body is shown.
const BODY_CAP: u32 = 256 * 1024;

const OUTCOMES: [&str; 5] = ["ACCEPTED", "DUPLICATE", "UNMATCHED", "MALFORMED", "EMPTY"];

/// Headers whose value would let somebody in, or look as if it came from the provider.
const SECRET: [&str; 6] = ["signature", "hmac", "authorization", "cookie", "secret", "token"];

pub(crate) async fn list(app: &App, viewing: &Viewing, request: &Request) -> Answer {
    let filter = filter(request)?;
    let limit = query::limit(request)?;
    let mut found = app
        .read(viewing.tenant_id, async |tx| deliveries::list(tx, viewing.tenant_id, &filter, limit + 1).await)
        .await?;
    let next = query::cut(&mut found, limit, |(id, _)| id.to_string());
    let deliveries: Value = found.into_iter().map(|(_, delivery)| delivery).collect();
    Ok(answers::json(&json!({ "deliveries": deliveries, "next_cursor": next })))
}

pub(crate) async fn show(app: &App, viewing: &Viewing, id: &str) -> Answer {
    let Ok(delivery_id) = id.parse::<DeliveryId>() else { return Err(unknown("delivery", id)) };
    let found = app
        .read(viewing.tenant_id, async |tx| {
            deliveries::find(tx, viewing.tenant_id, delivery_id, BODY_CAP).await
        })
        .await?;
    let Some(found) = found else { return Err(unknown("delivery", id)) };
    let mut delivery = found.rest;
    let is_truncated = delivery["size_bytes"].as_u64().is_some_and(|size| size > u64::from(BODY_CAP));
    let (body, encoding) = match readable(&found.body, is_truncated) {
        Some(text) => (text.to_owned(), "text"),
        None => (STANDARD.encode(&found.body), "base64"),
    };
    delivery["headers"] = headers(&delivery["headers"]);
    delivery["body"] = body.into();
    delivery["body_encoding"] = encoding.into();
    delivery["is_truncated"] = is_truncated.into();
    // What has no correct signature is not kept.
    delivery["signature_verified"] = true.into();
    Ok(answers::json(&delivery))
}

fn filter(request: &Request) -> Result<Filter, Problem> {
    let (from, to) = query::times(request)?;
    let outcome = query::text(request, "outcome");
    if outcome.as_deref().is_some_and(|outcome| !OUTCOMES.contains(&outcome)) {
        let rule = format!("It must be one of {}.", OUTCOMES.join(", "));
        return Err(query::invalid("outcome", &rule));
    }
    Ok(Filter {
        provider: query::value(request, "provider", "It must be one of xero, hubspot, shopify, asana.")?,
        outcome,
        from,
        to,
        after: query::value(request, "cursor", "It must be the `next_cursor` of a page.")?,
    })
}

/// The bytes as text; a last character that was cut through is left out.
fn readable(bytes: &[u8], is_truncated: bool) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if is_truncated && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

fn headers(kept: &Value) -> Value {
    let shown = |(name, value): (&String, &Value)| {
        let lower = name.to_ascii_lowercase();
        let is_secret = SECRET.iter().any(|part| lower.contains(part));
        let value = match value.as_str() {
            _ if is_secret => "(not shown)".to_owned(),
            Some(text) => text.to_owned(),
            None => value.to_string(),
        };
        (name.clone(), Value::from(value))
    };
    kept.as_object().into_iter().flatten().map(shown).collect::<serde_json::Map<_, _>>().into()
}
