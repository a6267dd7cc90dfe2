//! Makes a write in somebody else's system happen once.

use std::time::Instant;

use jiff::Timestamp;
use serde_json::Value;
use zixly_connectors::ConnectorError;
use zixly_domain::{EffectId, EffectStatus, Provider};
use zixly_lambda_kit::Chain;
use zixly_store::{
    connections::Connection,
    effects::{self, Intent, NewEffect, SettledBy, Tried},
};

use crate::{await_points::await_point, error::StepError, steps::StepContext};

/// What stands for the id of a record that a dry run has not made.
const NOT_MADE: &str = "dry-run";

/// A write that a step is about to make.
pub(crate) struct Write<'a> {
    /// The same for every attempt at the same write, whichever job makes it.
    pub(crate) effect_key: &'a str,
    /// The step that makes it.
    pub(crate) step: &'static str,
    /// At whom.
    pub(crate) provider: Provider,
    /// Over which connection; none to a system that belongs to the installation.
    pub(crate) connection: Option<&'a Connection>,
    /// The record that is written to: `contact 100451`.
    pub(crate) target: &'a str,
    /// For a person: `PATCH contact 100451`.
    pub(crate) action: &'a str,
    /// What is written.
    pub(crate) request: &'a Value,
}

/// What became of a write that nobody can look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It was made; this is what the provider calls it.
    Made(String),
    /// It was sent, and nobody can find out whether it arrived.
    Unknown,
}

