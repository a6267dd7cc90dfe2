//! The format of our messages. `v` is raised when an older worker could misread a message.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zixly_domain::{DeliveryId, JobId, Provider, TenantId};

const VERSION: u8 = 1;

/// What a worker is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// There may be something to do about this job.
    Ring {
        /// Whose job.
        tenant_id: TenantId,
        /// Which job.
        job_id: JobId,
    },
    /// This delivery was accepted while PostgreSQL was away: file it.
    File(CarriedDelivery),
}

/// A verified delivery on its way through the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct CarriedDelivery {
    /// Its id, given at the door.
    pub delivery_id: DeliveryId,
    /// The sender.
    pub provider: Provider,
    /// When it came.
    pub received_at: Timestamp,
    /// The headers worth keeping, as a JSON object.
    pub headers: Value,
    /// The bytes that were signed, or where they are.
    pub body: CarriedBody,
}

/// The body of a delivery on its way through the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarriedBody {
    /// Here.
    Inline(Vec<u8>),
    /// Under this key among the payloads, because it is too large for a message.
    Stored(String),
}

/// A message that no function of this version can ever read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is not one of ours. What it is instead is not quoted, since nobody knows what it holds.
    #[error("the message is not in a format of ours (line {line}, column {column})")]
    Format {
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// It is from a newer version of Zixly.
    #[error("the message has version {0}, this function reads {VERSION}")]
    Newer(u64),
    /// One of its fields says nothing.
    #[error("the message's field {0} cannot be read")]
    Field(&'static str),
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    v: u8,
    #[serde(flatten)]
    wire: T,
}

#[derive(Deserialize)]
pub(crate) struct VersionOnly {
    pub(crate) v: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Wire {
    Ring {
        tenant_id: TenantId,
        job_id: JobId,
    },
    File {
        delivery_id: DeliveryId,
        provider: String,
        received_at: Timestamp,
        headers: Value,
        #[serde(flatten)]
        body: WireBody,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WireBody {
    Inline { body: String },
    Stored { body_key: String },
}

impl Message {
    /// Reads a message's body.
    pub fn parse(body: &str) -> Result<Self, Unreadable> {
        let VersionOnly { v } = serde_json::from_str(body).map_err(format_error)?;
        if v > u64::from(VERSION) {
            return Err(Unreadable::Newer(v));
        }
        let envelope: Envelope<Wire> = serde_json::from_str(body).map_err(format_error)?;
        Ok(match envelope.wire {
            Wire::Ring { tenant_id, job_id } => Self::Ring { tenant_id, job_id },
            Wire::File { delivery_id, provider, received_at, headers, body } => Self::File(CarriedDelivery {
                delivery_id,
                provider: provider.parse().map_err(|_| Unreadable::Field("provider"))?,
                received_at,
                headers,
                body: match body {
                    WireBody::Inline { body } => {
                        CarriedBody::Inline(STANDARD.decode(body).map_err(|_| Unreadable::Field("body"))?)
                    }
                    WireBody::Stored { body_key } => CarriedBody::Stored(body_key),
                },
            }),
        })
    }

    /// The message's body.
    pub fn to_body(&self) -> String {
        let wire = match self {
            Self::Ring { tenant_id, job_id } => Wire::Ring { tenant_id: *tenant_id, job_id: *job_id },
            Self::File(delivery) => Wire::File {
                delivery_id: delivery.delivery_id,
                provider: delivery.provider.to_string(),
                received_at: delivery.received_at,
                headers: delivery.headers.clone(),
                body: match &delivery.body {
                    CarriedBody::Inline(body) => WireBody::Inline { body: STANDARD.encode(body) },
                    CarriedBody::Stored(key) => WireBody::Stored { body_key: key.clone() },
                },
            },
        };
        serde_json::to_string(&Envelope { v: VERSION, wire }).expect("ids, texts and JSON values serialise")
    }
}

pub(crate) fn format_error(error: serde_json::Error) -> Unreadable {
    Unreadable::Format { line: error.line(), column: error.column() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doorbell_carries_ids_only() {
        let message = Message::Ring {
            tenant_id: "01930000-0000-7000-8000-000000000001".parse().unwrap(),
            job_id: "01930000-0000-7000-8000-000000000002".parse().unwrap(),
        };
        let body = message.to_body();
        assert_eq!(
            body,
            r#"{"v":1,"type":"ring","tenant_id":"01930000-0000-7000-8000-000000000001","job_id":"01930000-0000-7000-8000-000000000002"}"#
        );
        assert_eq!(Message::parse(&body).unwrap(), message);
    }

    #[test]
    fn a_carried_delivery_keeps_every_byte() {
        for body in
            [CarriedBody::Inline(vec![0, 255, b'{', b' ']), CarriedBody::Stored("carried/1".to_owned())]
        {
            let message = Message::File(CarriedDelivery {
                delivery_id: DeliveryId::new(),
                provider: Provider::Xero,
                received_at: "2026-10-01T02:44:21.987Z".parse().unwrap(),
                headers: serde_json::json!({ "content-type": "application/json" }),
                body,
            });
            assert_eq!(Message::parse(&message.to_body()).unwrap(), message);
        }
    }

    #[test]
    fn what_is_not_ours_is_told_from_what_is_newer() {
        let error = |body| Message::parse(body).unwrap_err().to_string();
        assert_eq!(error("not json"), "the message is not in a format of ours (line 1, column 2)");
        assert!(error(r#"{"v":1,"type":"sing"}"#).starts_with("the message is not in a format of ours"));
        assert_eq!(error(r#"{"v":2,"anything":true}"#), "the message has version 2, this function reads 1");
    }
}
