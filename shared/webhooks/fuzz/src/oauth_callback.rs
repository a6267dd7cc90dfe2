//! A callback leads to tokens if Shopify signed it just now, for a shop, in answer to our state, and only then.

use form_urlencoded::{Serializer, parse};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use zixly_webhooks::shopify::{oauth_callback::verify, shop_domain};

use crate::{fields, keys, mac};

const KEY: &str = "hush";
const NOW_S: i64 = 1_790_000_000;

/// Input: our state, then a query.
pub fn check(input: &[u8]) {
    let Some(([state], query)) = fields(input) else { return };
    let (Ok(state), Ok(query)) = (str::from_utf8(state), str::from_utf8(query)) else { return };
    let now = Timestamp::from_second(NOW_S).expect("a time in range");
    let pairs: Vec<(String, String)> = parse(query.as_bytes()).into_owned().collect();

    // As it came: a signature that is right by chance does not happen, one that the fuzzer was given may.
    if let Ok(callback) = verify(&keys(&[KEY]), query, now) {
        let hmac = pairs.iter().find(|(name, _)| name == "hmac").map(|(_, value)| value.as_str());
        assert_eq!(hmac, Some(hex::encode(mac(KEY, &[signed_text(&pairs).as_bytes()])).as_str()));
        drop(callback);
    }

    let pairs: Vec<_> = pairs.into_iter().filter(|(name, _)| name != "hmac").collect();
    let signature = hex::encode(mac(KEY, &[signed_text(&pairs).as_bytes()]));
    let rightly_signed =
        Serializer::new(String::new()).extend_pairs(&pairs).append_pair("hmac", &signature).finish();
    let granted = verify(&keys(&[KEY]), &rightly_signed, now).and_then(|callback| callback.answering(state));

    let only = |name: &str| {
        let mut values = pairs.iter().filter(|(other, _)| other == name);
        values.next().filter(|_| values.next().is_none()).map(|(_, value)| value.as_str())
    };
    let mut names: Vec<_> = pairs.iter().map(|(name, _)| name).collect();
    names.sort();
    let is_unambiguous = names.windows(2).all(|two| two[0] != two[1]);
    let sent_s = only("timestamp").filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let is_in_time =
        sent_s.and_then(|text| text.parse::<i64>().ok()).is_some_and(|s| s.abs_diff(NOW_S) <= 90);
    let is_ours = !state.is_empty() && only("state") == Some(state);
    let shop = only("shop").and_then(shop_domain);
    let is_granted = is_unambiguous && is_in_time && is_ours && shop.is_some() && only("code").is_some();
    assert_eq!(granted.is_ok(), is_granted, "{granted:?}");
    if let Ok(grant) = granted {
        assert_eq!(Some(&grant.shop), shop.as_ref());
        assert_eq!(Some(grant.code.expose_secret()), only("code"));
        assert!(grant.shop.ends_with(".myshopify.com") && grant.shop.is_ascii() && !grant.shop.contains('/'));
    }
}

fn signed_text(pairs: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = pairs.iter().filter(|(name, _)| name != "hmac" && name != "signature").collect();
    sorted.sort();
    Serializer::new(String::new()).extend_pairs(sorted).finish().replace('+', "%20")
}
