//! What the checks of webhooks share. Providers drop a webhook whose deliveries have failed for long, and tell nobody.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zixly_connectors::ConnectorError;
use zixly_domain::{ConnectionId, Provider};
use zixly_store::connections::{self, Connection};

use super::nothing_to_do;
use crate::{
    error::StepError,
    steps::{JobRun, StepContext},
};

/// What has been made, and what could not be.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Made {
    /// What is told of by a webhook that was made now.
    pub(super) webhooks: Vec<String>,
    /// What the provider does not tell of, with its reason.
    pub(super) refused: Vec<String>,
}

impl Made {
    /// Takes note of what came of one; the trouble of one keeps no other from being made.
    pub(super) fn note(&mut self, what: &str, outcome: Result<String, StepError>) -> Result<(), StepError> {
        match outcome {
            Ok(_) => self.webhooks.push(what.to_owned()),
            Err(StepError::Connector(ConnectorError::Rejected { words, .. })) => {
                self.refused.push(format!("{what} ({})", words.0));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The job's result. `whose` webhooks they are.
    pub(super) fn result(&self, whose: &str, removed: usize) -> Value {
        let mut sentences = Vec::new();
        if !self.webhooks.is_empty() {
            sentences.push(format!("Webhooks of {whose} were made for {}.", self.webhooks.join(", ")));
        }
        if removed > 0 {
            sentences.push(format!("Webhooks that nobody needs any more were removed: {removed}."));
        }
        if !self.refused.is_empty() {
            sentences.push(format!("There can be none for {}.", self.refused.join(", ")));
        }
        if self.webhooks.is_empty() && removed == 0 {
            sentences.insert(0, format!("All other webhooks of {whose} are there."));
        }
        if self.webhooks.is_empty() && removed == 0 && self.refused.is_empty() {
            return nothing_to_do(&format!("All webhooks of {whose} are there."));
        }
        json!({
            "outcome": "checked",
            "summary": sentences.join(" "),
            "made": self.webhooks,
            "refused": self.refused,
            "removed": removed,
        })
    }
}

/// The connection that is looked after.
pub(super) async fn connection(
    context: &StepContext<'_>,
    provider: Provider,
    connection_id: ConnectionId,
) -> Result<Connection, StepError> {
    let mut session = context.store.session().await?;
    let tx = session.begin(context.claim.tenant_id)?;
    let connection = connections::find(&tx, provider, connection_id).await?;
    tx.commit().await?;
    match connection {
        None => Err(StepError::NotConnected(provider)),
        Some(connection) if !connection.healthy => Err(StepError::NeedsAuthorisation(provider)),
        Some(connection) => Ok(connection),
    }
}

/// Where a provider delivers to: the door's address for it. None where the installation does not say where that is.
pub(super) fn address(job: &JobRun<'_>, provider: Provider) -> Option<String> {
    let base = job.context.app.config.public_base_url.as_ref()?;
    Some(format!("{base}/webhook/{provider}"))
}

/// The result of a check without an address.
pub(super) fn no_address() -> Value {
    nothing_to_do("This installation has no public address, so nobody can be asked to deliver there.")
}
