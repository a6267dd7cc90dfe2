//! What is read from a signed HubSpot body.

use serde_json::{Value, json};
use zixly_domain::{Delivery, Event, Provider};
use zixly_webhooks::{Malformed, Request, Verified, hubspot};

use crate::signing::headers;

const DEAL_WON: &str = include_str!("../../../../events/hubspot-deal-won.json");

fn parse(body: &[u8]) -> Result<Delivery, Malformed> {
    let headers = headers(&[]).unwrap();
    let request = Request { method: "POST", uri: "", headers: &headers, body };
    hubspot::parse(&Verified::at_the_door(Provider::HubSpot, request))
}

fn event() -> Value {
    json!({
        "eventId": 100, "subscriptionId": 5100003, "portalId": 12345678, "occurredAt": 1790000000000_u64,
        "subscriptionType": "deal.propertyChange", "attemptNumber": 0, "objectId": 987654321,
        "propertyName": "dealstage", "propertyValue": "closedwon",
    })
}

/// The event above with some fields set otherwise, or taken out by null.
fn event_with(changes: Value) -> Value {
    let mut event = event();
    for (field, value) in changes.as_object().unwrap() {
        event[field] = value.clone();
    }
    event.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    event
}

fn read(event: &Value) -> Event {
    let mut delivery = parse(json!([event]).to_string().as_bytes()).unwrap();
    assert_eq!(delivery.unreadable, [], "{event}");
    delivery.events.remove(0)
}

/// What the event with these changes is about.
#[track_caller]
fn check(changes: Value, category: &str, action: &str, resource_id: &str) {
    let read = read(&event_with(changes.clone()));
    let about = (read.category.as_str(), read.action.as_str(), read.resource_id.as_str());
    assert_eq!(about, (category, action, resource_id), "{changes}");
}

/// Good events around this text in place of an event: they stay, and it is named with the reason.
#[track_caller]
fn check_unreadable(text: &str, reason: &str) {
    let delivery = parse(format!("[{good},{text},{good}]", good = event()).as_bytes()).unwrap();
    assert_eq!(delivery.events.len(), 2, "{text}");
    let named: Vec<_> =
        delivery.unreadable.iter().map(|event| (event.index, event.reason.as_str())).collect();
    assert_eq!(named, [(1, reason)], "{text}");
}

#[track_caller]
fn check_malformed(body: &str, reason: &str) {
    assert_eq!(parse(body.as_bytes()).expect_err("a malformed body").to_string(), reason, "{body}");
}

#[test]
fn a_won_deal_is_read() {
    let delivery = parse(DEAL_WON.replace("${HUBSPOT_PORTAL_ID}", "12345678").as_bytes()).unwrap();
    assert_eq!((delivery.provider, delivery.events.len()), (Provider::HubSpot, 1));
    let event = &delivery.events[0];
    assert_eq!(event.account_id, "12345678");
    assert_eq!((event.category.as_str(), event.action.as_str()), ("deal", "propertyChange"));
    assert_eq!(event.resource_id, "987654321");
    assert_eq!(event.occurred_at, Some("2026-09-21T14:13:20Z".parse().unwrap()));
    assert_eq!(event.payload["propertyValue"], "closedwon");
    assert_eq!(event.other_dedupe_key, None);
    assert_eq!(zixly_domain::jobs_for(event).len(), 1);
}

#[test]
fn both_formats_are_read() {
    let generic = |id: &str| json!({ "subscriptionType": "object.propertyChange", "objectTypeId": id });
    check(json!({}), "deal", "propertyChange", "987654321");
    check(generic("0-1"), "contact", "propertyChange", "987654321");
    check(generic("0-2"), "company", "propertyChange", "987654321");
    check(generic("0-3"), "deal", "propertyChange", "987654321");
    check(generic("0-5"), "ticket", "propertyChange", "987654321");
    check(generic("2-3453932"), "2-3453932", "propertyChange", "987654321");
    // The classic format names the type itself.
    check(json!({ "objectTypeId": "0-1" }), "deal", "propertyChange", "987654321");
    for kind in ["creation", "deletion", "privacyDeletion", "restore", "somethingNew", "two.points"] {
        check(json!({ "subscriptionType": format!("contact.{kind}") }), "contact", kind, "987654321");
    }
    check(json!({ "subscriptionType": null, "eventType": "deal.creation" }), "deal", "creation", "987654321");
    check(json!({ "eventType": "contact.deletion" }), "deal", "propertyChange", "987654321");
}

