//! An OpenAPI file as a contract: holds what a function answers against what its file promises.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use jsonschema::{Draft, Validator};
use lambda_http::http::{Method, StatusCode, header};
use lambda_http::{Body, Response};
use serde_json::{Value, json};

/// What an OpenAPI file promises.
pub struct Contract {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Contract {
    /// What an OpenAPI file says.
    pub fn new(file: &str) -> Self {
        Self {
            document: serde_json::from_str(file).expect("an OpenAPI file is JSON"),
            validators: Mutex::default(),
        }
    }

    /// Method and path of every operation in the file.
    pub fn operations(&self) -> BTreeSet<(String, String)> {
        let paths = self.document["paths"].as_object().expect("the file has paths");
        paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().expect("a path has methods").keys();
                methods.map(move |method| (method.to_uppercase(), path.clone()))
            })
            .collect()
    }

    /// Fails unless the answer is one that the file promises. A path that is in no file has nothing, or takes another method.
    #[track_caller]
    pub fn check(&self, method: &Method, path: &str, answer: &Response<Body>) {
        let operation = self.operation(method, path);
        let status = answer.status();
        let Some(operation) = operation else {
            match status {
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => self.assert_problem(answer, status),
                _ => panic!("{method} {path} is in no file, and answers {status}"),
            }
            return;
        };
        let documented = self.resolved(&operation["responses"][status.as_str()]);
        assert!(documented.is_object(), "{method} {path} answers {status}, which openapi.json does not know");
        self.check_body(documented, answer, &format!("{method} {path} {status}"));
    }

    /// Fails unless the answer is a problem document that speaks of itself.
    #[track_caller]
    pub fn assert_problem(&self, answer: &Response<Body>, status: StatusCode) {
        assert_eq!(answer.status(), status, "{}", String::from_utf8_lossy(answer.body()));
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
        let problem: Value = serde_json::from_slice(answer.body()).expect("a problem document is JSON");
        self.assert_valid(&json!({ "$ref": "#/components/schemas/Problem" }), &problem, "problem document");
        assert_eq!(problem["status"], status.as_u16());
        assert_eq!(problem["title"].as_str(), status.canonical_reason());
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.ends_with('.')), "{problem}");
    }

    fn check_body(&self, documented: &Value, answer: &Response<Body>, what: &str) {
        let Some(content) = documented["content"].as_object() else {
            assert!(answer.body().is_empty(), "{what} has no body in openapi.json");
            assert!(!answer.headers().contains_key(header::CONTENT_TYPE), "{what}");
            return;
        };
        let content_type = answer.headers()[header::CONTENT_TYPE].to_str().expect("a media type is ASCII");
        let media_type = content_type.split(';').next().unwrap_or_default();
        let schema = content.get(media_type).map(|it| &it["schema"]);
        let schema =
            schema.unwrap_or_else(|| panic!("{what} is {media_type}, which openapi.json does not know"));
        let body = match media_type {
            "text/plain" | "text/html" | "text/event-stream" => String::from_utf8_lossy(answer.body()).into(),
            _ => serde_json::from_slice(answer.body()).expect("the body is JSON"),
        };
        self.assert_valid(schema, &body, what);
        if media_type == "application/problem+json" {
            self.assert_problem(answer, answer.status());
        }
    }

    fn operation(&self, method: &Method, path: &str) -> Option<&Value> {
        let path = path.split('?').next().unwrap_or_default();
        let paths = self.document["paths"].as_object().expect("the file has paths");
        let (_, item) = paths.iter().find(|(template, _)| is_match(template, path))?;
        item.get(method.as_str().to_lowercase())
    }

    fn resolved<'a>(&'a self, response: &'a Value) -> &'a Value {
        match response["$ref"].as_str() {
            Some(reference) => self
                .document
                .pointer(reference.trim_start_matches('#'))
                .expect("the reference leads somewhere"),
            None => response,
        }
    }

    fn assert_valid(&self, schema: &Value, value: &Value, what: &str) {
        let errors: Vec<String> = self
            .validator(schema)
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{what}: {}\n{value}", errors.join("; "));
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let mut made = self.validators.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let validator = made.entry(schema.to_string()).or_insert_with(|| {
            let whole = json!({ "allOf": [schema], "components": self.document["components"] });
            let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
            Arc::new(options.build(&whole).expect("the schema is one"))
        });
        Arc::clone(validator)
    }
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
