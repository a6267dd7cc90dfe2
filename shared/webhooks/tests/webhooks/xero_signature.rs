//! Which requests pass for Xero's.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE},
};
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use zixly_domain::Provider;
use zixly_webhooks::{Refusal, Request, SigningKeys, xero};

use crate::signing::{headers, keys, mac, one_bit_off, sign};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const HEADER: &str = "x-xero-signature";
const MISSING: Refusal = Refusal::MissingHeader { header: HEADER };
const REPEATED: Refusal = Refusal::RepeatedHeader { header: HEADER };
const MALFORMED: Refusal = Refusal::MalformedSignature { header: HEADER };

// calcinai/xero-php tests/WebhookTest.php: an intent-to-receive with its signature.
const KEY: &str = "test_key";
const BODY: &str =
    r#"{"events":[],"firstEventSequence": 0,"lastEventSequence": 0, "entropy": "NLDZEGWUXNHESAQVGLYF"}"#;
const SIGNATURE: &str = "ixznmr+Pdl6QymsWZM+9UkY4lu97q04sJyejmSOp25U=";

fn verify(keys: &SigningKeys, pairs: &[(&str, &[u8])], body: &[u8]) -> Result<(), Refusal> {
    let headers = headers(pairs).expect("headers that HTTP can carry");
    let request =
        Request { method: "POST", uri: "https://hooks.example.com/webhook/xero", headers: &headers, body };
    let verified = xero::verify(keys, &request, NOW)?;
    assert_eq!((verified.provider(), verified.body()), (Provider::Xero, body));
    Ok(())
}

#[track_caller]
fn check(key: &str, signature: &str, body: &[u8], expected: Result<(), Refusal>) {
    let outcome = verify(&keys(&[key]), &[(HEADER, signature.as_bytes())], body);
    assert_eq!(outcome, expected, "signature {signature:?} over {:?}", String::from_utf8_lossy(body));
}

#[test]
fn a_published_signature_is_accepted() {
    check(KEY, SIGNATURE, BODY.as_bytes(), Ok(()));
    // The same source: two events, computed signature.
    let url = "https://api.xero.com/api.xro/2.0/Invoices/44aa0707-f718-4f1c-8d53-f2da9ca59533";
    let event = |date: &str| {
        format!(
            r#"{{"resourceUrl":"{url}","resourceId":"44aa0707-f718-4f1c-8d53-f2da9ca59533","eventDateUtc":"{date}","eventType":"UPDATE","eventCategory":"INVOICE","tenantId":"e629a03c-7ffe-4913-bd94-ff2fdb36a702","tenantType":"ORGANISATION"}}"#
        )
    };
    let two_events = format!(
        r#"{{"events":[{},{}],"firstEventSequence": 2,"lastEventSequence": 3, "entropy": "GATSEZXWIBPBRNQOTMOH"}}"#,
        event("2018-02-09T09:18:28.917Z"),
        event("2018-02-09T09:19:05.06Z")
    );
    let signature = "zJYh9yng0/HcT/y1dXGczF3xiOBGq5VG7fPNYBcpWZg=";
    check(KEY, signature, two_events.as_bytes(), Ok(()));
    let compact = two_events.replace(": ", ":");
    check(KEY, signature, compact.as_bytes(), Err(Refusal::WrongSignature));
}

#[test]
fn a_published_wrong_signature_is_refused() {
    check(KEY, "this will fail", BODY.as_bytes(), Err(MALFORMED));
}

#[test]
fn a_key_that_looks_like_base64_is_used_as_text() {
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";
    check(key, &sign(key, &[BODY.as_bytes()]), BODY.as_bytes(), Ok(()));
    let decoded: String = (0..64).map(char::from).collect();
    check(key, &sign(&decoded, &[BODY.as_bytes()]), BODY.as_bytes(), Err(Refusal::WrongSignature));
}

#[test]
fn any_bytes_can_be_signed() {
    let long = "ü".repeat(5_000_000);
    let bodies: [&[u8]; 12] = [
        b"{}",
        b"{} ",
        b"{}\n",
        b"{}\r\n",
        b" ",
        b"\0",
        b"not json",
        "{\"name\":\"Zoë Ōtāhuhu 漢字 🧾\"}".as_bytes(),
        "\u{feff}{}".as_bytes(),
        "e\u{301}".as_bytes(),
        b"\xff\xfe\x80",
        long.as_bytes(),
    ];
    for body in bodies {
        check(KEY, &sign(KEY, &[body]), body, Ok(()));
    }
}

