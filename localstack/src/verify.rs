//! `zixly verify`: runs files of recorded requests through the code that guards the door, and compares.
//!
//! A file is a JSON list. Each entry has `id`, `scheme`, `secret`, `method`, `uri`, `body`, `headers` and
//! `expect_valid`; it may have `previous_secret` (the key that `secret` replaces), `now_ms` (the clock to verify at),
//! `is_base64_encoded` (of the body, as the gateway delivers it), `signed_uri` (what the provider makes of the URL
//! before signing), `state` (what is known when the request comes), `expect_status`, `expect_response_headers` and
//! `expect_refusal` (the one-word reason); for users' tokens `jwks`, `expected_iss` and `expected_aud`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use zixly_auth::{TokenRules, UserTokens, bearer};
use zixly_domain::Provider;
use zixly_webhooks::shopify::oauth_callback;
use zixly_webhooks::{Refusal, Request, SigningKeys, asana, hubspot};

/// How the entries of all files came out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Accepted or refused as expected.
    pub passed: usize,
    /// Judged otherwise than expected, or not readable.
    pub failed: usize,
    /// Of a scheme that this version does not know.
    pub skipped: usize,
}

/// Checks every entry of the files and writes a line for each failure, one for each unknown scheme, and the
/// counts. An error if a file is not a list of vectors; nothing has been checked then.
pub fn verify(files: &[PathBuf], out: &mut impl Write) -> anyhow::Result<Summary> {
    let files: Vec<_> = files.iter().map(|file| read(file)).collect::<anyhow::Result<_>>()?;
    check_all(&files, out)
}

struct VectorFile {
    name: String,
    entries: Vec<Value>,
}

fn read(file: &Path) -> anyhow::Result<VectorFile> {
    let name = file.display().to_string();
    let bytes = fs::read(file).with_context(|| format!("cannot read {name}"))?;
    parse(name, &bytes)
}

fn parse(name: String, bytes: &[u8]) -> anyhow::Result<VectorFile> {
    let entries =
        serde_json::from_slice(bytes).with_context(|| format!("{name} is not a JSON list of vectors"))?;
    Ok(VectorFile { name, entries })
}

fn check_all(files: &[VectorFile], out: &mut impl Write) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    let mut unknown = BTreeMap::<&str, usize>::new();
    for file in files {
        for (index, entry) in file.entries.iter().enumerate() {
            let id = entry["id"].as_str().map_or_else(|| format!("entry {index}"), str::to_owned);
            match check(entry) {
                Ok(Outcome::AsExpected) => summary.passed += 1,
                Ok(Outcome::UnknownScheme(scheme)) => *unknown.entry(scheme).or_default() += 1,
                Err(reason) => {
                    summary.failed += 1;
                    writeln!(out, "FAILED {} {id}: {reason:#}", file.name)?;
                }
            }
        }
    }
    for (scheme, count) in unknown {
        summary.skipped += count;
        writeln!(out, "skipped {count} of scheme {scheme}, which this version does not know")?;
    }
    write!(out, "{} passed, {} failed", summary.passed, summary.failed)?;
    if summary.skipped > 0 {
        write!(out, ", {} skipped", summary.skipped)?;
    }
    writeln!(out)?;
    Ok(summary)
}

enum Outcome<'a> {
    AsExpected,
    UnknownScheme(&'a str),
}

#[derive(Deserialize)]
struct Vector {
    /// Absent or empty where none is configured.
    secret: Option<String>,
    previous_secret: Option<String>,
    method: String,
    uri: String,
    body: String,
    headers: BTreeMap<String, String>,
    expect_valid: bool,
    now_ms: Option<i64>,
    #[serde(default)]
    is_base64_encoded: bool,
    signed_uri: Option<String>,
    #[serde(default)]
    state: Value,
    expect_status: Option<u16>,
    expect_response_headers: Option<BTreeMap<String, String>>,
    expect_refusal: Option<String>,
    jwks: Option<Value>,
    expected_iss: Option<String>,
    expected_aud: Option<String>,
}

/// The headers of the answer where a request is accepted, why it is refused otherwise.
type Verdict = anyhow::Result<BTreeMap<String, String>>;

/// Judges a request; the last argument is the vector that it comes from.
type Judge = fn(&SigningKeys, &Request, Timestamp, &Vector) -> Verdict;

