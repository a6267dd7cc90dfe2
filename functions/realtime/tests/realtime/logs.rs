//! What the real binary logs of sockets and events.

use serde_json::json;
use zixly_queues::JobEvent;

use crate::scene::{Scene, job_event, ok};

#[tokio::test]
async fn no_ticket_no_socket_and_no_event_stands_in_the_log() {
    let scene = Scene::new().await;
    scene.gateway_answers(".*", ok()).await;
    let (ticket, tenant_id) = (scene.ticket(), scene.tenant_id.to_string());
    assert_eq!(scene.connect("socket-marker", Some(&ticket)).await, 200);
    assert_eq!(scene.connect("socket-marker", Some("ticket-marker")).await, 401);
    scene.event("MESSAGE", "socket-marker", json!({ "body": "message-marker" })).await;
    let event = JobEvent {
        about: Some("INV-MARKER-6".to_owned()),
        error: Some("no customer ottoline@example.com".to_owned()),
        ..job_event(scene.tenant_id)
    };
    assert!(scene.batch(&[event.to_body(), "body-marker".to_owned()]).await.is_empty());
    assert_eq!(scene.reached().await, ["socket-marker"]);
    // What the runtime is told of an event that is none of ours must not be what it holds.
    assert!(scene.function.invoke(json!({ "email": "ottoline@example.com" })).await.is_err());
    scene.event("DISCONNECT", "socket-marker", json!({})).await;

    let lines = scene.function.into_log().await;
    for message in ["socket.opened", "socket.closed", "job_event.sent"] {
        let found: Vec<_> = lines.called(message).collect();
        assert_eq!(found.len(), 1, "{message}");
        assert_eq!(found[0]["tenant.id"], json!(tenant_id));
    }
    assert_eq!(lines.called("socket.refused").count(), 1);
    lines.assert_without([
        ("a ticket", ticket.as_str()),
        ("a ticket", "ticket-marker"),
        ("a socket", "socket-marker"),
        ("a message", "message-marker"),
        ("a body", "body-marker"),
        ("an e-mail address", "ottoline"),
        ("an invoice number", "INV-MARKER"),
    ]);
}
