//! Deliveries by the day: a partition is made ahead of its day, and dropped when the whole day is archived.
//!
//! A day that began without a partition is in the default one, from which its deliveries are deleted as they are
//! archived. What is archived is known from `delivery_archives`, one row an object; whoever archives may die at any
//! point, and another goes on after the last row.

use jiff::civil::Date;
use tokio_postgres::types::{ToSql, Type};
use zixly_domain::DeliveryId;

use crate::{Session, StoreError};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("retention::MAKE_PARTITION", MAKE_PARTITION),
    ("retention::FIND_DAY_TO_ARCHIVE", FIND_DAY_TO_ARCHIVE),
    ("retention::READ_TO_ARCHIVE", READ_TO_ARCHIVE),
    ("retention::RECORD_ARCHIVE", RECORD_ARCHIVE),
    ("retention::ALLOW_TIME_TO_COUNT", ALLOW_TIME_TO_COUNT),
    ("retention::DROP_ARCHIVED", DROP_ARCHIVED),
];

const MAKE_PARTITION: &str = "select make_delivery_partition($1) as outcome";

const FIND_DAY_TO_ARCHIVE: &str = "select find_day_to_archive($1) as day";

const READ_TO_ARCHIVE: &str = "select delivery_id, line from read_deliveries_to_archive($1, $2, $3)";

const RECORD_ARCHIVE: &str = "select record_delivery_archive($1, $2, $3, $4, $5, $6)";

/// A large day takes longer to count than other statements may, and nobody waits for it.
const ALLOW_TIME_TO_COUNT: &str = "select set_config('statement_timeout', '20000', true)";

const DROP_ARCHIVED: &str = "select drop_archived_deliveries($1) as outcome";

/// What became of a partition that was to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// It is made.
    Made,
    /// It was there.
    There,
    /// The day's first deliveries are in the default partition, so the rest goes there as well.
    Begun,
    /// Others use the table; the next try may succeed.
    Busy,
}

/// What became of a day that was to be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// It is gone from the database.
    Yes,
    /// A delivery has come since it was archived, so its archiving begins anew.
    Changed,
    /// Others use the table; the next try may succeed.
    Busy,
}

/// Deliveries of one day, as an object in S3 is to hold them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The least id.
    pub first: DeliveryId,
    /// The greatest id.
    pub last: DeliveryId,
    /// How many there are.
    pub row_count: i32,
    /// One line of JSON each, in the order of their ids.
    pub lines: String,
}

/// Where a page lies now.
#[derive(Debug, Clone, Copy)]
pub struct ArchivedObject<'a> {
    /// Its key in S3.
    pub key: &'a str,
    /// Of the object as it lies there.
    pub sha256: &'a [u8; 32],
}

/// Makes the partition of a day that is today or at most a month ahead.
pub async fn make_partition(session: &mut Session<'_>, day: Date) -> Result<Partition, StoreError> {
    let tx = session.begin_unbound()?;
    let rows = tx.inner.query_typed(MAKE_PARTITION, &[(&day, Type::DATE)]).await?;
    let outcome = match rows.first().expect("a function has a result").try_get("outcome")? {
        "MADE" => Partition::Made,
        "THERE" => Partition::There,
        "BEGUN" => Partition::Begun,
        _ => Partition::Busy,
    };
    tx.commit().await?;
    Ok(outcome)
}

/// The oldest day before `before` that is still in the database. Never one of the last week.
pub async fn find_day_to_archive(
    session: &mut Session<'_>,
    before: Date,
) -> Result<Option<Date>, StoreError> {
    let tx = session.begin_unbound()?;
    let rows = tx.inner.query_typed(FIND_DAY_TO_ARCHIVE, &[(&before, Type::DATE)]).await?;
    tx.commit().await?;
    Ok(rows.first().expect("a function has a result").try_get("day")?)
}

/// The day's next deliveries that are not archived yet: up to `limit`, and up to `limit_bytes` of bodies but for the
/// first. None when all are.
pub async fn read_to_archive(
    session: &mut Session<'_>,
    day: Date,
    limit: i32,
    limit_bytes: i64,
) -> Result<Option<Page>, StoreError> {
    let tx = session.begin_unbound()?;
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&day, Type::DATE), (&limit, Type::INT4), (&limit_bytes, Type::INT8)];
    let rows = tx.inner.query_typed(READ_TO_ARCHIVE, &parameters).await?;
    tx.commit().await?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(None) };
    let mut lines = String::new();
    for row in &rows {
        lines.push_str(row.try_get("line")?);
        lines.push('\n');
    }
    Ok(Some(Page {
        first: DeliveryId(first.try_get("delivery_id")?),
        last: DeliveryId(last.try_get("delivery_id")?),
        row_count: i32::try_from(rows.len()).unwrap_or(i32::MAX),
        lines,
    }))
}

/// Remembers that the page lies in S3; fails without a trace when the database holds other deliveries between its
/// first and its last by now.
pub async fn record_archive(
    session: &mut Session<'_>,
    day: Date,
    page: &Page,
    object: ArchivedObject<'_>,
) -> Result<(), StoreError> {
    let tx = session.begin_unbound()?;
    tx.inner
        .query_typed(
            RECORD_ARCHIVE,
            &[
                (&day, Type::DATE),
                (&page.first.0, Type::UUID),
                (&page.last.0, Type::UUID),
                (&page.row_count, Type::INT4),
                (&object.key, Type::TEXT),
                (&object.sha256.as_slice(), Type::BYTEA),
            ],
        )
        .await?;
    tx.commit().await
}

/// Drops a day whose every delivery is archived.
pub async fn drop_archived(session: &mut Session<'_>, day: Date) -> Result<Dropped, StoreError> {
    let tx = session.begin_unbound()?;
    tx.inner.query_typed(ALLOW_TIME_TO_COUNT, &[]).await?;
    let rows = tx.inner.query_typed(DROP_ARCHIVED, &[(&day, Type::DATE)]).await?;
    let outcome = match rows.first().expect("a function has a result").try_get("outcome")? {
        "DROPPED" => Dropped::Yes,
        "CHANGED" => Dropped::Changed,
        _ => Dropped::Busy,
    };
    tx.commit().await?;
    Ok(outcome)
}
