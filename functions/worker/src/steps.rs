//! One job's run, step by step. A step that is recorded gives its output back without running again.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::FutureExt;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tracing::{Instrument, field::Empty, info_span};
use zixly_domain::{MAX_ATTEMPTS, RecordAction, WaitingReason, backoff};
use zixly_lambda_kit::Chain;
use zixly_store::{
    Store, StoreError,
    connections::Connection,
    jobs::Claim,
    related_records::RelatedRecord,
    steps::{self, Attempts, DoneStep},
};

use crate::{
    app::App,
    await_points::await_point,
    connectors::Connectors,
    error::{Disposition, StepError},
};

/// How many attempts at one step may be cut off, by a crash or a timeout of the function, until the step is taken
/// for what kills the worker.
const MAX_CUT_OFF: u16 = 5;

/// What is left of an invocation to record how a step ended.
const RECORDING: Duration = Duration::from_secs(7);

/// What a step gives: its output, and what else is recorded with it.
pub(crate) struct Done<T> {
    output: T,
    records: Vec<RelatedRecord>,
    about: Option<String>,
    business_key: Option<String>,
}

impl<T> Done<T> {
    /// A step that gives `output` and has touched no external record.
    pub(crate) fn new(output: T) -> Self {
        Self { output, records: Vec::new(), about: None, business_key: None }
    }

    /// Notes an external record that the step read, created or updated.
    pub(crate) fn touching(mut self, record: RelatedRecord) -> Self {
        self.records.push(record);
        self
    }

    /// Says what the job is about, in its owner's words.
    pub(crate) fn about(mut self, about: Option<String>) -> Self {
        self.about = about;
        self
    }

    /// Says which business the job is, so that no poll starts another one for it.
    pub(crate) fn taking_business(mut self, business_key: Option<String>) -> Self {
        self.business_key = business_key;
        self
    }
}

/// Why a run ends before its workflow does.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The job waits; the next ring goes on where it stopped.
    Wait { reason: WaitingReason, due_at: Timestamp },
    /// Somebody wants the job cancelled.
    Cancelled,
    /// The job has failed, for this reason.
    Failed { reason: String },
    /// The job kills its workers, or cannot be understood: failed, and its message is laid aside as well.
    Poisoned { reason: String },
    /// What happened cannot be recorded.
    Unrecorded(StoreError),
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Unrecorded(error)
    }
}

/// A claimed job on its way through its workflow.
///
/// A step that is done is recorded with the beginning of the next one or with the end of the job, in one transaction:
/// nothing but the workflow's own thinking lies between the two.
pub(crate) struct JobRun<'a> {
    pub(crate) context: StepContext<'a>,
    done: HashMap<&'a str, &'a Value>,
    unrecorded: Option<Unrecorded>,
    position: u16,
    deadline: SystemTime,
}

struct Unrecorded {
    step: DoneStep,
    attempts: Attempts,
}

/// What a step has to work with.
pub(crate) struct StepContext<'a> {
    pub(crate) app: &'a App,
    pub(crate) store: &'a Arc<Store>,
    pub(crate) connectors: &'a Arc<Connectors>,
    pub(crate) claim: &'a Claim,
    /// The tenant's connections as they stood when the step began.
    pub(crate) connections: Vec<Connection>,
}

impl<'a> JobRun<'a> {
    /// The run of a claimed job, with what earlier runs have recorded.
    pub(crate) fn resume(context: StepContext<'a>, deadline: SystemTime) -> Self {
        let done = context.claim.done.iter().map(|(name, output)| (name.as_str(), output)).collect();
        Self { context, done, unrecorded: None, position: 0, deadline }
    }

    /// What the job is to be run on.
    pub(crate) fn parameters<T: DeserializeOwned>(&self) -> Result<T, Halt> {
        serde_json::from_value(self.context.claim.parameters.clone()).map_err(|error| Halt::Poisoned {
            reason: format!("the job's parameters cannot be read: {error}"),
        })
    }

    /// What the tenant wants of the workflow, or what a dry run tries; fields that `T` does not have are another part's.
    pub(crate) fn settings<T: DeserializeOwned>(&self) -> Result<T, Halt> {
        serde_json::from_value(self.context.claim.settings.clone()).map_err(|error| Halt::Failed {
            reason: format!(
                "the settings of this workflow cannot be read: {error}; correct them, then retry the job"
            ),
        })
    }

