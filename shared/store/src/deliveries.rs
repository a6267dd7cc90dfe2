//! Deliveries with their events, and the jobs that those start: filed together or not at all.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;
use zixly_domain::{
    ConnectionId, Delivery, DeliveryId, Event, EventId, JobId, JobRequest, Provider, TenantId, jobs_for,
};

use crate::{
    Session, StoreError, TenantTx,
    audit::{self, Deed},
};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("deliveries::FIND_TARGETS", FIND_TARGETS),
    ("deliveries::FILE_EVENTS", FILE_EVENTS),
    ("deliveries::LIST_UNHEARD", LIST_UNHEARD),
    ("deliveries::NOTE_ONE_JOB_ALREADY", NOTE_ONE_JOB_ALREADY),
    ("deliveries::INSERT", INSERT),
    ("deliveries::FIND", FIND),
];

const FIND_TARGETS: &str =
    "select account, tenant_id, connection_id, account_id, workflows from find_targets($1, $2)";

/// Events, their jobs and the jobs' doorbells in one statement. What is known already starts nothing, unless the
/// delivery is replayed and the event has no job yet.
const FILE_EVENTS: &str = include_str!("file_events.sql");

/// Jobs of repeated events that no worker has heard of: the doorbell was lost, and the repetition rings it again.
const LIST_UNHEARD: &str = "
    select o.job_id
      from unnest($2::text[]) as repeated (dedupe_key)
      join events e on e.provider = $1 and e.dedupe_key = sha256(convert_to(repeated.dedupe_key, 'UTF8'))
      join pipeline_jobs j on j.tenant_id = e.tenant_id and j.event_id = e.event_id
      join outbox o on o.tenant_id = j.tenant_id and o.job_id = j.job_id
     where o.ring_at <= now()";

/// Says of new events why they have no job although a workflow is about them: another event has started it.
const NOTE_ONE_JOB_ALREADY: &str = "
    update events e
       set unhandled = 'Another event about the same business has started its job already.'
     where e.tenant_id = $1
       and e.event_id = any ($2)
       and e.unhandled is null
       and not exists (select from pipeline_jobs j where j.tenant_id = $1 and j.event_id = e.event_id)";

const FIND: &str = "
    select provider, received_at, headers, body
      from deliveries
     where tenant_id = $1 and delivery_id = $2";

const INSERT: &str = "
    insert into deliveries (delivery_id, tenant_id, provider, received_at, headers, body, outcome, note,
                            event_count, new_event_count)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    on conflict do nothing";

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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// Files a delivery: one transaction for its bytes, the events of every tenant in it, their jobs and doorbells.
pub async fn file(session: &mut Session<'_>, received: &Received<'_>) -> Result<Filed, StoreError> {
    let routed = match received.content {
        Ok(delivery) => route(session, delivery).await?,
        Err(_) => Routed::default(),
    };
    let tx = session.begin_unbound().await?;
    let mut filed =
        Filed { outcome: Outcome::Empty, jobs: Vec::new(), new_job_types: Vec::new(), new_event_count: 0 };
    for (tenant_id, events) in &routed.by_tenant {
        tx.bind(Some(*tenant_id)).await?;
        file_events(&tx, received, *tenant_id, events, false, &mut filed).await?;
    }
    filed.outcome = outcome(received, &routed, filed.new_event_count);
    insert(&tx, received, &routed, &filed).await?;
    tx.commit().await?;
    Ok(filed)
}

/// The delivery, if all of it is for this tenant.
pub async fn find(
    session: &mut Session<'_>,
    tenant_id: TenantId,
    delivery_id: DeliveryId,
) -> Result<Option<Kept>, StoreError> {
    let tx = session.begin(tenant_id).await?;
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
    let mut routed = match received.content {
        Ok(delivery) => route(session, delivery).await?,
        Err(_) => Routed::default(),
    };
    let events = routed.by_tenant.remove(&tenant_id).unwrap_or_default();
    let mut filed = Filed {
        outcome: Outcome::Duplicate,
        jobs: Vec::new(),
        new_job_types: Vec::new(),
        new_event_count: 0,
    };
    let tx = session.begin(tenant_id).await?;
    file_events(&tx, received, tenant_id, &events, true, &mut filed).await?;
    audit::record(&tx, tenant_id, deed).await?;
    tx.commit().await?;
    Ok(filed)
}