impl StepContext<'_> {
    /// Makes the write unless it is made already, and gives the provider's id of the record.
    ///
    /// The intent is committed before `write` is called. When an earlier attempt got that far and no further,
    /// `look` says whether its write is there, given when it was sent. If not, and it is long enough ago that it will
    /// not appear any more, `write` is called again. When the provider refuses the write, `look` is asked as well:
    /// what is refused may be refused because it is there.
    ///
    /// A dry run calls neither: what would be written is recorded, and something stands in for the record's id.
    pub(crate) async fn once(
        &self,
        new: Write<'_>,
        look: impl AsyncFn(Timestamp) -> Result<Option<String>, StepError>,
        write: impl AsyncFnOnce() -> Result<String, StepError>,
    ) -> Result<String, StepError> {
        if self.claim.is_dry_run {
            return self.only_record(&new).await;
        }
        let began = Instant::now();
        let effect_id = match self.intend(&new).await? {
            Intent::Done(record_id) => return Ok(record_id),
            Intent::HeldBy(job_id) => return Err(StepError::HeldUpBy(job_id)),
            Intent::Write(effect_id) => effect_id,
            // Nobody could look when it was recorded so, and nobody writes what may be there.
            Intent::Unknown => return Err(StepError::OutcomeUnknown),
            Intent::LookFirst(tried) => match look(tried.intended_at).await? {
                Some(record_id) => {
                    return self.settle(&new, tried.effect_id, record_id, SettledBy::Look, began).await;
                }
                None => self.write_again(tried).await?,
            },
        };
        await_point!("effect:intended");
        let sent_at = Timestamp::now();
        match write().await {
            Ok(record_id) => {
                await_point!("effect:written");
                self.settle(&new, effect_id, record_id, SettledBy::Answer, began).await
            }
            Err(error @ StepError::Connector(ConnectorError::Rejected { .. })) => {
                match look(sent_at).await? {
                    Some(record_id) => self.settle(&new, effect_id, record_id, SettledBy::Look, began).await,
                    None => {
                        self.refuse(&new, effect_id, began).await?;
                        Err(error)
                    }
                }
            }
            Err(error) => {
                if is_certainly_not_made(&error) {
                    self.refuse(&new, effect_id, began).await?;
                }
                Err(error)
            }
        }
    }

    /// Makes a write that cannot be looked for, unless an earlier attempt may have made it.
    pub(crate) async fn at_most_once(
        &self,
        new: Write<'_>,
        write: impl AsyncFnOnce() -> Result<String, StepError>,
    ) -> Result<Sent, StepError> {
        if self.claim.is_dry_run {
            return Ok(Sent::Made(self.only_record(&new).await?));
        }
        let began = Instant::now();
        let effect_id = match self.intend(&new).await? {
            Intent::Done(record_id) => return Ok(Sent::Made(record_id)),
            Intent::Unknown => return Ok(Sent::Unknown),
            Intent::HeldBy(job_id) => return Err(StepError::HeldUpBy(job_id)),
            Intent::LookFirst(tried) => return self.give_up_on(&new, tried.effect_id, began).await,
            Intent::Write(effect_id) => effect_id,
        };
        await_point!("effect:intended");
        match write().await {
            Ok(record_id) => {
                await_point!("effect:written");
                Ok(Sent::Made(self.settle(&new, effect_id, record_id, SettledBy::Answer, began).await?))
            }
            Err(error) if is_certainly_not_made(&error) => {
                self.refuse(&new, effect_id, began).await?;
                Err(error)
            }
            Err(error) => {
                tracing::warn!(effect.id = %effect_id, error = %Chain(&error), "nobody can look whether {effect_id} was made");
                self.give_up_on(&new, effect_id, began).await
            }
        }
    }

    async fn intend(&self, new: &Write<'_>) -> Result<Intent, StepError> {
        Ok(effects::intend(&mut self.store.session().await?, self.claim, &new.into()).await?)
    }

    async fn only_record(&self, new: &Write<'_>) -> Result<String, StepError> {
        let mut session = self.store.session().await?;
        let tx = session.begin(self.claim.tenant_id)?;
        effects::dry_run(&tx, self.claim, &new.into()).await?;
        tx.commit().await?;
        Ok(NOT_MADE.to_owned())
    }

    /// States that a write is about to be sent once more, unless the one before may still be on its way.
    async fn write_again(&self, tried: Tried) -> Result<EffectId, StepError> {
        let appears_within = self.app.config.late_write;
        if tried.ago < appears_within {
            return Err(StepError::MayStillAppear(appears_within.saturating_sub(tried.ago)));
        }
        let mut session = self.store.session().await?;
        let tx = session.begin(self.claim.tenant_id)?;
        effects::write_again(&tx, self.claim, tried.effect_id).await?;
        tx.commit().await?;
        Ok(tried.effect_id)
    }

    async fn settle(
        &self,
        new: &Write<'_>,
        effect_id: EffectId,
        record_id: String,
        by: SettledBy,
        began: Instant,
    ) -> Result<String, StepError> {
        let mut session = self.store.session().await?;
        effects::settle(&mut session, self.claim.tenant_id, effect_id, &record_id, by).await?;
        drop(session);
        log(new, effect_id, EffectStatus::Done, Some(by), began);
        await_point!("effect:settled");
        Ok(record_id)
    }

    async fn refuse(&self, new: &Write<'_>, effect_id: EffectId, began: Instant) -> Result<(), StepError> {
        let mut session = self.store.session().await?;
        let tx = session.begin(self.claim.tenant_id)?;
        effects::refused(&tx, self.claim, effect_id).await?;
        tx.commit().await?;
        log(new, effect_id, EffectStatus::Refused, None, began);
        Ok(())
    }

    async fn give_up_on(
        &self,
        new: &Write<'_>,
        effect_id: EffectId,
        began: Instant,
    ) -> Result<Sent, StepError> {
        let mut session = self.store.session().await?;
        let tx = session.begin(self.claim.tenant_id)?;
        effects::unknown(&tx, self.claim, effect_id).await?;
        tx.commit().await?;
        log(new, effect_id, EffectStatus::Unknown, None, began);
        Ok(Sent::Unknown)
    }
}

/// What is written, and to which record, is in the ledger.
fn log(new: &Write<'_>, effect_id: EffectId, outcome: EffectStatus, by: Option<SettledBy>, began: Instant) {
    tracing::info!(
        provider = %new.provider,
        effect.id = %effect_id,
        outcome = outcome.as_str(),
        settled_by = by.map(SettledBy::as_str),
        duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "effect.settled"
    );
}

impl<'a> From<&Write<'a>> for NewEffect<'a> {
    fn from(write: &Write<'a>) -> Self {
        Self {
            effect_key: write.effect_key,
            step: write.step,
            connection_id: write.connection.map(|connection| connection.connection_id),
            provider: write.provider,
            target: write.target,
            action: write.action,
            request: write.request,
        }
    }
}

/// Whether a write that ended so did not happen, so that nobody has to look for it or wait for it.
fn is_certainly_not_made(error: &StepError) -> bool {
    match error {
        StepError::Connector(error) => !error.outcome_is_doubtful(),
        StepError::NeedsAuthorisation(_)
        | StepError::NoCredentials(_)
        | StepError::OurCredentials(_)
        | StepError::NoSender
        | StepError::NoTradingApi
        | StepError::BeingRefreshed(_) => true,
        _ => false,
    }
}