#[test]
fn a_changed_body_is_refused() {
    let event = r#"{"events":[{ "resourceId": "a", "name": "Zoë" }],"firstEventSequence": 1}"#;
    let signature = sign(KEY, &[event.as_bytes()]);
    check(KEY, &signature, event.as_bytes(), Ok(()));
    let changed = [
        event.replace(": ", ":"),
        event.replace("{ ", "{"),
        event.replace("Zoë", "Zoe"),
        event.replace("Zoë", "Zoe\u{308}"),
        event.replace("Zoë", "Zo\\u00eb"),
        event.replace('"', "'"),
        event.replace("1}", "1.0}"),
        event.to_uppercase(),
        format!(" {event}"),
        format!("{event} "),
        format!("{event}\n"),
        format!("{event}\r\n"),
        format!("\u{feff}{event}"),
        format!("{event}\0"),
        format!("{event}{event}"),
        event[..event.len() - 1].to_owned(),
        event[1..].to_owned(),
    ];
    for body in changed {
        check(KEY, &signature, body.as_bytes(), Err(Refusal::WrongSignature));
    }
}

#[test]
fn a_body_with_any_bit_changed_is_refused() {
    for body in one_bit_off(BODY.as_bytes()) {
        check(KEY, SIGNATURE, &body, Err(Refusal::WrongSignature));
    }
}

#[test]
fn a_signature_with_any_bit_changed_is_refused() {
    let mut carried = 0;
    for signature in one_bit_off(SIGNATURE.as_bytes()) {
        let Some(headers) = headers(&[(HEADER, &signature)]) else { continue };
        let request = Request { method: "POST", uri: "", headers: &headers, body: BODY.as_bytes() };
        assert!(
            xero::verify(&keys(&[KEY]), &request, NOW).is_err(),
            "{:?}",
            String::from_utf8_lossy(&signature)
        );
        carried += 1;
    }
    assert!(carried > 200, "most of the changed signatures can be sent at all, not {carried}");
}

#[test]
fn a_signature_is_read_in_one_form_only() {
    let code = mac(KEY, &[BODY.as_bytes()]);
    let url_safe = URL_SAFE.encode(&code);
    assert!(url_safe.contains('-'), "the sample shows the difference between the alphabets");
    // The last two bits of the last letter mean nothing; a second spelling of the same code is not taken.
    let trailing_bits = SIGNATURE.replace("U=", "V=");
    for malformed in [
        "",
        " ",
        "=",
        "this will fail",
        &hex::encode(&code),
        &hex::encode(&code).to_uppercase(),
        &url_safe,
        &STANDARD_NO_PAD.encode(&code),
        &trailing_bits,
        &format!("{SIGNATURE}="),
        &format!("{SIGNATURE} "),
        &format!(" {SIGNATURE}"),
        &format!("{SIGNATURE}\t"),
        &format!("\"{SIGNATURE}\""),
        &format!("sha256={SIGNATURE}"),
        &format!("{SIGNATURE}{SIGNATURE}"),
        &SIGNATURE.replace('+', " "),
        &SIGNATURE.replace('+', "%2B"),
        &SIGNATURE[..43],
        &SIGNATURE[4..],
        &sign(KEY, &[BODY.as_bytes()])[..40],
        &"A".repeat(8000),
    ] {
        check(KEY, malformed, BODY.as_bytes(), Err(MALFORMED));
    }
    for wrong in [SIGNATURE.replace("Pdl", "pdl"), SIGNATURE.replace("ix", "xi")] {
        // Still 32 bytes, only others.
        check(KEY, &wrong, BODY.as_bytes(), Err(Refusal::WrongSignature));
    }
    for line_break in ["\n", "\r\n", "\0"] {
        assert!(headers(&[(HEADER, format!("{SIGNATURE}{line_break}").as_bytes())]).is_none());
    }
}

