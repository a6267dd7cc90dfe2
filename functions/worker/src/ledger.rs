//! Compares the ledger of effects with the providers themselves, for an operator: is everything there that we say we
//! have written, and is it there once?
//!
//! It reads what the providers show to every client of theirs, over the tenants' own connections, and writes nothing but
//! a token set that had to be refreshed. `kinds` says how each kind of effect is looked for, `calls` makes the calls.

mod calls;
mod kinds;

use std::{collections::HashMap, error::Error, fmt};

use jiff::Timestamp;
use zixly_connectors::asana::Project;
use zixly_domain::{ConnectionId, EffectStatus, TenantId};
use zixly_store::{
    StoreError,
    connections::{self, Connection},
    ledger::{self, Entry},
};

use self::{calls::Calls, kinds::Kind};
use crate::{App, connections::Access, error::StepError};

/// How many rows are read at once.
const PAGE: i64 = 200;

/// What the comparison says about an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The provider has it, once.
    Verified,
    /// It was made, and a later effect of ours has written something else in its place.
    Superseded,
    /// The ledger says that it is done, and the provider has no such record.
    Lost(String),
    /// The provider has it more than once.
    Doubled(String),
    /// Nobody can tell, for this reason.
    Unknown(String),
    /// There is nothing to be found yet, or any more, for this reason.
    NotCompared(&'static str),
}

impl Verdict {
    /// Its name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Superseded => "superseded",
            Self::Lost(_) => "lost",
            Self::Doubled(_) => "doubled",
            Self::Unknown(_) => "unknown",
            Self::NotCompared(_) => "not compared",
        }
    }

    /// What there is to say about it.
    pub fn details(&self) -> Option<&str> {
        match self {
            Self::Verified | Self::Superseded => None,
            Self::Lost(details) | Self::Doubled(details) | Self::Unknown(details) => Some(details),
            Self::NotCompared(details) => Some(details),
        }
    }
}

/// How many effects had which verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// The provider has it, once.
    pub verified: u64,
    /// Overwritten by a later one of ours.
    pub superseded: u64,
    /// The provider has it not.
    pub lost: u64,
    /// The provider has it more than once.
    pub doubled: u64,
    /// Nobody can tell.
    pub unknown: u64,
    /// Not in the number of effects: a job is still at them, or they are known not to have been made.
    pub not_compared: u64,
}

impl Tally {
    /// Counts one more.
    pub fn count(&mut self, verdict: &Verdict) {
        *match verdict {
            Verdict::Verified => &mut self.verified,
            Verdict::Superseded => &mut self.superseded,
            Verdict::Lost(_) => &mut self.lost,
            Verdict::Doubled(_) => &mut self.doubled,
            Verdict::Unknown(_) => &mut self.unknown,
            Verdict::NotCompared(_) => &mut self.not_compared,
        } += 1;
    }

    /// Whether nothing is lost and nothing doubled.
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verified, superseded, lost, doubled, unknown, .. } = self;
        let effects = verified + superseded + lost + doubled + unknown;
        write!(
            formatter,
            "effects={effects} verified={verified} superseded={superseded} lost={lost} doubled={doubled} \
             unknown={unknown}"
        )
    }
}

/// The comparison could not go on.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The function's secret cannot be read, or lacks something.
    #[error("the worker's own parts cannot be had")]
    Setup(#[source] Box<dyn Error + Send + Sync>),
    /// The ledger cannot be read.
    #[error("the ledger cannot be read")]
    Store(#[from] StoreError),
}

/// Compares the effects of a tenant with the providers, in the order in which they were first meant, and tells `each`
/// what came out. With `since`, only those that were about to be sent then or later.
///
/// When a provider limits the requests, it waits as long as the provider says, up to some minutes.
pub async fn verify(
    app: &App,
    tenant_id: TenantId,
    since: Option<Timestamp>,
    mut each: impl FnMut(&Entry, &Verdict),
) -> Result<(), VerifyError> {
    let store = app.store().await.map_err(|error| VerifyError::Setup(error.into()))?;
    let connectors = app.connectors().await.map_err(|error| VerifyError::Setup(error.into()))?;
    let mut comparison = Comparison {
        calls: Calls { access: Access { app, store: &store, connectors: &connectors, tenant_id } },
        connections: HashMap::new(),
        closed: HashMap::new(),
        projects: HashMap::new(),
    };
    let mut after = None;
    loop {
        let mut session = store.session().await?;
        let tx = session.begin(tenant_id)?;
        let entries = ledger::list(&tx, tenant_id, since, after, PAGE).await?;
        tx.commit().await?;
        drop(session);
        for entry in &entries {
            let verdict = comparison.judge(entry).await?;
            each(entry, &verdict);
        }
        match entries.last() {
            Some(last) => after = Some(last.effect_id),
            None => return Ok(()),
        }
    }
}

/// What a look at a provider gives.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    /// The ids of all records that carry the effect's mark.
    Records(Vec<String>),
    /// Whether the record, of which there can be only one, holds what was written.
    Values(bool),
    /// The provider shows no such thing to anybody.
    Nothing(&'static str),
}

/// A comparison on its way through one tenant's effects.
struct Comparison<'a> {
    calls: Calls<'a>,
    connections: HashMap<ConnectionId, Connection>,
    /// Connections that cannot be used any more in this comparison, and why.
    closed: HashMap<ConnectionId, String>,
    /// The projects of a workspace, as they were at that time: there is no way to ask for one.
    projects: HashMap<ConnectionId, (Timestamp, Vec<Project>)>,
}

