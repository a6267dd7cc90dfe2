//! Deliveries have a partition for each day, and leave the database only when all of a day is archived.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use uuid::{NoContext, Uuid};
use zixly_store::{
    Store, StoreError,
    retention::{self, ArchivedObject, Dropped, Page, Partition},
};
use zixly_testkit::{Role, TestDatabase};

fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

fn days_ago(days: i32) -> Date {
    today().saturating_sub(days.days())
}

async fn execute(database: &TestDatabase, statement: &str) {
    database.superuser().await.batch_execute(statement).await.unwrap();
}

/// Files deliveries of that day, a second apart.
async fn deliveries_of(database: &TestDatabase, day: Date, count: u64) {
    let midnight = day.to_zoned(TimeZone::UTC).unwrap().timestamp().as_second().cast_unsigned();
    for second in 0..count {
        let id = Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, midnight + second, 0));
        file(database, id).await;
    }
}

async fn file(database: &TestDatabase, id: Uuid) {
    let insert = format!(
        "insert into deliveries (delivery_id, provider, received_at, headers, body, outcome, event_count,
                                 new_event_count)
         values ('{id}', 'xero', now(), '{{}}', '\\x007bff', 'EMPTY', 0, 0)"
    );
    execute(database, &insert).await;
}

/// A partition as it was made ahead of a day that is over by now.
async fn old_partition(database: &TestDatabase, day: Date) {
    let name = day.strftime("deliveries_%Y%m%d");
    let make = format!(
        "create table {name} (like deliveries including all);
         do $$ begin
             execute format('alter table deliveries attach partition {name} for values from (%L) to (%L)',
                            first_delivery_id('{day}'), first_delivery_id('{day}'::date + 1));
         end $$"
    );
    execute(database, &make).await;
}

async fn next_day(store: &Store) -> Option<Date> {
    retention::find_day_to_archive(&mut store.session().await.unwrap(), days_ago(30)).await.unwrap()
}

async fn read(store: &Store, day: Date, limit: i32, bytes: i64) -> Option<Page> {
    retention::read_to_archive(&mut store.session().await.unwrap(), day, limit, bytes).await.unwrap()
}

async fn record(store: &Store, day: Date, page: &Page) -> Result<(), StoreError> {
    let key = format!("deliveries/{}", Uuid::new_v4());
    let object = ArchivedObject { key: &key, sha256: &[7; 32] };
    retention::record_archive(&mut store.session().await.unwrap(), day, page, object).await
}

async fn drop_archived(store: &Store, day: Date) -> Dropped {
    retention::drop_archived(&mut store.session().await.unwrap(), day).await.unwrap()
}

async fn make(store: &Store, day: Date) -> Result<Partition, StoreError> {
    retention::make_partition(&mut store.session().await.unwrap(), day).await
}

async fn count(database: &TestDatabase, table: &str) -> i64 {
    database.count(&format!("select count(*) from {table}")).await
}

#[tokio::test]
async fn partitions_are_made_ahead_and_take_their_day_s_deliveries() {
    for database in TestDatabase::create_on_every_server().await {
        let store = database.store(Role::Scheduler);
        let tomorrow = today().saturating_add(1.day());
        // The first delivery of today is in the default partition already, and stays in the database.
        deliveries_of(&database, today(), 1).await;
        assert_eq!(make(&store, today()).await.unwrap(), Partition::Begun);
        assert_eq!(make(&store, tomorrow).await.unwrap(), Partition::Made);
        assert_eq!(make(&store, tomorrow).await.unwrap(), Partition::There);
        deliveries_of(&database, tomorrow, 2).await;
        assert_eq!(count(&database, &tomorrow.strftime("deliveries_%Y%m%d").to_string()).await, 2);
        assert_eq!(count(&database, "deliveries_default").await, 1);

        // As well guarded as the table: nothing is granted, and the tenant's policy holds.
        let guards = "select string_agg(c.relrowsecurity::text || c.relforcerowsecurity || p.polname
                                        || has_table_privilege('zixly_webhook', c.oid, 'select'), ' ')
                        from pg_class c join pg_policy p on p.polrelid = c.oid
                       where c.relname ~ '^deliveries_[0-9]+$' and c.relkind = 'r'";
        assert_eq!(database.text(guards).await, "truetrueown_rowsfalse");

        for other in [days_ago(1), today().saturating_add(60.days())] {
            assert!(make(&store, other).await.is_err(), "{other}");
        }
    }
}

