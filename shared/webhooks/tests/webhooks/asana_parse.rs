//! What is read from a signed Asana body.

use serde_json::{Value, json};
use zixly_domain::{Delivery, Event, Provider, Workflow};
use zixly_webhooks::{Malformed, Request, Verified, asana};

use crate::signing::headers;

const TASK_COMPLETED: &str = include_str!("../../../../events/asana-task-completed.json");
const ENDPOINT: &str = "3f9c2d7e4b8a41c6a5d0e1f2b3c4d5e6";

fn parse_at(uri: &str, body: &[u8]) -> Result<Delivery, Malformed> {
    let headers = headers(&[]).unwrap();
    let request = Request { method: "POST", uri, headers: &headers, body };
    asana::parse(&Verified::at_the_door(Provider::Asana, request))
}

fn parse(body: &[u8]) -> Result<Delivery, Malformed> {
    parse_at(&format!("https://hooks.example.com/webhook/asana/{ENDPOINT}"), body)
}

fn event() -> Value {
    json!({
        "user": { "gid": "1200000000000001", "resource_type": "user" }, "created_at": "2026-10-01T02:44:21.987Z",
        "action": "changed", "parent": null, "change": { "field": "completed", "action": "changed" },
        "resource": { "gid": "1200000000000002", "resource_type": "task" },
    })
}

/// The event above with this value at a place in it.
fn event_with(pointer: &str, value: Value) -> Value {
    let mut event = event();
    *event.pointer_mut(pointer).unwrap() = value;
    event
}

fn read(event: &Value) -> Event {
    let mut delivery = parse(json!({ "events": [event] }).to_string().as_bytes()).unwrap();
    assert_eq!(delivery.unreadable, [], "{event}");
    delivery.events.remove(0)
}

/// Good events around this one: they stay, and it is named with the reason.
#[track_caller]
fn check_unreadable(unreadable: Value, reason: &str) {
    let body = json!({ "events": [event(), unreadable, event()] }).to_string();
    let delivery = parse(body.as_bytes()).unwrap();
    assert_eq!(delivery.events.len(), 2, "{unreadable}");
    let named: Vec<_> =
        delivery.unreadable.iter().map(|event| (event.index, event.reason.as_str())).collect();
    assert_eq!(named, [(1, reason)], "{unreadable}");
}

#[track_caller]
fn check_endpoint(uri: &str, expected: Option<&str>) {
    let outcome = parse_at(uri, json!({ "events": [event()] }).to_string().as_bytes());
    match expected {
        Some(endpoint) => assert_eq!(outcome.unwrap().events[0].account_id, endpoint, "{uri}"),
        None => {
            let reason = outcome.unwrap_err().reason;
            assert_eq!(reason, "the URL does not end with the id of an endpoint", "{uri}");
        }
    }
}

#[test]
fn a_completed_task_is_read() {
    let delivery = parse(TASK_COMPLETED.as_bytes()).unwrap();
    assert_eq!((delivery.provider, delivery.events.len()), (Provider::Asana, 2));
    let [completed, completed_at] = delivery.events.as_slice() else { panic!("two events") };
    assert_eq!(completed.account_id, ENDPOINT);
    assert_eq!((completed.category.as_str(), completed.action.as_str()), ("task", "changed"));
    assert_eq!(completed.resource_id, "1200000000000002");
    assert_eq!(completed.occurred_at, Some("2026-10-01T02:44:21.987Z".parse().unwrap()));
    assert_eq!(
        completed.dedupe_key,
        format!(r#"["{ENDPOINT}","1200000000000002","changed","completed","2026-10-01T02:44:21.987Z"]"#)
    );
    assert_ne!(completed.dedupe_key, completed_at.dedupe_key);
    // One completion is one job, though it is two events.
    let jobs: Vec<_> = delivery.events.iter().flat_map(zixly_domain::jobs_for).collect();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].workflow, Workflow::AsanaTaskToHubspot);
}

#[test]
fn a_heartbeat_has_no_events() {
    for body in [r#"{"events":[]}"#, r#" { "events" : [ ] } "#] {
        let delivery = parse(body.as_bytes()).unwrap();
        assert_eq!((delivery.events.len(), delivery.unreadable.len()), (0, 0));
    }
}