impl Comparison<'_> {
    async fn judge(&mut self, entry: &Entry) -> Result<Verdict, StoreError> {
        match entry.status {
            EffectStatus::Refused => {
                return Ok(Verdict::NotCompared("the provider was not reached, or refused it"));
            }
            EffectStatus::Intended if !entry.job_status.is_final() => {
                return Ok(Verdict::NotCompared("its job is still at it"));
            }
            EffectStatus::Unknown => {
                return Ok(Verdict::Unknown(
                    "it was sent at most once, and nobody can look for it".to_owned(),
                ));
            }
            EffectStatus::DryRun => return Ok(Verdict::NotCompared("it was only tried")),
            EffectStatus::Intended | EffectStatus::Done => {}
        }
        let Some(kind) = Kind::of(entry.provider, &entry.step) else {
            return Ok(Verdict::Unknown("this version does not know how to look for it".to_owned()));
        };
        if let Some(why) = entry.connection_id.and_then(|id| self.closed.get(&id)) {
            return Ok(Verdict::Unknown(why.clone()));
        }
        // Boxed, or a comparison would take the memory of all kinds of looks together.
        match Box::pin(self.look(kind, entry)).await {
            Ok(found) if entry.status == EffectStatus::Done => self.judge_done(entry, &found).await,
            Ok(found) => Ok(judge_open(entry, &found)),
            Err(StepError::Store(error)) => Err(error),
            Err(error) => {
                let why = error.in_full();
                if let Some(connection_id) = entry.connection_id.filter(|_| calls::closes_connection(&error))
                {
                    self.closed.insert(connection_id, why.clone());
                }
                Ok(Verdict::Unknown(why))
            }
        }
    }

    async fn judge_done(&self, entry: &Entry, found: &Found) -> Result<Verdict, StoreError> {
        let recorded = entry.provider_record_id.as_deref().unwrap_or_default();
        Ok(match found {
            Found::Nothing(why) => Verdict::Unknown((*why).to_owned()),
            Found::Values(true) => Verdict::Verified,
            Found::Values(false) if self.is_overwritten(entry).await? => Verdict::Superseded,
            Found::Values(false) => {
                Verdict::Lost(format!("{recorded} does not hold what was written, or is gone"))
            }
            Found::Records(ids) => match ids.as_slice() {
                [] => Verdict::Lost(format!("{recorded} is not there")),
                [only] if only == recorded => Verdict::Verified,
                [other] => Verdict::Lost(format!("{recorded} is not there, but {other}")),
                several => Verdict::Doubled(format!("there are {}", several.join(", "))),
            },
        })
    }

    async fn is_overwritten(&self, entry: &Entry) -> Result<bool, StoreError> {
        let Access { store, tenant_id, .. } = self.calls.access;
        let mut session = store.session().await?;
        let tx = session.begin(tenant_id)?;
        let is_overwritten = ledger::is_overwritten(&tx, tenant_id, entry.effect_id).await?;
        tx.commit().await?;
        Ok(is_overwritten)
    }

    /// The connection that an effect went over, if it is good.
    async fn connection(&mut self, entry: &Entry) -> Result<Connection, StepError> {
        let connection_id = entry.connection_id.ok_or(StepError::NotConnected(entry.provider))?;
        if let Some(connection) = self.connections.get(&connection_id) {
            return Ok(connection.clone());
        }
        let Access { store, tenant_id, .. } = self.calls.access;
        let mut session = store.session().await?;
        let tx = session.begin(tenant_id)?;
        let connection = connections::find(&tx, entry.provider, connection_id).await?;
        tx.commit().await?;
        let connection = connection.ok_or(StepError::NotConnected(entry.provider))?;
        if !connection.healthy {
            return Err(StepError::NeedsAuthorisation(entry.provider));
        }
        self.connections.insert(connection_id, connection.clone());
        Ok(connection)
    }
}

/// Nobody has found out what came of it, and nobody will: its job has ended.
fn judge_open(entry: &Entry, found: &Found) -> Verdict {
    let there = match found {
        Found::Records(ids) if ids.len() > 1 => {
            return Verdict::Doubled(format!("there are {}", ids.join(", ")));
        }
        Found::Records(ids) => {
            ids.first().map_or("and it is not there".to_owned(), |id| format!("but {id} is there"))
        }
        Found::Values(true) => "but what was to be written is there".to_owned(),
        Found::Values(false) => "and it is not there".to_owned(),
        Found::Nothing(why) => format!("and {why}"),
    };
    Verdict::Unknown(format!("its job is {} without knowing whether it was made, {there}", entry.job_status))
}
