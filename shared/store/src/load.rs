//! Jobs by the million, to measure with: as a quarter of a year leaves them behind, over many tenants of which the first
//! has a tenth of all. By COPY, as the database's owner.

use std::fmt::Write;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::SinkExt;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;
use zixly_domain::{TenantId, Workflow};

use crate::{Session, StoreError, tenants, workflow_settings};

const COPY_JOBS: &str = "
    copy pipeline_jobs (tenant_id, job_id, job_type, workflow_version, status, parameters, about, result, error_message,
                        waiting_reason, due_at, lease_expires_at, created_at, started_at, completed_at)
    from stdin";

const COPY_STEPS: &str = "
    copy steps (tenant_id, job_id, name, position, status, attempts, output, started_at, finished_at) from stdin";

/// What the planner and index-only scans go by.
const TIDY: [&str; 2] = ["vacuum (analyze) pipeline_jobs", "vacuum (analyze) steps"];

/// How far back the jobs go.
const SPAN: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How much is sent at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// As many of the newest jobs have not ended, and have steps.
const LIVE: u64 = 1000;
const WITH_STEPS: u64 = 50_000;
const STEPS: [&str; 6] =
    ["read-invoice", "check-invoice", "find-contact", "update-contact", "store-report", "notify"];

const WORKFLOWS: [Workflow; 5] = [
    Workflow::XeroInvoiceToHubspot,
    Workflow::ShopifyOrderToXero,
    Workflow::HubspotDealToAsana,
    Workflow::AsanaTaskToHubspot,
    Workflow::TradingSweep,
];

/// Adds tenants and spreads so many jobs over them, the largest tenant first. Says now and then how many there are.
pub async fn jobs(
    session: &mut Session<'_>,
    tenant_count: u32,
    job_count: u64,
    mut progress: impl FnMut(u64),
) -> Result<Vec<TenantId>, StoreError> {
    let tenants = make_tenants(session, tenant_count.max(2)).await?;
    let now = Timestamp::now();
    let job = |number: u64| Job::new(number, job_count, &tenants, now);
    {
        let mut copy = pin!(session.client().copy_in::<_, Bytes>(COPY_JOBS).await?);
        let mut lines = BytesMut::new();
        for number in 0..job_count {
            job(number).write(&mut lines);
            if lines.len() > CHUNK_BYTES {
                copy.send(lines.split().freeze()).await?;
                progress(number);
            }
        }
        copy.send(lines.freeze()).await?;
        copy.as_mut().finish().await?;
    }
    {
        let mut copy = pin!(session.client().copy_in::<_, Bytes>(COPY_STEPS).await?);
        let mut lines = BytesMut::new();
        for number in job_count.saturating_sub(WITH_STEPS)..job_count {
            job(number).write_steps(&mut lines);
            if lines.len() > CHUNK_BYTES {
                copy.send(lines.split().freeze()).await?;
            }
        }
        copy.send(lines.freeze()).await?;
        copy.as_mut().finish().await?;
    }
    progress(job_count);
    for statement in TIDY {
        session.client().batch_execute(statement).await?;
    }
    Ok(tenants)
}

async fn make_tenants(session: &mut Session<'_>, count: u32) -> Result<Vec<TenantId>, StoreError> {
    let mut made = Vec::new();
    for number in 1..=count {
        let tenant_id = TenantId::new();
        let tx = session.begin(tenant_id)?;
        tenants::insert(&tx, tenant_id, &format!("Seeded {number:03}")).await?;
        for workflow in WORKFLOWS {
            workflow_settings::set(&tx, tenant_id, workflow, true, &serde_json::json!({})).await?;
        }
        tx.commit().await?;
        made.push(tenant_id);
    }
    Ok(made)
}

/// The job of a number: everything about it follows from that.
struct Job {
    number: u64,
    tenant_id: TenantId,
    job_id: Uuid,
    workflow: Workflow,
    status: &'static str,
    created_at: Timestamp,
    /// From the start to the end.
    took_ms: i64,
}

