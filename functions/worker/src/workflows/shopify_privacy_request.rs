//! A shop passes on what the law gives a person: to see the data that is kept, or to have it removed. Asked for a whole
//! shop that has left, the data of all its customers goes.
//!
//! What a job wrote in the tenant's own books at Xero is the tenant's, and stays. A job that still books an order
//! is cancelled first: it may wait for days, as for somebody to connect an account again.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zixly_domain::{JobId, WaitingReason, Workflow};
use zixly_store::{
    privacy::{self, Customer, ShopEvent, ShopJob},
    requests,
};

use super::{Definition, report};
use crate::{
    error::StepError,
    steps::{Done, Halt, JobRun, StepContext},
};

/// How many events are read or blanked at once.
const PAGE: i64 = 200;

/// The most events that one report tells of.
const LARGEST_REPORT: i64 = 5_000;

/// How long an attempt goes on removing; what is left is for the next one.
const REMOVING: Duration = Duration::from_secs(10);

/// How often is looked whether a job that is to be cancelled has ended.
const ENDING: Duration = Duration::from_secs(5);

/// In whose name jobs are cancelled.
const CANCELLED_BY: &str = "zixly/privacy-request";

#[derive(Deserialize)]
struct Parameters {
    shop: String,
    topic: String,
    request: Request,
}

/// What Shopify sends. Ids are numbers, some beyond what a float holds.
#[derive(Deserialize)]
struct Request {
    customer: Option<RequestCustomer>,
    #[serde(default)]
    orders_requested: Vec<serde_json::Number>,
    #[serde(default)]
    orders_to_redact: Vec<serde_json::Number>,
}

#[derive(Deserialize)]
struct RequestCustomer {
    id: serde_json::Number,
}

/// What has been removed.
#[derive(Debug, Serialize, Deserialize)]
struct Removal {
    events: i64,
    deliveries: i64,
}

pub(super) const DEFINITION: Definition = Definition {
    workflow: Workflow::ShopifyPrivacyRequest,
    version: 1,
    steps: &["store-report", "remove-personal-data"],
    run: |job| Box::pin(run(job)),
};

/// Runs the steps; gives the job's result.
async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    refuse_if_removed(job)?;
    let parameters: Parameters = job.parameters()?;
    let customer = parameters.request.customer();
    match (parameters.topic.as_str(), customer) {
        ("customers/data_request", Some(customer)) => tell(job, &parameters.shop, &customer).await,
        ("customers/redact", Some(customer)) => remove(job, &parameters.shop, Some(&customer)).await,
        ("shop/redact", _) => remove(job, &parameters.shop, None).await,
        (topic, _) => Err(Halt::Failed {
            reason: format!("{topic} is no request about a person, or names no customer"),
        }),
    }
}

/// Ends a job whose personal data another one has removed: what its steps found out is gone, and is not to come back.
pub(super) fn refuse_if_removed(job: &JobRun<'_>) -> Result<(), Halt> {
    let claim = job.context.claim;
    match claim.parameters["removed_by"].as_str() {
        // One that was cut off while it removed its own goes on.
        Some(by) if by != claim.job_id.to_string() => Err(Halt::Failed {
            reason: format!("the personal data of this job was removed by job {by}, so it cannot run again"),
        }),
        _ => Ok(()),
    }
}

impl Request {
    fn customer(&self) -> Option<Customer> {
        let customer_id = self.customer.as_ref()?.id.to_string();
        let orders = self.orders_requested.iter().chain(&self.orders_to_redact);
        Some(Customer { customer_id, order_ids: orders.map(ToString::to_string).collect() })
    }
}

async fn tell(job: &mut JobRun<'_>, shop: &str, customer: &Customer) -> Result<Value, Halt> {
    let report = job
        .step(report::STEP, async |context| {
            let mut session = context.store.session().await?;
            let tenant_id = context.claim.tenant_id;
            let tx = session.begin(tenant_id)?;
            let events = privacy::events_of_customer(&tx, tenant_id, shop, customer, LARGEST_REPORT).await?;
            let jobs = privacy::jobs_of(&tx, tenant_id, shop, &events).await?;
            tx.commit().await?;
            drop(session);
            let told = json!({
                "shop": shop,
                "customer_id": customer.customer_id,
                "events": events.iter().map(told).collect::<Vec<_>>(),
                "jobs": jobs.iter().map(|job| job.job_id).collect::<Vec<_>>(),
            });
            report::store(context, told).await
        })
        .await?;
    Ok(json!({
        "outcome": "told",
        "summary": format!("The report tells what is kept about customer {} of {shop}.", customer.customer_id),
        "report": report,
    }))
}

