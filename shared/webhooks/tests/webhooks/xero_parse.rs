//! What is read from a signed Xero body.

use jiff::Timestamp;
use serde_json::{Value, json};
use zixly_domain::{Delivery, Provider};
use zixly_webhooks::{Malformed, Request, xero};

use crate::signing::{headers, keys, sign};

const INVOICE_PAID: &str = include_str!("../../../../events/xero-invoice-paid.json");
const INTENT_TO_RECEIVE: &str = include_str!("../../../../events/xero-intent-to-receive.json");
const TWO_ORGANISATIONS: &str = include_str!("../../../../events/xero-two-organisations.json");

fn parse(body: &[u8]) -> Result<Delivery, Malformed> {
    let signature = sign("key", &[body]);
    let headers = headers(&[("x-xero-signature", signature.as_bytes())]).unwrap();
    let request = Request { method: "POST", uri: "", headers: &headers, body };
    xero::parse(&xero::verify(&keys(&["key"]), &request, Timestamp::UNIX_EPOCH).unwrap())
}

fn event() -> Value {
    json!({
        "resourceId": "inv", "tenantId": "org", "eventCategory": "INVOICE", "eventType": "UPDATE",
        "eventDateUtc": "2025-05-01T14:32:04.198",
    })
}

/// The event above with one field set otherwise, or taken out by null.
fn event_with(field: &str, value: Value) -> Value {
    let mut event = event();
    if value.is_null() {
        event.as_object_mut().unwrap().remove(field);
    } else {
        event[field] = value;
    }
    event
}

fn delivery(events: &[Value]) -> Delivery {
    parse(json!({ "events": events }).to_string().as_bytes()).unwrap()
}

fn dedupe_key(event: Value) -> String {
    delivery(&[event]).events.remove(0).dedupe_key
}

