//! `GET /api/jobs/stream`: what has changed since the page asked last, as server-sent events. The answer ends at once,
//! since no Lambda waits; the page comes back when `retry` says.

use jiff::{SignedDuration, Timestamp};
use lambda_http::{Body, Request, Response, http::header};
use serde_json::json;
use zixly_access::Viewing;
use zixly_store::views::jobs::list_changed;

use crate::{App, answers::Answer, jobs};

/// How long a page waits before it asks again.
const RETRY_MS: u32 = 3000;
/// How far back it may ask: beyond that, it has to load its list anew.
const LONGEST: SignedDuration = SignedDuration::from_mins(10);
/// What was committed late may have an earlier time than what was told before, so times overlap.
const OVERLAP: SignedDuration = SignedDuration::from_secs(5);
const CAP: u32 = 200;

pub(crate) async fn send(app: &App, viewing: &Viewing, request: &Request) -> Answer {
    let now = Timestamp::now();
    let told =
        request.headers().get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<Timestamp>().ok());
    let mut text = format!("retry: {RETRY_MS}\n\n");
    // Who has just come knows everything that there is.
    if let Some(told) = told {
        let since = told.max(now - LONGEST) - OVERLAP;
        let changed = app
            .read(viewing.tenant_id, async |tx| list_changed(tx, viewing.tenant_id, since, CAP).await)
            .await?;
        for job in changed.iter().rev() {
            let data = json!({ "type": "job", "at": now, "job": jobs::summary(job) });
            text.push_str(&format!("event: job\ndata: {data}\n\n"));
        }
    }
    text.push_str(&format!("id: {now}\nevent: told\ndata: {{}}\n\n"));
    Ok(Response::builder()
        .header(header::CONTENT_TYPE, "text/event-stream")
        .header(header::CACHE_CONTROL, "no-store")
        .body(Body::from(text))
        .expect("the headers are valid"))
}
