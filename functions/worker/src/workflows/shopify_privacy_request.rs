//! A shop passes on what the law gives a person: to see the data that is kept, or to have it removed. Asked for a whole
//! shop that has left, the data of all its customers goes.
//!
//! What a job wrote in the tenant's own books at Xero is the tenant's, and stays.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zixly_store::privacy::{self, Customer, ShopEvent};

use super::report;
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
    /// Jobs that still run on the data and were left alone.
    live_jobs: usize,
}

/// Runs the steps; gives the job's result.
pub(super) async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
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

impl Request {
    fn customer(&self) -> Option<Customer> {
        let customer_id = self.customer.as_ref()?.id.to_string();
        let orders = self.orders_requested.iter().chain(&self.orders_to_redact);
        Some(Customer { customer_id, order_ids: orders.map(ToString::to_string).collect() })
    }
}

async fn tell(job: &mut JobRun<'_>, shop: &str, customer: &Customer) -> Result<Value, Halt> {
    let report = job
        .step("store-report", async |context| {
            let mut session = context.store.session().await?;
            let tenant_id = context.claim.tenant_id;
            let tx = session.begin(tenant_id).await?;
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
    let Removal { events, deliveries, live_jobs } = removal;
    let left = match live_jobs {
        0 => String::new(),
        count => format!(
            " {count} jobs that still run were left alone; send the request again when they are through."
        ),
    };
    Ok(json!({
        "outcome": "removed",
        "summary": format!(
            "The personal data of {whose} is removed from {events} events and {deliveries} deliveries.{left}"
        ),
        "events": events,
        "deliveries": deliveries,
        "live_jobs": live_jobs,
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
    let mut live_jobs = 0;
    loop {
        let mut session = context.store.session().await?;
        let tx = session.begin(tenant_id).await?;
        let mut events = match customer {
            Some(customer) => privacy::events_of_customer(&tx, tenant_id, shop, customer, PAGE).await?,
            None => privacy::events_of_shop(&tx, tenant_id, shop, after.as_ref(), PAGE).await?,
        };
        if events.is_empty() {
            let removed = privacy::count_removed(&tx, context.claim).await?;
            tx.commit().await?;
            let removal = Removal { events: removed.events, deliveries: removed.deliveries, live_jobs };
            return Ok(Done::new(removal));
        }
        let jobs = privacy::jobs_of(&tx, tenant_id, shop, &events).await?;
        tx.commit().await?;
        drop(session);
        let others = jobs.iter().filter(|job| job.job_id != context.claim.job_id);
        live_jobs += others.clone().filter(|job| !job.has_ended).count();
        // Before their events, by which they are found.
        for job in others.filter(|job| job.is_request && job.has_ended) {
            report::remove(context, job.job_id).await?;
        }
        let mut session = context.store.session().await?;
        let tx = session.begin(tenant_id).await?;
        privacy::remove(&tx, context.claim, &events, &jobs).await?;
        tx.commit().await?;
        after = events.pop();
        if removing.elapsed() > REMOVING {
            return Err(StepError::Unfinished);
        }
    }
}