#[tokio::test]
async fn a_partition_that_is_waited_for_holds_nobody_up() {
    let database = TestDatabase::create().await;
    let mut user = database.superuser().await;
    let tx = user.transaction().await.unwrap();
    tx.batch_execute("lock table deliveries_default in access share mode").await.unwrap();
    let store = database.store(Role::Scheduler);
    assert_eq!(make(&store, today()).await.unwrap(), Partition::Busy);
    tx.commit().await.unwrap();
    assert_eq!(make(&store, today()).await.unwrap(), Partition::Made);
}

#[tokio::test]
async fn a_day_is_dropped_when_all_of_it_is_archived_and_not_before() {
    for database in TestDatabase::create_on_every_server().await {
        let store = database.store(Role::Scheduler);
        let day = days_ago(40);
        old_partition(&database, day).await;
        deliveries_of(&database, day, 5).await;
        deliveries_of(&database, days_ago(3), 1).await;
        assert_eq!(next_day(&store).await, Some(day));

        let first = read(&store, day, 2, 1000).await.unwrap();
        assert_eq!((first.row_count, first.lines.lines().count()), (2, 2));
        record(&store, day, &first).await.unwrap();
        assert_eq!(drop_archived(&store, day).await, Dropped::Changed);
        // It began anew. Two bodies are as large as a page may be, and a page has one at least.
        assert_eq!(count(&database, "delivery_archives").await, 0);
        let mut pages = Vec::new();
        while let Some(page) = read(&store, day, 10, if pages.is_empty() { 6 } else { 1 }).await {
            record(&store, day, &page).await.unwrap();
            pages.push(page.row_count);
        }
        assert_eq!(pages, [2, 1, 1, 1]);
        assert_eq!(drop_archived(&store, day).await, Dropped::Yes);
        assert_eq!(drop_archived(&store, day).await, Dropped::Yes);
        assert_eq!(next_day(&store).await, None);
        assert_eq!(count(&database, "deliveries").await, 1);
    }
}

#[tokio::test]
async fn an_archived_line_makes_the_row_again() {
    let database = TestDatabase::create().await;
    let store = database.store(Role::Scheduler);
    let day = days_ago(40);
    deliveries_of(&database, day, 1).await;
    execute(&database, "create table before as table deliveries").await;
    let page = read(&store, day, 10, 1000).await.unwrap();
    record(&store, day, &page).await.unwrap();
    assert_eq!(count(&database, "deliveries").await, 0);
    let restore = format!(
        "insert into deliveries select (jsonb_populate_record(null::deliveries, $line${}$line$)).*",
        page.lines
    );
    execute(&database, &restore).await;
    assert_eq!(count(&database, "(table before except table deliveries) lost").await, 0);
}

#[tokio::test]
async fn a_delivery_that_comes_late_is_archived_as_well() {
    let database = TestDatabase::create().await;
    let store = database.store(Role::Scheduler);
    let day = days_ago(40);
    deliveries_of(&database, day, 3).await;
    let page = read(&store, day, 10, 1000).await.unwrap();
    deliveries_of(&database, day, 1).await;
    // The database holds one more between the page's first and last, or before: nothing is lost either way.
    let recorded = record(&store, day, &page).await;
    assert_eq!(count(&database, "deliveries").await, if recorded.is_ok() { 1 } else { 4 });
    while let Some(page) = read(&store, day, 10, 1000).await {
        record(&store, day, &page).await.unwrap();
    }
    assert_eq!(database.count("select sum(row_count) from delivery_archives").await, 4);
    assert_eq!(next_day(&store).await, None);
}

#[tokio::test]
async fn nothing_of_the_last_week_can_be_read_or_dropped() {
    let database = TestDatabase::create().await;
    let store = database.store(Role::Scheduler);
    deliveries_of(&database, days_ago(3), 1).await;
    assert_eq!(read(&store, days_ago(3), 10, 1000).await, None);
    let mut session = store.session().await.unwrap();
    assert_eq!(retention::find_day_to_archive(&mut session, today()).await.unwrap(), None);
    assert!(retention::drop_archived(&mut session, days_ago(3)).await.is_err());
}