/// Which tenant each event is for.
#[derive(Default)]
struct Routed<'a> {
    by_tenant: BTreeMap<TenantId, Vec<RoutedEvent<'a>>>,
    /// Accounts that nobody has connected.
    unknown_accounts: BTreeSet<&'a str>,
    /// Why events start nothing.
    unhandled: BTreeSet<String>,
    handled_count: usize,
}

struct RoutedEvent<'a> {
    event_id: EventId,
    connection_id: ConnectionId,
    /// The provider's id of the account, which a delivery need not name.
    account_id: String,
    event: &'a Event,
    jobs: Vec<JobRequest>,
    unhandled: Option<String>,
}

/// A tenant's connection that an event is for.
struct Target {
    tenant_id: TenantId,
    connection_id: ConnectionId,
    account_id: String,
    /// What the tenant has switched on.
    workflows: Vec<String>,
}

async fn route<'a>(session: &mut Session<'_>, delivery: &'a Delivery) -> Result<Routed<'a>, StoreError> {
    let mut routed = Routed::default();
    let accounts: BTreeSet<&str> = delivery.events.iter().map(|event| event.account_id.as_str()).collect();
    if accounts.is_empty() {
        return Ok(routed);
    }
    let accounts: Vec<String> = accounts.into_iter().map(str::to_owned).collect();
    let rows = session
        .client()
        .query_typed(
            FIND_TARGETS,
            &[(&delivery.provider.as_str(), Type::TEXT), (&accounts, Type::TEXT_ARRAY)],
        )
        .await?;
    let mut targets: BTreeMap<String, Vec<Target>> = BTreeMap::new();
    for row in &rows {
        targets.entry(row.try_get("account")?).or_default().push(Target {
            tenant_id: TenantId(row.try_get("tenant_id")?),
            connection_id: ConnectionId(row.try_get("connection_id")?),
            account_id: row.try_get("account_id")?,
            workflows: row.try_get("workflows")?,
        });
    }
    for event in &delivery.events {
        let Some(targets) = targets.get(&event.account_id) else {
            routed.unknown_accounts.insert(&event.account_id);
            continue;
        };
        for target in targets {
            let routed_event = routed_event(event, target);
            routed.handled_count += usize::from(routed_event.unhandled.is_none());
            routed.unhandled.extend(routed_event.unhandled.clone());
            routed.by_tenant.entry(target.tenant_id).or_default().push(routed_event);
        }
    }
    Ok(routed)
}

fn routed_event<'a>(event: &'a Event, target: &Target) -> RoutedEvent<'a> {
    let (jobs, off): (Vec<_>, Vec<_>) = jobs_for(event, &target.account_id).into_iter().partition(|job| {
        !job.workflow.is_optional() || target.workflows.iter().any(|on| job.workflow.as_str() == on)
    });
    let what = || format!("{} {} {}", event.provider.name(), event.category, event.action);
    let unhandled = match (jobs.is_empty(), off.first()) {
        (false, _) => None,
        (true, Some(job)) => {
            Some(format!("The workflow {} is off, so {} starts nothing.", job.workflow, what()))
        }
        (true, None) => Some(format!("No workflow is about this {}.", what())),
    };
    RoutedEvent {
        event_id: EventId::new(),
        connection_id: target.connection_id,
        account_id: target.account_id.clone(),
        event,
        jobs,
        unhandled,
    }
}

