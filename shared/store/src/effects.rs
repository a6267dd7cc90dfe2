//! Effects: writes in somebody else's system, each with a row before it and an id after it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;
use zixly_domain::{ConnectionId, EffectId, JobId, Provider, TenantId};

use crate::{
    Parameter, Session, StoreError, TenantTx,
    jobs::{self, Claim},
};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("effects::INTEND", INTEND),
    ("effects::SETTLE", SETTLE),
    ("effects::WRITE_AGAIN", WRITE_AGAIN),
    ("effects::REFUSED", REFUSED),
    ("effects::UNKNOWN", UNKNOWN),
    ("effects::DRY_RUN", DRY_RUN),
    ("effects::LIST_PROJECTS_MADE", LIST_PROJECTS_MADE),
    ("effects::LIST_ASANA_PROJECTS", LIST_ASANA_PROJECTS),
];

/// `migrations/0018_engine.sql` says what they do; each is one round trip.
const INTEND: &str = "select * from intend_effect($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const SETTLE: &str = "select settle_effect($1, $2, $3, $4)";

/// In the words of the index that is made for it.
const LIST_ASANA_PROJECTS: &str = "
    select provider_record_id as project
      from effects
     where connection_id = $1
       and provider = 'asana' and step = 'create-project' and status = 'DONE'
     union
    select resource_id from webhook_endpoints where connection_id = $1";

const WRITE_AGAIN: &str = "
    update effects
       set intended_at = now(), writes = writes + 1
     where effect_id = $1 and status = 'INTENDED'";

const REFUSED: &str = "
    update effects
       set status = 'REFUSED', settled_at = now()
     where effect_id = $1 and status = 'INTENDED'";

const UNKNOWN: &str = "
    update effects
       set status = 'UNKNOWN', settled_at = now()
     where effect_id = $1 and status = 'INTENDED'";

/// Under a key of the job's own: nothing is kept from being written by what was only tried.
const DRY_RUN: &str = "
    insert into effects (tenant_id, effect_id, effect_key, job_id, step, connection_id, provider, target, action,
                         request, status, settled_at)
    values ($1, $3, 'dry-run/' || $2::uuid::text || '/' || $4, $2, $5, $6, $7, $8, $9, $10, 'DRY_RUN', now())
    on conflict on constraint effects_once do nothing";

/// In the words of the index that is made for it.
const LIST_PROJECTS_MADE: &str = "
    select provider_record_id as project
      from effects
     where connection_id = $1
       and provider = 'asana' and step = 'create-project' and status = 'DONE'
     order by effect_id desc";

/// The projects of an Asana workspace that jobs have made, the newest first.
pub async fn list_projects_made(
    tx: &TenantTx<'_>,
    connection_id: ConnectionId,
) -> Result<Vec<String>, StoreError> {
    let rows = tx.inner.query_typed(LIST_PROJECTS_MADE, &[(&connection_id.0, Type::UUID)]).await?;
    rows.iter().map(|row| Ok(row.try_get("project")?)).collect()
}

/// The projects of an Asana workspace that jobs have made, and those that a webhook watches.
pub async fn list_asana_projects(
    tx: &TenantTx<'_>,
    connection_id: ConnectionId,
) -> Result<Vec<String>, StoreError> {
    let rows = tx.inner.query_typed(LIST_ASANA_PROJECTS, &[(&connection_id.0, Type::UUID)]).await?;
    rows.iter().map(|row| Ok(row.try_get("project")?)).collect()
}

/// A write that a step is about to make.
pub struct NewEffect<'a> {
    /// The same for every attempt at the same write, whichever job makes it.
    pub effect_key: &'a str,
    /// The step that makes it.
    pub step: &'a str,
    /// Over which connection; none to a system that belongs to the installation and not to a tenant.
    pub connection_id: Option<ConnectionId>,
    /// At whom.
    pub provider: Provider,
    /// The record that is written to: `contact 100451`.
    pub target: &'a str,
    /// For a person: `PATCH contact 100451`.
    pub action: &'a str,
    /// What is written.
    pub request: &'a Value,
}

/// What a step has to do about a write that it intends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// Write: nobody has tried it.
    Write(EffectId),
    /// Look whether it is there, and write if it is not: someone tried, and what came of it is not known.
    LookFirst(Tried),
    /// Nothing: it is done, and this is the provider's id of the record.
    Done(String),
    /// Nothing: it was sent, and nobody can find out whether it arrived.
    Unknown,
    /// Wait: that job has a write to the same record of which it is not yet known whether it was made.
    HeldBy(JobId),
}

/// A write of which it is not known whether it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// Which write.
    pub effect_id: EffectId,
    /// When it was last about to be sent.
    pub intended_at: Timestamp,
    /// How long that is ago, by the clock of the database.
    pub ago: Duration,
}

