//! Lists of jobs, the newest first. A list reads what it shows: by the index of its status, of its workflow, or of all.

use jiff::Timestamp;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;
use zixly_domain::{JobId, JobStatus, TenantId, WaitingReason};

use super::{Parameter, first_id_at};
use crate::{StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("views::jobs::LIST", LIST),
    ("views::jobs::LIST_BY_STATUS", LIST_BY_STATUS),
    ("views::jobs::LIST_BY_JOB_TYPE", LIST_BY_JOB_TYPE),
    ("views::jobs::LIST_BY_RECORD", LIST_BY_RECORD),
    ("views::jobs::SEARCH", SEARCH),
    ("views::jobs::SEARCH_BY_STATUS", SEARCH_BY_STATUS),
    ("views::jobs::LIST_FAILED", LIST_FAILED),
    ("views::jobs::LIST_CHANGED", LIST_CHANGED),
];

/// The columns of a [`JobSummary`].
macro_rules! summary {
    () => {
        "j.job_id, j.job_type, j.status, j.about, j.dry_run is not null as is_dry_run, j.created_at, j.started_at, j.completed_at, j.waiting_reason, \
         j.due_at, left(j.error_message, 300) as error"
    };
}
pub(super) use summary;

/// What comes after the cursor, and passes the filter.
macro_rules! within {
    () => {
        "(j.job_id < $2 or $2 is null) and (j.job_id >= $3 or $3 is null) and (j.job_id < $4 or $4 is null) \
         and (j.status = any ($5) or $5 is null) and (j.job_type = any ($6) or $6 is null) \
         and (j.waiting_reason is not null or not $7)"
    };
}

const LIST: &str = concat!(
    "select ",
    summary!(),
    " from pipeline_jobs j where j.tenant_id = $1 and ",
    within!(),
    " order by j.job_id desc limit $8"
);

/// The newest of each status, of which the newest are taken: each comes from its place in the index.
const LIST_BY_STATUS: &str = concat!(
    "select j.* from unnest($5::text[]) as wanted (status) cross join lateral (select ",
    summary!(),
    " from pipeline_jobs j where j.tenant_id = $1 and j.status = wanted.status and ",
    within!(),
    " order by j.job_id desc limit $8) as j order by j.job_id desc limit $8"
);

const LIST_BY_JOB_TYPE: &str = concat!(
    "select j.* from unnest($6::text[]) as wanted (job_type) cross join lateral (select ",
    summary!(),
    " from pipeline_jobs j where j.tenant_id = $1 and j.job_type = wanted.job_type and ",
    within!(),
    " order by j.job_id desc limit $8) as j order by j.job_id desc limit $8"
);

/// By the beginning of what they are about. Of few, the newest are picked; of a thousand and more, there are enough among
/// the newest jobs.
const LIST_BY_RECORD: &str = concat!(
    "with alike as materialized (select j.job_id from pipeline_jobs j \
      where j.tenant_id = $1 and j.about_key >= $9 and j.about_key < $10 limit 1000) \
     select j.* from ((select ",
    summary!(),
    " from alike s join pipeline_jobs j on j.tenant_id = $1 and j.job_id = s.job_id \
      where (select count(*) from alike) < 1000 and ",
    within!(),
    " order by j.job_id desc limit $8) union all (select ",
    summary!(),
    " from pipeline_jobs j where j.tenant_id = $1 and j.about_key >= $9 and j.about_key < $10 \
        and (select count(*) from alike) = 1000 and ",
    within!(),
    " order by j.job_id desc limit $8)) j order by j.job_id desc limit $8"
);

/// What is found among `newest`, and how many those were.
macro_rules! found {
    () => {
        ", found as (select * from newest n \
          where (n.about ilike $9 or n.error_message ilike $9 or n.job_id::text ilike $9 or n.job_type ilike $9) \
            and (n.about_key >= $11 or $11 is null) and (n.about_key < $12 or $12 is null) \
          order by n.job_id desc limit $8) \
         select f.*, s.looked_at, s.oldest_at \
           from (select count(*) as looked_at, min(created_at) as oldest_at from newest) s \
           left join found f on true \
          order by f.job_id desc"
    };
}

/// Looks at the newest jobs only, as many as $10, and says how many there were. They are read at once, or the planner might
/// look each up again among all.
const SEARCH: &str = concat!(
    "with newest as materialized (select ",
    summary!(),
    ", j.about_key, j.error_message from pipeline_jobs j where j.tenant_id = $1 and ",
    within!(),
    " order by j.job_id desc limit $10)",
    found!()
);

