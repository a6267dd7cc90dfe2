//! Job events: how a job stands now, said by the worker that changed it, for the pages that its owners look at.
//!
//! Whoever carries an event to a page does not read it: the message holds, beside whose it is, the very text that goes
//! to the page. So a field more needs a new worker and a new page, and nothing in between.

use aws_sdk_sqs::Client;
use aws_types::SdkConfig;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use zixly_domain::{JobId, JobStatus, Provider, TenantId, WaitingReason};

use crate::message::{VersionOnly, format_error};
use crate::{QueueError, Unreadable};

/// Raised when an older carrier could misread a message; what a page reads has no version.
const VERSION: u8 = 1;

/// Longer than a ticket for a WebSocket is good.
const TICKETS_ARE_OVER_S: i32 = 40;

/// How much of an error is shown in a list.
const ERROR_CHARACTERS: usize = 300;

/// How a job stands, as far as its worker knows without asking anyone.
#[derive(Debug, Clone, PartialEq)]
pub struct JobEvent {
    /// Whose job.
    pub tenant_id: TenantId,
    /// Which job.
    pub job_id: JobId,
    /// The workflow's name.
    pub job_type: String,
    /// What it is about; none where the worker does not know it, and then a page keeps what it has.
    pub about: Option<String>,
    /// Whose events start the workflow.
    pub provider: Option<Provider>,
    /// Where it stands.
    pub status: JobStatus,
    /// Since when it stands there. Events overtake each other, so a page leaves alone what it knows newer.
    pub at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a worker first claimed it.
    pub started_at: Timestamp,
    /// How long it took, once it has ended.
    pub duration_ms: Option<u64>,
    /// Why it is not running now, and until when.
    pub waiting: Option<(WaitingReason, Timestamp)>,
    /// Why it failed; a page is told the first 300 characters.
    pub error: Option<String>,
}

/// What the queue carries.
#[derive(Debug)]
pub enum Carried {
    /// News of a job.
    Event(CarriedJobEvent),
    /// Somebody may not hear of the tenant's jobs any more: whoever still may comes back by himself.
    EndOfSessions(TenantId),
}

/// A job event on its way to the pages of its tenant.
#[derive(Debug)]
pub struct CarriedJobEvent {
    /// Whose job.
    pub tenant_id: TenantId,
    /// What a page is sent: `JobEvent` in the dashboard's openapi.json.
    pub text: String,
}

/// The queue that job events go through.
#[derive(Clone)]
pub struct JobEventQueue {
    client: Client,
    url: String,
}

#[derive(Serialize)]
struct Outgoing<'a> {
    v: u8,
    tenant_id: TenantId,
    event: WireEvent<'a>,
}

#[derive(Deserialize)]
struct Incoming {
    tenant_id: TenantId,
    event: Option<Box<RawValue>>,
    #[serde(default)]
    ends_sessions: bool,
}

#[derive(Serialize)]
struct WireEvent<'a> {
    r#type: &'static str,
    at: Timestamp,
    job: WireJob<'a>,
}

/// The fields of `JobChange` in the dashboard's openapi.json.
#[derive(Serialize)]
struct WireJob<'a> {
    job_id: JobId,
    job_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<&'a str>,
    provider: Option<&'static str>,
    status: &'static str,
    created_at: Timestamp,
    started_at: Timestamp,
    completed_at: Option<Timestamp>,
    duration_ms: Option<u64>,
    waiting_reason: Option<&'static str>,
    due_at: Option<Timestamp>,
    error: Option<&'a str>,
}

impl JobEventQueue {
    /// The queue at `url`.
    pub fn new(config: &SdkConfig, url: String) -> Self {
        Self { client: Client::new(config), url }
    }

    /// Sends an event. The tenant is its message group, so that a busy one does not hold up the others.
    pub async fn send(&self, event: &JobEvent) -> Result<(), QueueError> {
        self.send_body(event.tenant_id, event.to_body(), 0).await
    }

    /// Has every WebSocket of the tenant closed, and once more when the last ticket from before has expired. A page that may
    /// listen opens another; one of a user who was removed gets no ticket for it.
    pub async fn end_sessions(&self, tenant_id: TenantId) -> Result<(), QueueError> {
        let body = json!({ "v": VERSION, "tenant_id": tenant_id, "ends_sessions": true }).to_string();
        self.send_body(tenant_id, body.clone(), 0).await?;
        self.send_body(tenant_id, body, TICKETS_ARE_OVER_S).await
    }

    async fn send_body(&self, tenant_id: TenantId, body: String, delay_s: i32) -> Result<(), QueueError> {
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .delay_seconds(delay_s)
            .message_group_id(tenant_id.to_string())
            .send()
            .await
            .map_err(QueueError::from_sdk)?;
        Ok(())
    }
}