/// How it is known that a write was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettledBy {
    /// The provider answered it.
    Answer,
    /// We looked, and it was there.
    Look,
}

impl SettledBy {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Look => "look",
        }
    }
}

/// A [`NewEffect`] as statements take it, under an id of its own.
struct EffectRow<'a> {
    effect_id: EffectId,
    connection_id: Option<Uuid>,
    provider: &'static str,
    new: &'a NewEffect<'a>,
}

impl<'a> EffectRow<'a> {
    fn new(new: &'a NewEffect<'a>) -> Self {
        let connection_id = new.connection_id.map(|id| id.0);
        Self { effect_id: EffectId::new(), connection_id, provider: new.provider.as_str(), new }
    }

    fn parameters(&self) -> [Parameter<'_>; 8] {
        let Self { effect_id, connection_id, provider, new } = self;
        [
            (&effect_id.0, Type::UUID),
            (&new.effect_key, Type::TEXT),
            (&new.step, Type::TEXT),
            (connection_id, Type::UUID),
            (provider, Type::TEXT),
            (&new.target, Type::TEXT),
            (&new.action, Type::TEXT),
            (new.request, Type::JSONB),
        ]
    }
}

/// States the intent to write, before writing.
pub async fn intend(
    session: &mut Session<'_>,
    claim: &Claim,
    new: &NewEffect<'_>,
) -> Result<Intent, StoreError> {
    let row = EffectRow::new(new);
    let parameters = [&claim.key()[..], &row.parameters()].concat();
    let rows = session.client().query_typed(INTEND, &parameters).await?;
    let row = rows.first().ok_or(StoreError::LeaseLost(claim.job_id))?;
    let effect_id = || -> Result<EffectId, StoreError> { Ok(EffectId(row.try_get("effect_id")?)) };
    match row.try_get("intent")? {
        "WRITE" => Ok(Intent::Write(effect_id()?)),
        "LOOK" => Ok(Intent::LookFirst(tried_from_row(row, effect_id()?)?)),
        "DONE" => Ok(Intent::Done(row.try_get("provider_record_id")?)),
        "UNKNOWN" => Ok(Intent::Unknown),
        _ => Ok(Intent::HeldBy(JobId(row.try_get("held_by")?))),
    }
}

fn tried_from_row(row: &Row, effect_id: EffectId) -> Result<Tried, StoreError> {
    let seconds: f64 = row.try_get("seconds_ago")?;
    Ok(Tried {
        effect_id,
        intended_at: row.try_get("intended_at")?,
        // A clock that was set back makes it longer, and no harm is done.
        ago: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
    })
}

/// Records a write that is not made, since its job is a dry run. A second time it changes nothing.
pub async fn dry_run(tx: &TenantTx<'_>, claim: &Claim, new: &NewEffect<'_>) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    let row = EffectRow::new(new);
    let of_job: [Parameter<'_>; 2] = [(&claim.tenant_id.0, Type::UUID), (&claim.job_id.0, Type::UUID)];
    tx.inner.execute_typed(DRY_RUN, &[&of_job[..], &row.parameters()].concat()).await?;
    Ok(())
}

/// States that the write is about to be sent once more. The transaction must be committed before it is.
pub async fn write_again(tx: &TenantTx<'_>, claim: &Claim, effect_id: EffectId) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    tx.inner.execute_typed(WRITE_AGAIN, &[(&effect_id.0, Type::UUID)]).await?;
    Ok(())
}

/// Records that the write was made, with the provider's id of the record; by whoever knows, whatever has become of the
/// claim.
pub async fn settle(
    session: &mut Session<'_>,
    tenant_id: TenantId,
    effect_id: EffectId,
    provider_record_id: &str,
    settled_by: SettledBy,
) -> Result<(), StoreError> {
    let parameters: [Parameter<'_>; 4] = [
        (&tenant_id.0, Type::UUID),
        (&effect_id.0, Type::UUID),
        (&provider_record_id, Type::TEXT),
        (&settled_by.as_str(), Type::TEXT),
    ];
    session.client().query_typed_one(SETTLE, &parameters).await?;
    Ok(())
}

/// Records that the write is known not to have been made. Only by the worker that
/// still holds the job: another one may have made it since.
pub async fn refused(tx: &TenantTx<'_>, claim: &Claim, effect_id: EffectId) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    tx.inner.execute_typed(REFUSED, &[(&effect_id.0, Type::UUID)]).await?;
    Ok(())
}

/// Records that the write was sent, and that nobody can find out whether it arrived: it is not sent again.
pub async fn unknown(tx: &TenantTx<'_>, claim: &Claim, effect_id: EffectId) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    tx.inner.execute_typed(UNKNOWN, &[(&effect_id.0, Type::UUID)]).await?;
    Ok(())
}