async fn file_events(
    tx: &TenantTx<'_>,
    received: &Received<'_>,
    tenant_id: TenantId,
    events: &[RoutedEvent<'_>],
    is_replay: bool,
    filed: &mut Filed,
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let jobs: Vec<(JobId, EventId, &JobRequest)> = events
        .iter()
        .flat_map(|routed| routed.jobs.iter().map(|job| (JobId::new(), routed.event_id, job)))
        .collect();
    let text =
        |of: fn(&Event) -> &str| -> Vec<&str> { events.iter().map(|routed| of(routed.event)).collect() };
    let event_ids: Vec<Uuid> = events.iter().map(|routed| routed.event_id.0).collect();
    let connection_ids: Vec<Uuid> = events.iter().map(|routed| routed.connection_id.0).collect();
    let occurred_at: Vec<Option<Timestamp>> = events.iter().map(|routed| routed.event.occurred_at).collect();
    let payloads: Vec<&Value> = events.iter().map(|routed| &routed.event.payload).collect();
    let unhandled: Vec<Option<&str>> = events.iter().map(|routed| routed.unhandled.as_deref()).collect();
    let account_ids: Vec<&str> = events.iter().map(|routed| routed.account_id.as_str()).collect();
    let dedupe_keys = text(|event| &event.dedupe_key);
    let other_keys: Vec<Option<&str>> =
        events.iter().map(|routed| routed.event.other_dedupe_key.as_deref()).collect();
    let job_ids: Vec<Uuid> = jobs.iter().map(|(job_id, ..)| job_id.0).collect();
    let job_event_ids: Vec<Uuid> = jobs.iter().map(|(_, event_id, _)| event_id.0).collect();
    let job_types: Vec<&str> = jobs.iter().map(|(.., job)| job.workflow.as_str()).collect();
    let versions: Vec<i16> =
        jobs.iter().map(|(.., job)| job.workflow.current_version().cast_signed()).collect();
    let parameters: Vec<&Value> = jobs.iter().map(|(.., job)| &job.parameters).collect();
    let business_keys: Vec<Option<&str>> = jobs.iter().map(|(.., job)| job.business_key.as_deref()).collect();

    let rows = tx
        .inner
        .query_typed(
            FILE_EVENTS,
            &[
                (&tenant_id.0, Type::UUID),
                (&received.delivery_id.0, Type::UUID),
                (&received.provider.as_str(), Type::TEXT),
                (&received.received_at, Type::TIMESTAMPTZ),
                (&event_ids, Type::UUID_ARRAY),
                (&connection_ids, Type::UUID_ARRAY),
                (&account_ids, Type::TEXT_ARRAY),
                (&text(|event| &event.category), Type::TEXT_ARRAY),
                (&text(|event| &event.action), Type::TEXT_ARRAY),
                (&text(|event| &event.resource_id), Type::TEXT_ARRAY),
                (&occurred_at, Type::TIMESTAMPTZ_ARRAY),
                (&dedupe_keys, Type::TEXT_ARRAY),
                (&other_keys, Type::TEXT_ARRAY),
                (&payloads, Type::JSONB_ARRAY),
                (&unhandled, Type::TEXT_ARRAY),
                (&job_ids, Type::UUID_ARRAY),
                (&job_event_ids, Type::UUID_ARRAY),
                (&job_types, Type::TEXT_ARRAY),
                (&versions, Type::INT2_ARRAY),
                (&parameters, Type::JSONB_ARRAY),
                (&business_keys, Type::TEXT_ARRAY),
                (&is_replay, Type::BOOL),
            ],
        )
        .await?;
    let row = rows.first().expect("an aggregate has one row");
    let new_events: Vec<Uuid> = row.try_get("new_event_ids")?;
    let mut to_ring: Vec<Uuid> = row.try_get("job_ids")?;
    filed.new_event_count += new_events.len();
    filed.new_job_types.extend(row.try_get::<_, Vec<String>>("job_types")?);
    if to_ring.len() < new_events.len() && business_keys.iter().any(Option::is_some) {
        tx.inner
            .execute_typed(
                NOTE_ONE_JOB_ALREADY,
                &[(&tenant_id.0, Type::UUID), (&new_events, Type::UUID_ARRAY)],
            )
            .await?;
    }
    if new_events.len() < events.len() {
        to_ring.extend(unheard(tx, received.provider, &dedupe_keys).await?);
        to_ring.sort_unstable();
        to_ring.dedup();
    }
    filed.jobs.extend(to_ring.into_iter().map(|job_id| (tenant_id, JobId(job_id))));
    Ok(())
}

async fn unheard(tx: &TenantTx<'_>, provider: Provider, keys: &[&str]) -> Result<Vec<Uuid>, StoreError> {
    let rows = tx
        .inner
        .query_typed(LIST_UNHEARD, &[(&provider.as_str(), Type::TEXT), (&keys, Type::TEXT_ARRAY)])
        .await?;
    rows.iter().map(|row| Ok(row.try_get("job_id")?)).collect()
}

async fn insert(
    tx: &TenantTx<'_>,
    received: &Received<'_>,
    routed: &Routed<'_>,
    filed: &Filed,
) -> Result<(), StoreError> {
    let tenant_id = sole_tenant(received, routed);
    // With one tenant, the transaction is bound to it already.
    if routed.by_tenant.len() != 1 {
        tx.bind(None).await?;
    }
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let event_count =
        count(received.content.map_or(0, |delivery| delivery.events.len()).max(filed.new_event_count));
    tx.inner
        .execute_typed(
            INSERT,
            &[
                (&received.delivery_id.0, Type::UUID),
                (&tenant_id.map(|tenant_id| tenant_id.0), Type::UUID),
                (&received.provider.as_str(), Type::TEXT),
                (&received.received_at, Type::TIMESTAMPTZ),
                (&received.headers, Type::JSONB),
                (&received.body, Type::BYTEA),
                (&filed.outcome.as_str(), Type::TEXT),
                (&note(received, routed), Type::TEXT),
                (&event_count, Type::INT4),
                (&count(filed.new_event_count), Type::INT4),
            ],
        )
        .await?;
    Ok(())
}

/// The tenant that may see the raw bytes: none if anybody else is spoken of in them.
fn sole_tenant(received: &Received<'_>, routed: &Routed<'_>) -> Option<TenantId> {
    let all_read = received.content.is_ok_and(|delivery| delivery.unreadable.is_empty());
    let mut tenants = routed.by_tenant.keys();
    match (tenants.next(), tenants.next()) {
        (Some(tenant_id), None) if all_read && routed.unknown_accounts.is_empty() => Some(*tenant_id),
        _ => None,
    }
}

fn outcome(received: &Received<'_>, routed: &Routed<'_>, new_event_count: usize) -> Outcome {
    match received.content {
        Err(_) => Outcome::Malformed,
        Ok(delivery) if delivery.events.is_empty() && delivery.unreadable.is_empty() => Outcome::Empty,
        Ok(delivery) if delivery.events.is_empty() => Outcome::Malformed,
        Ok(_) if routed.handled_count == 0 => Outcome::Unmatched,
        Ok(_) if new_event_count == 0 => Outcome::Duplicate,
        Ok(_) => Outcome::Accepted,
    }
}

/// Why nothing, or not everything, was to be done.
fn note(received: &Received<'_>, routed: &Routed<'_>) -> Option<String> {
    let mut sentences = Vec::new();
    match received.content {
        Err(reason) => sentences.push(format!("The body is correctly signed, but cannot be read: {reason}.")),
        Ok(delivery) => {
            sentences.extend(
                delivery
                    .unreadable
                    .iter()
                    .map(|event| format!("Event {} {}.", event.index + 1, event.reason)),
            );
        }
    }
    let provider = received.provider.name();
    sentences.extend(routed.unknown_accounts.iter().map(|account| {
        format!("No tenant has connected {provider} account {account}, so its events start nothing.")
    }));
    sentences.extend(routed.unhandled.iter().cloned());
    // A POST has up to a hundred events; a note is read by a person.
    sentences.truncate(10);
    (!sentences.is_empty()).then(|| sentences.join(" "))
}
