//! What API Gateway hands over about a WebSocket, as far as it is of interest, and what it takes for an answer.

use serde::{Deserialize, Serialize};

/// Something happened to a socket.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SocketEvent {
    pub request_context: RequestContext,
    query_string_parameters: Option<Query>,
    body: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestContext {
    pub event_type: EventType,
    pub connection_id: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum EventType {
    /// It wants to be opened.
    Connect,
    /// The page has sent something.
    Message,
    /// It was closed.
    Disconnect,
}

#[derive(Debug, Deserialize)]
struct Query {
    ticket: Option<String>,
}

/// What a page sends.
#[derive(Debug, Deserialize)]
struct Message {
    action: String,
}

/// Tells API Gateway whether a socket may be opened, or what to send to the page.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SocketAnswer {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'static str>,
}

impl SocketEvent {
    /// The ticket in the address that the page has called.
    pub(crate) fn ticket(&self) -> Option<&str> {
        self.query_string_parameters.as_ref()?.ticket.as_deref()
    }

    /// Whether the page says `{"action":"subscribe"}`.
    pub(crate) fn is_subscribe(&self) -> bool {
        let message = self.body.as_deref().and_then(|body| serde_json::from_str(body).ok());
        message.is_some_and(|message: Message| message.action == "subscribe")
    }
}

impl SocketAnswer {
    /// A status and nothing to send.
    pub(crate) const fn status(status_code: u16) -> Self {
        Self { status_code, body: None }
    }

    /// A text for the page.
    pub(crate) const fn say(text: &'static str) -> Self {
        Self { status_code: 200, body: Some(text) }
    }
}
