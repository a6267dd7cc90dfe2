//! Which requests pass for HubSpot's.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE},
};
use jiff::Timestamp;
use zixly_domain::Provider;
use zixly_webhooks::{Refusal, Request, hubspot};

use crate::signing::{headers, keys, mac, one_bit_off, sign};

const SIGNATURE: &str = "x-hubspot-signature-v3";
const TIMESTAMP: &str = "x-hubspot-request-timestamp";
const MALFORMED: Refusal = Refusal::MalformedSignature { header: SIGNATURE };
const NO_TIME: Refusal = Refusal::MalformedTimestamp { header: TIMESTAMP };
const WRONG: Refusal = Refusal::WrongSignature;

/// A request and the clock that it meets. The default is HubSpot's own example.
#[derive(Clone)]
struct Call {
    keys: Vec<&'static str>,
    method: &'static str,
    uri: String,
    body: Vec<u8>,
    headers: Vec<(&'static str, Vec<u8>)>,
    now_ms: i64,
}

const KEY: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
const URI: &str = "https://www.example.com/webhook_uri";
const BODY: &[u8] = b"{'example_field':'example_value'}";
const SENT_MS: i64 = 1_693_657_560_000;
const CODE: &str = "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=";

impl Call {
    // HubSpot/hubspot-api-python tests/spec/utils/test_signature.py
    fn published() -> Self {
        Self {
            keys: vec![KEY],
            method: "POST",
            uri: URI.into(),
            body: BODY.into(),
            headers: vec![(TIMESTAMP, SENT_MS.to_string().into()), (SIGNATURE, CODE.into())],
            now_ms: SENT_MS + 1000,
        }
    }

    /// The published call with other contents, signed over the parts with the published key.
    fn signed_over(parts: &[&[u8]], timestamp: &str) -> Self {
        let code = sign(KEY, parts);
        Self { headers: vec![(TIMESTAMP, timestamp.into()), (SIGNATURE, code.into())], ..Self::published() }
    }