/// Every scheme has its line here.
fn judge_of(scheme: &str) -> Option<Judge> {
    Some(match scheme {
        "xero-webhook" => |keys, request, now, _| delivery(Provider::Xero, keys, request, now),
        "hubspot-v1" => |keys, request, _, _| old_signature(hubspot::legacy::matches_v1(keys, request)),
        "hubspot-v2" => |keys, request, _, _| old_signature(hubspot::legacy::matches_v2(keys, request)),
        "hubspot-v3" => |keys, request, now, _| delivery(Provider::HubSpot, keys, request, now),
        "shopify-webhook" => |keys, request, now, _| delivery(Provider::Shopify, keys, request, now),
        "shopify-oauth" => shopify_oauth,
        "asana-webhook" => |keys, request, now, _| delivery(Provider::Asana, keys, request, now),
        "asana-handshake" => asana_handshake,
        "supabase-jwt" => supabase_jwt,
        _ => return None,
    })
}

fn check(entry: &Value) -> anyhow::Result<Outcome<'_>> {
    let scheme = entry["scheme"].as_str().context("it has no scheme")?;
    let Some(judge) = judge_of(scheme) else { return Ok(Outcome::UnknownScheme(scheme)) };
    let vector = Vector::deserialize(entry).context("it is not a vector")?;
    vector.compare(vector.judge(judge)?)?;
    Ok(Outcome::AsExpected)
}

impl Vector {
    /// An error says that the vector itself is wrong, a verdict what the verifier makes of it.
    fn judge(&self, judge: Judge) -> anyhow::Result<Verdict> {
        if let Some(expected) = &self.signed_uri {
            let signed = hubspot::signed_uri(&self.uri);
            anyhow::ensure!(signed == *expected, "the signed URL should be {expected}, is {signed}");
        }
        let body = if self.is_base64_encoded {
            STANDARD.decode(&self.body).context("the body is said to be base64 and is not")?
        } else {
            self.body.clone().into_bytes()
        };
        let now = match self.now_ms {
            Some(now_ms) => Timestamp::from_millisecond(now_ms).context("now_ms is out of range")?,
            None => Timestamp::now(),
        };
        let keys = [&self.secret, &self.previous_secret];
        let keys = SigningKeys::new(keys.into_iter().flatten().map(|key| SecretString::from(key.as_str())));
        Ok(self.header_map().and_then(|headers| {
            let request = Request { method: &self.method, uri: &self.uri, headers: &headers, body: &body };
            judge(&keys, &request, now, self)
        }))
    }

    /// A header that HTTP cannot carry counts as refused: it would never reach the door.
    fn header_map(&self) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).context("HTTP has no such header name")?;
            let value = HeaderValue::from_bytes(value.as_bytes())
                .with_context(|| format!("HTTP cannot carry the value of {name}"))?;
            // Names that differ in case only are one header with two values.
            headers.append(name, value);
        }
        Ok(headers)
    }

    fn compare(&self, verdict: Verdict) -> anyhow::Result<()> {
        let status = if verdict.is_ok() { 200 } else { 401 };
        match verdict {
            Ok(_) if !self.expect_valid => anyhow::bail!("should be refused, is accepted"),
            Err(reason) if self.expect_valid => return Err(reason.context("should be accepted, is refused")),
            Ok(headers) => self.compare_headers(&headers)?,
            Err(reason) => self.compare_refusal(&reason)?,
        }
        match self.expect_status {
            Some(expected) if expected != status => {
                anyhow::bail!("the status should be {expected}, is {status}")
            }
            _ => Ok(()),
        }
    }

    fn compare_headers(&self, headers: &BTreeMap<String, String>) -> anyhow::Result<()> {
        let Some(expected) = &self.expect_response_headers else { return Ok(()) };
        let expected: BTreeMap<_, _> =
            expected.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        anyhow::ensure!(
            expected == *headers,
            "the answer should have the headers {expected:?}, has {headers:?}"
        );
        Ok(())
    }

    fn compare_refusal(&self, reason: &anyhow::Error) -> anyhow::Result<()> {
        let Some(expected) = &self.expect_refusal else { return Ok(()) };
        let refusal = reason.chain().find_map(|cause| cause.downcast_ref::<Refusal>());
        let refused_for = refusal.map_or("another reason", |refusal| refusal.word());
        anyhow::ensure!(
            refused_for == expected,
            "should be refused for {expected}, is for {refused_for}: {reason:#}"
        );
        Ok(())
    }
}

fn delivery(provider: Provider, keys: &SigningKeys, request: &Request, now: Timestamp) -> Verdict {
    zixly_webhooks::verify(provider, keys, request, now)?;
    Ok(BTreeMap::new())
}

fn old_signature(matches: bool) -> Verdict {
    anyhow::ensure!(matches, "it has no signature that matches");
    Ok(BTreeMap::new())
}

/// The state, if there is one, is the text that our own request was sent with.
fn shopify_oauth(keys: &SigningKeys, request: &Request, now: Timestamp, vector: &Vector) -> Verdict {
    let query = request.uri.split_once('?').map_or("", |(_, query)| query);
    let signed = oauth_callback::verify(keys, query, now)?;
    if let Some(state) = vector.state.as_str() {
        signed.answering(state)?;
    }
    Ok(BTreeMap::new())
}