/// Their ids come out of the index alone, or the planner might read all jobs of the status to sort them.
const SEARCH_BY_STATUS: &str = concat!(
    "with ids as materialized (select j.job_id from unnest($5::text[]) as wanted (status) cross join lateral \
      (select j.job_id from pipeline_jobs j where j.tenant_id = $1 and j.status = wanted.status \
          and (j.job_id < $2 or $2 is null) and (j.job_id >= $3 or $3 is null) and (j.job_id < $4 or $4 is null) \
        order by j.job_id desc limit $10) as j order by j.job_id desc limit $10), \
     newest as materialized (select ",
    summary!(),
    ", j.about_key, j.error_message from ids i join pipeline_jobs j on j.tenant_id = $1 and j.job_id = i.job_id where ",
    within!(),
    ")",
    found!()
);

const LIST_FAILED: &str = "
    select j.job_id, j.job_type, left(j.error_message, 500) as error, j.completed_at,
           (select s.name from steps s where s.tenant_id = j.tenant_id and s.job_id = j.job_id and s.status = 'FAILED'
             order by s.position desc limit 1) as step
      from pipeline_jobs j
     where j.tenant_id = $1 and j.status = 'FAILED' and j.job_id >= $2 and j.job_id < $3
     order by j.job_id desc
     limit $4";

/// Jobs that have begun, ended, come or begun to wait since $2. Of those that wait, the newest $3 are looked at.
const LIST_CHANGED: &str = concat!(
    "with queued as (select ",
    summary!(),
    " from pipeline_jobs j where j.tenant_id = $1 and j.status = 'QUEUED' order by j.job_id desc limit $3) \
     select j.* from (select * from queued q where q.created_at > $2 or exists \
       (select from waits w where w.tenant_id = $1 and w.job_id = q.job_id and w.started_at > $2) \
      union all select ",
    summary!(),
    " from pipeline_jobs j where j.tenant_id = $1 and j.status = 'RUNNING' and j.started_at > $2 \
      union all select ",
    summary!(),
    " from pipeline_jobs j where j.tenant_id = $1 and j.completed_at > $2) j order by j.job_id desc limit $3"
);

/// How many of the newest jobs a free text is looked for in.
const SEARCH_CAP: u32 = 5_000;

/// How many of the newest of some statuses. They lie apart, each in a page of its own, which a cold disk takes its time for.
const SEARCH_CAP_BY_STATUS: u32 = 2_000;

/// A job as a list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSummary {
    /// Names it.
    pub job_id: JobId,
    /// The workflow's name.
    pub job_type: String,
    /// Where it stands.
    pub status: JobStatus,
    /// What it is about: `INV-0006`.
    pub about: Option<String>,
    /// Whether it writes nothing at a provider.
    pub is_dry_run: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a worker first claimed it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Why it is not running now.
    pub waiting_reason: Option<WaitingReason>,
    /// Until when it waits.
    pub due_at: Option<Timestamp>,
    /// Why it failed, the first 300 characters.
    pub error: Option<String>,
}

/// Which jobs to list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Only these; all if there is none.
    pub statuses: Vec<JobStatus>,
    /// Only those that wait for something.
    pub is_waiting: bool,
    /// Only these workflows; all if there is none. Any text, since old jobs may have names that are no more.
    pub job_types: Option<Vec<String>>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// What the job is about begins so.
    pub record: Option<String>,
    /// Somewhere in what it is about, in its error, its id or its workflow's name.
    pub text: Option<String>,
    /// Only this one.
    pub only: Option<JobId>,
    /// Only what comes after this one.
    pub after: Option<JobId>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The jobs, the newest first.
    pub jobs: Vec<JobSummary>,
    /// How far a free text was looked for.
    pub scope: Option<Scope>,
}

/// How far a free text was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// How many jobs were looked at.
    pub looked_at: u32,
    /// How many it would have been at the most.
    pub cap: u32,
    /// When the oldest of them was made.
    pub oldest_at: Option<Timestamp>,
}

/// A failed job, as the list of errors counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedJob {
    /// Names it.
    pub job_id: JobId,
    /// The workflow's name.
    pub job_type: String,
    /// The first 500 characters of why.
    pub error: String,
    /// When.
    pub failed_at: Timestamp,
    /// In which step.
    pub step: Option<String>,
}

