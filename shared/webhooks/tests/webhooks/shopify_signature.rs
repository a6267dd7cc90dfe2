//! Which requests pass for Shopify's. What is not generated here stands in `tests/vectors/shopify.json`.

use jiff::Timestamp;
use zixly_domain::Provider;
use zixly_webhooks::{Refusal, Request, shopify};

use crate::signing::{headers, keys, one_bit_off};

// Shopify/shopify-app-js packages/apps/shopify-api/lib/webhooks/__tests__/validate.test.ts
const KEY: &str = "test_secret_key";
const BODY: &[u8] = br#"{"foo": "bar"}"#;
const SIGNATURE: &[u8] = b"B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g=";

fn verify(key: &str, signature: &[u8], body: &[u8]) -> Option<Result<(), Refusal>> {
    let headers = headers(&[("x-shopify-hmac-sha256", signature)])?;
    let request = Request { method: "POST", uri: "", headers: &headers, body };
    let verified = shopify::verify(&keys(&[key]), &request, Timestamp::UNIX_EPOCH);
    Some(
        verified
            .map(|verified| assert_eq!((verified.provider(), verified.body()), (Provider::Shopify, body))),
    )
}

#[test]
fn a_published_signature_is_accepted_and_no_other_by_one_bit() {
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
fn a_shop_is_below_one_domain_only() {
    for (text, shop) in [
        ("a.myshopify.com", Some("a.myshopify.com")),
        ("Example-Shop_2.myshopify.com", Some("example-shop_2.myshopify.com")),
        ("9-.myshopify.com", Some("9-.myshopify.com")),
        ("", None),
        (".myshopify.com", None),
        ("myshopify.com", None),
        ("-a.myshopify.com", None),
        ("_a.myshopify.com", None),
        ("a.b.myshopify.com", None),
        ("a.myshopify.com.evil.com", None),
        ("a.myshopify.com.", None),
        ("a.myshopify.com/", None),
        ("a.myshopify.com:443", None),
        ("a.myshopify.com\n", None),
        (" a.myshopify.com", None),
        ("evil.com/a.myshopify.com", None),
        ("evil.com#.myshopify.com", None),
        ("user@a.myshopify.com", None),
        ("https://a.myshopify.com", None),
        ("a.myshopify.io", None),
        ("a.MyShopify.com", None),
        ("amyshopify.com", None),
        ("а.myshopify.com", None),
        ("ä.myshopify.com", None),
    ] {
        assert_eq!(shopify::shop_domain(text).as_deref(), shop, "{text:?}");
    }
}