impl JobEvent {
    /// The message's body.
    pub fn to_body(&self) -> String {
        let event = WireEvent { r#type: "job", at: self.at, job: self.wire() };
        let outgoing = Outgoing { v: VERSION, tenant_id: self.tenant_id, event };
        serde_json::to_string(&outgoing).expect("ids, times and texts serialise")
    }

    fn wire(&self) -> WireJob<'_> {
        let (waiting_reason, due_at) = self.waiting.unzip();
        WireJob {
            job_id: self.job_id,
            job_type: &self.job_type,
            about: self.about.as_deref(),
            provider: self.provider.map(|provider| provider.as_str()),
            status: self.status.as_str(),
            created_at: self.created_at,
            started_at: self.started_at,
            completed_at: self.status.is_final().then_some(self.at),
            duration_ms: self.duration_ms,
            waiting_reason: waiting_reason.map(|reason| reason.as_str()),
            due_at,
            error: self.error.as_deref().map(beginning),
        }
    }
}

impl Carried {
    /// Reads a message's body.
    pub fn parse(body: &str) -> Result<Self, Unreadable> {
        let VersionOnly { v } = serde_json::from_str(body).map_err(format_error)?;
        if v > u64::from(VERSION) {
            return Err(Unreadable::Newer(v));
        }
        let Incoming { tenant_id, event, ends_sessions } =
            serde_json::from_str(body).map_err(format_error)?;
        match event {
            Some(event) => {
                Ok(Self::Event(CarriedJobEvent { tenant_id, text: Box::<str>::from(event).into_string() }))
            }
            None if ends_sessions => Ok(Self::EndOfSessions(tenant_id)),
            None => Err(format_error(serde::de::Error::missing_field("event"))),
        }
    }
}

fn beginning(error: &str) -> &str {
    error.char_indices().nth(ERROR_CHARACTERS).map_or(error, |(end, _)| &error[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(status: JobStatus) -> JobEvent {
        JobEvent {
            tenant_id: "01930000-0000-7000-8000-000000000001".parse().unwrap(),
            job_id: "01930000-0000-7000-8000-000000000002".parse().unwrap(),
            job_type: "xero-invoice-to-hubspot".to_owned(),
            about: Some("INV-0006".to_owned()),
            provider: Some(Provider::Xero),
            status,
            at: "2026-11-03T09:30:01.5Z".parse().unwrap(),
            created_at: "2026-11-03T09:30:00Z".parse().unwrap(),
            started_at: "2026-11-03T09:30:01Z".parse().unwrap(),
            duration_ms: None,
            waiting: None,
            error: None,
        }
    }

    #[test]
    fn what_a_page_is_sent_names_no_tenant() {
        let event =
            JobEvent { duration_ms: Some(500), error: Some("no".to_owned()), ..event(JobStatus::Failed) };
        let Carried::Event(carried) = Carried::parse(&event.to_body()).unwrap() else {
            panic!("it is an event")
        };
        assert_eq!(carried.tenant_id, event.tenant_id);
        assert_eq!(
            carried.text,
            concat!(
                r#"{"type":"job","at":"2026-11-03T09:30:01.5Z","job":{"#,
                r#""job_id":"01930000-0000-7000-8000-000000000002","job_type":"xero-invoice-to-hubspot","#,
                r#""about":"INV-0006","provider":"xero","status":"FAILED","created_at":"2026-11-03T09:30:00Z","started_at":"2026-11-03T09:30:01Z","#,
                r#""completed_at":"2026-11-03T09:30:01.5Z","duration_ms":500,"waiting_reason":null,"#,
                r#""due_at":null,"error":"no"}}"#
            )
        );
    }

    #[test]
    fn a_job_that_waits_says_why_and_until_when() {
        let due_at = "2026-11-03T09:31:00Z".parse().unwrap();
        let waiting = Some((WaitingReason::RateBudget, due_at));
        let body = JobEvent { waiting, about: None, ..event(JobStatus::Queued) }.to_body();
        assert!(body.contains(r#""completed_at":null"#), "{body}");
        assert!(!body.contains("about"), "{body}");
        assert!(body.contains(r#""waiting_reason":"rate budget","due_at":"2026-11-03T09:31:00Z""#), "{body}");
    }

    #[test]
    fn a_long_error_is_cut_between_characters() {
        let error = Some("é".repeat(ERROR_CHARACTERS + 1));
        let body = JobEvent { error, ..event(JobStatus::Failed) }.to_body();
        assert_eq!(body.matches('é').count(), ERROR_CHARACTERS);
        assert_eq!(beginning("short"), "short");
    }

    #[test]
    fn what_is_not_ours_is_told_from_what_is_newer() {
        let error = |body| Carried::parse(body).unwrap_err().to_string();
        assert_eq!(error(r#"{"v":2,"anything":true}"#), "the message has version 2, this function reads 1");
        for wrong in ["", "[]", r#"{"v":1}"#, r#"{"v":1,"tenant_id":"x","event":{}}"#] {
            assert!(error(wrong).starts_with("the message is not in a format of ours"), "{wrong}");
        }
    }
}
