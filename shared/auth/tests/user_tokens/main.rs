//! Only a user's own, whole and current token of the configured project opens the door.
//!
//! `rs256.json` was made once with OpenSSL, since ring makes no RSA keys; the private halves are gone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod signing;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use zixly_auth::{LocalSession, TokenRefusal, TokenRules, TokenRulesError, UserTokens, bearer, local_token};
use zixly_domain::UserId;

use signing::{EcKey, SECRET, encode, hs256, rs256, unsigned};

const NOW: i64 = 1_790_000_000;
const ISSUER: &str = "https://abcdefghijklmnop.supabase.co/auth/v1";
const AUDIENCE: &str = "authenticated";
const SUBJECT: &str = "8c5e0a3e-6a2f-4f0b-8a53-5b9a1a5f0c11";
const OTHER_SECRET: &str = "another-jwt-secret-with-at-least-32-characters-in-it";

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn user() -> UserId {
    SUBJECT.parse().unwrap()
}

fn rules<'a>(jwks: Option<&'a str>, legacy_secret: Option<&str>) -> TokenRules<'a> {
    TokenRules {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        jwks,
        legacy_secret: legacy_secret.map(SecretString::from),
    }
}

fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// What becomes of a token where only keys of a JWKS are accepted.
fn by_keys(keys: &[Value], token: &str) -> Result<UserId, TokenRefusal> {
    UserTokens::new(rules(Some(&jwks(keys)), None)).unwrap().verify(token, now())
}

/// What becomes of a token where only the legacy secret is.
fn by_secret(token: &str) -> Result<UserId, TokenRefusal> {
    UserTokens::new(rules(None, Some(SECRET))).unwrap().verify(token, now())
}

/// What becomes of a token where both are.
fn by_both(keys: &[Value], token: &str) -> Result<UserId, TokenRefusal> {
    UserTokens::new(rules(Some(&jwks(keys)), Some(SECRET))).unwrap().verify(token, now())
}

fn header() -> Value {
    json!({ "alg": "HS256", "typ": "JWT" })
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "exp": NOW + 3600, "iat": NOW - 60,
        "role": "authenticated", "email": "pat@example.com", "user_metadata": { "role": "service_role", "sub": "x" },
    })
}

fn with(mut object: Value, field: &str, value: Value) -> Value {
    object[field] = value;
    object
}

fn without(mut object: Value, field: &str) -> Value {
    object.as_object_mut().unwrap().remove(field);
    object
}

/// Feeds a rightly signed token with these claims.
#[track_caller]
fn check_claims(claims: &str, expected: Result<(), TokenRefusal>) {
    let outcome = by_secret(&hs256(SECRET, &header().to_string(), claims));
    assert_eq!(outcome, expected.map(|()| user()), "{claims}");
}

#[track_caller]
fn check_claim(field: &str, value: Value, expected: Result<(), TokenRefusal>) {
    check_claims(&with(claims(), field, value).to_string(), expected);
}

/// Feeds a rightly signed token with this header.
#[track_caller]
fn check_header(header: &str, expected: Result<(), TokenRefusal>) {
    let outcome = by_secret(&hs256(SECRET, header, &claims().to_string()));
    assert_eq!(outcome, expected.map(|()| user()), "{header}");
}

#[test]
fn every_vector_comes_out_as_it_says() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors.json")).unwrap();
    for vector in &vectors {
        let key_set = vector.get("jwks").map(Value::to_string);
        let tokens = UserTokens::new(TokenRules {
            issuer: vector["expected_iss"].as_str().unwrap().to_owned(),
            audience: vector["expected_aud"].as_str().unwrap().to_owned(),
            jwks: key_set.as_deref(),
            legacy_secret: vector["secret"].as_str().map(SecretString::from),
        });
        let now = Timestamp::from_millisecond(vector["now_ms"].as_i64().unwrap()).unwrap();
        let token = bearer(vector["headers"]["Authorization"].as_str().unwrap()).unwrap();
        let outcome = tokens.unwrap().verify(token, now);
        assert_eq!(outcome.is_ok(), vector["expect_valid"].as_bool().unwrap(), "{vector}: {outcome:?}");
    }
    assert_eq!(vectors.len(), 7);
}

