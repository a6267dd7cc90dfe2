//! A delivery is filed once, for whom it is, or says why not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;
use zixly_domain::{Delivery, DeliveryId, Event, Provider, TenantId, UnreadableEvent};
use zixly_store::{
    Store,
    deliveries::{Filed, Outcome, Received, file},
};
use zixly_testkit::{Role, TestDatabase};

fn event(account_id: &str, resource_id: &str) -> Event {
    Event {
        provider: Provider::Xero,
        account_id: account_id.into(),
        category: "INVOICE".into(),
        action: "UPDATE".into(),
        resource_id: resource_id.into(),
        occurred_at: Some("2026-10-01T09:12:44.917Z".parse().unwrap()),
        dedupe_key: format!("{account_id}/{resource_id}"),
        other_dedupe_key: None,
        payload: json!({ "tenantId": account_id, "resourceId": resource_id }),
    }
}

fn delivery(events: Vec<Event>) -> Delivery {
    Delivery { provider: Provider::Xero, events, unreadable: Vec::new() }
}

async fn file_content(store: &Store, content: Result<&Delivery, &str>) -> Filed {
    file_as(store, DeliveryId::new(), content).await
}

async fn file_as(store: &Store, delivery_id: DeliveryId, content: Result<&Delivery, &str>) -> Filed {
    let received = Received {
        delivery_id,
        provider: Provider::Xero,
        received_at: "2026-10-01T09:12:45Z".parse().unwrap(),
        headers: &json!({ "content-type": "application/json" }),
        body: b"the bytes\0as they came",
        content,
    };
    let mut session = store.session().await.unwrap();
    file(&mut session, &received).await.unwrap()
}

async fn visible_rows(store: &Store, tenant_id: TenantId, job: (TenantId, zixly_domain::JobId)) -> bool {
    let mut session = store.session().await.unwrap();
    let tx = session.begin(tenant_id).unwrap();
    zixly_store::jobs::find(&tx, job.1).await.unwrap().is_some()
}

#[tokio::test]
async fn a_repeated_event_makes_one_job() {
    let database = TestDatabase::create().await;
    let tenant = database.tenant("demo").await;
    database.connect_account(tenant, Provider::Xero, "org").await;
    let store = database.store(Role::Webhook);
    let carried = delivery(vec![event("org", "inv")]);

    let first = file_content(&store, Ok(&carried)).await;
    assert_eq!((first.outcome, first.new_event_count, first.jobs.len()), (Outcome::Accepted, 1, 1));
    let second = file_content(&store, Ok(&carried)).await;
    assert_eq!((second.outcome, second.new_event_count), (Outcome::Duplicate, 0));

    assert_eq!(database.count("select count(*) from deliveries").await, 2);
    assert_eq!(database.count("select count(*) from events").await, 1);
    assert_eq!(database.count("select count(*) from pipeline_jobs").await, 1);
}

#[tokio::test]
async fn a_repeated_event_rings_a_doorbell_that_nobody_heard() {
    let database = TestDatabase::create().await;
    let tenant = database.tenant("demo").await;
    database.connect_account(tenant, Provider::Xero, "org").await;
    let store = database.store(Role::Webhook);
    let carried = delivery(vec![event("org", "inv")]);

    let first = file_content(&store, Ok(&carried)).await;
    assert_eq!(file_content(&store, Ok(&carried)).await.jobs, first.jobs);
    database.superuser().await.batch_execute("delete from outbox").await.unwrap();
    assert_eq!(file_content(&store, Ok(&carried)).await.jobs, []);
}

#[tokio::test]
async fn the_same_event_twice_in_one_body_counts_once() {
    let database = TestDatabase::create().await;
    let tenant = database.tenant("demo").await;
    database.connect_account(tenant, Provider::Xero, "org").await;
    let carried = delivery(vec![event("org", "inv"), event("org", "inv"), event("org", "other")]);
    let filed = file_content(&database.store(Role::Webhook), Ok(&carried)).await;
    assert_eq!((filed.outcome, filed.new_event_count, filed.jobs.len()), (Outcome::Accepted, 2, 2));
}

#[tokio::test]
async fn two_tenants_in_one_post_each_see_only_their_own_rows() {
    let database = TestDatabase::create().await;
    let (one, two) = (database.tenant("one").await, database.tenant("two").await);
    database.connect_account(one, Provider::Xero, "org-1").await;
    database.connect_account(two, Provider::Xero, "org-2").await;
    let store = database.store(Role::Webhook);

    let carried = delivery(vec![event("org-1", "inv-1"), event("org-2", "inv-2")]);
    let filed = file_content(&store, Ok(&carried)).await;
    assert_eq!(filed.jobs.len(), 2);

    for tenant in [one, two] {
        for job in &filed.jobs {
            assert_eq!(visible_rows(&store, tenant, *job).await, job.0 == tenant);
        }
        let sees = |table: &str| format!("select count(*) from {table} where tenant_id = '{tenant}'");
        assert_eq!(database.count(&sees("events")).await, 1);
        // The raw bytes speak of both, so they are neither's.
        assert_eq!(database.count(&sees("deliveries")).await, 0);
    }
}

