//! Deliveries with their events, and the jobs that those start: filed together or not at all.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::{
    Row,
    types::{Json, Type},
};
use uuid::Uuid;
use zixly_domain::{
    Delivery, DeliveryId, Event, EventJob, JobId, Provider, TenantId, UnreadableEvent, jobs_for,
};

use crate::{
    Parameter, Session, StoreError,
    audit::{self, Deed},
};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[("deliveries::FILE", FILE), ("deliveries::FIND", FIND)];

/// One round trip for all of it; `migrations/0017_file_delivery.sql` says what it does.
const FILE: &str = "select file_delivery($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

const FIND: &str = "
    select provider, received_at, headers, body
      from deliveries
     where tenant_id = $1 and delivery_id = $2";

/// A verified POST, as it came and as it was understood.
pub struct Received<'a> {
    /// Its id, given at the door; filing the same id again changes nothing.
    pub delivery_id: DeliveryId,
    /// The sender.
    pub provider: Provider,
    /// When it came.
    pub received_at: Timestamp,
    /// The headers worth keeping, as a JSON object.
    pub headers: &'a Value,
    /// The bytes that were signed.
    pub body: &'a [u8],
    /// What they mean, or why they cannot be read.
    pub content: Result<&'a Delivery, &'a str>,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Filed {
    /// In one word.
    pub outcome: Outcome,
    /// The jobs whose doorbell has to be rung now.
    pub jobs: Vec<(TenantId, JobId)>,
    /// The workflow of each job that is new.
    pub new_job_types: Vec<String>,
    /// How many events were new.
    pub new_event_count: usize,
}

/// What became of a delivery, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    /// At least one event was new.
    Accepted,
    /// Every event was known already.
    Duplicate,
    /// No event was for a connected account and a workflow.
    Unmatched,
    /// Correctly signed, but not readable.
    Malformed,
    /// A handshake or heartbeat without events.
    Empty,
}

impl Outcome {
    /// The spelling in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::Duplicate => "DUPLICATE",
            Self::Unmatched => "UNMATCHED",
            Self::Malformed => "MALFORMED",
            Self::Empty => "EMPTY",
        }
    }
}

/// A delivery as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The sender.
    pub provider: Provider,
    /// When it came.
    pub received_at: Timestamp,
    /// The headers worth keeping, as a JSON object.
    pub headers: Value,
    /// The bytes that were signed.
    pub body: Vec<u8>,
}

/// Files a delivery: in one statement its bytes, the events of every tenant in it, their jobs and doorbells.
pub async fn file(session: &mut Session<'_>, received: &Received<'_>) -> Result<Filed, StoreError> {
    let given = Given::new(received);
    let rows = session.client().query_typed(FILE, &given.parameters(received, &None)).await?;
    filed(&rows)
}

/// The delivery, if all of it is for this tenant.
pub async fn find(
    session: &mut Session<'_>,
    tenant_id: TenantId,
    delivery_id: DeliveryId,
) -> Result<Option<Kept>, StoreError> {
    let tx = session.begin(tenant_id)?;
    let rows =
        tx.inner.query_typed(FIND, &[(&tenant_id.0, Type::UUID), (&delivery_id.0, Type::UUID)]).await?;
    tx.commit().await?;
    let from_row = |row: &Row| {
        Ok(Kept {
            provider: row.try_get::<_, &str>("provider")?.parse()?,
            received_at: row.try_get("received_at")?,
            headers: row.try_get("headers")?,
            body: row.try_get("body")?,
        })
    };
    rows.first().map(from_row).transpose()
}

/// Files the events of a kept delivery once more, for this tenant: events that started no job, because nobody knew
/// their account or their workflow was off, start it now. What has a job gets no other.
pub async fn replay(
    session: &mut Session<'_>,
    tenant_id: TenantId,
    received: &Received<'_>,
    deed: &Deed<'_>,
) -> Result<Filed, StoreError> {
    let given = Given::new(received);
    let tx = session.begin(tenant_id)?;
    let rows = tx.inner.query_typed(FILE, &given.parameters(received, &Some(tenant_id.0))).await?;
    audit::record(&tx, tenant_id, deed).await?;
    tx.commit().await?;
    Ok(Filed { outcome: Outcome::Duplicate, ..filed(&rows)? })
}

/// A delivery as the database is asked to file it.
struct Given<'a> {
    provider: &'static str,
    /// What it is if it has no events; otherwise that is found out.
    outcome: &'static str,
    /// What cannot be read, in sentences.
    notes: Vec<String>,
    accounts: Vec<&'a str>,
    events: Json<Vec<GivenEvent<'a>>>,
}

