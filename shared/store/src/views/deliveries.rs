//! Deliveries, the newest first, and one with its events. What was for several tenants, or for nobody, is the platform's:
//! no tenant sees it here.

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::types::Type;
use zixly_domain::{DeliveryId, Provider, TenantId};

use super::first_id_at;
use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] =
    &[("views::deliveries::LIST", LIST), ("views::deliveries::FIND", FIND)];

const LIST: &str = "
    select d.delivery_id,
           json_build_object(
               'delivery_id', d.delivery_id, 'provider', d.provider, 'received_at', d.received_at,
               'outcome', d.outcome, 'note', d.note, 'event_count', d.event_count,
               'new_event_count', d.new_event_count, 'size_bytes', octet_length(d.body)) as delivery
      from deliveries d
     where d.tenant_id = $1
       and (d.delivery_id < $2 or $2 is null)
       and (d.delivery_id >= $3 or $3 is null)
       and (d.delivery_id < $4 or $4 is null)
       and (d.provider = $5 or $5 is null)
       and (d.outcome = $6 or $6 is null)
     order by d.delivery_id desc
     limit $7";

const FIND: &str = "
    select json_build_object(
               'delivery_id', d.delivery_id, 'provider', d.provider, 'received_at', d.received_at,
               'outcome', d.outcome, 'note', d.note, 'event_count', d.event_count,
               'new_event_count', d.new_event_count, 'size_bytes', octet_length(d.body),
               'headers', d.headers,
               'events', coalesce((
                   select json_agg(json_build_object(
                              'event_id', e.event_id, 'delivery_id', e.delivery_id, 'provider', e.provider,
                              'account_id', e.account_id, 'category', e.category, 'action', e.action,
                              'resource_id', e.resource_id, 'occurred_at', e.occurred_at,
                              'received_at', e.received_at, 'unhandled', e.unhandled, 'payload', e.payload,
                              'jobs', coalesce((
                                  select json_agg(json_build_object(
                                             'job_id', j.job_id, 'job_type', j.job_type, 'status', j.status,
                                             'about', j.about) order by j.job_id)
                                    from pipeline_jobs j
                                   where j.tenant_id = e.tenant_id and j.event_id = e.event_id), '[]'))
                              order by e.event_id)
                     from (select * from events e
                            where e.tenant_id = d.tenant_id and e.delivery_id = d.delivery_id
                            order by e.event_id limit 500) e), '[]')) as delivery,
           substr(d.body, 1, $3) as body
      from deliveries d
     where d.tenant_id = $1 and d.delivery_id = $2";

/// Which deliveries to list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Only this provider's.
    pub provider: Option<Provider>,
    /// Only those that came to this: ACCEPTED, DUPLICATE, UNMATCHED, MALFORMED, EMPTY.
    pub outcome: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// Only what comes after this one.
    pub after: Option<DeliveryId>,
}

/// A delivery with its events.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Everything but the body, in the words of `Delivery` in the dashboard's OpenAPI file.
    pub rest: Value,
    /// The first bytes of what came.
    pub body: Vec<u8>,
}

/// The tenant's deliveries that the filter lets through, at most `limit`, in the words of `DeliverySummary`.
pub async fn list(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    filter: &Filter,
    limit: u32,
) -> Result<Vec<(DeliveryId, Value)>, StoreError> {
    let rows = tx
        .inner
        .query_typed(
            LIST,
            &[
                (&tenant_id.0, Type::UUID),
                (&filter.after.map(|id| id.0), Type::UUID),
                (&filter.from.map(first_id_at), Type::UUID),
                (&filter.to.map(first_id_at), Type::UUID),
                (&filter.provider.map(Provider::as_str), Type::TEXT),
                (&filter.outcome, Type::TEXT),
                (&i64::from(limit), Type::INT8),
            ],
        )
        .await?;
    rows.iter().map(|row| Ok((DeliveryId(row.try_get("delivery_id")?), row.try_get("delivery")?))).collect()
}

/// The tenant's delivery with the first `body_cap` bytes of its body; none if it has no such one, or no longer.
pub async fn find(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    delivery_id: DeliveryId,
    body_cap: u32,
) -> Result<Option<Delivery>, StoreError> {
    let body_cap = i32::try_from(body_cap).unwrap_or(i32::MAX);
    let rows = tx
        .inner
        .query_typed(
            FIND,
            &[(&tenant_id.0, Type::UUID), (&delivery_id.0, Type::UUID), (&body_cap, Type::INT4)],
        )
        .await?;
    let delivery = |row: &tokio_postgres::Row| {
        Ok(Delivery { rest: row.try_get("delivery")?, body: row.try_get("body")? })
    };
    rows.first().map(delivery).transpose()
}
