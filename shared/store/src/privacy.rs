//! What is held about the customers of a Shopify shop, and its removal. In the place of what was removed stands the job
//! that did it.
//!
//! Looked at are the events of the shop, the deliveries that they came in, and the jobs about its orders. Deliveries
//! that are archived already are not in PostgreSQL any more.

use serde_json::Value;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;
use zixly_domain::{EventId, JobId, TenantId, Workflow};

use crate::{
    StoreError, TenantTx,
    jobs::{self, Claim},
};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("privacy::FIND_EVENTS_OF_CUSTOMER", FIND_EVENTS_OF_CUSTOMER),
    ("privacy::FIND_EVENTS_OF_SHOP", FIND_EVENTS_OF_SHOP),
    ("privacy::FIND_JOBS", FIND_JOBS),
    ("privacy::BLANK_EVENTS", BLANK_EVENTS),
    ("privacy::BLANK_DELIVERIES", BLANK_DELIVERIES),
    ("privacy::BLANK_JOBS", BLANK_JOBS),
    ("privacy::BLANK_STEPS", BLANK_STEPS),
    ("privacy::BLANK_EFFECTS", BLANK_EFFECTS),
    ("privacy::COUNT_REMOVED", COUNT_REMOVED),
];

const FIND_EVENTS_OF_CUSTOMER: &str = "
    select event_id, delivery_id, resource_id, category, action, payload
      from events
     where tenant_id = $1 and provider = 'shopify' and account_id = $2
       and (payload -> 'customer' ->> 'id' = $3
            or resource_id = any ($4) and category = 'orders'
            or resource_id = $3 and category = 'customers')
       and payload ->> 'removed_by' is null
     order by resource_id, event_id
     limit $5";

const FIND_EVENTS_OF_SHOP: &str = "
    select event_id, delivery_id, resource_id, category, action, payload
      from events
     where tenant_id = $1 and provider = 'shopify' and account_id = $2
       and (resource_id, event_id) > ($3, $4)
       and payload ->> 'removed_by' is null
     order by resource_id, event_id
     limit $5";

/// The jobs that events started, and those that were started for the same orders by another event, by hand or to try
/// it out. The latter two say who did that.
const FIND_JOBS: &str = "
    select job_id, job_type, parameters ->> 'topic' as topic, status in ('COMPLETED', 'FAILED', 'CANCELLED') as has_ended
      from pipeline_jobs
     where tenant_id = $1
       and (event_id = any ($2)
            or job_type = $3 and (business_key = any ($4)
                                  or triggered_by is not null
                                     and (parameters ->> 'shop') || '/' || (parameters ->> 'order_id') = any ($4)))";

/// What says nothing about a person stays: the ids by which a repetition is told, and the amounts.
const BLANK_EVENTS: &str = "
    update events
       set payload = jsonb_build_object('removed_by', $3::uuid) || coalesce(
               (select jsonb_object_agg(kept.key, kept.value)
                  from jsonb_each(payload) as kept
                 where kept.key in ('id', 'admin_graphql_api_id', 'name', 'order_number', 'financial_status', 'test',
                                    'currency', 'total_price', 'created_at', 'processed_at', 'updated_at',
                                    'cancelled_at', 'shop_id', 'shop_domain')),
               '{}')
     where tenant_id = $1 and event_id = any ($2)";

const BLANK_DELIVERIES: &str = "select blank_deliveries($1, $2)";

/// A request about a person keeps his id, which the job that runs now goes on with.
const BLANK_JOBS: &str = "
    update pipeline_jobs
       set parameters = (parameters #- '{request,customer,email}' #- '{request,customer,phone}')
                        || jsonb_build_object('removed_by', $3::uuid),
           error_message = case when error_message is not null then 'removed' end
     where tenant_id = $1 and job_id = any ($2)";

const BLANK_STEPS: &str = "
    with attempts_too as (
        update attempts set error = 'removed'
         where tenant_id = $1 and job_id = any ($2) and job_id <> $3
    )
    update steps
       set output = case when output is not null then jsonb_build_object('removed_by', $3::uuid) end,
           error = case when error is not null then 'removed' end
     where tenant_id = $1 and job_id = any ($2) and job_id <> $3";

const BLANK_EFFECTS: &str = "
    update effects
       set request = jsonb_build_object('removed_by', $3::uuid)
     where tenant_id = $1 and job_id = any ($2)";

const COUNT_REMOVED: &str = "
    select count(*) as events, count(distinct delivery_id) as deliveries
      from events
     where tenant_id = $1 and provider = 'shopify' and payload ->> 'removed_by' = $2::uuid::text";

/// Whom a shop's request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Shopify's id.
    pub customer_id: String,
    /// The ids of the orders that the request names.
    pub order_ids: Vec<String>,
}

/// An event of a shop.
#[derive(Debug, Clone, PartialEq)]
pub struct ShopEvent {
    /// Which one.
    pub event_id: EventId,
    /// What it is about: the id of an order, mostly.
    pub resource_id: String,
    /// What kind of record changed: `orders`.
    pub category: String,
    /// What happened to it: `paid`.
    pub action: String,
    /// What came with it.
    pub payload: Value,
    delivery_id: Uuid,
}