/// An event with the jobs that it may start, and what is to be said if it starts none.
#[derive(Debug, Serialize)]
struct GivenEvent<'a> {
    account: &'a str,
    category: &'a str,
    action: &'a str,
    resource_id: &'a str,
    occurred_at: Option<Timestamp>,
    dedupe_key: &'a str,
    other_dedupe_key: Option<&'a str>,
    payload: &'a Value,
    jobs: Vec<GivenJob>,
    unhandled: String,
    unknown: String,
}

#[derive(Debug, Serialize)]
struct GivenJob {
    job_type: &'static str,
    is_optional: bool,
    workflow_version: u16,
    parameters: Value,
    account_parameter: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    business: Option<String>,
}

impl<'a> Given<'a> {
    fn new(received: &Received<'a>) -> Self {
        let events = received.content.map_or(&[][..], |delivery| &delivery.events);
        let accounts: BTreeSet<&str> = events.iter().map(|event| event.account_id.as_str()).collect();
        let (outcome, notes) = match received.content {
            Err(reason) => {
                let note = format!("The body is correctly signed, but cannot be read: {reason}.");
                (Outcome::Malformed, vec![note])
            }
            Ok(delivery) if delivery.unreadable.is_empty() => (Outcome::Empty, Vec::new()),
            Ok(delivery) => {
                let unreadable = delivery.unreadable.iter();
                let note = |event: &UnreadableEvent| format!("Event {} {}.", event.index + 1, event.reason);
                (Outcome::Malformed, unreadable.map(note).collect())
            }
        };
        Self {
            provider: received.provider.as_str(),
            outcome: outcome.as_str(),
            notes,
            accounts: accounts.into_iter().collect(),
            events: Json(in_order(events.iter().map(GivenEvent::new).collect())),
        }
    }

    fn parameters<'b>(
        &'b self,
        received: &'b Received<'_>,
        replayed_for: &'b Option<Uuid>,
    ) -> [Parameter<'b>; 10] {
        [
            (&received.delivery_id.0, Type::UUID),
            (&self.provider, Type::TEXT),
            (&received.received_at, Type::TIMESTAMPTZ),
            (received.headers, Type::JSONB),
            (&received.body, Type::BYTEA),
            (&self.outcome, Type::TEXT),
            (&self.notes, Type::TEXT_ARRAY),
            (&self.accounts, Type::TEXT_ARRAY),
            (&self.events, Type::JSONB),
            (replayed_for, Type::UUID),
        ]
    }
}

/// The order in which all deliveries take what they share, so that two of them cannot wait for each other for ever.
fn in_order(mut events: Vec<GivenEvent<'_>>) -> Vec<GivenEvent<'_>> {
    events.sort_by_cached_key(|event| {
        let business = event.jobs.iter().find_map(|job| job.business.clone());
        (business, event.dedupe_key)
    });
    events
}

impl<'a> GivenEvent<'a> {
    fn new(event: &'a Event) -> Self {
        let jobs = jobs_for(event);
        let provider = event.provider.name();
        let what = format!("{provider} {} {}", event.category, event.action);
        let unhandled = match jobs.first() {
            Some(job) => format!("The workflow {} is off, so {what} starts nothing.", job.workflow),
            None => format!("No workflow is about this {what}."),
        };
        let account = &event.account_id;
        Self {
            account,
            category: &event.category,
            action: &event.action,
            resource_id: &event.resource_id,
            occurred_at: event.occurred_at,
            dedupe_key: &event.dedupe_key,
            other_dedupe_key: event.other_dedupe_key.as_deref(),
            payload: &event.payload,
            jobs: jobs.into_iter().map(GivenJob::new).collect(),
            unhandled,
            unknown: format!(
                "No tenant has connected {provider} account {account}, so its events start nothing."
            ),
        }
    }
}

impl GivenJob {
    fn new(job: EventJob) -> Self {
        Self {
            job_type: job.workflow.as_str(),
            is_optional: job.workflow.is_optional(),
            workflow_version: job.workflow.current_version(),
            parameters: job.parameters,
            account_parameter: job.account_parameter,
            business: job.business,
        }
    }
}

fn filed(rows: &[Row]) -> Result<Filed, StoreError> {
    let Json(filed) = rows.first().expect("a delivery is filed in a row").try_get(0)?;
    Ok(filed)
}