fn told(event: &ShopEvent) -> Value {
    json!({
        "event_id": event.event_id,
        "about": event.resource_id,
        "topic": format!("{}/{}", event.category, event.action),
        "content": event.payload,
    })
}

async fn remove(job: &mut JobRun<'_>, shop: &str, customer: Option<&Customer>) -> Result<Value, Halt> {
    let removal = job
        .step("remove-personal-data", async |context| remove_everywhere(context, shop, customer).await)
        .await?;
    let whose = customer.map_or_else(
        || format!("all customers of {shop}"),
        |customer| format!("customer {} of {shop}", customer.customer_id),
    );
    let Removal { events, deliveries } = removal;
    Ok(json!({
        "outcome": "removed",
        "summary": format!(
            "The personal data of {whose} is removed from {events} events and {deliveries} deliveries."
        ),
        "events": events,
        "deliveries": deliveries,
    }))
}

async fn remove_everywhere(
    context: &StepContext<'_>,
    shop: &str,
    customer: Option<&Customer>,
) -> Result<Done<Removal>, StepError> {
    let tenant_id = context.claim.tenant_id;
    let removing = Instant::now();
    let mut after: Option<ShopEvent> = None;
    loop {
        let mut session = context.store.session().await?;
        let tx = session.begin(tenant_id)?;
        let mut events = match customer {
            Some(customer) => privacy::events_of_customer(&tx, tenant_id, shop, customer, PAGE).await?,
            None => privacy::events_of_shop(&tx, tenant_id, shop, after.as_ref(), PAGE).await?,
        };
        if events.is_empty() {
            // This job's own are removed even where another removal was there first.
            privacy::remove(&tx, context.claim, &[], &[]).await?;
            let removed = privacy::count_removed(&tx, context.claim).await?;
            tx.commit().await?;
            return Ok(Done::new(Removal { events: removed.events, deliveries: removed.deliveries }));
        }
        let jobs = privacy::jobs_of(&tx, tenant_id, shop, &events).await?;
        tx.commit().await?;
        drop(session);
        let is_other = |job: &&ShopJob| job.job_id != context.claim.job_id;
        // Another removal sees to itself; two that waited for each other would wait for ever.
        let is_live = |job: &&ShopJob| is_other(job) && !job.has_ended && !job.is_removal;
        let live: Vec<ShopJob> = jobs.iter().filter(is_live).copied().collect();
        if !live.is_empty() {
            // The others, as those that disconnect the shop, end soon by themselves.
            let bookings: Vec<JobId> =
                live.iter().filter(|job| job.is_booking).map(|job| job.job_id).collect();
            cancel(context, &bookings).await?;
            return Err(StepError::NotReady { reason: WaitingReason::OtherJob, look_again: ENDING });
        }
        // Before their events, by which they are found.
        for job in jobs.iter().filter(is_other).filter(|job| job.is_request && job.has_ended) {
            report::remove(context, job.job_id).await?;
        }
        let mut session = context.store.session().await?;
        let tx = session.begin(tenant_id)?;
        privacy::remove(&tx, context.claim, &events, &jobs).await?;
        tx.commit().await?;
        after = events.pop();
        if removing.elapsed() > REMOVING {
            return Err(StepError::Unfinished);
        }
    }
}

/// Asks for the end of these jobs.
async fn cancel(context: &StepContext<'_>, jobs: &[JobId]) -> Result<(), StepError> {
    let tenant_id = context.claim.tenant_id;
    let mut session = context.store.session().await?;
    let tx = session.begin(tenant_id)?;
    for job_id in jobs {
        requests::cancel(&tx, tenant_id, *job_id, CANCELLED_BY).await?;
    }
    tx.commit().await?;
    drop(session);
    let to_ring: Vec<_> = jobs.iter().map(|job_id| (tenant_id, *job_id)).collect();
    if let Err(error) = context.app.queue.ring(&to_ring).await {
        // Their doorbells are written down, and are rung by the clock.
        tracing::warn!(%error, "the jobs that are to be cancelled are rung later");
    }
    Ok(())
}
