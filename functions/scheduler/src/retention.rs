//! Gives deliveries a partition before their day begins, and archives and drops them after their time.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde_json::{Value, json};
use zixly_store::{
    Store,
    retention::{self, ArchivedObject, Dropped, Partition},
};

use crate::app::{App, DutyError};

/// How many days ahead there are partitions, so that nobody has to hurry when the scheduler is away.
const DAYS_AHEAD: i32 = 7;

/// How many deliveries go into one object, and how large their bodies are together, unless a single one is larger.
const PAGE: i32 = 1000;
const PAGE_BYTES: i64 = 4 * 1024 * 1024;

impl App {
    /// Makes the partitions of today and of the coming week, where they are missing.
    pub(crate) async fn make_partitions(&self) -> Result<Value, DutyError> {
        let store = self.store().await?;
        let mut made = 0;
        for ahead in 0..=DAYS_AHEAD {
            let day = today().saturating_add(ahead.days());
            match retention::make_partition(&mut store.session().await?, day).await? {
                Partition::Made => made += 1,
                Partition::There | Partition::Begun => {}
                // The next day's would have to wait for the same.
                Partition::Busy => {
                    tracing::warn!(%day, "deliveries is in use, its partition is made in the next run");
                    break;
                }
            }
        }
        Ok(json!({ "made": made }))
    }

    /// Archives the days that are past their time, the oldest first, and drops each that is whole in the archive.
    pub(crate) async fn archive(&self) -> Result<Value, DutyError> {
        let store = self.store().await?;
        let before = today().saturating_sub(self.config.delivery_retention_days.days());
        let (mut deliveries, mut days) = (0, 0);
        loop {
            let day = retention::find_day_to_archive(&mut store.session().await?, before).await?;
            let Some(day) = day else { break };
            deliveries += self.archive_day(&store, day).await?;
            fail::fail_point!("archive:whole");
            match retention::drop_archived(&mut store.session().await?, day).await? {
                Dropped::Yes => days += 1,
                outcome @ (Dropped::Changed | Dropped::Busy) => {
                    tracing::warn!(%day, ?outcome, "the day is dropped in a later run");
                    break;
                }
            }
        }
        Ok(json!({ "deliveries": deliveries, "days": days }))
    }

    async fn archive_day(&self, store: &Store, day: Date) -> Result<i32, DutyError> {
        let mut deliveries = 0;
        loop {
            let page = retention::read_to_archive(&mut store.session().await?, day, PAGE, PAGE_BYTES).await?;
            let Some(page) = page else { return Ok(deliveries) };
            let archived = self.payloads.put_archive(day, page.first, &page.lines).await?;
            fail::fail_point!("archive:stored");
            let object = ArchivedObject { key: &archived.key, sha256: &archived.sha256 };
            retention::record_archive(&mut store.session().await?, day, &page, object).await?;
            fail::fail_point!("archive:recorded");
            tracing::info!(%day, deliveries = page.row_count, object.key = archived.key, "deliveries.archived");
            deliveries += page.row_count;
        }
    }
}

/// Days are those of the ids, which begin with the time in UTC.
fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}
