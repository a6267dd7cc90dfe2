//! Claims a job, runs its workflow, and records how it ended.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};
use tracing::{Span, field::display};
use zixly_domain::{JobId, JobStatus, TenantId, WaitingReason};
use zixly_lambda_kit::Chain;
use zixly_queues::{JobEvent, Message};
use zixly_store::{
    Store, StoreError,
    jobs::{self, Claim, Claimed},
    steps::DoneStep,
};

use crate::{
    app::{App, Unrecorded},
    await_points::await_point,
    steps::{Halt, JobRun, StepContext},
    workflows,
};

/// By how much a job's own message may come before the job is due.
const TOO_EARLY: Duration = Duration::from_secs(5);

impl App {
    /// Answers a job's doorbell. One that rings early, late, twice or for nothing does no harm.
    pub(crate) async fn run_job(
        &self,
        tenant_id: TenantId,
        job_id: JobId,
        receipt_handle: Option<&str>,
        deadline: SystemTime,
    ) -> Result<(), Unrecorded> {
        let message = Message::Ring { tenant_id, job_id };
        let (store, connectors) = (&self.store().await?, &self.connectors().await?);
        let claimed = self.claim(store, tenant_id, job_id).await?;
        if let Claimed::Ours(claim) | Claimed::Cancelled(claim) = &claimed {
            note_origin(claim);
        }
        match claimed {
            Claimed::Ours(claim) => {
                self.job_events.tell(self.job_events.now(&claim, JobStatus::Running));
                await_point!("job:claimed");
                let (_, outcome) = tokio::join!(
                    self.come_back_soon(receipt_handle),
                    self.run_claimed(
                        StepContext { app: self, store, connectors, claim: &claim, connections: Vec::new() },
                        deadline
                    )
                );
                self.ring_next_in_line(store, tenant_id).await;
                match outcome {
                    // Sooner, the message would find the job still held, and be taken for one too many.
                    Err(error) if error.is_passing() => {
                        self.put_off(&message, &error, self.until_lease_is_over()).await
                    }
                    outcome => outcome,
                }
            }
            Claimed::Cancelled(claim) => {
                self.note_end(&claim, JobStatus::Cancelled, &metrics(&claim, 0), None);
                Ok(())
            }
            // There may be room by now, and whoever made it did not see this job in the line.
            Claimed::InLine => {
                self.ring_next_in_line(store, tenant_id).await;
                Ok(())
            }
            // Our clock is ahead of PostgreSQL's, or SQS's is.
            Claimed::NotDue(Some(due_at)) if time_until(due_at) < TOO_EARLY => {
                Ok(self.queue.send_after(&message, time_until(due_at)).await?)
            }
            // Somebody else's message comes at the time: the one that brought the job to who holds it, or the one that
            // was sent when it began to wait; should that be lost, the scheduler's. Sent on, this one would come
            // again and again beside it.
            Claimed::Held(_) | Claimed::NotDue(_) | Claimed::Ended(_) => Ok(()),
            // It can never succeed: laid down with the reason, and acknowledged.
            Claimed::Unknown => {
                self.bury(&message.to_body(), &format!("tenant {tenant_id} has no job {job_id}")).await
            }
        }
    }

    /// A connection may turn out to be dead only when it is used, so the first failure to reach the server is no news.
    async fn claim(&self, store: &Store, tenant_id: TenantId, job_id: JobId) -> Result<Claimed, StoreError> {
        let first = self.try_claim(store, tenant_id, job_id).await;
        if !matches!(first, Err(StoreError::Unavailable(_))) {
            return first;
        }
        store.disconnect();
        self.try_claim(store, tenant_id, job_id).await
    }

    async fn try_claim(
        &self,
        store: &Store,
        tenant_id: TenantId,
        job_id: JobId,
    ) -> Result<Claimed, StoreError> {
        let share = self.config.tenant_concurrency;
        jobs::claim(&mut store.session().await?, tenant_id, job_id, self.config.lease, share).await
    }

    /// Should this worker die, its message comes back as soon as the lease has run out.
    async fn come_back_soon(&self, receipt_handle: Option<&str>) {
        let Some(receipt_handle) = receipt_handle else { return };
        if let Err(error) = self.queue.return_after(receipt_handle, self.until_lease_is_over()).await {
            tracing::debug!(%error, "the message keeps the queue's own time");
        }
    }

    /// From a claim until another worker can have the job.
    fn until_lease_is_over(&self) -> Duration {
        self.config.lease + Duration::from_secs(1)
    }

    async fn run_claimed(&self, context: StepContext<'_>, deadline: SystemTime) -> Result<(), Unrecorded> {
        let StepContext { store, claim, .. } = context;
        let mut run = JobRun::resume(context, deadline);
        let outcome = workflows::run(&mut run).await;
        let metrics = metrics(claim, run.step_count());
        let halt = match outcome {
            Ok(result) => match self.complete(store, claim, run.unrecorded(), &result, &metrics).await {
                Ok(()) => return Ok(()),
                // For the sake of its last step, perhaps.
                Err(error) => run.halted(Halt::Unrecorded(error)).await,
            },
            Err(halt) => run.halted(halt).await,
        };
        match halt {
            Halt::Wait { reason, due_at } => self.wait(store, claim, reason, due_at).await,
            Halt::Cancelled => self.cancel(store, claim, &metrics).await,
            Halt::Failed { reason } => self.fail(store, claim, &reason, &metrics).await,
            Halt::Poisoned { reason } => {
                // Laid aside first: once the job has failed, nobody comes back to do it.
                let message = Message::Ring { tenant_id: claim.tenant_id, job_id: claim.job_id };
                self.bury(&message.to_body(), &reason).await?;
                self.fail(store, claim, &reason, &metrics).await
            }
            // Another worker decides now.
            Halt::Unrecorded(StoreError::LeaseLost(job_id)) => {
                tracing::warn!("the lease on job {job_id} was lost, another worker goes on");
                Ok(())
            }
            Halt::Unrecorded(error) => Err(error.into()),
        }
    }