    /// The last step, if it is done and not recorded yet.
    pub(crate) fn unrecorded(&self) -> Option<&DoneStep> {
        self.unrecorded.as_ref().map(|unrecorded| &unrecorded.step)
    }

    /// How many steps the run has come through.
    pub(crate) fn step_count(&self) -> u16 {
        self.position
    }

    /// Runs the step called `name` and records its output, or gives the recorded output.
    pub(crate) async fn step<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &'static str,
        work: impl AsyncFnOnce(&StepContext<'_>) -> Result<Done<T>, StepError>,
    ) -> Result<T, Halt> {
        self.position += 1;
        if let Some(&output) = self.done.get(name) {
            return from_recorded(name, output);
        }
        let timeout = self.time_for_a_step()?;
        let attempts = self.begin(name).await?;
        let span = info_span!("step", step = name, attempt = attempts.begun, provider = Empty);
        let step = match self.attempt(name, attempts, timeout, work).instrument(span).await {
            Err(Halt::Unrecorded(error)) => return Err(self.uncounted(name, error).await),
            outcome => outcome?,
        };
        let Unrecorded { step, .. } = self.unrecorded.insert(Unrecorded { step, attempts });
        from_recorded(name, &step.output)
    }

    /// Whatever keeps the job from going on, what it has done is kept. Gives what keeps it from going on then.
    pub(crate) async fn halted(&mut self, halt: Halt) -> Halt {
        match self.record_last().await {
            Ok(()) => halt,
            // It was recorded already, and only the answer got lost: nobody else has the job.
            Err(Halt::Unrecorded(StoreError::LeaseLost(_))) if matches!(&halt, Halt::Unrecorded(error) if error.is_passing()) => {
                halt
            }
            Err(unrecorded) => unrecorded,
        }
    }

    /// Records the last step, where nothing else does it.
    async fn record_last(&mut self) -> Result<(), Halt> {
        let Some(last) = self.unrecorded.take() else { return Ok(()) };
        let recorded =
            steps::record(&mut self.context.store.session().await?, self.context.claim, &last.step).await;
        if let Err(error) = recorded {
            return Err(self.not_recorded(&last, error).await);
        }
        await_point!(format!("recorded:{}", last.step.name).as_str());
        Ok(())
    }

