//! Holds answers against `openapi.json`: every answer of every test passes through here.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::{Draft, Validator};
use lambda_http::{
    Body, Response,
    http::{Method, StatusCode, header},
};
use serde_json::{Value, json};

pub static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../openapi.json")).expect("openapi.json is JSON"));

const HEADERS_OF_EVERY_ANSWER: [(&str, &str); 8] = [
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cross-origin-resource-policy", "same-site"),
    ("permissions-policy", "interest-cohort=()"),
    ("referrer-policy", "no-referrer"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// Method and path of every operation in the file.
pub fn operations() -> BTreeSet<(String, String)> {
    let paths = DOCUMENT["paths"].as_object().expect("the file has paths");
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("a path has methods").keys();
            methods.map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect()
}

/// Fails unless the answer is one that the file promises, with the headers that every answer has.
#[track_caller]
pub fn check(method: &Method, path: &str, answer: &Response<Body>) {
    for (name, value) in HEADERS_OF_EVERY_ANSWER {
        assert_eq!(answer.headers().get(name).map(|it| it.as_bytes()), Some(value.as_bytes()), "{name}");
    }
    assert!(!answer.headers().contains_key("set-cookie"));
    let operation = operation(method, path);
    let status = answer.status();
    let Some(operation) = operation else {
        match status {
            StatusCode::NO_CONTENT if method == Method::OPTIONS => assert!(answer.body().is_empty()),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => assert_problem(answer, status),
            _ => panic!("{method} {path} is in no file, and answers {status}"),
        }
        return;
    };
    let documented = resolved(&operation["responses"][status.as_str()]);
    assert!(documented.is_object(), "{method} {path} answers {status}, which openapi.json does not know");
    check_body(documented, answer, &format!("{method} {path} {status}"));
}

/// Fails unless the answer is a problem document that speaks of itself.
#[track_caller]
pub fn assert_problem(answer: &Response<Body>, status: StatusCode) {
    assert_eq!(answer.status(), status, "{}", String::from_utf8_lossy(answer.body()));
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
    let problem: Value = serde_json::from_slice(answer.body()).expect("a problem document is JSON");
    assert_valid(&json!({ "$ref": "#/components/schemas/Problem" }), &problem, "problem document");
    assert_eq!(problem["status"], status.as_u16());
    assert_eq!(problem["title"].as_str(), status.canonical_reason());
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.ends_with('.')), "{problem}");
}

fn check_body(documented: &Value, answer: &Response<Body>, what: &str) {
    let Some(content) = documented["content"].as_object() else {
        assert!(answer.body().is_empty(), "{what} has no body in openapi.json");
        assert!(!answer.headers().contains_key(header::CONTENT_TYPE), "{what}");
        return;
    };
    let content_type = answer.headers()[header::CONTENT_TYPE].to_str().expect("a media type is ASCII");
    let media_type = content_type.split(';').next().unwrap_or_default();
    let schema = content.get(media_type).map(|it| &it["schema"]);
    let schema = schema.unwrap_or_else(|| panic!("{what} is {media_type}, which openapi.json does not know"));
    let body = match media_type {
        "text/plain" => String::from_utf8_lossy(answer.body()).into(),
        _ => serde_json::from_slice(answer.body()).expect("the body is JSON"),
    };
    assert_valid(schema, &body, what);
    if media_type == "application/problem+json" {
        assert_problem(answer, answer.status());
    }
}

fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let paths = DOCUMENT["paths"].as_object().expect("the file has paths");
    let (_, item) = paths.iter().find(|(template, _)| is_match(template, path))?;
    item.get(method.as_str().to_lowercase())
}

fn is_match(template: &str, path: &str) -> bool {
    let (expected, found): (Vec<&str>, Vec<&str>) =
        (template.split('/').collect(), path.split('/').collect());
    expected.len() == found.len()
        && expected
            .iter()
            .zip(&found)
            .all(|(expected, found)| expected == found || expected.starts_with('{') && !found.is_empty())
}

fn resolved(response: &'static Value) -> &'static Value {
    match response["$ref"].as_str() {
        Some(reference) => {
            DOCUMENT.pointer(reference.trim_start_matches('#')).expect("the reference leads somewhere")
        }
        None => response,
    }
}

fn assert_valid(schema: &Value, value: &Value, what: &str) {
    let errors: Vec<String> = validator(schema)
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{what}: {}\n{value}", errors.join("; "));
}

fn validator(schema: &Value) -> Arc<Validator> {
    static MADE: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let validator = made.entry(schema.to_string()).or_insert_with(|| {
        let whole = json!({ "allOf": [schema], "components": DOCUMENT["components"] });
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        Arc::new(options.build(&whole).expect("the schema is one"))
    });
    Arc::clone(validator)
}