#[test]
fn merges_and_associations_name_their_record_elsewhere() {
    let merge = |ids: Value| {
        let mut changes = json!({ "subscriptionType": "contact.merge", "mergedObjectIds": [1, 2] });
        changes.as_object_mut().unwrap().extend(ids.as_object().unwrap().clone());
        changes
    };
    check(merge(json!({ "primaryObjectId": 1, "newObjectId": 3 })), "contact", "merge", "3");
    check(merge(json!({ "primaryObjectId": 1, "newObjectId": null })), "contact", "merge", "1");
    check(merge(json!({})), "contact", "merge", "987654321");
    let association = json!({
        "subscriptionType": "deal.associationChange", "objectId": null, "fromObjectId": 8, "toObjectId": 9,
        "associationType": "DEAL_TO_CONTACT", "associationRemoved": false,
    });
    check(association, "deal", "associationChange", "8");
}

#[test]
fn ids_keep_their_digits_as_numbers_and_as_text() {
    for id in ["0", "9007199254740993", "115310627314723954", "18446744073709551615"] {
        check(json!({ "objectId": id }), "deal", "propertyChange", id);
        check(json!({ "objectId": id.parse::<u64>().unwrap() }), "deal", "propertyChange", id);
        assert_eq!(read(&event_with(json!({ "portalId": id }))).account_id, id);
    }
    let as_number = read(&event());
    let as_text = read(&event_with(json!({ "objectId": "987654321", "portalId": "12345678" })));
    assert_eq!(as_number.dedupe_key, as_text.dedupe_key);
}

#[test]
fn a_time_is_milliseconds_or_unknown() {
    for (written, instant) in [
        (json!(1_790_000_000_000_u64), Some("2026-09-21T14:13:20Z")),
        (json!("1790000000000"), Some("2026-09-21T14:13:20Z")),
        (json!(-1), Some("1969-12-31T23:59:59.999Z")),
        (json!(1.79e12), None),
        (json!(u64::MAX), None),
        (json!("yesterday"), None),
        (json!({ "ms": 1 }), None),
    ] {
        let read = read(&event_with(json!({ "occurredAt": written })));
        assert_eq!(read.occurred_at.map(|at| at.to_string()).as_deref(), instant, "{written}");
    }
}

