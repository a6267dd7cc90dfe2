//! An event reaches the sockets of its tenant, all of them, and nobody else's.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use wiremock::ResponseTemplate;
use zixly_domain::{JobStatus, TenantId};
use zixly_queues::JobEvent;

use crate::scene::{Scene, gone, job_event, ok};

#[tokio::test]
async fn an_event_reaches_every_socket_of_its_tenant_and_no_other() {
    let scene = Scene::new().await;
    let (other, third) = (TenantId::new(), TenantId::new());
    scene.opened(scene.tenant_id, &["a", "b"]).await;
    scene.opened(other, &["c"]).await;
    scene.gateway_answers(".*", ok()).await;
    let event = job_event(scene.tenant_id);
    let bodies = [event.to_body(), job_event(third).to_body()];
    assert_eq!(scene.batch(&bodies).await.len(), 0);
    let posted = scene.posted().await;
    assert_eq!(posted.iter().map(|(socket, _)| socket).collect::<Vec<_>>(), ["a", "b"]);
    for (_, text) in posted {
        assert_eq!(text["type"], "job");
        assert_eq!(text["job"]["job_id"], json!(event.job_id));
        assert_eq!(text["job"]["status"], "RUNNING");
        assert!(!text.to_string().contains(&scene.tenant_id.to_string()), "{text}");
    }
    scene.batch(&[job_event(other).to_body()]).await;
    assert_eq!(scene.reached().await, ["a", "b", "c"]);
}

#[tokio::test]
async fn when_somebody_is_removed_his_tenants_sockets_are_closed_and_no_others() {
    let scene = Scene::new().await;
    let (ours, theirs) = (TenantId::new(), TenantId::new());
    scene.opened(ours, &["a", "b"]).await;
    scene.opened(theirs, &["c"]).await;
    scene.gateway_closes().await;
    let body = format!(r#"{{"v":1,"tenant_id":"{ours}","ends_sessions":true}}"#);
    assert!(scene.batch(&[body]).await.is_empty());
    assert_eq!(scene.closed().await, ["a", "b"]);
    assert!(scene.sockets_of(ours).await.is_empty());
    assert_eq!(scene.sockets_of(theirs).await, ["c"]);
}

#[tokio::test]
async fn a_socket_that_is_gone_is_forgotten_and_the_others_get_the_event() {
    let scene = Scene::new().await;
    scene.opened(scene.tenant_id, &["a", "b", "c"]).await;
    scene.gateway_answers("b", gone()).await;
    scene.gateway_answers("a|c", ok()).await;
    assert_eq!(scene.batch(&[job_event(scene.tenant_id).to_body()]).await.len(), 0);
    assert_eq!(scene.sockets_of(scene.tenant_id).await, ["a", "c"]);
    assert_eq!(scene.sockets.close("b").await.unwrap(), None, "nothing is left of it");
}

#[tokio::test]
async fn a_socket_that_is_not_yet_open_is_not_forgotten() {
    let scene = Scene::new().await;
    scene.opened_at(scene.tenant_id, &["a"], Timestamp::now()).await;
    scene.gateway_answers(".*", gone()).await;
    assert_eq!(scene.batch(&[job_event(scene.tenant_id).to_body()]).await.len(), 0);
    assert_eq!(scene.sockets_of(scene.tenant_id).await, ["a"]);
}

#[tokio::test]
async fn an_api_gateway_that_refuses_or_is_silent_keeps_no_event_from_the_others_or_alive() {
    let scene = Scene::new().await;
    scene.opened(scene.tenant_id, &["a", "b", "c"]).await;
    scene.gateway_answers("a", ResponseTemplate::new(403)).await;
    scene.gateway_answers("b", ok().set_delay(Duration::from_secs(30))).await;
    scene.gateway_answers("c", ok()).await;
    let began = std::time::Instant::now();
    assert_eq!(scene.batch(&[job_event(scene.tenant_id).to_body()]).await.len(), 0);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(scene.reached().await.contains(&"c".to_owned()));
    assert_eq!(scene.sockets_of(scene.tenant_id).await, ["a", "b", "c"], "a failure is no end");
}

#[tokio::test]
async fn only_what_may_be_delivered_later_comes_back() {
    let scene = Scene::new().await;
    scene.opened(scene.tenant_id, &["a"]).await;
    scene.gateway_answers(".*", ok()).await;
    let newer = json!({ "v": 2, "tenant_id": scene.tenant_id, "event": {} }).to_string();
    let bodies = [String::new(), "{".to_owned(), newer, job_event(scene.tenant_id).to_body()];
    assert_eq!(scene.batch(&bodies).await, ["2"]);
    assert_eq!(scene.reached().await, ["a"]);
}

#[tokio::test]
async fn events_wait_for_a_table_that_is_away() {
    let scene = Scene::with(json!({}), Some("no-such-table")).await;
    let event = job_event(scene.tenant_id);
    let ended = JobEvent { status: JobStatus::Completed, ..event.clone() };
    assert_eq!(scene.batch(&[event.to_body(), ended.to_body()]).await, ["0", "1"]);
    assert_eq!(scene.reached().await.len(), 0);
}