/// Good events around this text in place of an event: they stay, and it is named with the reason.
#[track_caller]
fn check_unreadable(text: &str, reason: &str) {
    let body = format!(r#"{{"events":[{good},{text},{good}]}}"#, good = event());
    let delivery = parse(body.as_bytes()).unwrap();
    assert_eq!(delivery.events.len(), 2, "{text}");
    let named: Vec<_> =
        delivery.unreadable.iter().map(|event| (event.index, event.reason.as_str())).collect();
    assert_eq!(named, [(1, reason)], "{text}");
}

/// An event file with the organisations that it was recorded with.
fn recorded(file: &str) -> String {
    file.replace("${XERO_TENANT_ID}", "c2cc9b6e-9458-4c7d-93cc-f02b81b0594f")
        .replace("${OTHER_XERO_TENANT_ID}", "e629a03c-7ffe-4913-bd94-ff2fdb36a702")
}

#[track_caller]
fn check_malformed(body: &[u8], reason: &str) {
    let malformed = parse(body).expect_err("a malformed body");
    assert_eq!(malformed.to_string(), reason, "{}", String::from_utf8_lossy(body));
}

#[test]
fn a_current_delivery_is_read() {
    let delivery = parse(recorded(INVOICE_PAID).as_bytes()).unwrap();
    assert_eq!((delivery.provider, delivery.events.len(), delivery.unreadable.len()), (Provider::Xero, 1, 0));
    let event = &delivery.events[0];
    assert_eq!(event.provider, Provider::Xero);
    assert_eq!(event.account_id, "c2cc9b6e-9458-4c7d-93cc-f02b81b0594f");
    assert_eq!(event.resource_id, "a03ffcd2-5d91-4c7e-b483-318584e9e439");
    assert_eq!((event.category.as_str(), event.action.as_str()), ("INVOICE", "UPDATE"));
    assert_eq!(event.occurred_at, Some("2026-10-01T09:12:44.917Z".parse().unwrap()));
    assert_eq!(event.payload["tenantType"], "ORGANISATION");
    assert_eq!(
        event.dedupe_key,
        r#"["c2cc9b6e-9458-4c7d-93cc-f02b81b0594f","a03ffcd2-5d91-4c7e-b483-318584e9e439","INVOICE","UPDATE","2026-10-01T09:12:44.917Z"]"#
    );
    assert_eq!(zixly_domain::jobs_for(event).len(), 1);
}

// calcinai/xero-php tests/WebhookTest.php: compact events, a zone suffix, two digits of a fraction.
#[test]
fn an_old_delivery_is_read() {
    let body = br#"{"events":[{"resourceUrl":"https://api.xero.com/api.xro/2.0/Invoices/44aa0707-f718-4f1c-8d53-f2da9ca59533","resourceId":"44aa0707-f718-4f1c-8d53-f2da9ca59533","eventDateUtc":"2018-02-09T09:19:05.06Z","eventType":"UPDATE","eventCategory":"INVOICE","tenantId":"e629a03c-7ffe-4913-bd94-ff2fdb36a702","tenantType":"ORGANISATION"}],"firstEventSequence": 2,"lastEventSequence": 3, "entropy": "GATSEZXWIBPBRNQOTMOH"}"#;
    let event = parse(body).unwrap().events.remove(0);
    assert_eq!(event.account_id, "e629a03c-7ffe-4913-bd94-ff2fdb36a702");
    assert_eq!(event.occurred_at, Some("2018-02-09T09:19:05.060Z".parse().unwrap()));
}

#[test]
fn two_organisations_stay_apart() {
    let delivery = parse(recorded(TWO_ORGANISATIONS).as_bytes()).unwrap();
    let accounts: Vec<_> = delivery.events.iter().map(|event| event.account_id.as_str()).collect();
    assert_eq!(accounts, ["c2cc9b6e-9458-4c7d-93cc-f02b81b0594f", "e629a03c-7ffe-4913-bd94-ff2fdb36a702"]);
}

#[test]
fn a_body_without_events_is_a_delivery_without_events() {
    for body in [INTENT_TO_RECEIVE, r#"{"events":[]}"#, " \r\n\t{ \"events\" : [ ] } \n"] {
        let delivery = parse(body.as_bytes()).unwrap();
        assert_eq!((delivery.events.len(), delivery.unreadable.len()), (0, 0), "{body}");
    }
}

#[test]
fn what_is_new_is_taken_as_it_comes() {
    let delivery = parse(
        r#"{"events":[{"tenantId":"org","tenantType":"GALAXY","resourceId":"r","eventCategory":"PREPAYMENT","eventType":"ARCHIVED","eventDateUtc":"2026-10-01T00:00:00","data":{"Type":"ACCPAY","Name":"Zoë 🧾"},"score":1.5e3}],"firstEventSequence":-7,"lastEventSequence":"many","more":{"deep":[1e999]}}"#.as_bytes(),
    )
    .unwrap();
    let event = &delivery.events[0];
    assert_eq!((event.category.as_str(), event.action.as_str()), ("PREPAYMENT", "ARCHIVED"));
    assert_eq!(event.payload["data"]["Name"], "Zoë 🧾");
}

#[test]
fn an_unreadable_event_is_named_and_the_others_stay() {
    for field in ["tenantId", "resourceId", "eventCategory", "eventType", "eventDateUtc"] {
        let with = |value: Value| event_with(field, value).to_string();
        check_unreadable(&with(Value::Null), &format!("has no {field}"));
        check_unreadable(&with(json!("")), &format!("has an empty {field}"));
        check_unreadable(&with(json!(" \t")), &format!("has an empty {field}"));
        check_unreadable(&with(json!(7)), &format!("has no text as its {field}"));
        check_unreadable(&with(json!({ "id": "x" })), &format!("has no text as its {field}"));
        let long = format!("has 81 bytes as its {field}; 80 are the most");
        check_unreadable(&with(json!("x".repeat(81))), &long);
        assert_eq!(delivery(&[event_with(field, json!("x".repeat(80)))]).events.len(), 1);
    }
    for other in ["null", "7", "[]", "\"text\"", "true"] {
        check_unreadable(other, "is not an object");
    }
    check_unreadable("{}", "has no tenantId");
    check_unreadable("1e999", "cannot be read: number out of range at line 1 column 5");
    check_unreadable(r#"{"a":"\ud800"}"#, "cannot be read: unexpected end of hex escape at line 1 column 13");
    let nul = "contains the character U+0000, which the database cannot store";
    check_unreadable(&event_with("data", json!([{ "a": "b\0" }])).to_string(), nul);
    check_unreadable(&event_with("a\0b", json!(1)).to_string(), nul);
    assert_eq!(delivery(&[event_with("data", json!("\\u0000"))]).events.len(), 1);
}

#[test]
fn deep_nesting_costs_one_event_and_no_stack() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let too_deep = "cannot be read: recursion limit exceeded at line 1 column 128";
    check_unreadable(&nested(128), too_deep);
    check_unreadable(&nested(1_000_000), too_deep);
    let beside = format!(r#"{{"more":{},"events":[{}]}}"#, nested(1_000_000), event());
    assert_eq!(parse(beside.as_bytes()).unwrap().events.len(), 1);
    assert!(parse("[".repeat(10_000_000).as_bytes()).is_err());
    assert!(parse("{\"events\":".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn a_delivery_of_ten_megabytes_is_read() {
    let events = vec![event().to_string(); 75_000].join(",");
    let body = format!(r#"{{"events":[{events}]}}"#);
    assert!(body.len() > 9_000_000);
    assert_eq!(parse(body.as_bytes()).unwrap().events.len(), 75_000);
}

#[test]
fn a_malformed_body_is_described_in_words() {
    check_malformed(b"hello", "the body is not JSON: expected value at line 1 column 1");
    check_malformed(b"  ", "the body is not JSON: EOF while parsing a value at line 1 column 2");
    check_malformed(
        b"{\"events\":[\n{},",
        "the body is not JSON: EOF while parsing a value at line 2 column 3",
    );
    check_malformed(
        br#"{"events":[]} extra"#,
        "the body is not JSON: trailing characters at line 1 column 15",
    );
    check_malformed(br#"{'events':[]}"#, "the body is not JSON: key must be a string at line 1 column 2");
    check_malformed("\u{feff}{}".as_bytes(), "the body is not JSON: expected value at line 1 column 1");
    check_malformed(b"events=%5B%5D", "the body is not JSON: expected value at line 1 column 1");
    for not_an_object in ["[]", "[[]]", "null", "7", "\"events\"", " [{\"events\":[]}]"] {
        check_malformed(not_an_object.as_bytes(), "the body is JSON, but not an object");
    }
    let no_list = |column: usize| {
        format!("the body has no list named events, or more than one, at line 1 column {column}")
    };
    check_malformed(b"{}", &no_list(2));
    check_malformed(br#"{"Events":[]}"#, &no_list(13));
    check_malformed(br#"{"events":null}"#, &no_list(14));
    check_malformed(br#"{"events":{}}"#, &no_list(10));
    check_malformed(br#"{"events":"secret"}"#, &no_list(18));
    check_malformed(br#"{"events":[],"events":[]}"#, &no_list(21));
    assert!(parse(b"{\"events\":[\"\xff\"]}").is_err());
}

#[test]
fn equal_instants_have_one_key_however_they_are_written() {
    let at = |date: &str| {
        let event = delivery(&[event_with("eventDateUtc", json!(date))]).events.remove(0);
        (event.occurred_at.map(|at| at.to_string()), event.dedupe_key)
    };
    let (instant, key) = at("2018-02-09T09:19:05.06");
    assert_eq!(instant.as_deref(), Some("2018-02-09T09:19:05.06Z"));
    for same in [
        "2018-02-09T09:19:05.06Z",
        "2018-02-09T09:19:05.060Z",
        "2018-02-09T09:19:05.0600000",
        "2018-02-09T09:19:05.060000000Z",
        "2018-02-09T09:19:05.0600000000",
        "2018-02-09T09:19:05.060000000000000000Z",
        "2018-02-09T09:19:05.06+00:00",
        "2018-02-09T22:19:05.06+13:00",
    ] {
        assert_eq!(at(same), (instant.clone(), key.clone()), "{same}");
    }
    for other in ["2018-02-09T09:19:05", "2018-02-09T09:19:05.006", "2018-02-09T09:19:05.61Z"] {
        assert!(at(other).0.is_some() && at(other).1 != key, "{other}");
    }
    for unreadable in
        ["yesterday", "/Date(1552953600000+0000)/", "2018-13-01T00:00:00Z", "2018-02-09T09:19:05."]
    {
        let (instant, key) = at(unreadable);
        assert_eq!(instant, None, "{unreadable}");
        assert!(key.contains(unreadable), "{key}");
    }
}

#[test]
fn a_key_tells_changes_apart_and_forgets_the_rest() {
    let key = dedupe_key(event());
    for field in ["tenantId", "resourceId", "eventCategory", "eventType", "eventDateUtc"] {
        assert_ne!(dedupe_key(event_with(field, json!("2000-01-01T00:00:00"))), key, "{field}");
    }
    for field in ["resourceUrl", "tenantType", "data", "entropy"] {
        assert_eq!(dedupe_key(event_with(field, json!("other"))), key, "{field}");
    }
    // Fields that would run into each other if they were simply joined.
    let joined = |tenant: &str, resource: &str| {
        let mut event = event_with("tenantId", json!(tenant));
        event["resourceId"] = json!(resource);
        dedupe_key(event)
    };
    for (left, right) in
        [(("ab", "c"), ("a", "bc")), (("a\",\"b", "c"), ("a", "b\",\"c")), (("a,b", "c"), ("a", "b,c"))]
    {
        assert_ne!(joined(left.0, left.1), joined(right.0, right.1));
    }
}

#[test]
fn the_longest_key_fits_an_index_entry() {
    let mut longest = event();
    for field in ["tenantId", "resourceId", "eventCategory", "eventType", "eventDateUtc"] {
        longest[field] = json!("\u{1}".repeat(80));
    }
    // A B-tree entry of PostgreSQL holds 2704 bytes; it also has the tenant's id in it.
    assert!(dedupe_key(longest).len() < 2600);
}
