//! `POST /webhook/deliveries/{id}/replay`: reads a kept delivery once more. What started no job then, because its
//! workflow was off or did not exist yet, starts it now; what has a job gets no other. A delivery of which nobody could
//! say for whom it is belongs to no tenant, so none can replay it.

use lambda_http::{Body, Response, http::StatusCode};
use serde_json::{Value, json};
use zixly_domain::DeliveryId;
use zixly_lambda_kit::problem::Problem;
use zixly_store::{
    audit::Deed,
    deliveries::{self, Filed, Received},
};
use zixly_webhooks::{Kept, Verified, parse};

use crate::{App, accept::ring, app::OpenError, callers::Caller, jobs};

/// Replays the delivery; a problem document for one that is not this tenant's, or that still cannot be read.
pub(crate) async fn replay(app: &App, caller: &Caller, delivery_id: &str) -> Response<Body> {
    let Ok(id) = delivery_id.parse::<DeliveryId>() else { return unknown(delivery_id).into_response() };
    match replay_kept(app, caller, id).await {
        Ok(Replayed::Filed(filed)) => {
            ring(app, &filed.jobs).await;
            app.measurements.metrics.count_jobs_queued(&filed.new_job_types);
            tracing::info!(delivery.id = %id, jobs = filed.jobs.len(), "delivery.replayed");
            let started: Vec<Value> = filed
                .jobs
                .iter()
                .map(|(_, job_id)| {
                    json!({ "job_id": job_id.to_string(), "status_url": jobs::status_url(app, *job_id) })
                })
                .collect();
            let body = json!({ "delivery_id": id.to_string(), "jobs": started });
            jobs::json_answer(StatusCode::ACCEPTED, &body)
        }
        Ok(Replayed::Unreadable(reason)) => {
            let detail = format!("Delivery {id} still cannot be read: {reason}.");
            Problem::new(StatusCode::CONFLICT, detail).into_response()
        }
        Ok(Replayed::NoDelivery) => unknown(delivery_id).into_response(),
        Err(error) => {
            Problem::unavailable("Deliveries cannot be replayed at the moment. Try again.", 5, error)
                .into_response()
        }
    }
}

enum Replayed {
    Filed(Filed),
    Unreadable(String),
    NoDelivery,
}

async fn replay_kept(app: &App, caller: &Caller, delivery_id: DeliveryId) -> Result<Replayed, OpenError> {
    let store = app.store().await?;
    let mut session = store.session().await?;
    let Some(kept) = deliveries::find(&mut session, caller.tenant_id, delivery_id).await? else {
        return Ok(Replayed::NoDelivery);
    };
    let headers = Kept::read(&kept.headers);
    let content = match parse(&Verified::at_the_door(kept.provider, headers.request(&kept.body))) {
        Ok(content) => content,
        Err(malformed) => return Ok(Replayed::Unreadable(malformed.reason)),
    };
    let received = Received {
        delivery_id,
        provider: kept.provider,
        received_at: kept.received_at,
        headers: &kept.headers,
        body: &kept.body,
        content: Ok(&content),
    };
    let deed = Deed {
        actor: &caller.name,
        action: "delivery.replay",
        subject: &format!("delivery/{delivery_id}"),
        source_address: caller.address.as_deref(),
        before: None,
        after: None,
    };
    Ok(Replayed::Filed(deliveries::replay(&mut session, caller.tenant_id, &received, &deed).await?))
}

/// Another tenant's delivery is as unknown as one that never was; so is one for several tenants.
fn unknown(delivery_id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("There is no delivery {delivery_id}."))
}
