//! Every provider is verified and read by one and the same call.

use jiff::Timestamp;
use zixly_domain::{Delivery, Provider};
use zixly_webhooks::{Malformed, Refusal, Request, Verified, asana, hubspot, parse, shopify, verify, xero};

use crate::signing::{headers, keys, mac, sign};

type Pairs<'a> = &'a [(&'a str, &'a [u8])];
type Parse = fn(&Verified<'_>) -> Result<Delivery, Malformed>;

const PARSERS: [(Provider, Parse); 4] = [
    (Provider::Xero, xero::parse),
    (Provider::HubSpot, hubspot::parse),
    (Provider::Shopify, shopify::parse),
    (Provider::Asana, asana::parse),
];

const URI: &str = "https://hooks.example.com/webhook/asana/3f9c2d7e";

#[test]
fn each_provider_is_verified_by_its_own_signature_and_no_other() {
    let body = br#"{"events":[]}"#;
    let hubspot = sign("key", &[b"POST", URI.as_bytes(), body, b"0"]);
    let body_code = sign("key", &[body]);
    let hex = hex::encode(mac("key", &[body]));
    let signed: [(Provider, Pairs); 4] = [
        (Provider::Xero, &[("x-xero-signature", body_code.as_bytes())]),
        (
            Provider::HubSpot,
            &[("x-hubspot-signature-v3", hubspot.as_bytes()), ("x-hubspot-request-timestamp", b"0")],
        ),
        (Provider::Shopify, &[("x-shopify-hmac-sha256", body_code.as_bytes())]),
        (Provider::Asana, &[("x-hook-signature", hex.as_bytes())]),
    ];
    for (signer, pairs) in signed {
        let headers = headers(pairs).unwrap();
        let request = Request { method: "POST", uri: URI, headers: &headers, body };
        for (provider, _) in PARSERS {
            let outcome = verify(provider, &keys(&["key"]), &request, Timestamp::UNIX_EPOCH);
            if provider == signer {
                assert_eq!(outcome.unwrap().provider(), provider);
            } else {
                assert!(matches!(outcome, Err(Refusal::MissingHeader { .. })), "{signer} for {provider}");
            }
        }
    }
}

#[test]
fn a_body_that_another_provider_signed_is_not_taken() {
    let body = br#"{"events":[]}"#;
    let headers = headers(&[]).unwrap();
    for (signer, own) in PARSERS {
        let request = Request { method: "POST", uri: URI, headers: &headers, body };
        let verified = Verified::at_the_door(signer, request);
        assert_eq!(parse(&verified), own(&verified));
        for (other, parse) in PARSERS.iter().filter(|(other, _)| *other != signer) {
            let reason = format!("the body is signed by {}, not by {}", signer.name(), other.name());
            assert_eq!(parse(&verified), Err(Malformed { reason }));
        }
    }
}

#[test]
fn a_provider_that_sends_no_deliveries_is_never_believed() {
    let body = br#"{"events":[]}"#;
    let code = sign("key", &[body]);
    let headers = headers(&[("x-xero-signature", code.as_bytes())]).unwrap();
    let request = Request { method: "POST", uri: URI, headers: &headers, body };
    let silent = Provider::ALL.iter().filter(|known| !PARSERS.iter().any(|(sender, _)| sender == *known));
    for provider in silent.copied() {
        let outcome = verify(provider, &keys(&["key"]), &request, Timestamp::UNIX_EPOCH);
        assert_eq!(outcome.err(), Some(Refusal::NoKey), "{provider}");
        let reason = format!("{} sends no deliveries", provider.name());
        assert_eq!(parse(&Verified::at_the_door(provider, request)), Err(Malformed { reason }));
    }
}