    async fn attempt<T: Serialize>(
        &self,
        name: &'static str,
        attempts: Attempts,
        timeout: Duration,
        work: impl AsyncFnOnce(&StepContext<'_>) -> Result<Done<T>, StepError>,
    ) -> Result<DoneStep, Halt> {
        let began = std::time::Instant::now();
        await_point!(format!("begun:{name}").as_str());
        let outcome = AssertUnwindSafe(tokio::time::timeout(timeout, Box::pin(work(&self.context))))
            .catch_unwind()
            .await;
        await_point!(format!("worked:{name}").as_str());
        let outcome = match outcome {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(StepError::TimedOut(timeout)),
            Err(_) => Err(StepError::Panicked),
        };
        log(&outcome, began.elapsed());
        match outcome {
            Ok(done) => Ok(self.done_step(name, done)),
            Err(error) => Err(self.halt(name, attempts, error).await?),
        }
    }

    async fn not_recorded(&self, last: &Unrecorded, error: StoreError) -> Halt {
        let name = last.step.name;
        if error.is_passing() {
            return self.uncounted(name, error).await;
        }
        let refused = StepError::Store(error);
        tracing::info!(step = name, outcome = "not recorded", error = %Chain(&refused), "step.finished");
        match self.halt(name, last.attempts, refused).await {
            Ok(halt) | Err(halt) => halt,
        }
    }

    /// When the database is in trouble, the worker is not: if it is back already, the attempt does not count.
    async fn uncounted(&self, name: &str, error: StoreError) -> Halt {
        if error.is_passing() {
            let _ = self.note_wait(name).await;
        }
        Halt::Unrecorded(error)
    }

    async fn note_wait(&self, name: &str) -> Result<(), StoreError> {
        let mut session = self.context.store.session().await?;
        let tx = session.begin(self.context.claim.tenant_id)?;
        steps::waiting(&tx, self.context.claim, name).await?;
        tx.commit().await
    }

    /// Begins an attempt, and records the step before it.
    async fn begin(&mut self, name: &str) -> Result<Attempts, Halt> {
        let claim = self.context.claim;
        let mut session = self.context.store.session().await?;
        let begun = steps::begin(&mut session, claim, self.unrecorded(), name, self.position).await?;
        drop(session);
        await_point!(format!("recorded:{}", self.unrecorded().map_or("nothing", |step| step.name)).as_str());
        self.unrecorded = None;
        let begun = begun.ok_or(Halt::Cancelled)?;
        self.context.connections = begun.connections;
        let attempts = begun.attempts;
        let cut_off = attempts.begun.saturating_sub(attempts.failed + 1);
        if cut_off >= MAX_CUT_OFF {
            return Err(Halt::Poisoned {
                reason: format!(
                    "the step {name} was begun {cut_off} times without an outcome: the worker died each time"
                ),
            });
        }
        Ok(attempts)
    }

    fn done_step<T: Serialize>(&self, name: &'static str, done: Done<T>) -> DoneStep {
        let claim = self.context.claim;
        let Done { output, mut records, about, mut business_key } = done;
        if claim.is_dry_run {
            records.retain(|record| record.action == RecordAction::Read);
            business_key = None;
        }
        if let Some(about) = &about {
            self.context.app.job_events.name(claim, about);
        }
        let output = serde_json::to_value(&output).expect("an output is plain data");
        DoneStep { name, output, records, about, business_key }
    }

    /// Records that the attempt gave nothing, and says what happens to the job.
    async fn halt(&self, name: &str, attempts: Attempts, error: StepError) -> Result<Halt, Halt> {
        let claim = self.context.claim;
        let disposition = error.disposition();
        let message = for_the_owner(&error);
        if let (Disposition::Unrecorded, StepError::Store(error)) = (disposition, error) {
            return Err(Halt::Unrecorded(error));
        }
        let mut session = self.context.store.session().await?;
        let tx = session.begin(claim.tenant_id)?;
        let halt = match disposition {
            Disposition::Wait { reason, for_at_least } => {
                steps::waiting(&tx, claim, name).await?;
                // Jobs that were stopped together should not all come back in the same moment.
                let jitter = Duration::from_secs(1).mul_f64(rand::random());
                Halt::Wait { reason, due_at: Timestamp::now() + for_at_least + jitter }
            }
            Disposition::LookAgain { reason, after } => {
                steps::looked(&tx, claim, name).await?;
                Halt::Wait { reason, due_at: Timestamp::now() + after }
            }
            Disposition::Retry { at_least } if attempts.failed + 1 < MAX_ATTEMPTS => {
                steps::failed(&tx, claim, name, &message).await?;
                let delay = backoff(attempts.failed + 1, rand::random()).max(at_least);
                Halt::Wait { reason: WaitingReason::Backoff, due_at: Timestamp::now() + delay }
            }
            Disposition::Retry { .. } | Disposition::Stop | Disposition::Unrecorded => {
                steps::failed(&tx, claim, name, &message).await?;
                Halt::Failed { reason: format!("{name}: {message}") }
            }
        };
        tx.commit().await?;
        Ok(halt)
    }

    /// The time that the next step may take; a wait instead, when too little is left for one.
    fn time_for_a_step(&self) -> Result<Duration, Halt> {
        let config = &self.context.app.config;
        let left = self.deadline.duration_since(SystemTime::now()).unwrap_or_default();
        if left < config.drain_margin {
            return Err(Halt::Wait { reason: WaitingReason::Backoff, due_at: Timestamp::now() });
        }
        Ok(config.step_timeout.min(left.saturating_sub(RECORDING)))
    }
}

fn log<T>(outcome: &Result<T, StepError>, took: Duration) {
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let error = outcome.as_ref().err().map(|error| Chain(error).to_string());
    let outcome = if error.is_none() { "done" } else { "not done" };
    tracing::info!(outcome, error, duration_ms, "step.finished");
}

/// What a provider said is for the owner; what our own parts said about themselves is for the log only.
fn for_the_owner(error: &StepError) -> String {
    match error {
        StepError::Connector(_) | StepError::SweepFailed(_) => error.in_full(),
        other => other.to_string(),
    }
}

fn from_recorded<T: DeserializeOwned>(name: &str, output: &Value) -> Result<T, Halt> {
    T::deserialize(output).map_err(|error| Halt::Poisoned {
        reason: format!("the recorded output of {name} cannot be read: {error}"),
    })
}
