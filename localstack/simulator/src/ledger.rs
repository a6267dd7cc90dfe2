//! What was asked of the providers, and what it changed.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::call::{Call, Provider};

/// Calls and committed writes, in the order in which they came.
#[derive(Default)]
pub struct Ledger {
    pub calls: Vec<SeenCall>,
    pub effects: Vec<Effect>,
}

/// A call that reached a provider, whatever came of it.
#[derive(Serialize)]
pub struct SeenCall {
    pub provider: Provider,
    method: String,
    path: String,
    /// Null when the connection was held and no answer went out.
    status: Option<u16>,
    at: String,
}

/// A write that took place, whether or not its author was told.
#[derive(Serialize)]
pub struct Effect {
    pub provider: Provider,
    account: String,
    method: String,
    path: String,
    body: Box<RawValue>,
    idempotency_key: Option<String>,
    #[serde(flatten)]
    written: Written,
    at: String,
}

/// What a write was about, so that one that was made twice shows: as two with the same provider, account, kind and key.
#[derive(Serialize)]
pub struct Written {
    kind: &'static str,
    /// What the business calls it: the number of an invoice, the invoice of a payment, the text of a note.
    key: String,
    /// What the provider calls it.
    record_id: Option<String>,
}

impl Written {
    pub fn new(kind: &'static str, key: impl Into<String>, record_id: Option<&str>) -> Self {
        Self { kind, key: key.into(), record_id: record_id.map(str::to_owned) }
    }
}

impl Ledger {
    pub fn note_call(&mut self, call: &Call, status: Option<u16>, now: Timestamp) {
        self.calls.push(SeenCall {
            provider: call.provider,
            method: call.method.to_string(),
            path: call.path_and_query.clone(),
            status,
            at: milliseconds(now),
        });
    }

    /// Notes a write in `account`; the body stays as sent, so that no digit of an amount changes. A call without a
    /// body has null.
    pub fn note_effect(&mut self, call: &Call, account: &str, written: Written, now: Timestamp) {
        let body: &[u8] = if call.body.is_empty() { b"null" } else { &call.body };
        self.effects.push(Effect {
            provider: call.provider,
            account: account.to_owned(),
            method: call.method.to_string(),
            path: call.path_and_query.clone(),
            body: serde_json::from_slice(body).expect("only a body that parsed is ever committed"),
            idempotency_key: call.header("idempotency-key").map(str::to_owned),
            written,
            at: milliseconds(now),
        });
    }
}

/// RFC 3339 in UTC with three fraction digits, as HubSpot writes time.
pub fn milliseconds(time: Timestamp) -> String {
    format!("{time:.3}")
}