    async fn complete(
        &self,
        store: &Store,
        claim: &Claim,
        last: Option<&DoneStep>,
        result: &Value,
        metrics: &Value,
    ) -> Result<(), StoreError> {
        jobs::complete(&mut store.session().await?, claim, last, result, metrics).await?;
        await_point!(format!("recorded:{}", last.map_or("nothing", |step| step.name)).as_str());
        await_point!("job:ended");
        self.note_end(claim, JobStatus::Completed, metrics, None);
        Ok(())
    }

    async fn fail(
        &self,
        store: &Store,
        claim: &Claim,
        reason: &str,
        metrics: &Value,
    ) -> Result<(), Unrecorded> {
        let mut session = store.session().await?;
        let tx = session.begin(claim.tenant_id)?;
        jobs::fail(&tx, claim, reason, metrics).await?;
        tx.commit().await?;
        self.note_end(claim, JobStatus::Failed, metrics, Some(reason));
        Ok(())
    }

    async fn cancel(&self, store: &Store, claim: &Claim, metrics: &Value) -> Result<(), Unrecorded> {
        let mut session = store.session().await?;
        let tx = session.begin(claim.tenant_id)?;
        jobs::cancel(&tx, claim, metrics).await?;
        tx.commit().await?;
        self.note_end(claim, JobStatus::Cancelled, metrics, None);
        Ok(())
    }

    async fn wait(
        &self,
        store: &Store,
        claim: &Claim,
        reason: WaitingReason,
        due_at: Timestamp,
    ) -> Result<(), Unrecorded> {
        let mut session = store.session().await?;
        let tx = session.begin(claim.tenant_id)?;
        let due_at = jobs::wait(&tx, claim, reason, Some(due_at)).await?.unwrap_or(due_at);
        tx.commit().await?;
        drop(session);
        let waiting = Some((reason, due_at));
        self.job_events.tell(JobEvent { waiting, ..self.job_events.now(claim, JobStatus::Queued) });
        await_point!("job:waiting");
        let message = Message::Ring { tenant_id: claim.tenant_id, job_id: claim.job_id };
        self.queue.send_after(&message, time_until(due_at)).await?;
        tracing::info!(
            reason = %reason,
            due_at = %due_at,
            "job.waiting"
        );
        Ok(())
    }

    /// The tenant has room for one more job: rings the one that has stood in line for longest. What has just ended is
    /// recorded, so a failure here is nobody's but the line's, and the scheduler rings for it within two minutes.
    async fn ring_next_in_line(&self, store: &Store, tenant_id: TenantId) {
        if let Err(error) = self.try_next_in_line(store, tenant_id).await {
            tracing::warn!(error = %Chain(&error), "line.not_rung");
        }
    }

    async fn try_next_in_line(&self, store: &Store, tenant_id: TenantId) -> Result<(), Unrecorded> {
        let share = self.config.tenant_concurrency;
        let next = jobs::next_in_line(&mut store.session().await?, tenant_id, share).await?;
        match next {
            Some(job_id) => Ok(self.queue.ring(&[(tenant_id, job_id)]).await?),
            None => Ok(()),
        }
    }

    /// The reason of a failure may name a person, so it is for the tenant's pages and not for the log.
    fn note_end(&self, claim: &Claim, status: JobStatus, metrics: &Value, reason: Option<&str>) {
        let duration_ms = metrics["duration_ms"].as_u64().unwrap_or_default();
        self.measurements.observe_end(&claim.job_type, status, Duration::from_millis(duration_ms));
        self.job_events.tell(JobEvent {
            duration_ms: Some(duration_ms),
            error: reason.map(str::to_owned),
            ..self.job_events.now(claim, status)
        });
        let queued_ms = metrics["queued_ms"].as_u64();
        tracing::info!(outcome = status.as_str(), queued_ms, duration_ms, "job.finished");
    }
}

/// Says on all lines of the job that are still to come what it is and what started it.
fn note_origin(claim: &Claim) {
    let span = Span::current();
    span.record("job_type", &claim.job_type);
    span.record("event.id", claim.event_id.map(display));
    span.record("delivery.id", claim.delivery_id.map(display));
    span.record("caller", &claim.triggered_by);
}

/// At least a second: PostgreSQL decides what is due, and its clock may be behind ours.
fn time_until(at: Timestamp) -> Duration {
    let left: Duration = at.duration_since(Timestamp::now()).try_into().unwrap_or_default();
    left.max(Duration::from_secs(1))
}

fn metrics(claim: &Claim, steps: u16) -> Value {
    let milliseconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_millis().max(0);
    json!({
        "steps": steps,
        "queued_ms": i64::try_from(milliseconds(claim.created_at, claim.started_at)).unwrap_or(i64::MAX),
        "duration_ms": i64::try_from(milliseconds(claim.started_at, Timestamp::now())).unwrap_or(i64::MAX),
    })
}