#[test]
fn each_algorithm_is_accepted_with_its_own_key() {
    let ec = EcKey::generate("ec");
    let (rsa, rs256_token) = rs256("rs256");
    let es256_token = ec.es256(&claims().to_string());
    let hs256_token = hs256(SECRET, &header().to_string(), &claims().to_string());
    let keys = [ec.jwk(), rsa];
    assert_eq!(by_keys(&keys, &es256_token), Ok(user()));
    assert_eq!(by_keys(&keys, &rs256_token), Ok(user()));
    assert_eq!(by_secret(&hs256_token), Ok(user()));
    for token in [&es256_token, &rs256_token, &hs256_token] {
        assert_eq!(by_both(&keys, token), Ok(user()));
    }
}

#[test]
fn one_changed_bit_anywhere_is_refused() {
    let ec = EcKey::generate("ec");
    let (rsa, rs256_token) = rs256("rs256");
    let keys = [ec.jwk(), rsa];
    let tokens = UserTokens::new(rules(Some(&jwks(&keys)), Some(SECRET))).unwrap();
    let hs256_token = hs256(SECRET, &header().to_string(), &claims().to_string());
    for token in [hs256_token, ec.es256(&claims().to_string()), rs256_token] {
        for bit in 0..token.len() * 8 {
            let mut changed = token.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            if let Ok(changed) = String::from_utf8(changed) {
                assert!(tokens.verify(&changed, now()).is_err(), "{changed}");
            }
        }
    }
}

#[test]
fn with_nothing_configured_every_token_is_refused() {
    let tokens = UserTokens::new(TokenRules::default()).unwrap();
    for token in ["", "a.b.c", &hs256("", &header().to_string(), &claims().to_string())] {
        assert_eq!(tokens.verify(token, now()), Err(TokenRefusal::NotConfigured));
    }
    for blank in ["", " ", "\n\t"] {
        let tokens = UserTokens::new(rules(None, Some(blank))).unwrap();
        let token = hs256(blank, &header().to_string(), &claims().to_string());
        assert_eq!(tokens.verify(&token, now()), Err(TokenRefusal::NotConfigured));
    }
}

