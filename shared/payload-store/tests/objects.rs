//! What is put is what is got, on the local AWS.

use zixly_domain::DeliveryId;
use zixly_payload_store::{PayloadError, PayloadStore};
use zixly_testkit::LocalAws;

async fn store(aws: &LocalAws) -> PayloadStore {
    PayloadStore::new(&aws.config, aws.bucket().await)
}

#[tokio::test]
async fn a_carried_delivery_is_had_until_it_is_deleted() {
    let aws = LocalAws::new();
    let store = store(&aws).await;
    let key = store.put_carried(DeliveryId::new(), vec![0, 255, b'\n']).await.unwrap();
    assert_eq!(store.get_carried(&key).await.unwrap(), [0, 255, b'\n']);
    for _ in 0..2 {
        store.delete_carried(&key).await.unwrap();
    }
    assert!(matches!(store.get_carried(&key).await, Err(PayloadError::Missing { .. })));
}

#[tokio::test]
async fn a_key_from_elsewhere_opens_nothing() {
    let aws = LocalAws::new();
    let store = store(&aws).await;
    for key in ["tenants/a/jobs/b/report.json", "deliveries/2026/01/01/a", ""] {
        assert!(matches!(store.get_carried(key).await, Err(PayloadError::NotCarried { .. })), "{key}");
        assert!(matches!(store.delete_carried(key).await, Err(PayloadError::NotCarried { .. })), "{key}");
    }
}

#[tokio::test]
async fn a_delivery_that_cannot_be_one_is_not_carried() {
    let aws = LocalAws::new();
    let store = store(&aws).await;
    let largest = 6 * 1024 * 1024;
    store.put_carried(DeliveryId::new(), vec![0; largest]).await.unwrap();
    let refused = store.put_carried(DeliveryId::new(), vec![0; largest + 1]).await;
    assert!(matches!(refused, Err(PayloadError::TooLarge { .. })));
}

#[tokio::test]
async fn archived_lines_never_replace_others() {
    let aws = LocalAws::new();
    let store = store(&aws).await;
    let (day, first) = ("2026-01-31".parse().unwrap(), DeliveryId::new());
    let one = store.put_archive(day, first, "{\"a\":1}\n").await.unwrap();
    let other = store.put_archive(day, first, "{\"a\":2}\n").await.unwrap();
    assert!(one.key.starts_with(&format!("deliveries/2026/01/31/{first}-")));
    assert_ne!(one.key, other.key);
    assert_eq!(store.put_archive(day, first, "{\"a\":1}\n").await.unwrap(), one);
}