/// The tenant's jobs that the filter lets through, at most `limit`.
pub async fn list(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    filter: &Filter,
    limit: u32,
) -> Result<Page, StoreError> {
    let statuses: Option<Vec<&str>> =
        (!filter.statuses.is_empty()).then(|| filter.statuses.iter().map(|status| status.as_str()).collect());
    let after = filter.after.map(|id| id.0);
    let mut from = filter.from.map(first_id_at);
    let mut to = filter.to.map(first_id_at);
    if let Some(only) = filter.only {
        from = from.max(Some(only.0));
        to = to.into_iter().chain([Uuid::from_u128(only.0.as_u128().saturating_add(1))]).min();
    }
    let limit = i64::from(limit);
    let mut parameters: Vec<Parameter<'_>> = vec![
        (&tenant_id.0, Type::UUID),
        (&after, Type::UUID),
        (&from, Type::UUID),
        (&to, Type::UUID),
        (&statuses, Type::TEXT_ARRAY),
        (&filter.job_types, Type::TEXT_ARRAY),
        (&filter.is_waiting, Type::BOOL),
        (&limit, Type::INT8),
    ];
    let record = filter.record.as_deref().map(str::to_lowercase);
    // After everything that begins with it.
    let beyond = record.as_deref().map(|record| format!("{record}\u{10FFFF}"));
    if let Some(text) = &filter.text {
        let text = format!("%{}%", escaped(text));
        let (statement, cap) = match statuses {
            Some(_) => (SEARCH_BY_STATUS, SEARCH_CAP_BY_STATUS),
            None => (SEARCH, SEARCH_CAP),
        };
        let limit = i64::from(cap);
        parameters.extend([
            (&text as _, Type::TEXT),
            (&limit as _, Type::INT8),
            (&record as _, Type::TEXT),
            (&beyond as _, Type::TEXT),
        ]);
        return searched(&tx.inner.query_typed(statement, &parameters).await?, cap);
    }
    let statement = if record.is_some() {
        parameters.extend([(&record as _, Type::TEXT), (&beyond as _, Type::TEXT)]);
        LIST_BY_RECORD
    } else if statuses.is_some() {
        LIST_BY_STATUS
    } else if filter.job_types.is_some() {
        LIST_BY_JOB_TYPE
    } else {
        LIST
    };
    let rows = tx.inner.query_typed(statement, &parameters).await?;
    Ok(Page { jobs: rows.iter().map(from_row).collect::<Result<_, _>>()?, scope: None })
}

/// The tenant's jobs that failed between two times, the newest first and at most `limit`.
pub async fn list_failed(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    (from, to): (Timestamp, Timestamp),
    limit: u32,
) -> Result<Vec<FailedJob>, StoreError> {
    let rows = tx
        .inner
        .query_typed(
            LIST_FAILED,
            &[
                (&tenant_id.0, Type::UUID),
                (&first_id_at(from), Type::UUID),
                (&first_id_at(to), Type::UUID),
                (&i64::from(limit), Type::INT8),
            ],
        )
        .await?;
    let failed = |row: &Row| {
        Ok(FailedJob {
            job_id: JobId(row.try_get("job_id")?),
            job_type: row.try_get("job_type")?,
            error: row.try_get("error")?,
            failed_at: row.try_get("completed_at")?,
            step: row.try_get("step")?,
        })
    };
    rows.iter().map(failed).collect()
}

/// The tenant's jobs that something has happened to since then, the newest first and at most `limit`.
pub async fn list_changed(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<JobSummary>, StoreError> {
    let parameters: &[Parameter<'_>] =
        &[(&tenant_id.0, Type::UUID), (&since, Type::TIMESTAMPTZ), (&i64::from(limit), Type::INT8)];
    tx.inner.query_typed(LIST_CHANGED, parameters).await?.iter().map(from_row).collect()
}

pub(super) fn from_row(row: &Row) -> Result<JobSummary, StoreError> {
    Ok(JobSummary {
        job_id: JobId(row.try_get("job_id")?),
        job_type: row.try_get("job_type")?,
        status: row.try_get::<_, &str>("status")?.parse()?,
        about: row.try_get("about")?,
        is_dry_run: row.try_get("is_dry_run")?,
        created_at: row.try_get("created_at")?,
        started_at: row.try_get("started_at")?,
        completed_at: row.try_get("completed_at")?,
        waiting_reason: row.try_get::<_, Option<&str>>("waiting_reason")?.map(str::parse).transpose()?,
        due_at: row.try_get("due_at")?,
        error: row.try_get("error")?,
    })
}

/// Each row says also how far the search went; where nothing was found, there is one that says only that.
fn searched(rows: &[Row], cap: u32) -> Result<Page, StoreError> {
    let mut jobs = Vec::new();
    for row in rows {
        if row.try_get::<_, Option<Uuid>>("job_id")?.is_some() {
            jobs.push(from_row(row)?);
        }
    }
    let scope = match rows.first() {
        Some(row) => Scope {
            looked_at: u32::try_from(row.try_get::<_, i64>("looked_at")?).unwrap_or(u32::MAX),
            cap,
            oldest_at: row.try_get("oldest_at")?,
        },
        None => Scope { looked_at: 0, cap, oldest_at: None },
    };
    Ok(Page { jobs, scope: Some(scope) })
}

/// The text as it stands, where a pattern is wanted.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