/// A job about a shop's customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShopJob {
    /// Which one.
    pub job_id: JobId,
    /// Whether it is itself a request about a person, and so may have left a report about him.
    pub is_request: bool,
    /// Whether it removes data itself.
    pub is_removal: bool,
    /// Whether it books an order.
    pub is_booking: bool,
    /// Whether it is through. What a live job still needs is not removed.
    pub has_ended: bool,
}

/// How much was removed by a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// Events whose personal parts are gone.
    pub events: i64,
    /// Deliveries that they came in.
    pub deliveries: i64,
}

/// Up to `limit` events that say something about a customer.
pub async fn events_of_customer(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    shop: &str,
    customer: &Customer,
    limit: i64,
) -> Result<Vec<ShopEvent>, StoreError> {
    let rows = tx
        .inner
        .query_typed(
            FIND_EVENTS_OF_CUSTOMER,
            &[
                (&tenant_id.0, Type::UUID),
                (&shop, Type::TEXT),
                (&customer.customer_id, Type::TEXT),
                (&customer.order_ids, Type::TEXT_ARRAY),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    rows.iter().map(event_from_row).collect()
}

/// Up to `limit` events of a shop that come after `after`.
pub async fn events_of_shop(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    shop: &str,
    after: Option<&ShopEvent>,
    limit: i64,
) -> Result<Vec<ShopEvent>, StoreError> {
    let (resource_id, event_id) =
        after.map_or(("", Uuid::nil()), |after| (after.resource_id.as_str(), after.event_id.0));
    let rows = tx
        .inner
        .query_typed(
            FIND_EVENTS_OF_SHOP,
            &[
                (&tenant_id.0, Type::UUID),
                (&shop, Type::TEXT),
                (&resource_id, Type::TEXT),
                (&event_id, Type::UUID),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    rows.iter().map(event_from_row).collect()
}

/// The jobs that these events started, or that are about their orders.
pub async fn jobs_of(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    shop: &str,
    events: &[ShopEvent],
) -> Result<Vec<ShopJob>, StoreError> {
    let event_ids: Vec<Uuid> = events.iter().map(|event| event.event_id.0).collect();
    let orders: Vec<String> = events.iter().map(|event| format!("{shop}/{}", event.resource_id)).collect();
    let rows = tx
        .inner
        .query_typed(
            FIND_JOBS,
            &[
                (&tenant_id.0, Type::UUID),
                (&event_ids, Type::UUID_ARRAY),
                (&Workflow::ShopifyOrderToXero.as_str(), Type::TEXT),
                (&orders, Type::TEXT_ARRAY),
            ],
        )
        .await?;
    let from_row = |row: &Row| {
        let job_type: &str = row.try_get("job_type")?;
        let is_request = job_type == Workflow::ShopifyPrivacyRequest.as_str();
        let topic: Option<&str> = row.try_get("topic")?;
        Ok(ShopJob {
            job_id: JobId(row.try_get("job_id")?),
            is_request,
            is_removal: is_request && topic.is_some_and(|topic| topic.ends_with("/redact")),
            is_booking: job_type == Workflow::ShopifyOrderToXero.as_str(),
            has_ended: row.try_get("has_ended")?,
        })
    };
    rows.iter().map(from_row).collect()
}

/// Removes what these events, their deliveries, these jobs and the claimed one say about anybody, in its name.
pub async fn remove(
    tx: &TenantTx<'_>,
    claim: &Claim,
    events: &[ShopEvent],
    jobs: &[ShopJob],
) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    let (tenant_id, by) = (claim.tenant_id.0, claim.job_id.0);
    let event_ids: Vec<Uuid> = events.iter().map(|event| event.event_id.0).collect();
    let delivery_ids: Vec<Uuid> = events.iter().map(|event| event.delivery_id).collect();
    let ended = jobs.iter().filter(|job| job.has_ended).map(|job| job.job_id.0);
    let job_ids: Vec<Uuid> = ended.chain([by]).collect();
    tx.inner.query_typed(BLANK_DELIVERIES, &[(&delivery_ids, Type::UUID_ARRAY), (&by, Type::UUID)]).await?;
    for (statement, ids) in [
        (BLANK_EVENTS, &event_ids),
        (BLANK_JOBS, &job_ids),
        (BLANK_STEPS, &job_ids),
        (BLANK_EFFECTS, &job_ids),
    ] {
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
            [(&tenant_id, Type::UUID), (ids, Type::UUID_ARRAY), (&by, Type::UUID)];
        tx.inner.execute_typed(statement, &parameters).await?;
    }
    Ok(())
}

/// How much this job has removed so far.
pub async fn count_removed(tx: &TenantTx<'_>, claim: &Claim) -> Result<Removed, StoreError> {
    let rows = tx
        .inner
        .query_typed(COUNT_REMOVED, &[(&claim.tenant_id.0, Type::UUID), (&claim.job_id.0, Type::UUID)])
        .await?;
    let row = rows.first().expect("a count has one row");
    Ok(Removed { events: row.try_get("events")?, deliveries: row.try_get("deliveries")? })
}

fn event_from_row(row: &Row) -> Result<ShopEvent, StoreError> {
    Ok(ShopEvent {
        event_id: EventId(row.try_get("event_id")?),
        delivery_id: row.try_get("delivery_id")?,
        resource_id: row.try_get("resource_id")?,
        category: row.try_get("category")?,
        action: row.try_get("action")?,
        payload: row.try_get("payload")?,
    })
}