#[test]
fn rules_that_would_let_too_much_in_are_refused() {
    for text in ["", "[]", "{}", "null", r#"{"keys":{}}"#, r#"{"keys":null}"#, "<html>"] {
        let error = UserTokens::new(rules(Some(text), None)).unwrap_err();
        assert!(matches!(error, TokenRulesError::Jwks(_)), "{text}: {error}");
    }
    let error = UserTokens::new(rules(None, Some(&"s".repeat(31)))).unwrap_err();
    let said = "the legacy JWT secret has 31 bytes, at least 32 are needed; copy all of it";
    assert_eq!(error.to_string(), said);
    assert!(UserTokens::new(rules(None, Some(&"s".repeat(32)))).is_ok());

    let no_issuer = TokenRules { issuer: String::new(), ..rules(Some(r#"{"keys":[]}"#), None) };
    assert_eq!(UserTokens::new(no_issuer).unwrap_err().to_string(), "the issuer of users' tokens is not set");
    let no_audience = TokenRules { audience: String::new(), ..rules(None, Some(SECRET)) };
    assert_eq!(
        UserTokens::new(no_audience).unwrap_err().to_string(),
        "the audience of users' tokens is not set"
    );
}

#[test]
fn debug_shows_no_secret() {
    let tokens = UserTokens::new(rules(None, Some(SECRET))).unwrap();
    let shown = format!("{:?} {tokens:?}", rules(None, Some(SECRET)));
    assert!(!shown.contains(SECRET) && !shown.contains(&format!("{:?}", SECRET.as_bytes())), "{shown}");
}

#[test]
fn a_token_without_signature_is_refused_whatever_it_says_of_itself() {
    let ec = EcKey::generate("ec");
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        for header in [json!({ "alg": alg }), json!({ "alg": alg, "kid": "ec" })] {
            for token in [
                unsigned(&header.to_string(), &claims().to_string()),
                hs256(SECRET, &header.to_string(), &claims().to_string()),
            ] {
                assert_eq!(by_both(&[ec.jwk()], &token), Err(TokenRefusal::Algorithm), "{header}");
            }
        }
    }
    let stripped = unsigned(&header().to_string(), &claims().to_string());
    assert_eq!(by_secret(&stripped), Err(TokenRefusal::Signature));
    for alg in ["ES256", "RS256"] {
        let stripped = unsigned(&json!({ "alg": alg, "kid": "ec" }).to_string(), &claims().to_string());
        let expected = if alg == "ES256" { TokenRefusal::Signature } else { TokenRefusal::Algorithm };
        assert_eq!(by_keys(&[ec.jwk()], &stripped), Err(expected));
    }
}

#[test]
fn a_public_key_is_never_the_secret_of_hs256() {
    let ec = EcKey::generate("ec");
    let (rsa, _) = rs256("rs256");
    let keys = [ec.jwk(), rsa];
    let texts = |key: &Value| {
        let texts = ["n", "x", "y"].into_iter().filter_map(|field| key[field].as_str().map(str::to_owned));
        texts.chain([key.to_string(), jwks(std::slice::from_ref(key))]).collect::<Vec<_>>()
    };
    for key in &keys {
        let kid = key["kid"].as_str().unwrap();
        for secret in texts(key) {
            let named =
                hs256(&secret, &json!({ "alg": "HS256", "kid": kid }).to_string(), &claims().to_string());
            let unnamed = hs256(&secret, &header().to_string(), &claims().to_string());
            assert_eq!(by_keys(&keys, &named), Err(TokenRefusal::Algorithm));
            assert_eq!(by_both(&keys, &named), Err(TokenRefusal::Algorithm));
            assert_eq!(by_keys(&keys, &unnamed), Err(TokenRefusal::Algorithm));
            assert_eq!(by_both(&keys, &unnamed), Err(TokenRefusal::Signature));
        }
    }
}

#[test]
fn the_algorithm_is_the_keys_not_the_tokens() {
    let ec = EcKey::generate("ec");
    let (rsa, _) = rs256("rs256");
    let keys = [ec.jwk(), rsa];
    for alg in ["RS256", "HS256", "ES384", "ES256K", "PS256", "EdDSA", "es256", "HS512", "ES256 "] {
        let token = ec.sign(&json!({ "alg": alg, "kid": "ec" }).to_string(), &claims().to_string());
        assert_eq!(by_both(&keys, &token), Err(TokenRefusal::Algorithm), "{alg}");
    }
    // The secret is for HS256 alone, and is no key for a token that names another one.
    for alg in ["HS384", "HS512", "hs256"] {
        check_header(&json!({ "alg": alg }).to_string(), Err(TokenRefusal::Algorithm));
    }
    for alg in ["ES256", "RS256"] {
        check_header(&json!({ "alg": alg }).to_string(), Err(TokenRefusal::UnknownKey));
    }
}

#[test]
fn hs256_needs_the_secret_and_only_the_secret() {
    let token = hs256(SECRET, &header().to_string(), &claims().to_string());
    assert_eq!(by_keys(&[EcKey::generate("ec").jwk()], &token), Err(TokenRefusal::Algorithm));
    assert_eq!(by_keys(&[], &token), Err(TokenRefusal::Algorithm));
    let forged = hs256(OTHER_SECRET, &header().to_string(), &claims().to_string());
    assert_eq!(by_secret(&forged), Err(TokenRefusal::Signature));
    for secret in ["", "secret", &SECRET.to_uppercase(), &format!("{SECRET} ")] {
        let forged = hs256(secret, &header().to_string(), &claims().to_string());
        assert_eq!(by_secret(&forged), Err(TokenRefusal::Signature), "{secret}");
    }
    // A project that moved to signing keys names its legacy secret by a kid that no JWKS lists.
    check_header(&json!({ "alg": "HS256", "kid": "legacy" }).to_string(), Ok(()));
}

#[test]
fn a_key_is_found_by_its_whole_kid_and_never_tried_by_chance() {
    let ec = EcKey::generate("ec");
    for kid in [json!("other"), json!("EC"), json!("ec "), json!("e"), json!(""), json!("../ec"), json!(null)]
    {
        let token = ec.sign(&json!({ "alg": "ES256", "kid": kid }).to_string(), &claims().to_string());
        assert_eq!(by_both(&[ec.jwk()], &token), Err(TokenRefusal::UnknownKey), "{kid}");
    }
    let unnamed = ec.sign(r#"{"alg":"ES256"}"#, &claims().to_string());
    assert_eq!(by_keys(&[ec.jwk()], &unnamed), Err(TokenRefusal::UnknownKey));
    assert_eq!(by_keys(&[], &ec.es256(&claims().to_string())), Err(TokenRefusal::UnknownKey));
    let stranger = EcKey::generate("ec");
    assert_eq!(by_keys(&[ec.jwk()], &stranger.es256(&claims().to_string())), Err(TokenRefusal::Signature));
    let (old, new) = (EcKey::generate("old"), EcKey::generate("new"));
    for key in [&old, &new] {
        let token = key.es256(&claims().to_string());
        assert_eq!(
            by_keys(&[old.jwk(), new.jwk()], &token),
            Ok(user()),
            "while a key is replaced, both count"
        );
    }
}

#[test]
fn a_key_that_the_token_brings_along_is_not_looked_at() {
    let stranger = EcKey::generate("stranger");
    let ec = EcKey::generate("ec");
    for (field, value) in [
        ("jwk", stranger.jwk()),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5u", json!("https://attacker.example/chain.pem")),
        ("x5c", json!(["MIIB"])),
    ] {
        let header = with(json!({ "alg": "ES256", "kid": "ec" }), field, value);
        let token = stranger.sign(&header.to_string(), &claims().to_string());
        assert_eq!(by_keys(&[ec.jwk()], &token), Err(TokenRefusal::Signature), "{field}");
    }
}

#[test]
fn keys_for_something_else_are_left_out() {
    let ec = EcKey::generate("ec");
    let token = ec.es256(&claims().to_string());
    let jwk = ec.jwk();
    for unfit in [
        with(jwk.clone(), "use", json!("enc")),
        with(jwk.clone(), "key_ops", json!(["sign"])),
        with(jwk.clone(), "key_ops", json!([])),
        with(jwk.clone(), "alg", json!("ES384")),
        with(jwk.clone(), "alg", json!("RS256")),
        with(jwk.clone(), "alg", json!("HS256")),
        with(jwk.clone(), "crv", json!("P-384")),
        with(jwk.clone(), "kty", json!("OKP")),
        with(jwk.clone(), "kid", json!(7)),
        with(jwk.clone(), "x", json!("AAAA")),
        with(jwk.clone(), "y", json!("not base64!")),
        without(jwk.clone(), "alg"),
        without(jwk.clone(), "kid"),
        without(jwk.clone(), "crv"),
        without(jwk.clone(), "y"),
        json!("a key"),
        json!(null),
    ] {
        assert_eq!(by_keys(std::slice::from_ref(&unfit), &token), Err(TokenRefusal::UnknownKey), "{unfit}");
        assert_eq!(by_keys(&[unfit, jwk.clone()], &token), Ok(user()), "the others still count");
    }
    for bare in [without(jwk.clone(), "use"), without(jwk.clone(), "key_ops")] {
        assert_eq!(by_keys(&[bare], &token), Ok(user()));
    }
    let off_the_curve = with(jwk.clone(), "y", jwk["x"].clone());
    assert_eq!(by_keys(&[off_the_curve], &token), Err(TokenRefusal::Signature));
    let shared_secret = json!({ "kty": "oct", "alg": "HS256", "kid": "oct", "k": encode(SECRET) });
    let token = hs256(SECRET, r#"{"alg":"HS256","kid":"oct"}"#, &claims().to_string());
    assert_eq!(by_keys(&[shared_secret], &token), Err(TokenRefusal::Algorithm));
}

#[test]
fn an_rsa_key_counts_with_its_own_numbers_and_length_only() {
    let (short_key, token) = rs256("rs256_short_key");
    assert_eq!(by_keys(&[short_key], &token), Err(TokenRefusal::Signature), "1024 bits are too few");
    let (key, token) = rs256("rs256");
    for (field, value) in [("n", json!("AQAB")), ("e", json!("Aw")), ("e", json!("AQ")), ("e", json!(""))] {
        let changed = with(key.clone(), field, value);
        assert_eq!(by_keys(&[changed], &token), Err(TokenRefusal::Signature), "{field}");
    }
    assert_eq!(by_keys(&[without(key, "e")], &token), Err(TokenRefusal::UnknownKey));
}

#[test]
fn an_es256_signature_is_raw_and_of_one_length() {
    let ec = EcKey::generate("ec");
    let token = ec.es256(&claims().to_string());
    let signed = token.rsplit_once('.').unwrap().0;
    let der = format!("{signed}.{}", encode(ec.der_signature(signed)));
    let short = format!("{signed}.{}", encode([1; 63]));
    let long = format!("{signed}.{}", encode([1; 65]));
    let zero = format!("{signed}.{}", encode([0; 64]));
    for forged in [der, short, long, zero] {
        assert_eq!(by_keys(&[ec.jwk()], &forged), Err(TokenRefusal::Signature));
    }
}

#[test]
fn what_is_no_compact_jwt_is_refused() {
    let token = hs256(SECRET, &header().to_string(), &claims().to_string());
    let parts: Vec<_> = token.split('.').collect();
    let [head, body, mac] = parts[..] else { panic!("three parts") };
    for text in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        head.to_owned(),
        format!("{head}.{body}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{mac}"),
        format!("{head}..{mac}"),
        format!(".{body}.{mac}"),
        format!("{token}="),
        format!("{head}=.{body}.{mac}"),
        format!("{head}.{body}.{mac}=="),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{head}. {body}.{mac}"),
        format!("{head}.{body}.{}+/", &mac[..mac.len() - 2]),
        format!("{head}.{body}.ü"),
        format!("Bearer {token}"),
        "zixly_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
    ] {
        let refusal = by_secret(&text).unwrap_err();
        assert!(matches!(refusal, TokenRefusal::Malformed | TokenRefusal::Signature), "{text}: {refusal}");
    }
    // Bits beyond the last byte would make several texts of one token.
    let last = mac.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for other in alphabet.chars().filter(|&other| other != last) {
        let changed = format!("{}{other}", &token[..token.len() - 1]);
        assert!(by_secret(&changed).is_err(), "{other}");
    }
}

#[test]
fn a_huge_token_is_refused_before_it_is_read() {
    let padded = |bytes: usize| {
        let claims = with(claims(), "app_metadata", json!("x".repeat(bytes)));
        hs256(SECRET, &header().to_string(), &claims.to_string())
    };
    assert_eq!(by_secret(&padded(5000)), Ok(user()));
    assert_eq!(by_secret(&padded(6000)), Err(TokenRefusal::TooLong));
    assert_eq!(by_secret(&"a".repeat(8192)), Err(TokenRefusal::Malformed));
    assert_eq!(by_secret(&"a".repeat(8193)), Err(TokenRefusal::TooLong));
    assert_eq!(by_secret(&"{".repeat(8192)), Err(TokenRefusal::Malformed));
    let deep = format!("{}1{}", r#"{"a":["#.repeat(300), "]}".repeat(300));
    check_claims(&format!(r#"{{"x":{deep}}}"#), Err(TokenRefusal::Malformed));
}

#[test]
fn a_header_that_asks_for_something_special_is_refused() {
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!(null), json!("x")] {
        check_header(&with(header(), "crit", crit).to_string(), Err(TokenRefusal::Extension));
    }
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "7",
        r#"["HS256"]"#,
        r#"["HS256",null]"#,
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","kid":"a","kid":"b"}"#,
        r#"{"alg":"HS256","kid":7}"#,
        r#"{"alg":"HS256"}x"#,
        r#"{"alg":"HS256"}{"alg":"HS256"}"#,
        r#"{"ALG":"HS256"}"#,
        "{\"alg\":\"HS256\"",
        "\u{feff}{\"alg\":\"HS256\"}",
    ] {
        check_header(text, Err(TokenRefusal::Malformed));
    }
    check_header(r#" {"alg":"HS256","typ":"at+jwt","cty":"x","unknown":{"alg":"none"}} "#, Ok(()));
    check_header(r#"{"alg":"HS\u0032\u0035\u0036"}"#, Ok(()));
}

#[test]
fn a_token_counts_until_it_expires_and_not_before_it_begins() {
    check_claim("exp", json!(NOW + 1), Ok(()));
    check_claim("exp", json!(NOW - 29), Ok(()));
    check_claim("exp", json!(NOW - 30), Err(TokenRefusal::Expired));
    check_claim("exp", json!(NOW - 86_400), Err(TokenRefusal::Expired));
    check_claim("exp", json!(0), Err(TokenRefusal::Expired));
    check_claim("exp", json!(-1), Err(TokenRefusal::Expired));
    check_claim("exp", json!(NOW as f64 + 0.5), Ok(()));
    for from in ["iat", "nbf"] {
        check_claim(from, json!(NOW + 30), Ok(()));
        check_claim(from, json!(NOW + 31), Err(TokenRefusal::NotYetValid));
        check_claim(from, json!(NOW + 86_400), Err(TokenRefusal::NotYetValid));
        check_claim(from, json!(NOW * 1000), Err(TokenRefusal::NotYetValid));
        check_claim(from, json!("yesterday"), Err(TokenRefusal::Malformed));
    }
    check_claims(&without(claims(), "iat").to_string(), Ok(()));
    check_claims(&without(claims(), "exp").to_string(), Err(TokenRefusal::Malformed));
    for never in [json!(null), json!("1790003600"), json!([NOW + 3600]), json!(true), json!({})] {
        check_claim("exp", never, Err(TokenRefusal::Malformed));
    }
    let endless = claims().to_string().replace(&(NOW + 3600).to_string(), "1e999");
    check_claims(&endless, Err(TokenRefusal::Malformed));
}

#[test]
fn another_issuers_token_is_refused() {
    for issuer in [
        "https://ponmlkjihgfedcba.supabase.co/auth/v1",
        "https://abcdefghijklmnop.supabase.co/auth/v1/",
        "https://abcdefghijklmnop.supabase.co/auth",
        "HTTPS://abcdefghijklmnop.supabase.co/auth/v1",
        "supabase",
        "",
    ] {
        check_claim("iss", json!(issuer), Err(TokenRefusal::Issuer));
    }
    check_claim("iss", json!([ISSUER]), Err(TokenRefusal::Malformed));
    check_claims(&without(claims(), "iss").to_string(), Err(TokenRefusal::Malformed));
}

#[test]
fn a_token_for_another_audience_is_refused() {
    check_claim("aud", json!([AUDIENCE]), Ok(()));
    check_claim("aud", json!(["other", AUDIENCE]), Ok(()));
    for audience in
        [json!("other"), json!(""), json!("Authenticated"), json!([]), json!(["other"]), json!([""])]
    {
        check_claim("aud", audience, Err(TokenRefusal::Audience));
    }
    for audience in [json!(null), json!(7), json!({ "authenticated": true }), json!([AUDIENCE, 7])] {
        check_claim("aud", audience, Err(TokenRefusal::Malformed));
    }
    check_claims(&without(claims(), "aud").to_string(), Err(TokenRefusal::Malformed));
}

#[test]
fn only_a_user_signs_in() {
    for role in ["anon", "service_role"] {
        check_claim("role", json!(role), Err(TokenRefusal::NotAUser));
    }
    let anon_key = json!({ "iss": ISSUER, "aud": AUDIENCE, "role": "anon", "iat": NOW, "exp": NOW + 3600 });
    check_claims(&anon_key.to_string(), Err(TokenRefusal::NotAUser));
    check_claim("role", json!(["anon"]), Err(TokenRefusal::Malformed));
    // The roles that count are in our own table, so a hook of the project may name this one as it likes.
    check_claim("role", json!("manager"), Ok(()));
    check_claims(&without(claims(), "sub").to_string(), Err(TokenRefusal::NotAUser));
    for subject in [
        String::new(),
        " ".to_owned(),
        "pat@example.com".to_owned(),
        "1".to_owned(),
        SUBJECT.replace('-', ""),
        format!("{{{SUBJECT}}}"),
        format!("urn:uuid:{SUBJECT}"),
        format!("{SUBJECT} "),
        format!("{SUBJECT}\0"),
        "00000000-0000-0000-0000-000000000000".to_owned(),
        "8c5e0a3e-6a2f-4f0b-8a53-5b9a1a5f0cü".to_owned(),
    ] {
        check_claim("sub", json!(subject), Err(TokenRefusal::NotAUser));
    }
    check_claim("sub", json!(7), Err(TokenRefusal::Malformed));
    check_claim("sub", json!([SUBJECT]), Err(TokenRefusal::Malformed));
}

#[test]
fn claims_that_can_be_read_in_two_ways_are_refused() {
    let once = claims().to_string();
    for again in [
        r#""role":"authenticated""#,
        r#""sub":"00000000-0000-4000-8000-000000000001""#,
        r#""exp":9999999999"#,
        r#""aud":"authenticated""#,
        r#""iss":"https://abcdefghijklmnop.supabase.co/auth/v1""#,
        r#""\u0073ub":"00000000-0000-4000-8000-000000000001""#,
    ] {
        check_claims(&format!("{{{again},{}", &once[1..]), Err(TokenRefusal::Malformed));
        check_claims(&format!("{},{again}}}", &once[..once.len() - 1]), Err(TokenRefusal::Malformed));
    }
    let list = json!([ISSUER, SUBJECT, AUDIENCE, NOW + 3600, NOW, NOW, "authenticated"]);
    for text in ["", "{}", "null", &list.to_string(), &format!("{once}{once}"), &format!("{once},")] {
        check_claims(text, Err(TokenRefusal::Malformed));
    }
}

#[test]
fn a_refusal_repeats_nothing_of_the_token() {
    let marked = with(with(claims(), "iss", json!("MARK")), "aud", json!("MARK"));
    let refusal = by_secret(&hs256(SECRET, &header().to_string(), &marked.to_string())).unwrap_err();
    assert_eq!(refusal.to_string(), "the token is from another issuer");
}

#[test]
fn a_local_session_is_accepted_until_it_ends() {
    let session = LocalSession {
        issuer: ISSUER,
        audience: AUDIENCE,
        user_id: user(),
        email: "pat@example.com",
        issued_at: now(),
        expires_at: now() + SignedDuration::from_hours(24),
    };
    let token = local_token(&SecretString::from(SECRET), &session);
    let tokens = UserTokens::new(rules(None, Some(SECRET))).unwrap();
    let verify = |at| tokens.verify(token.expose_secret(), at);
    assert_eq!(verify(now()), Ok(user()));
    assert_eq!(verify(now() + SignedDuration::from_hours(23)), Ok(user()));
    assert_eq!(verify(now() + SignedDuration::from_hours(25)), Err(TokenRefusal::Expired));
    assert_eq!(verify(now() - SignedDuration::from_hours(1)), Err(TokenRefusal::NotYetValid));
}

#[test]
fn a_bearer_credential_is_what_follows_the_scheme() {
    assert_eq!(bearer("Bearer a.b.c"), Some("a.b.c"));
    assert_eq!(bearer("bearer a"), Some("a"));
    for header in ["", "Bearer", "a.b.c", "Basic a.b.c", "Bearer\ta", " Bearer a"] {
        assert_eq!(bearer(header), None, "{header}");
    }
}
