//! Makes a write in somebody else's system happen once.

use serde_json::Value;
use zixly_connectors::ConnectorError;
use zixly_domain::{EffectId, Provider};
use zixly_store::{
    connections::Connection,
    effects::{self, Intent, NewEffect, SettledBy},
};

use crate::{error::StepError, steps::StepContext};

/// A write that a step is about to make.
pub(crate) struct Write<'a> {
    /// The same for every attempt at the same write, whichever job makes it.
    pub(crate) effect_key: &'a str,
    /// The step that makes it.
    pub(crate) step: &'static str,
    /// At whom.
    pub(crate) provider: Provider,
    /// Where.
    pub(crate) connection: &'a Connection,
    /// The record that is written to: `contact 100451`.
    pub(crate) target: &'a str,
    /// For a person: `PATCH contact 100451`.
    pub(crate) action: &'a str,
    /// What is written.
    pub(crate) request: &'a Value,
}

impl StepContext<'_> {
    /// Makes the write unless it is made already, and gives the provider's id of the record.
    ///
    /// The intent is committed before `write` is called. When an earlier attempt got that far and no further,
    /// `look` says whether its write is there; only if not, `write` is called again. When the provider refuses the
    /// write, `look` is asked as well: what is refused may be refused because it is there.
    pub(crate) async fn once(
        &self,
        new: Write<'_>,
        look: impl AsyncFn() -> Result<Option<String>, StepError>,
        write: impl AsyncFnOnce() -> Result<String, StepError>,
    ) -> Result<String, StepError> {
        let effect_id = match self.intend(&new).await? {
            Intent::Done(record_id) => return Ok(record_id),
            Intent::HeldBy(job_id) => return Err(StepError::HeldUpBy(job_id)),
            Intent::Write(effect_id) => effect_id,
            Intent::LookFirst(effect_id) => match look().await? {
                Some(record_id) => return self.settle(effect_id, record_id, SettledBy::Look).await,
                None => effect_id,
            },
        };
        fail::fail_point!("effect:intended");
        match write().await {
            Ok(record_id) => {
                fail::fail_point!("effect:written");
                self.settle(effect_id, record_id, SettledBy::Answer).await
            }
            Err(error @ StepError::Connector(ConnectorError::Rejected { .. })) => match look().await? {
                Some(record_id) => self.settle(effect_id, record_id, SettledBy::Look).await,
                None => {
                    self.refuse(effect_id).await?;
                    Err(error)
                }
            },
            Err(error) => {
                if is_certainly_not_made(&error) {
                    self.refuse(effect_id).await?;
                }
                Err(error)
            }
        }
    }

    async fn intend(&self, new: &Write<'_>) -> Result<Intent, StepError> {
        let mut session = self.store.session().await?;
        let tx = session.begin(self.claim.tenant_id).await?;
        let new = NewEffect {
            effect_key: new.effect_key,
            step: new.step,
            connection_id: new.connection.connection_id,
            provider: new.provider,
            target: new.target,
            action: new.action,
            request: new.request,
        };
        let intent = effects::intend(&tx, self.claim, &new).await?;
        tx.commit().await?;
        Ok(intent)
    }

    async fn settle(
        &self,
        effect_id: EffectId,
        record_id: String,
        by: SettledBy,
    ) -> Result<String, StepError> {
        let mut session = self.store.session().await?;
        let tx = session.begin(self.claim.tenant_id).await?;
        effects::done(&tx, effect_id, &record_id, by).await?;
        tx.commit().await?;
        Ok(record_id)
    }

    async fn refuse(&self, effect_id: EffectId) -> Result<(), StepError> {
        let mut session = self.store.session().await?;
        let tx = session.begin(self.claim.tenant_id).await?;
        effects::refused(&tx, self.claim, effect_id).await?;
        Ok(tx.commit().await?)
    }
}

/// Whether a write that ended so did not happen, so that nobody has to look for it or wait for it.
fn is_certainly_not_made(error: &StepError) -> bool {
    match error {
        StepError::Connector(error) => !error.outcome_is_doubtful(),
        StepError::NeedsAuthorisation(_)
        | StepError::NoCredentials(_)
        | StepError::OurCredentials(_)
        | StepError::BeingRefreshed(_) => true,
        _ => false,
    }
}
