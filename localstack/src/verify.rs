//! `zixly verify`: runs files of recorded requests through the code that guards the door, and compares.
//!
//! A file is a JSON list. Each entry has `id`, `scheme`, `secret`, `method`, `uri`, `body`, `headers` and
//! `expect_valid`; it may have `now_ms` (the clock to verify at), `is_base64_encoded` (of the body, as the gateway
//! delivers it) and `signed_uri` (what the provider makes of the URL before signing).

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use zixly_webhooks::{Request, SigningKeys, hubspot, xero};

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
    method: String,
    uri: String,
    body: String,
    headers: BTreeMap<String, String>,
    expect_valid: bool,
    now_ms: Option<i64>,
    #[serde(default)]
    is_base64_encoded: bool,
    signed_uri: Option<String>,
}

fn check(entry: &Value) -> anyhow::Result<Outcome<'_>> {
    let scheme = entry["scheme"].as_str().context("it has no scheme")?;
    let judge = match scheme {
        "xero-webhook" => xero_webhook,
        "hubspot-v1" => hubspot_v1,
        "hubspot-v2" => hubspot_v2,
        "hubspot-v3" => hubspot_v3,
        _ => return Ok(Outcome::UnknownScheme(scheme)),
    };
    let vector = Vector::deserialize(entry).context("it is not a vector")?;
    let verdict = vector.judge(judge)?;
    match (vector.expect_valid, verdict) {
        (true, Ok(())) | (false, Err(_)) => Ok(Outcome::AsExpected),
        (true, Err(reason)) => Err(reason.context("should be accepted, is refused")),
        (false, Ok(())) => anyhow::bail!("should be refused, is accepted"),
    }
}

/// Why a request is refused, where it is.
type Verdict = anyhow::Result<()>;

impl Vector {
    /// An error says that the vector itself is wrong, a verdict what the verifier makes of it.
    fn judge(&self, judge: impl Fn(&SigningKeys, &Request, Timestamp) -> Verdict) -> anyhow::Result<Verdict> {
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
        let keys = SigningKeys::new(self.secret.clone().map(SecretString::from));
        Ok(self.header_map().and_then(|headers| {
            let request = Request { method: &self.method, uri: &self.uri, headers: &headers, body: &body };
            judge(&keys, &request, now)
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
}

fn xero_webhook(keys: &SigningKeys, request: &Request, _: Timestamp) -> Verdict {
    xero::verify(keys, request)?;
    Ok(())
}

fn hubspot_v1(keys: &SigningKeys, request: &Request, _: Timestamp) -> Verdict {
    anyhow::ensure!(hubspot::legacy::matches_v1(keys, request), "it has no signature that matches");
    Ok(())
}

fn hubspot_v2(keys: &SigningKeys, request: &Request, _: Timestamp) -> Verdict {
    anyhow::ensure!(hubspot::legacy::matches_v2(keys, request), "it has no signature that matches");
    Ok(())
}

fn hubspot_v3(keys: &SigningKeys, request: &Request, now: Timestamp) -> Verdict {
    hubspot::verify(keys, request, now)?;
    Ok(())
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
            json!([{ "scheme": "fax" }, xero_vector(), { "scheme": "fax" }, { "scheme": "asana-handshake" }]),
            "skipped 1 of scheme asana-handshake, which this version does not know\n\
             skipped 2 of scheme fax, which this version does not know\n1 passed, 0 failed, 3 skipped\n",
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