    fn outcome(&self) -> Result<(), Refusal> {
        let pairs: Vec<_> = self.headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let headers = headers(&pairs).expect("headers that HTTP can carry");
        let request = Request { method: self.method, uri: &self.uri, headers: &headers, body: &self.body };
        let now = Timestamp::from_millisecond(self.now_ms).unwrap();
        let verified = hubspot::verify(&keys(&self.keys), &request, now)?;
        assert_eq!((verified.provider(), verified.body()), (Provider::HubSpot, self.body.as_slice()));
        Ok(())
    }
}

#[track_caller]
fn check(what: &str, call: Call, expected: Result<(), Refusal>) {
    assert_eq!(call.outcome(), expected, "{what}");
}

/// The published call with its signature header replaced.
#[track_caller]
fn check_signature(signature: &str, expected: Result<(), Refusal>) {
    let headers = vec![(TIMESTAMP, SENT_MS.to_string().into()), (SIGNATURE, signature.into())];
    check(signature, Call { headers, ..Call::published() }, expected);
}

/// A call to `uri` that HubSpot signed as `signed`.
#[track_caller]
fn check_uri(uri: &str, signed: &str, expected: Result<(), Refusal>) {
    let timestamp = SENT_MS.to_string();
    let call = Call::signed_over(&[b"POST", signed.as_bytes(), BODY, timestamp.as_bytes()], &timestamp);
    check(uri, Call { uri: uri.into(), ..call }, expected);
}

/// A rightly signed call with this timestamp.
#[track_caller]
fn check_timestamp(timestamp: &str, now_ms: i64, expected: Result<(), Refusal>) {
    let call = Call::signed_over(&[b"POST", URI.as_bytes(), BODY, timestamp.as_bytes()], timestamp);
    check(timestamp, Call { now_ms, ..call }, expected);
}

#[test]
fn published_signatures_are_accepted() {
    check("Python library", Call::published(), Ok(()));
    // HubSpot/hubspot-api-ruby spec/helpers/signature_spec.rb
    let headers = vec![
        (TIMESTAMP, "1700000300000".into()),
        (SIGNATURE, "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=".into()),
    ];
    check("Ruby library", Call { headers, now_ms: 1_700_000_300_500, ..Call::published() }, Ok(()));
}

#[test]
fn every_part_of_the_request_is_signed() {
    let published = Call::published;
    check("GET", Call { method: "GET", ..published() }, Err(WRONG));
    check("small letters", Call { method: "post", ..published() }, Err(WRONG));
    check("no method", Call { method: "", ..published() }, Err(WRONG));
    for uri in [
        "http://www.example.com/webhook_uri",
        "https://www.example.com/webhook_uri/",
        "https://www.example.com/webhook_uri?",
        "https://www.example.com:443/webhook_uri",
        "https://example.com/webhook_uri",
        "https://www.example.com/webhook_Uri",
        "https://www.example.com//webhook_uri",
        "HTTPS://www.example.com/webhook_uri",
        "/webhook_uri",
        "",
    ] {
        check(uri, Call { uri: uri.into(), ..published() }, Err(WRONG));
    }
    for body in ["{'example_field': 'example_value'}", "{\"example_field\":\"example_value\"}", "[]", " "] {
        check(body, Call { body: body.into(), ..published() }, Err(WRONG));
    }
    for changed in one_bit_off(BODY) {
        check("body", Call { body: changed, ..published() }, Err(WRONG));
    }
    for changed in one_bit_off(URI.as_bytes()).filter_map(|uri| String::from_utf8(uri).ok()) {
        check(&changed.clone(), Call { uri: changed, ..published() }, Err(WRONG));
    }
    check("empty body", Call { body: vec![], ..published() }, Err(Refusal::EmptyBody));
}

#[test]
fn a_signature_with_any_bit_changed_is_refused() {
    for changed in one_bit_off(CODE.as_bytes()) {
        if headers(&[(SIGNATURE, &changed)]).is_none() {
            continue;
        }
        let headers = vec![(TIMESTAMP, SENT_MS.to_string().into()), (SIGNATURE, changed)];
        assert!(Call { headers, ..Call::published() }.outcome().is_err());
    }
}

#[test]
fn a_signature_is_read_in_one_form_only() {
    let timestamp = SENT_MS.to_string();
    let code = mac(KEY, &[b"POST", URI.as_bytes(), BODY, timestamp.as_bytes()]);
    for malformed in [
        "",
        " ",
        "fake",
        &hex::encode(&code),
        &URL_SAFE.encode(&code),
        &STANDARD_NO_PAD.encode(&code),
        &format!("{CODE}="),
        &format!("{CODE} "),
        &format!(" {CODE}"),
        // What a careless hop makes of a plus sign; seen in the wild.
        &CODE.replace('+', " "),
        &CODE.replace("Y=", "Z="),
        &CODE[..40],
    ] {
        check_signature(malformed, Err(MALFORMED));
    }
    check_signature(&CODE.to_uppercase(), Err(WRONG));
}

#[test]
fn the_timestamp_is_signed_as_it_stands() {
    let now = SENT_MS + 1000;
    check_timestamp("1693657560000", now, Ok(()));
    check_timestamp("01693657560000", now, Ok(()));
    // A code over "…0.0" while the header says "…0" (HubSpot/hubspot-api-python#263).
    for signed in ["1693657560000.0", "01693657560000", "1693657560001", "1693657560", ""] {
        let call = Call::signed_over(&[b"POST", URI.as_bytes(), BODY, signed.as_bytes()], "1693657560000");
        check(signed, call, Err(WRONG));
    }
}

#[test]
fn a_timestamp_is_a_whole_number() {
    for timestamp in [
        "",
        " ",
        "1693657560000.0",
        "1.69365756e12",
        "+1693657560000",
        "-1693657560000",
        " 1693657560000",
        "1693657560000 ",
        "1_693_657_560_000",
        "0x18a5680e440",
        "1693657560000ms",
        "2023-09-02T12:26:00Z",
        "NaN",
        "now",
        "9223372036854775808",
        "99999999999999999999999999",
        "١٦٩٣٦٥٧٥٦٠٠٠٠",
    ] {
        check_timestamp(timestamp, SENT_MS, Err(NO_TIME));
    }
}

#[test]
fn five_minutes_either_way_are_accepted_and_no_more() {
    let sent = SENT_MS.to_string();
    check_timestamp(&sent, SENT_MS, Ok(()));
    check_timestamp(&sent, SENT_MS + 299_999, Ok(()));
    check_timestamp(&sent, SENT_MS + 300_000, Ok(()));
    check_timestamp(&sent, SENT_MS + 300_001, Err(Refusal::StaleTimestamp { age_ms: 300_001 }));
    check_timestamp(&sent, SENT_MS + 86_400_000, Err(Refusal::StaleTimestamp { age_ms: 86_400_000 }));
    check_timestamp(&sent, SENT_MS - 299_999, Ok(()));
    check_timestamp(&sent, SENT_MS - 300_000, Ok(()));
    check_timestamp(&sent, SENT_MS - 300_001, Err(Refusal::FutureTimestamp { ahead_ms: 300_001 }));
    check_timestamp("0", SENT_MS, Err(Refusal::StaleTimestamp { age_ms: 1_693_657_560_000 }));
    // Seconds instead of milliseconds.
    check_timestamp("1693657560", SENT_MS, Err(Refusal::StaleTimestamp { age_ms: 1_691_963_902_440 }));
    let ahead_ms = (i64::MAX - SENT_MS).unsigned_abs();
    check_timestamp(&i64::MAX.to_string(), SENT_MS, Err(Refusal::FutureTimestamp { ahead_ms }));
    check_timestamp(&i64::MAX.to_string(), -1, Err(Refusal::FutureTimestamp { ahead_ms: 1 << 63 }));
}

#[test]
fn a_forged_time_is_called_forged_and_not_stale() {
    check("old", Call { now_ms: SENT_MS + 900_000, method: "GET", ..Call::published() }, Err(WRONG));
}

#[test]
fn twelve_escapes_are_decoded_once_and_nothing_else() {
    let decoded = [
        ("%3A", ":"),
        ("%2F", "/"),
        ("%3F", "?"),
        ("%40", "@"),
        ("%21", "!"),
        ("%24", "$"),
        ("%27", "'"),
        ("%28", "("),
        ("%29", ")"),
        ("%2A", "*"),
        ("%2C", ","),
        ("%3B", ";"),
    ];
    for (escape, character) in decoded {
        let escaped = format!("{URI}?a={escape}&b={escape}");
        check_uri(&escaped, &format!("{URI}?a={character}&b={character}"), Ok(()));
        check_uri(&escaped, &escaped, Err(WRONG));
    }
    let kept = [
        "%20", "%26", "%3D", "%25", "%23", "%2B", "%5B", "%5D", "%00", "%0A", "%C3%A9", "%3a", "%2f", "%2a",
        "%", "%%", "%2", "%G0", "%253A", "%252F", "%25253A", "+", "é", "漢",
    ];
    for kept in kept {
        let uri = format!("{URI}?q={kept}");
        assert_eq!(hubspot::signed_uri(&uri), uri);
        check_uri(&uri, &uri, Ok(()));
    }
    for (uri, signed) in [
        ("https://a.example/x?src=hs%3Aapp%2Fv3&x=%28a%29", "https://a.example/x?src=hs:app/v3&x=(a)"),
        ("%%3A", "%:"),
        ("%3%3AA", "%3:A"),
        ("%3A", ":"),
        ("a%3A", "a:"),
        ("%3A%3A%3A", ":::"),
        ("%2%35", "%2%35"),
        ("", ""),
    ] {
        assert_eq!(hubspot::signed_uri(uri), signed);
        check_uri(uri, signed, Ok(()));
    }
    // The order of a query is the caller's.
    check_uri(&format!("{URI}?b=2&a=1"), &format!("{URI}?a=1&b=2"), Err(WRONG));
}

#[test]
fn any_bytes_can_be_signed() {
    let timestamp = SENT_MS.to_string();
    for body in ["Zoë 漢字 🧾".as_bytes(), b"\xff\x00", b" ", b"[]\n", &[b'a'; 1_000_000]] {
        let call = Call::signed_over(&[b"POST", URI.as_bytes(), body, timestamp.as_bytes()], &timestamp);
        check("body", Call { body: body.into(), ..call }, Ok(()));
    }
}

#[test]
fn both_headers_stand_there_once() {
    let timestamp = || (TIMESTAMP, SENT_MS.to_string().into_bytes());
    let signature = || (SIGNATURE, CODE.as_bytes().to_vec());
    let twice = |value: &str| format!("{value},{value}").into_bytes();
    let no_signature = Err(Refusal::MissingHeader { header: SIGNATURE });
    let no_timestamp = Err(Refusal::MissingHeader { header: TIMESTAMP });
    let two_signatures = Err(Refusal::RepeatedHeader { header: SIGNATURE });
    let two_timestamps = Err(Refusal::RepeatedHeader { header: TIMESTAMP });
    let cases = [
        (
            vec![("X-HubSpot-Request-Timestamp", timestamp().1), ("X-HubSpot-Signature-v3", signature().1)],
            Ok(()),
        ),
        (
            vec![("X-HUBSPOT-SIGNATURE-V3", signature().1), ("X-HUBSPOT-REQUEST-TIMESTAMP", timestamp().1)],
            Ok(()),
        ),
        (vec![], no_signature),
        (vec![timestamp()], no_signature),
        (vec![timestamp(), ("x-hubspot-signature", signature().1)], no_signature),
        (vec![signature()], no_timestamp),
        (vec![signature(), ("date", timestamp().1)], no_timestamp),
        (vec![timestamp(), signature(), signature()], two_signatures),
        (vec![timestamp(), timestamp(), signature()], two_timestamps),
        (vec![timestamp(), (SIGNATURE, twice(CODE))], two_signatures),
        (vec![(TIMESTAMP, twice("1693657560000")), signature()], two_timestamps),
    ];
    for (headers, expected) in cases {
        check(&format!("{headers:?}"), Call { headers, ..Call::published() }, expected);
    }
}

#[test]
fn each_configured_key_is_good_and_none_is_good_for_nothing() {
    let cases: [(Vec<&str>, Result<(), Refusal>); 8] = [
        (vec![KEY], Ok(())),
        (vec!["other", KEY], Ok(())),
        (vec![KEY, "other"], Ok(())),
        (vec!["", KEY], Ok(())),
        (vec!["other"], Err(WRONG)),
        (vec!["yyyyyyyy"], Err(WRONG)),
        (vec![], Err(Refusal::NoKey)),
        (vec!["", " "], Err(Refusal::NoKey)),
    ];
    for (keys, expected) in cases {
        check(&format!("{keys:?}"), Call { keys, ..Call::published() }, expected);
    }
    let timestamp = SENT_MS.to_string();
    let code = sign("", &[b"POST", URI.as_bytes(), BODY, timestamp.as_bytes()]);
    let headers = vec![(TIMESTAMP, timestamp.into()), (SIGNATURE, code.into())];
    check("signed with nothing", Call { keys: vec![""], headers, ..Call::published() }, Err(Refusal::NoKey));
}

// HubSpot/hubspot-api-nodejs test/unit/signature.spec.ts, and HubSpot's page on request validation.
mod legacy {
    use super::*;
    use hubspot::legacy::{matches_v1, matches_v2};