impl Job {
    fn new(number: u64, count: u64, tenants: &[TenantId], now: Timestamp) -> Self {
        let chance = scrambled(number);
        let tenant_id = match number % 10 {
            0 => tenants[0],
            _ => tenants[1 + (chance % (tenants.len() as u64 - 1)) as usize],
        };
        let before_ms = SPAN.as_millis() * i128::from(count - number) / i128::from(count.max(1));
        let created_at = now - SignedDuration::from_millis(i64::try_from(before_ms).unwrap_or_default());
        let is_live = count - number <= LIVE;
        let status = match chance >> 8 & 0x3FF {
            0..20 if is_live => "RUNNING",
            20..400 if is_live => "QUEUED",
            0..20 => "FAILED",
            20..26 => "CANCELLED",
            _ => "COMPLETED",
        };
        let workflow = WORKFLOWS[(chance >> 20) as usize % WORKFLOWS.len()];
        let took_ms = 80 + (chance >> 32 & 0xFFF) as i64;
        Self {
            number,
            tenant_id,
            job_id: id_at(created_at, number, chance),
            workflow,
            status,
            created_at,
            took_ms,
        }
    }

    fn about(&self) -> String {
        match self.workflow {
            Workflow::ShopifyOrderToXero => format!("#{}", 1000 + self.number / 100),
            Workflow::HubspotDealToAsana => format!("Deal {}", self.number / 100),
            Workflow::AsanaTaskToHubspot => format!("Task {}", self.number / 100),
            Workflow::TradingSweep => "AAPL SMA".to_owned(),
            _ => format!("INV-{:06}", self.number / 100),
        }
    }

    fn started_at(&self) -> Timestamp {
        self.created_at + SignedDuration::from_millis(40)
    }

    fn ended_at(&self) -> Timestamp {
        self.started_at() + SignedDuration::from_millis(self.took_ms)
    }

    /// A line in COPY's text format.
    fn write(&self, lines: &mut BytesMut) {
        const NULL: &str = r"\N";
        let (created_at, started_at, ended_at) =
            (self.created_at.to_string(), self.started_at().to_string(), self.ended_at().to_string());
        let is_final = !matches!(self.status, "QUEUED" | "RUNNING");
        let soon = (self.created_at + SignedDuration::from_hours(24)).to_string();
        let error = format!(
            "Xero refused invoice {} with status {}: Validation",
            self.about(),
            400 + self.number % 5
        );
        let result = if self.status == "COMPLETED" { r#"{"outcome":"updated"}"# } else { NULL };
        writeln!(
            lines,
            "{}\t{}\t{}\t1\t{}\t{{\"invoice_id\":\"{}\"}}\t{}\t{result}\t{}\t{}\t{}\t{}\t{created_at}\t{}\t{}",
            self.tenant_id,
            self.job_id,
            self.workflow,
            self.status,
            self.job_id,
            self.about(),
            if self.status == "FAILED" { &error } else { NULL },
            if self.status == "QUEUED" { "backoff" } else { NULL },
            if self.status == "QUEUED" { &soon } else { NULL },
            if self.status == "RUNNING" { &soon } else { NULL },
            if self.status == "QUEUED" { NULL } else { &started_at },
            if is_final { &ended_at } else { NULL },
        )
        .expect("a buffer takes everything");
    }

    fn write_steps(&self, lines: &mut BytesMut) {
        for (index, name) in STEPS.iter().enumerate() {
            let (tenant_id, job_id, from, to) =
                (self.tenant_id, self.job_id, self.started_at(), self.ended_at());
            writeln!(
                lines,
                "{tenant_id}\t{job_id}\t{name}\t{}\tDONE\t1\t{{\"ok\":true}}\t{from}\t{to}",
                index + 1
            )
            .expect("a buffer takes everything");
        }
    }
}

/// A UUIDv7 of that time, which comes after those of smaller numbers.
fn id_at(at: Timestamp, number: u64, chance: u64) -> Uuid {
    let ms = u128::from(at.as_millisecond().unsigned_abs()) & 0xFFFF_FFFF_FFFF;
    let order = u128::from(number & 0xFFF);
    let rest = u128::from(chance) & ((1 << 62) - 1);
    Uuid::from_u128(ms << 80 | 0x7 << 76 | order << 64 | 0b10 << 62 | rest)
}

/// The number as if it were random (SplitMix64).
fn scrambled(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}
