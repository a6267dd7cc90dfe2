//! Which requests pass for Asana's. What is not generated here stands in `tests/vectors/asana.json`.

use jiff::Timestamp;
use secrecy::ExposeSecret;
use zixly_domain::Provider;
use zixly_webhooks::{Refusal, Request, asana};

use crate::signing::{headers, keys, mac, one_bit_off};

// The sample secret of Asana/openapi defs/asana_oas.yaml.
const KEY: &str = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81";
const BODY: &[u8] = br#"{"events":[]}"#;
const SIGNATURE: &[u8] = b"10468027b67df18c739cc4794c6fc2d2806dcaaf2259fc3e1ed9d26433659853";

fn verify(key: &str, signature: &[u8], body: &[u8]) -> Option<Result<(), Refusal>> {
    let headers = headers(&[("x-hook-signature", signature)])?;
    let request = Request { method: "POST", uri: "", headers: &headers, body };
    let verified = asana::verify(&keys(&[key]), &request, Timestamp::UNIX_EPOCH);
    Some(verified.map(|verified| assert_eq!((verified.provider(), verified.body()), (Provider::Asana, body))))
}

#[track_caller]
fn check_handshake(pairs: &[(&str, &[u8])], expected: Option<&str>) {
    let headers = headers(pairs).expect("headers that HTTP can carry");
    let request = Request { method: "POST", uri: "", headers: &headers, body: b"" };
    let secret = asana::handshake(&request);
    assert_eq!(secret.as_ref().map(|secret| secret.expose_secret()), expected, "{pairs:?}");
    assert!(!format!("{secret:?}").contains(expected.unwrap_or("no secret")));
}

#[test]
fn a_signature_is_accepted_and_no_other_by_one_bit() {
    assert_eq!(verify(KEY, SIGNATURE, BODY), Some(Ok(())));
    for body in one_bit_off(BODY) {
        assert_eq!(verify(KEY, SIGNATURE, &body), Some(Err(Refusal::WrongSignature)));
    }
    for key in one_bit_off(KEY.as_bytes()).filter_map(|key| String::from_utf8(key).ok()) {
        assert_eq!(verify(&key, SIGNATURE, BODY), Some(Err(Refusal::WrongSignature)), "{key:?}");
    }
    let carried: Vec<_> =
        one_bit_off(SIGNATURE).filter_map(|signature| verify(KEY, &signature, BODY)).collect();
    assert!(carried.len() > 200 && carried.iter().all(Result::is_err));
}

#[test]
fn a_secret_is_text_although_it_looks_like_hex() {
    let decoded = String::from_utf8_lossy(&hex::decode(KEY).unwrap()).into_owned();
    let signature = hex::encode(mac(&decoded, &[BODY]));
    assert_eq!(verify(KEY, signature.as_bytes(), BODY), Some(Err(Refusal::WrongSignature)));
}

#[test]
fn a_handshake_brings_one_secret_of_a_sane_length() {
    let longest = "s".repeat(256);
    check_handshake(&[("x-hook-secret", KEY.as_bytes())], Some(KEY));
    check_handshake(&[("X-Hook-Secret", &KEY.as_bytes()[..32])], Some(&KEY[..32]));
    check_handshake(&[("x-hook-secret", b"0123456789abcdef")], Some("0123456789abcdef"));
    check_handshake(&[("x-hook-secret", longest.as_bytes())], Some(&longest));
    check_handshake(&[("x-hook-secret", b"AAECAwQFBgcICQoLDA0ODw+/==")], Some("AAECAwQFBgcICQoLDA0ODw+/=="));
    for none in ["", " ", "0123456789abcde", "0123456789abcdef ", "01234567 89abcdef", "0123456789abcdé0"] {
        check_handshake(&[("x-hook-secret", none.as_bytes())], None);
    }
    check_handshake(&[("x-hook-secret", format!("{longest}s").as_bytes())], None);
    check_handshake(&[("x-hook-secret", b"0123456789abcde\xff")], None);
    check_handshake(&[("x-hook-secret", KEY.as_bytes()), ("x-hook-secret", KEY.as_bytes())], None);
    check_handshake(&[("x-hook-secret", format!("{KEY},{KEY}").as_bytes())], None);
    check_handshake(&[("x-hook-signature", SIGNATURE)], None);
    check_handshake(&[], None);
}
