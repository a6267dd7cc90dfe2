//! Slack's JSON.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Serialize)]
pub(super) struct NewMessage<'a> {
    pub(super) channel: &'a str,
    pub(super) text: Cow<'a, str>,
    pub(super) mrkdwn: bool,
    pub(super) unfurl_links: bool,
    pub(super) unfurl_media: bool,
    pub(super) metadata: NewMetadata<'a>,
}

#[derive(Serialize)]
pub(super) struct NewMetadata<'a> {
    pub(super) event_type: &'a str,
    pub(super) event_payload: NewPayload<'a>,
}

#[derive(Serialize)]
pub(super) struct NewPayload<'a> {
    pub(super) effect_key: &'a str,
}

#[derive(Serialize)]
pub(super) struct HookMessage<'a> {
    pub(super) text: Cow<'a, str>,
}

/// What every answer begins with.
#[derive(Default, Deserialize)]
pub(super) struct Verdict {
    pub(super) ok: bool,
    pub(super) error: Option<String>,
}

/// Whose a token is.
#[derive(Deserialize)]
pub(super) struct Identity {
    pub(super) team: String,
    pub(super) team_id: String,
}

#[derive(Deserialize)]
pub(super) struct Posted {
    pub(super) ts: String,
}

#[derive(Deserialize)]
pub(super) struct History {
    pub(super) messages: Vec<Message>,
    #[serde(default)]
    response_metadata: Option<ResponseMetadata>,
}

#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) ts: String,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    event_type: String,
    /// Other apps write what they like.
    #[serde(default)]
    event_payload: Value,
}

#[derive(Deserialize)]
struct ResponseMetadata {
    #[serde(default)]
    next_cursor: String,
}

impl History {
    /// What gives the next page; an empty cursor means that this is the last one.
    pub(super) fn next_cursor(self) -> Option<String> {
        self.response_metadata.map(|metadata| metadata.next_cursor).filter(|cursor| !cursor.is_empty())
    }
}

impl Message {
    pub(super) fn is_of(&self, event_type: &str, effect_key: &str) -> bool {
        self.metadata.as_ref().is_some_and(|metadata| {
            metadata.event_type == event_type && metadata.event_payload["effect_key"] == effect_key
        })
    }
}
