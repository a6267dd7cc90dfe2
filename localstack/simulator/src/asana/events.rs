//! What happened in a workspace, read with a token that says where one left off.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{OWN_USER, Workspace, time, unknown_object};
use crate::call::{Answer, Call};

const MOST_AT_ONCE: usize = 100;
/// How long a token can be used.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// All events, oldest first, and the tokens that were handed out.
#[derive(Default)]
pub struct Events {
    all: Vec<Event>,
    tokens: HashMap<String, Token>,
}

struct Event {
    /// The resources whose followers are told: the changed one itself and the projects that it is in.
    concerns: Vec<String>,
    shown: Value,
}

struct Token {
    resource: String,
    next: usize,
    at: Timestamp,
}

/// Whose doing something was.
#[derive(Clone, Copy)]
pub struct User(pub &'static str);

/// The app's own.
pub const OWN: User = User(OWN_USER);

impl Events {
    /// A record came to be, or came into its parent.
    pub fn added(&mut self, record: &Value, parent: &Value, user: User, now: Timestamp) {
        let mut shown = event(record, "added", user, now);
        shown["parent"] = compact(parent);
        self.note(record, parent, shown);
    }

    /// A field of a task changed; as with Asana, nobody is told to what.
    pub fn changed(&mut self, task: &Value, field: &str, user: User, now: Timestamp) {
        let mut shown = event(task, "changed", user, now);
        shown["change"] = json!({ "field": field, "action": "changed" });
        self.note(task, &Value::Null, shown);
    }

    fn note(&mut self, record: &Value, parent: &Value, shown: Value) {
        let projects = [record, parent].into_iter().filter_map(|of| of["projects"].as_array()).flatten();
        let all = [record, parent].into_iter().chain(projects);
        let concerns = all.filter_map(|of| of["gid"].as_str()).map(str::to_owned).collect();
        self.all.push(Event { concerns, shown });
    }

    fn issue(&mut self, resource: &str, next: usize, at: Timestamp) -> String {
        let token = Uuid::new_v4().simple().to_string();
        self.tokens.insert(token.clone(), Token { resource: resource.to_owned(), next, at });
        token
    }
}

/// The events of a resource since its token, and the token for what comes after them.
pub fn read(workspace: &mut Workspace, call: &Call, now: Timestamp) -> Result<Answer, Answer> {
    let resource = call.query("resource").ok_or_else(|| super::missing("resource"))?;
    if workspace.resource(resource).is_none() {
        return Err(unknown_object(resource));
    }
    let events = &mut workspace.events;
    let known = call
        .query("sync")
        .and_then(|token| events.tokens.get(token))
        .filter(|token| token.resource == resource && now.duration_since(token.at) < TOKEN_LIFE);
    let Some(from) = known.map(|token| token.next) else {
        let sync = events.issue(resource, events.all.len(), now);
        let message = "Sync token invalid or too old. If you are attempting to keep resources in sync, you must \
                       fetch the full dataset for this query now and use the new sync token for the next sync.";
        return Err(Answer::json(412, &json!({ "errors": [{ "message": message }], "sync": sync })));
    };
    let is_meant = |(_, event): &(usize, &Event)| event.concerns.iter().any(|gid| gid == resource);
    let mut meant = events.all.iter().enumerate().skip(from).filter(is_meant).peekable();
    let page: Vec<Value> = meant.by_ref().take(MOST_AT_ONCE).map(|(_, event)| event.shown.clone()).collect();
    let (has_more, next) = match meant.peek() {
        Some((at, _)) => (true, *at),
        None => (false, events.all.len()),
    };
    let sync = events.issue(resource, next, now);
    Ok(Answer::json(200, &json!({ "data": page, "sync": sync, "has_more": has_more })))
}

fn event(record: &Value, action: &str, User(user): User, now: Timestamp) -> Value {
    json!({
        "user": { "gid": user, "resource_type": "user" },
        "created_at": time(now),
        "type": record["resource_type"],
        "action": action,
        "parent": null,
        "resource": compact(record),
    })
}

fn compact(record: &Value) -> Value {
    let mut compact = json!({ "gid": record["gid"], "resource_type": record["resource_type"] });
    if let Some(subtype) = record.get("resource_subtype") {
        compact["resource_subtype"] = subtype.clone();
    }
    compact
}
