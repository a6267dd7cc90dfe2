//! Reads the body of a call. What is wrong with it is said with the field and the rule.

use garde::Validate;
use lambda_http::{Request, http::StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use zixly_domain::has_nul;

use crate::problem::{FieldProblem, Problem};

/// The body as a JSON object of at most so many bytes.
pub fn object(request: &Request, largest_bytes: usize) -> Result<Value, Problem> {
    let body = request.body().as_ref();
    if body.len() > largest_bytes {
        let detail = format!("The body has {} bytes; this takes {largest_bytes} at the most.", body.len());
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("The body is not JSON: {error}.")))?;
    if !value.is_object() {
        return Err(invalid("", "The body must be a JSON object."));
    }
    if has_nul(&value) {
        return Err(invalid("", "The body must not contain the character U+0000, which cannot be stored."));
    }
    Ok(value)
}

/// What `value` says, if every field is there, of its type and within its rules. Fields are named as they stand below
/// `prefix`.
pub fn read<T>(value: &Value, prefix: &str) -> Result<T, Problem>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    let read: T = serde_path_to_error::deserialize(value).map_err(|error| {
        let (field, rule) = told(&error);
        invalid(&below(prefix, &shortened(field)), &shortened(rule))
    })?;
    match read.validate() {
        Ok(()) => Ok(read),
        Err(report) => Err(Problem::invalid(
            report
                .iter()
                .map(|(path, error)| FieldProblem {
                    field: below(prefix, &path.to_string()),
                    rule: sentence(error.message()),
                })
                .collect(),
        )),
    }
}

/// A problem with one field.
pub fn invalid(field: &str, rule: &str) -> Problem {
    Problem::invalid(vec![FieldProblem { field: field.to_owned(), rule: rule.to_owned() }])
}

/// Problems with fields below `prefix`, each a field and the rule that it breaks.
pub fn all_invalid(prefix: &str, problems: impl IntoIterator<Item = (String, String)>) -> Problem {
    let problem = |(field, rule): (String, String)| FieldProblem { field: below(prefix, &field), rule };
    Problem::invalid(problems.into_iter().map(problem).collect())
}

fn below(prefix: &str, field: &str) -> String {
    match (prefix, field) {
        ("", field) => field.to_owned(),
        (prefix, "") => prefix.to_owned(),
        (prefix, field) => format!("{prefix}.{field}"),
    }
}

/// Field and rule, from what serde says: of a field that is missing or unknown, its name stands in the message only.
fn told(error: &serde_path_to_error::Error<serde_json::Error>) -> (String, String) {
    let path = error.path().to_string();
    let path = if path == "." { String::new() } else { path };
    let message = error.inner().to_string();
    let name = message.split('`').nth(1).unwrap_or_default();
    if message.starts_with("missing field") {
        (below(&path, name), "It is required.".to_owned())
    } else if message.starts_with("unknown field") {
        // The path ends with the field already.
        (
            path,
            sentence(&format!(
                "there is no such field{}",
                message
                    .split_once('`')
                    .map_or("", |(_, rest)| { rest.split_once("`").map_or("", |(_, known)| known) })
            )),
        )
    } else {
        (path, sentence(&message))
    }
}

/// What the caller sent is in these texts, however long it was. The beginning says what is wrong and the end what is
/// wanted instead.
fn shortened(text: String) -> String {
    const KEPT_AT_EACH_END: usize = 150;
    let count = text.chars().count();
    if count <= 2 * KEPT_AT_EACH_END {
        return text;
    }
    let beginning = text.chars().take(KEPT_AT_EACH_END);
    beginning.chain(['…']).chain(text.chars().skip(count - KEPT_AT_EACH_END)).collect()
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", characters.as_str())
}