#[test]
fn a_signature_with_another_key_or_algorithm_is_refused() {
    let body = BODY.as_bytes();
    for key in
        ["test_Key", "test_key ", " test_key", "test_key\n", "test_ke", "test_key\0", "tést_key", "", "k"]
    {
        // A key shorter than a block is filled up with zeros, which is why "test_key\0" counts as the same.
        let expected = if key == "test_key\0" { Ok(()) } else { Err(Refusal::WrongSignature) };
        check(KEY, &sign(key, &[body]), body, expected);
    }
    let without_key = Sha256::digest(body);
    let key_in_front = Sha256::new_with_prefix(KEY).chain_update(body).finalize();
    for code in [without_key.as_slice(), &key_in_front, &[0; 32]] {
        check(KEY, &STANDARD.encode(code), body, Err(Refusal::WrongSignature));
    }
}

#[test]
fn header_names_have_no_case_and_values_are_not_repeated() {
    let other = sign("other", &[BODY.as_bytes()]);
    let joined = format!("{SIGNATURE},{SIGNATURE}");
    let spaced = format!("{SIGNATURE}, {other}");
    type Pairs<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Pairs, Result<(), Refusal>); 12] = [
        (&[("X-Xero-Signature", SIGNATURE)], Ok(())),
        (&[("X-XERO-SIGNATURE", SIGNATURE)], Ok(())),
        (&[("content-type", "text/plain"), (HEADER, SIGNATURE)], Ok(())),
        (&[], Err(MISSING)),
        (&[("content-type", "application/json")], Err(MISSING)),
        (&[("xero-signature", SIGNATURE)], Err(MISSING)),
        (&[("x-hubspot-signature-v3", SIGNATURE)], Err(MISSING)),
        (&[(HEADER, SIGNATURE), (HEADER, SIGNATURE)], Err(REPEATED)),
        (&[(HEADER, SIGNATURE), ("X-Xero-Signature", &other)], Err(REPEATED)),
        (&[(HEADER, &other), (HEADER, SIGNATURE)], Err(REPEATED)),
        (&[(HEADER, &joined)], Err(REPEATED)),
        (&[(HEADER, &spaced)], Err(REPEATED)),
    ];
    for (pairs, expected) in cases {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        assert_eq!(verify(&keys(&[KEY]), &pairs, BODY.as_bytes()), expected, "{pairs:?}");
    }
    assert_eq!(verify(&keys(&[KEY]), &[(HEADER, b"\xff\xfe")], BODY.as_bytes()), Err(MALFORMED));
}

#[test]
fn each_configured_key_is_good_and_none_is_good_for_nothing() {
    let body = BODY.as_bytes();
    let wrong = Err(Refusal::WrongSignature);
    let none = Err(Refusal::NoKey);
    let cases: [(&[&str], &str, Result<(), Refusal>); 12] = [
        (&["old", "new"], "old", Ok(())),
        (&["old", "new"], "new", Ok(())),
        (&["", "new"], "new", Ok(())),
        (&["old", ""], "old", Ok(())),
        (&["old", "old"], "old", Ok(())),
        (&["old", "new"], "older", wrong),
        (&["old", "new"], "oldnew", wrong),
        (&["old", ""], "", wrong),
        (&[], "", none),
        (&[], "old", none),
        (&[""], "", none),
        (&["", " \n"], " \n", none),
    ];
    for (configured, signed_with, expected) in cases {
        let signature = sign(signed_with, &[body]);
        let outcome = verify(&keys(configured), &[(HEADER, signature.as_bytes())], body);
        assert_eq!(outcome, expected, "{configured:?} against {signed_with:?}");
    }
}

#[test]
fn an_empty_body_is_refused_even_when_signed() {
    check(KEY, &sign(KEY, &[b""]), b"", Err(Refusal::EmptyBody));
    assert_eq!(verify(&keys(&[KEY]), &[], b""), Err(Refusal::EmptyBody));
}

#[test]
fn no_debug_output_shows_a_key_or_a_body() {
    let keys = SigningKeys::new([SecretString::from("hush-hush")]);
    assert!(!format!("{keys:?}").contains("hush"));
    let signature = sign("hush-hush", &[b"private"]);
    let headers = headers(&[(HEADER, signature.as_bytes())]).unwrap();
    let request = Request { method: "POST", uri: "", headers: &headers, body: b"private" };
    let verified = xero::verify(&keys, &request, NOW).unwrap();
    assert_eq!(format!("{verified:?}"), "Verified(xero, 7 bytes)");
}
