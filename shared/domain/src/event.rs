use jiff::Timestamp;
use serde_json::Value;

use crate::Provider;

/// What a verified POST carried, parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The sender.
    pub provider: Provider,
    /// The events in the order of the body; none in a handshake or heartbeat.
    pub events: Vec<Event>,
    /// The events that could not be read. They do not hold up the others, and nobody loses sight of them.
    pub unreadable: Vec<UnreadableEvent>,
}

/// An event of a delivery that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableEvent {
    /// Its place among all the events of the body, from 0.
    pub index: usize,
    /// What is wrong with it, to be read after "the event": `has no tenantId`.
    pub reason: String,
}

/// One business change, in words that are the same for every provider. No text in it holds U+0000, which
/// PostgreSQL does not store.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The provider that says so.
    pub provider: Provider,
    /// What finds the connection, and through it the tenant: the provider's account that it happened in, or, where
    /// a delivery names none (Asana), the endpoint of ours that it came to.
    pub account_id: String,
    /// What kind of record changed, as the provider spells it: `INVOICE`.
    pub category: String,
    /// What happened to it, as the provider spells it: `UPDATE`.
    pub action: String,
    /// The provider's id of the record.
    pub resource_id: String,
    /// When it happened, by the provider's clock.
    pub occurred_at: Option<Timestamp>,
    /// Equal for two events exactly if they are the same change, however often it is delivered.
    pub dedupe_key: String,
    /// A second such key, where a provider's own pages disagree on which of its ids tells a repetition (Shopify).
    pub other_dedupe_key: Option<String>,
    /// The event's own part of the body.
    pub payload: Value,
}
