//! Which fields and which page of the records a reader gets.

use serde_json::{Map, Value, json};

use super::{data, refusal};
use crate::call::{Answer, Call};

const LARGEST_PAGE: usize = 100;
/// Shown only when asked for.
const HIDDEN: &[&str] = &["external"];

/// One record, whole unless certain fields are asked for.
pub fn one(call: &Call, record: &Value) -> Answer {
    data(200, show(call, record, None))
}

/// A page of records, each in its compact form unless certain fields are asked for.
pub fn page(call: &Call, records: &[&Value], compact: &[&str]) -> Result<Answer, Answer> {
    let limit = match call.query("limit").map(str::parse::<usize>) {
        None => None,
        Some(Ok(limit @ 1..=LARGEST_PAGE)) => Some(limit),
        Some(_) => return Err(refusal(400, "limit: Must be between 1 and 100")),
    };
    let offset = match (call.query("offset").map(read_offset), limit) {
        (None, _) => 0,
        (Some(Some(offset)), Some(_)) => offset,
        (Some(None), _) => return Err(refusal(400, "offset: Your pagination token is invalid.")),
        (Some(_), None) => return Err(refusal(400, "limit: Missing input")),
    };
    let shown: Vec<Value> = records
        .iter()
        .skip(offset)
        .take(limit.unwrap_or(records.len()))
        .map(|record| show(call, record, Some(compact)))
        .collect();
    let next = limit.map(|limit| offset + limit).filter(|next| *next < records.len());
    let mut body = json!({ "data": shown });
    // Only who asks for pages is told of the next one.
    if limit.is_some() {
        body["next_page"] = next.map_or(Value::Null, |next| next_page(call, next));
    }
    Ok(Answer::json(200, &body))
}

/// Refuses a parameter that is none of these nor common to all lists.
pub fn check_parameters(call: &Call, known: &[&str]) -> Result<(), Answer> {
    let common = ["limit", "offset", "opt_fields", "opt_pretty"];
    match call.query_names().find(|name| !common.contains(name) && !known.contains(name)) {
        Some(name) => Err(refusal(400, &format!("{name}: The simulator does not know this parameter"))),
        None => Ok(()),
    }
}

fn next_page(call: &Call, next: usize) -> Value {
    let token = write_offset(next);
    let (path, query) = call.path_and_query.split_once('?').unwrap_or((&call.path_and_query, ""));
    let query: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "offset"))
        .append_pair("offset", &token)
        .finish();
    let path = path.trim_start_matches("/api/1.0");
    let host = call.header("host").unwrap_or_default();
    json!({
        "offset": token,
        "path": format!("{path}?{query}"),
        "uri": format!("http://{host}/asana/api/1.0{path}?{query}"),
    })
}

/// Opaque to readers, as Asana's are.
fn write_offset(offset: usize) -> String {
    hex::encode(format!("offset:{offset}"))
}

fn read_offset(token: &str) -> Option<usize> {
    let text = String::from_utf8(hex::decode(token).ok()?).ok()?;
    text.strip_prefix("offset:")?.parse().ok()
}

fn show(call: &Call, record: &Value, compact: Option<&[&str]>) -> Value {
    let asked_for = call.query("opt_fields").unwrap_or_default();
    let paths: Vec<Vec<&str>> = asked_for
        .split(',')
        .map(str::trim)
        .filter(|path| !path.is_empty())
        .map(|path| path.split('.').collect())
        .collect();
    if !paths.is_empty() {
        return pick(record, &paths.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    let fields = record.as_object().into_iter().flatten();
    let is_shown = |name: &str| match compact {
        Some(compact) => compact.contains(&name),
        None => !HIDDEN.contains(&name),
    };
    let shown = fields.filter(|(name, _)| is_shown(name));
    Value::Object(shown.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// The parts of a record at these paths, with the gid of everything on the way. A path to nothing is ignored.
fn pick(value: &Value, paths: &[&[&str]]) -> Value {
    match value {
        Value::Array(values) => values.iter().map(|value| pick(value, paths)).collect(),
        Value::Object(fields) => {
            let mut picked = Map::new();
            picked.extend(fields.get("gid").map(|gid| ("gid".to_owned(), gid.clone())));
            for (name, value) in fields {
                let below: Vec<&[&str]> =
                    paths.iter().filter(|path| path[0] == name).map(|path| &path[1..]).collect();
                if below.iter().any(|rest| rest.is_empty()) {
                    picked.insert(name.clone(), value.clone());
                } else if !below.is_empty() {
                    picked.insert(name.clone(), pick(value, &below));
                }
            }
            Value::Object(picked)
        }
        _ => value.clone(),
    }
}
