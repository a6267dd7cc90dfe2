//! Which callbacks lead to tokens. More of them stand in `tests/vectors/shopify.json`.

use jiff::Timestamp;
use secrecy::ExposeSecret;
use zixly_webhooks::Refusal;
use zixly_webhooks::shopify::oauth_callback::{CallbackRefusal, verify};

use crate::signing::{keys, mac};

const NOW_S: i64 = 1_790_000_000;
const QUERY: &str = "code=c0de&shop=Some-Shop.myshopify.com&state=nonce&timestamp=1790000000";

fn signed(query: &str) -> String {
    format!("{query}&hmac={}", hex::encode(mac("hush", &[query.as_bytes()])))
}

/// The shop and the code that this query leads to, or why to none.
fn outcome(query: &str, state: &str) -> Result<(String, String), CallbackRefusal> {
    let now = Timestamp::from_second(NOW_S).unwrap();
    let grant = verify(&keys(&["hush"]), query, now)?.answering(state)?;
    Ok((grant.shop, grant.code.expose_secret().to_owned()))
}

#[track_caller]
fn check(query: &str, expected: CallbackRefusal) {
    assert_eq!(outcome(&signed(query), "nonce").unwrap_err(), expected, "{query}");
}

#[test]
fn an_answer_to_our_request_leads_to_the_shop_in_small_letters() {
    let granted = outcome(&signed(QUERY), "nonce").unwrap();
    assert_eq!(granted, ("some-shop.myshopify.com".to_owned(), "c0de".to_owned()));
}

#[test]
fn an_answer_to_another_request_leads_nowhere() {
    for state in ["", "nonc", "nonce ", "Nonce", "nonces"] {
        assert_eq!(outcome(&signed(QUERY), state).unwrap_err(), CallbackRefusal::OtherState, "{state}");
    }
    for query in [QUERY.replace("&state=nonce", ""), QUERY.replace("=nonce", "=")] {
        for state in ["", "nonce"] {
            assert_eq!(outcome(&signed(&query), state).unwrap_err(), CallbackRefusal::OtherState);
        }
    }
}

#[test]
fn each_refusal_has_its_reason() {
    let with = |from: &str, to: &str| QUERY.replace(from, to);
    check(&with("code=c0de&", ""), CallbackRefusal::MissingParameter { name: "code" });
    check(&with("shop=Some-Shop.myshopify.com&", ""), CallbackRefusal::MissingParameter { name: "shop" });
    check(&with("&timestamp=1790000000", ""), CallbackRefusal::MissingParameter { name: "timestamp" });
    check(&with("shop=", "shop=a.myshopify.com&shop="), CallbackRefusal::RepeatedParameter);
    check(&with("Some-Shop.myshopify.com", "example.com"), CallbackRefusal::MalformedShop);
    for timestamp in ["", "now", "1790000000.0", "-1790000000", "%2B1790000000", "99999999999999999999"] {
        check(&with("1790000000", timestamp), CallbackRefusal::MalformedTimestamp);
    }
    check(&with("1790000000", "1789999909"), CallbackRefusal::OutsideWindow { off_by_s: 91 });
    check(&with("1790000000", "1790000091"), CallbackRefusal::OutsideWindow { off_by_s: 91 });
    check(&with("state=nonce", "state=a b"), CallbackRefusal::NotSigned(Refusal::WrongSignature));
    for (query, expected) in [
        ("", CallbackRefusal::MissingParameter { name: "hmac" }),
        (QUERY, CallbackRefusal::MissingParameter { name: "hmac" }),
        ("hmac=", CallbackRefusal::MalformedSignature),
        ("hmac=fake", CallbackRefusal::MalformedSignature),
        (&signed(QUERY).to_uppercase(), CallbackRefusal::MissingParameter { name: "hmac" }),
        (&signed(QUERY).replace("c0de", "c1de"), CallbackRefusal::NotSigned(Refusal::WrongSignature)),
        (&format!("{}&hmac=", signed(QUERY)), CallbackRefusal::RepeatedParameter),
    ] {
        assert_eq!(outcome(query, "nonce").unwrap_err(), expected, "{query}");
    }
    let now = Timestamp::from_second(NOW_S).unwrap();
    let refusal = verify(&keys(&[]), &signed(QUERY), now).unwrap_err();
    assert_eq!(refusal, CallbackRefusal::NotSigned(Refusal::NoKey));
}

#[test]
fn no_debug_output_shows_code_or_state() {
    let now = Timestamp::from_second(NOW_S).unwrap();
    let callback = verify(&keys(&["hush"]), &signed(QUERY), now).unwrap();
    let shown = format!("{callback:?}");
    assert!(!shown.contains("c0de") && !shown.contains("nonce"), "{shown}");
}