#[test]
fn what_need_not_be_there_need_not_be_there() {
    for (pointer, value) in [
        ("/user", Value::Null),
        ("/change", Value::Null),
        ("/change", json!({})),
        ("/change", json!({ "action": "changed" })),
        ("/change/field", Value::Null),
        ("/change", json!("?")),
        ("/parent", json!({ "gid": "1", "resource_type": "project" })),
        ("/action", json!("somethingNew")),
        (
            "/resource",
            json!({ "gid": "1200000000000002", "resource_type": "story", "resource_subtype": "comment" }),
        ),
        ("/resource/gid", json!(1200000000000002_u64)),
    ] {
        assert_eq!(read(&event_with(pointer, value)).resource_id, "1200000000000002", "{pointer}");
    }
    // Nothing but the gid and the type of what is gone.
    let deleted = json!({
        "action": "deleted", "created_at": "2026-10-01T02:44:21.987Z",
        "resource": { "gid": "1", "resource_type": "task" },
    });
    assert_eq!(read(&deleted).action, "deleted");
}

#[test]
fn an_unreadable_event_is_named_and_the_others_stay() {
    for (pointer, field) in [
        ("/resource/resource_type", "resource.resource_type"),
        ("/resource/gid", "resource.gid"),
        ("/action", "action"),
        ("/created_at", "created_at"),
    ] {
        check_unreadable(event_with(pointer, Value::Null), &format!("has no {field}"));
        check_unreadable(event_with(pointer, json!("")), &format!("has an empty {field}"));
        let long = format!("has 81 bytes as its {field}; 80 are the most");
        check_unreadable(event_with(pointer, json!("x".repeat(81))), &long);
    }
    check_unreadable(event_with("/resource", Value::Null), "has no resource.resource_type");
    check_unreadable(event_with("/resource", json!("task")), "has no resource.resource_type");
    check_unreadable(event_with("/resource", json!({ "gid": "1" })), "has no resource.resource_type");
    check_unreadable(event_with("/action", json!(7)), "has no text as its action");
    check_unreadable(event_with("/change/field", json!(7)), "has no text as its change.field");
    let long = "has 81 bytes as its change.field; 80 are the most";
    check_unreadable(event_with("/change/field", json!("x".repeat(81))), long);
    check_unreadable(json!([]), "is not an object");
    let nul = "contains the character U+0000, which the database cannot store";
    check_unreadable(event_with("/user", json!("\0")), nul);
}

#[test]
fn the_endpoint_is_the_last_part_of_the_path() {
    check_endpoint("https://hooks.example.com/webhook/asana/7654?a=b/c", Some("7654"));
    check_endpoint("http://127.0.0.1:4566/_aws/execute-api/x/$default/webhook/asana/7654", Some("7654"));
    check_endpoint("/webhook/asana/7654", Some("7654"));
    check_endpoint("https://hooks.example.com/webhook/asana/", None);
    check_endpoint("https://hooks.example.com/webhook/asana/?7654", None);
    check_endpoint("https://hooks.example.com", None);
    check_endpoint("", None);
    check_endpoint("not a URL", None);
    check_endpoint(&format!("/webhook/asana/{}", "e".repeat(81)), None);
}

#[test]
fn a_key_tells_changes_apart_and_forgets_the_rest() {
    let key = |pointer: &str, value: Value| read(&event_with(pointer, value)).dedupe_key;
    let same = read(&event()).dedupe_key;
    for (pointer, value) in [
        ("/resource/gid", json!("1")),
        ("/action", json!("added")),
        ("/change/field", json!("completed_at")),
        ("/change", Value::Null),
        ("/created_at", json!("2026-10-01T02:44:21.988Z")),
        ("/created_at", json!("yesterday")),
    ] {
        assert_ne!(key(pointer, value), same, "{pointer}");
    }
    for (pointer, value) in [
        ("/user", Value::Null),
        ("/parent", json!({ "gid": "1" })),
        ("/created_at", json!("2026-10-01T02:44:21.9870Z")),
        ("/created_at", json!("2026-10-01T04:44:21.987+02:00")),
    ] {
        assert_eq!(key(pointer, value), same, "{pointer}");
    }
    let elsewhere = parse_at("/webhook/asana/other", json!({ "events": [event()] }).to_string().as_bytes());
    assert_ne!(elsewhere.unwrap().events[0].dedupe_key, same);
}

#[test]
fn a_malformed_body_is_described_in_words() {
    for (body, reason) in [
        ("hello", "the body is not JSON: expected value at line 1 column 1"),
        ("[]", "the body is JSON, but not an object"),
        ("{}", "the body has no list named events, or more than one, at line 1 column 2"),
        (
            r#"{"events":"secret"}"#,
            "the body has no list named events, or more than one, at line 1 column 18",
        ),
    ] {
        assert_eq!(parse(body.as_bytes()).unwrap_err().reason, reason, "{body}");
    }
}