#[test]
fn an_unreadable_event_is_named_and_the_others_stay() {
    let with = |changes: Value| event_with(changes).to_string();
    for field in ["portalId", "objectId"] {
        check_unreadable(&with(json!({ field: null })), &format!("has no {field}"));
        check_unreadable(&with(json!({ field: " " })), &format!("has an empty {field}"));
        let neither = format!("has neither a number nor text as its {field}");
        check_unreadable(&with(json!({ field: true })), &neither);
        check_unreadable(&with(json!({ field: [1] })), &neither);
        let no_whole_number = format!("has no whole number of at most 64 bits as its {field}");
        check_unreadable(&with(json!({ field: 1.5 })), &no_whole_number);
        let too_large = with(json!({ field: "@" })).replace("\"@\"", "18446744073709551616");
        check_unreadable(&too_large, &no_whole_number);
        let long = format!("has 81 bytes as its {field}; 80 are the most");
        check_unreadable(&with(json!({ field: "9".repeat(81) })), &long);
    }
    check_unreadable(&with(json!({ "subscriptionType": null })), "has no subscriptionType");
    check_unreadable(&with(json!({ "subscriptionType": 7 })), "has no text as its subscriptionType");
    let no_type = json!({ "subscriptionType": null, "eventType": "" });
    check_unreadable(&with(no_type), "has an empty eventType");
    for odd in ["creation", ".creation", "deal.", ".", " .creation", "deal. "] {
        let reason = "has a type that is not of the form record.change";
        check_unreadable(&with(json!({ "subscriptionType": odd })), reason);
    }
    check_unreadable(&with(json!({ "subscriptionType": "object.creation" })), "has no objectTypeId");
    check_unreadable(&with(json!({ "occurredAt": null })), "has no occurredAt");
    let association = json!({ "subscriptionType": "deal.associationChange", "objectId": null });
    check_unreadable(&with(association), "has no objectId");
    for other in ["null", "7", "[]", "\"text\""] {
        check_unreadable(other, "is not an object");
    }
    let nul = "contains the character U+0000, which the database cannot store";
    check_unreadable(&with(json!({ "propertyValue": "a\0b" })), nul);
    check_unreadable(
        &with(json!({ "propertyValue": "@" })).replace('@', "\\ud83e"),
        "cannot be read: unexpected end of hex escape at line 1 column 152",
    );
}

#[test]
fn a_malformed_body_is_described_in_words() {
    check_malformed("hello", "the body is not JSON: expected value at line 1 column 1");
    check_malformed("[{}", "the body is not JSON: EOF while parsing a list at line 1 column 3");
    check_malformed("[] extra", "the body is not JSON: trailing characters at line 1 column 4");
    for no_list in ["{}", "null", "\"[]\"", &event().to_string()] {
        check_malformed(no_list, "the body is JSON, but not a list");
    }
    assert_eq!(parse(b" \n[ ] ").unwrap().events.len(), 0);
}

#[test]
fn more_than_a_hundred_events_are_taken() {
    let events = vec![event(); 1000];
    assert_eq!(parse(Value::from(events).to_string().as_bytes()).unwrap().events.len(), 1000);
}

#[test]
fn a_key_tells_changes_apart_and_forgets_the_rest() {
    let key = |changes: Value| read(&event_with(changes)).dedupe_key;
    for changed in [
        json!({ "portalId": 1 }),
        json!({ "subscriptionType": "contact.propertyChange" }),
        json!({ "subscriptionType": "object.propertyChange", "objectTypeId": "0-3" }),
        json!({ "objectId": 1 }),
        json!({ "propertyName": "amount" }),
        json!({ "propertyValue": "closedlost" }),
        json!({ "propertyValue": "" }),
        json!({ "propertyValue": null }),
        json!({ "propertyName": "closedwon", "propertyValue": "dealstage" }),
        json!({ "occurredAt": 1790000000001_u64 }),
        json!({ "eventId": 101 }),
        json!({ "eventId": null }),
        json!({ "toObjectId": 9 }),
        json!({ "associationRemoved": true }),
        json!({ "mergedObjectIds": [1] }),
    ] {
        assert_ne!(key(changed.clone()), key(json!({})), "{changed}");
    }
    for same in [
        json!({ "attemptNumber": 3 }),
        json!({ "subscriptionId": 7 }),
        json!({ "changeSource": "IMPORT" }),
        json!({ "sourceId": "userId:1" }),
    ] {
        assert_eq!(key(same.clone()), key(json!({})), "{same}");
    }
    let of_type = |id: &str| json!({ "subscriptionType": "object.creation", "objectTypeId": id });
    assert_ne!(key(of_type("0-1")), key(of_type("0-3")));
}

#[test]
fn a_key_is_short_and_shows_no_value() {
    let value = "pat@example.com ".repeat(10_000);
    let key = read(&event_with(json!({ "propertyName": "email", "propertyValue": value }))).dedupe_key;
    assert!(key.len() < 200 && !key.contains("pat"), "{key}");
}