    const V1_BODY: &str = r#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]"#;
    const V1: &str = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de";
    const V2_GET: &str = "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e";
    const V2_POST: &str = "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900";

    /// Which of the two versions match.
    #[track_caller]
    fn check(version: &str, signature: &str, method: &str, body: &str, expected: (bool, bool)) {
        let headers = headers(&[
            ("X-HubSpot-Signature-Version", version.as_bytes()),
            ("X-HubSpot-Signature", signature.as_bytes()),
        ])
        .unwrap();
        let request = Request { method, uri: URI, headers: &headers, body: body.as_bytes() };
        let keys = keys(&["other", KEY]);
        assert_eq!((matches_v1(&keys, &request), matches_v2(&keys, &request)), expected);
        assert!(hubspot::verify(&keys, &request, Timestamp::UNIX_EPOCH).is_err(), "opens no door");
    }

    #[test]
    fn published_signatures_match() {
        check("v1", V1, "POST", V1_BODY, (true, false));
        check("v2", V2_GET, "GET", "", (false, true));
        check("v2", V2_POST, "POST", r#"{"example_field":"example_value"}"#, (false, true));
    }

    #[test]
    fn anything_else_does_not() {
        check("v1", V1, "POST", &format!("{V1_BODY} "), (false, false));
        check("v2", V1, "POST", V1_BODY, (false, false));
        check("v3", V1, "POST", V1_BODY, (false, false));
        check("", V1, "POST", V1_BODY, (false, false));
        check("v2", V2_GET, "POST", "", (false, false));
        check("v2", V2_GET, "GET", " ", (false, false));
        check("v1", &V1[..62], "POST", V1_BODY, (false, false));
        check("v1", "", "POST", V1_BODY, (false, false));
        check("v1", "no hex", "POST", V1_BODY, (false, false));
        check("v1", &format!("{V1},{V1}"), "POST", V1_BODY, (false, false));
        let request = Request { method: "GET", uri: URI, headers: &Default::default(), body: b"" };
        assert!(!matches_v1(&keys(&[KEY]), &request) && !matches_v2(&keys(&[]), &request));
    }
}