#[tokio::test]
async fn an_unknown_organisation_is_kept_and_said() {
    let database = TestDatabase::create().await;
    let filed =
        file_content(&database.store(Role::Webhook), Ok(&delivery(vec![event("nobody", "inv")]))).await;
    assert_eq!((filed.outcome, filed.jobs.len()), (Outcome::Unmatched, 0));
    assert_eq!(
        database.text("select note from deliveries").await,
        "No tenant has connected Xero account nobody, so its events start nothing."
    );
}

#[tokio::test]
async fn an_organisation_connected_later_is_served_when_its_event_comes_again() {
    let database = TestDatabase::create().await;
    let store = database.store(Role::Webhook);
    let carried = delivery(vec![event("org", "inv")]);
    file_content(&store, Ok(&carried)).await;
    let tenant = database.tenant("late").await;
    database.connect_account(tenant, Provider::Xero, "org").await;
    assert_eq!(file_content(&store, Ok(&carried)).await.jobs.len(), 1);
}

#[tokio::test]
async fn a_category_without_a_workflow_is_kept_and_said() {
    let database = TestDatabase::create().await;
    let tenant = database.tenant("demo").await;
    database.connect_account(tenant, Provider::Xero, "org").await;
    let mut unknown = event("org", "note");
    unknown.category = "CREDITNOTE".into();
    let filed = file_content(&database.store(Role::Webhook), Ok(&delivery(vec![unknown]))).await;
    assert_eq!((filed.outcome, filed.jobs.len()), (Outcome::Unmatched, 0));
    let said = "No workflow is about this Xero CREDITNOTE UPDATE.";
    assert_eq!(database.text("select note from deliveries").await, said);
    assert_eq!(database.text("select unhandled from events").await, said);
}

#[tokio::test]
async fn garbage_is_kept_as_it_came() {
    let database = TestDatabase::create().await;
    let filed = file_content(&database.store(Role::Webhook), Err("expected value at line 1 column 1")).await;
    assert_eq!(filed.outcome, Outcome::Malformed);
    assert_eq!(
        database.text("select encode(body, 'escape') from deliveries").await,
        r"the bytes\000as they came"
    );
    assert_eq!(
        database.text("select note from deliveries").await,
        "The body is correctly signed, but cannot be read: expected value at line 1 column 1."
    );
}

#[tokio::test]
async fn an_unreadable_event_does_not_hold_up_its_neighbours() {
    let database = TestDatabase::create().await;
    let tenant = database.tenant("demo").await;
    database.connect_account(tenant, Provider::Xero, "org").await;
    let mut carried = delivery(vec![event("org", "inv")]);
    carried.unreadable.push(UnreadableEvent { index: 1, reason: "has no tenantId".into() });
    let filed = file_content(&database.store(Role::Webhook), Ok(&carried)).await;
    assert_eq!((filed.outcome, filed.jobs.len()), (Outcome::Accepted, 1));
    assert_eq!(database.text("select note from deliveries").await, "Event 2 has no tenantId.");
}

#[tokio::test]
async fn a_handshake_starts_nothing() {
    let database = TestDatabase::create().await;
    let filed = file_content(&database.store(Role::Webhook), Ok(&delivery(Vec::new()))).await;
    assert_eq!((filed.outcome, filed.jobs.len()), (Outcome::Empty, 0));
}

#[tokio::test]
async fn filing_the_same_delivery_again_changes_nothing() {
    let database = TestDatabase::create().await;
    let tenant = database.tenant("demo").await;
    database.connect_account(tenant, Provider::Xero, "org").await;
    let carried = delivery(vec![event("org", "inv")]);
    let delivery_id = DeliveryId::new();
    let first = file_as(&database.store(Role::Webhook), delivery_id, Ok(&carried)).await;
    let again = file_as(&database.store(Role::Worker), delivery_id, Ok(&carried)).await;
    assert_eq!(again.jobs, first.jobs);
    assert_eq!(database.count("select count(*) from deliveries").await, 1);
    assert_eq!(database.text("select outcome from deliveries").await, "ACCEPTED");
}

#[tokio::test]
async fn deliveries_of_the_same_events_at_the_same_time_do_not_block_each_other() {
    let database = TestDatabase::create().await;
    let tenant = database.tenant("demo").await;
    database.connect_account(tenant, Provider::Xero, "org").await;
    let forwards = delivery((0..50).map(|n| event("org", &format!("inv-{n}"))).collect());
    let backwards = delivery((0..50).rev().map(|n| event("org", &format!("inv-{n}"))).collect());
    let (one, two) = (database.store(Role::Webhook), database.store(Role::Webhook));
    for _ in 0..5 {
        let (first, second) =
            tokio::join!(file_content(&one, Ok(&forwards)), file_content(&two, Ok(&backwards)));
        assert!(first.new_event_count + second.new_event_count <= 50);
    }
    assert_eq!(database.count("select count(*) from pipeline_jobs").await, 50);
}