/// The state says whether the endpoint is being registered, and which secret it has already. As at the door, a
/// handshake that may not be taken must be a signed delivery.
fn asana_handshake(keys: &SigningKeys, request: &Request, now: Timestamp, vector: &Vector) -> Verdict {
    let state = &vector.state;
    let established = state["established_secret"].as_str();
    if state["registration_pending"] == true
        && established.is_none()
        && let Some(secret) = asana::handshake(request)
    {
        return Ok(BTreeMap::from([(asana::HANDSHAKE.to_owned(), secret.expose_secret().to_owned())]));
    }
    let established = established.map(|secret| SigningKeys::new([secret.into()]));
    delivery(Provider::Asana, established.as_ref().unwrap_or(keys), request, now)
}

/// The secret, if there is one, is the project's legacy JWT secret.
fn supabase_jwt(_: &SigningKeys, request: &Request, now: Timestamp, vector: &Vector) -> Verdict {
    let jwks = vector.jwks.as_ref().map(Value::to_string);
    let tokens = UserTokens::new(TokenRules {
        issuer: vector.expected_iss.clone().unwrap_or_default(),
        audience: vector.expected_aud.clone().unwrap_or_default(),
        jwks: jwks.as_deref(),
        legacy_secret: vector.secret.as_deref().map(SecretString::from),
    })?;
    let authorization =
        request.headers.get(header::AUTHORIZATION).context("it has no authorization header")?;
    tokens.verify(bearer(authorization.to_str()?).context("it has no bearer token")?, now)?;
    Ok(BTreeMap::new())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is written about a file `V` of these entries.
    #[track_caller]
    fn check(entries: Value, expected: &str) {
        let file = parse("V".into(), entries.to_string().as_bytes()).expect("a list");
        let mut out = Vec::new();
        check_all(&[file], &mut out).expect("a buffer to write to");
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    /// calcinai/xero-php tests/WebhookTest.php
    fn xero_vector() -> Value {
        json!({
            "id": "itr", "scheme": "xero-webhook", "secret": "test_key", "method": "POST", "uri": "https://x/",
            "body": r#"{"events":[],"firstEventSequence": 0,"lastEventSequence": 0, "entropy": "NLDZEGWUXNHESAQVGLYF"}"#,
            "headers": { "X-Xero-Signature": "ixznmr+Pdl6QymsWZM+9UkY4lu97q04sJyejmSOp25U=" },
            "expect_valid": true,
        })
    }

    fn xero_vector_with(field: &str, value: Value) -> Value {
        let mut vector = xero_vector();
        vector[field] = value;
        vector
    }

    #[test]
    fn entries_are_counted_and_failures_named() {
        check(json!([]), "0 passed, 0 failed\n");
        check(json!([xero_vector()]), "1 passed, 0 failed\n");
        check(
            json!([xero_vector(), xero_vector_with("expect_valid", json!(false))]),
            "FAILED V itr: should be refused, is accepted\n1 passed, 1 failed\n",
        );
        check(
            json!([xero_vector_with("headers", json!({}))]),
            "FAILED V itr: should be accepted, is refused: the header x-xero-signature is missing\n0 passed, 1 failed\n",
        );
        check(
            json!([xero_vector_with("secret", Value::Null)]),
            "FAILED V itr: should be accepted, is refused: no signing key is configured; put the key that the provider \
             shows into the function's secret\n0 passed, 1 failed\n",
        );
    }

    #[test]
    fn unknown_schemes_are_skipped_by_name() {
        check(
            json!([{ "scheme": "fax" }, xero_vector(), { "scheme": "fax" }, { "scheme": "telex" }]),
            "skipped 2 of scheme fax, which this version does not know\n\
             skipped 1 of scheme telex, which this version does not know\n1 passed, 0 failed, 3 skipped\n",
        );
    }

    #[test]
    fn a_vector_that_is_wrong_itself_never_passes() {
        for (entry, reason) in [
            (json!({}), "entry 0: it has no scheme"),
            (json!(7), "entry 0: it has no scheme"),
            (json!({ "id": "a", "scheme": "xero-webhook" }), "a: it is not a vector: missing field `method`"),
            (
                xero_vector_with("is_base64_encoded", json!(true)),
                "itr: the body is said to be base64 and is not: Invalid symbol 123, offset 0.",
            ),
            (
                xero_vector_with("signed_uri", json!("https://y/")),
                "itr: the signed URL should be https://y/, is https://x/",
            ),
        ] {
            check(json!([entry]), &format!("FAILED V {reason}\n0 passed, 1 failed\n"));
        }
    }

    #[test]
    fn a_body_in_base64_is_decoded_first() {
        let body = STANDARD.encode(xero_vector()["body"].as_str().unwrap());
        let mut vector = xero_vector_with("body", json!(body));
        vector["is_base64_encoded"] = json!(true);
        check(json!([vector]), "1 passed, 0 failed\n");
    }

    #[test]
    fn headers_that_differ_in_case_only_are_one_header_twice() {
        let mut vector = xero_vector_with("expect_valid", json!(false));
        vector["headers"]["x-xero-signature"] = vector["headers"]["X-Xero-Signature"].clone();
        check(json!([vector]), "1 passed, 0 failed\n");
    }

    #[test]
    fn what_the_answer_should_be_is_compared_too() {
        let mut refused = xero_vector_with("expect_valid", json!(false));
        refused["headers"] = json!({});
        for (mut vector, field, value, reason) in [
            (xero_vector(), "expect_status", json!(401), "the status should be 401, is 200"),
            (refused.clone(), "expect_status", json!(200), "the status should be 200, is 401"),
            (
                xero_vector(),
                "expect_response_headers",
                json!({ "X-A": "b" }),
                r#"the answer should have the headers {"x-a": "b"}, has {}"#,
            ),
            (
                refused,
                "expect_refusal",
                json!("no-key"),
                "should be refused for no-key, is for missing-header: the header x-xero-signature is missing",
            ),
        ] {
            vector[field] = value;
            check(json!([vector]), &format!("FAILED V itr: {reason}\n0 passed, 1 failed\n"));
        }
    }

    /// Written with another language's HMAC, so that the two can only agree on what is right.
    #[test]
    fn each_provider_has_forty_vectors_of_our_own_and_all_pass() {
        for provider in ["xero", "hubspot", "shopify", "asana"] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(format!("../shared/webhooks/tests/vectors/{provider}.json"));
            let mut out = Vec::new();
            let summary = verify(&[file], &mut out).expect("a list of vectors");
            assert_eq!((summary.failed, summary.skipped), (0, 0), "{}", String::from_utf8_lossy(&out));
            assert!(summary.passed >= 40, "{provider} has {} vectors only", summary.passed);
        }
    }

    #[test]
    fn a_users_token_counts_for_its_project_and_secret() {
        let secret = "a-jwt-secret-with-at-least-32-characters-in-it";
        let session = zixly_auth::LocalSession {
            issuer: "https://x/auth/v1",
            audience: "authenticated",
            user_id: zixly_domain::UserId::new(),
            email: "pat@example.com",
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::from_second(3600).unwrap(),
        };
        let token = zixly_auth::local_token(&secret.into(), &session);
        let vector = json!({
            "id": "token", "scheme": "supabase-jwt", "secret": secret, "method": "GET", "uri": "https://x/", "body": "",
            "headers": { "Authorization": format!("Bearer {}", token.expose_secret()) }, "now_ms": 60_000,
            "expected_iss": "https://x/auth/v1", "expected_aud": "authenticated", "expect_valid": true,
        });
        check(json!([vector]), "1 passed, 0 failed\n");
        for (field, value, reason) in [
            ("now_ms", json!(86_400_000), "the token has expired; sign in again"),
            ("expected_iss", json!("https://y/auth/v1"), "the token is from another issuer"),
            (
                "secret",
                Value::Null,
                "sign-in is not configured: neither a JWKS nor a legacy JWT secret is known",
            ),
            (
                "jwks",
                json!({}),
                "the JWKS is not a JSON object with a list of keys: missing field `keys` at line 1 column 2",
            ),
            ("headers", json!({}), "it has no authorization header"),
            ("headers", json!({ "authorization": "Basic eA==" }), "it has no bearer token"),
        ] {
            let mut vector = vector.clone();
            vector[field] = value;
            let said =
                format!("FAILED V token: should be accepted, is refused: {reason}\n0 passed, 1 failed\n");
            check(json!([vector]), &said);
        }
    }

    #[test]
    fn a_file_that_is_no_list_is_an_error_with_its_name_and_place() {
        for (text, place) in
            [("[{\n\"id\" 7}]", "line 2 column 6"), ("{}", "line 1 column 0"), ("", "line 1 column 0")]
        {
            let error = format!("{:#}", parse("V".into(), text.as_bytes()).err().expect("no list"));
            assert!(
                error.starts_with("V is not a JSON list of vectors: ") && error.ends_with(place),
                "{error}"
            );
        }
        let missing = verify(&[PathBuf::from("no-such-file.json")], &mut Vec::new()).unwrap_err();
        assert_eq!(missing.to_string(), "cannot read no-such-file.json");
    }
}
