//! Says what has become of a job, for the pages that its tenant looks at.
//!
//! Nothing waits for it: an event is sent while the job goes on, and one that cannot be sent is one line in the log, since
//! a page asks for its rows again anyway. Only the end of a batch waits, at most for [`LONGEST`], as what is still on its
//! way then would be frozen with the instance.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{task::JoinSet, time::timeout};
use tracing::Instrument;
use zixly_domain::{JobId, JobStatus, Workflow};
use zixly_lambda_kit::Chain;
use zixly_queues::{JobEvent, JobEventQueue};
use zixly_store::jobs::Claim;

/// How long an event may be on its way.
const LONGEST: Duration = Duration::from_secs(2);

/// The events of a batch's jobs.
pub(crate) struct JobEvents {
    queue: JobEventQueue,
    sending: Mutex<JoinSet<()>>,
    /// What jobs have turned out to be about since they were claimed.
    names: Mutex<HashMap<JobId, String>>,
}

impl JobEvents {
    /// Events go into this queue.
    pub(crate) fn new(queue: JobEventQueue) -> Self {
        Self { queue, sending: Mutex::default(), names: Mutex::default() }
    }

    /// The claimed job stands there since this moment.
    pub(crate) fn now(&self, claim: &Claim, status: JobStatus) -> JobEvent {
        JobEvent {
            tenant_id: claim.tenant_id,
            job_id: claim.job_id,
            job_type: claim.job_type.clone(),
            about: lock(&self.names).get(&claim.job_id).or(claim.about.as_ref()).cloned(),
            provider: claim.job_type.parse().ok().and_then(Workflow::source),
            status,
            at: Timestamp::now(),
            created_at: claim.created_at,
            started_at: claim.started_at,
            duration_ms: None,
            waiting: None,
            error: None,
        }
    }

    /// Takes note of what the job is about, for the events to come.
    pub(crate) fn name(&self, claim: &Claim, about: &str) {
        lock(&self.names).insert(claim.job_id, about.to_owned());
    }

    /// Begins to send an event.
    pub(crate) fn tell(&self, event: JobEvent) {
        let queue = self.queue.clone();
        let send = async move {
            let error = match timeout(LONGEST, queue.send(&event)).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => Chain(&error).to_string(),
                Err(_) => "the queue did not answer in time".to_owned(),
            };
            tracing::warn!(error, "job_event.not_sent");
        };
        lock(&self.sending).spawn(send.in_current_span());
    }

    /// Waits for those that are on their way.
    pub(crate) async fn finish(&self) {
        lock(&self.names).clear();
        let mut sending = mem::take(&mut *lock(&self.sending));
        while sending.join_next().await.is_some() {}
    }
}

/// A panic elsewhere leaves what is inside whole, since each change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, time::Instant};

    use serde_json::Value;
    use zixly_domain::TenantId;
    use zixly_lambda_kit::aws::sdk_config;

    use super::*;

    #[tokio::test]
    async fn nobody_waits_for_a_silent_queue_for_long() {
        // It takes connections and never says a word.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", silent.local_addr().unwrap());
        let config =
            sdk_config(|name| Some(if name == "AWS_ENDPOINT_URL" { &endpoint } else { "test" }.into()));
        let queue = JobEventQueue::new(&config.unwrap(), format!("{endpoint}/000000000000/job-events"));
        let claim = Claim {
            tenant_id: TenantId::new(),
            job_id: JobId::new(),
            fence: 1,
            job_type: "xero-invoice-to-hubspot".to_owned(),
            workflow_version: 1,
            parameters: Value::Null,
            created_at: Timestamp::now(),
            started_at: Timestamp::now(),
            event_id: None,
            delivery_id: None,
            triggered_by: None,
            about: None,
            settings: Value::Null,
            is_dry_run: false,
            done: Vec::new(),
        };
        let (events, began) = (JobEvents::new(queue), Instant::now());
        for status in [JobStatus::Running, JobStatus::Completed] {
            events.tell(events.now(&claim, status));
        }
        assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
        events.finish().await;
        assert!(began.elapsed() < LONGEST + Duration::from_secs(1), "{:?}", began.elapsed());
    }
}
