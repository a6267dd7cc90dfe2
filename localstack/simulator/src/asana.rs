//! Asana: the OAuth token endpoint, projects, tasks with their stories, events and webhooks.

mod events;
mod listing;
mod tasks;
mod webhooks;

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    asana::{events::Events, webhooks::Webhook},
    call::{Answer, Call, Provider},
    ledger::Written,
    oauth::{Rotation, TokenRefusal, access_token_life},
    state::State,
};

pub use crate::asana::webhooks::{Handshake, Heartbeat, end_handshake};

const FIRST_GID: u64 = 1_200_000_000_001_000;
/// The user who gave the consent, as whom the app acts.
const OWN_USER: &str = "1200000000000001";
/// The one who does what is done from outside.
const OTHER_USER: &str = "1200000000000009";

/// What the workspaces hold.
#[derive(Default)]
pub struct AsanaRecords {
    workspaces: HashMap<String, Workspace>,
}

/// Records in the order in which they came, as Asana shows them in full.
#[derive(Default)]
struct Workspace {
    gid: String,
    projects: Vec<Value>,
    tasks: Vec<Value>,
    stories: Vec<Value>,
    webhooks: Vec<Webhook>,
    events: Events,
    gid_count: u64,
}

/// Answers one call.
pub fn handle(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    match (call.method.as_str(), call.segments().as_slice()) {
        ("POST", ["-", "oauth_token"]) => token(state, call, now),
        (_, ["api", "1.0", path @ ..]) => api(state, call, path, now),
        _ => refusal(404, "No matching route for request"),
    }
}

/// A refusal as Asana words it.
pub fn refusal(status: u16, message: &str) -> Answer {
    let help = "For more information on API status codes and how to handle them, read the docs on errors.";
    let mut error = json!({ "message": message, "help": help });
    if status >= 500 {
        error["phrase"] = json!("6 sad squid snuggle softly");
    }
    Answer::json(status, &json!({ "errors": [error] }))
}

/// Asana's 429, which always says when to come again.
pub fn too_many(retry_after_s: f64) -> Answer {
    let message = "You have made too many requests recently. Please, be chill.";
    refusal(429, message).with_header("retry-after", retry_after_s)
}

impl AsanaRecords {
    /// Puts a record into a workspace, in place of the one with its gid, and returns it as stored.
    pub fn seed(
        &mut self,
        workspace: &str,
        kind: &str,
        record: &str,
        now: Timestamp,
    ) -> Result<Value, String> {
        let record: Map<String, Value> =
            serde_json::from_str(record).map_err(|_| format!("an Asana {kind} must be a JSON object"))?;
        let workspace = self.workspace(workspace);
        match kind {
            "project" => tasks::seed_project(workspace, record, now),
            "task" => tasks::seed_task(workspace, record, now),
            _ => Err(format!("asana has no kind {kind:?} here; known are project, task")),
        }
    }

    fn workspace(&mut self, gid: &str) -> &mut Workspace {
        let new = || Workspace { gid: gid.to_owned(), ..Workspace::default() };
        self.workspaces.entry(gid.to_owned()).or_insert_with(new)
    }
}

impl Workspace {
    fn next_gid(&mut self) -> String {
        self.gid_count += 1;
        (FIRST_GID + self.gid_count).to_string()
    }

    fn compact(&self) -> Value {
        json!({ "gid": self.gid, "resource_type": "workspace", "name": "Demo workspace (simulated)" })
    }

    /// The project or task by this gid.
    fn resource(&self, gid: &str) -> Option<&Value> {
        self.projects.iter().chain(&self.tasks).find(|record| record["gid"] == gid)
    }
}

fn token(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let refuse = |status, error: &str, description: &str| {
        Answer::json(status, &json!({ "error": error, "error_description": description }))
    };
    if !call.has_content_type("application/x-www-form-urlencoded") {
        return refuse(400, "invalid_request", "The body must be a form.");
    }
    let client = &state.config.asana_client;
    let given = (call.form_field("client_id"), call.form_field("client_secret"));
    if given != (Some(client.id.clone()), Some(client.secret.clone())) {
        return refuse(401, "invalid_client", "The client_id or the client_secret is wrong.");
    }
    if call.form_field("grant_type").as_deref() != Some("refresh_token") {
        return refuse(400, "unsupported_grant_type", "The simulator plays grant_type refresh_token only.");
    }
    let refresh_token = call.form_field("refresh_token").unwrap_or_default();
    let revoked_below = state.faults.revoked_below(Provider::Asana);
    match state.oauth.refresh(Provider::Asana, &refresh_token, Rotation::Keep, revoked_below, now) {
        None => refuse(400, "invalid_grant", "The refresh_token is invalid or was revoked."),
        // A refresh token comes with the first consent only.
        Some(pair) => Answer::json(
            200,
            &json!({
                "access_token": pair.access_token,
                "expires_in": access_token_life(Provider::Asana).as_secs(),
                "token_type": "bearer",
                "data": { "id": OWN_USER, "gid": OWN_USER, "name": "Zixly", "email": "zixly@example.com" },
            }),
        ),
    }
}

fn api(state: &mut State, call: &Call, path: &[&str], now: Timestamp) -> Answer {
    let revoked_below = state.faults.revoked_below(Provider::Asana);
    let account = match state.oauth.check(Provider::Asana, call.authorization("Bearer"), revoked_below, now) {
        Ok(grant) => grant.connections[0].account.clone(),
        Err(TokenRefusal::Unknown) => return refusal(401, "Not Authorized"),
        Err(TokenRefusal::Expired(_)) => {
            let message = "The bearer token has expired. If you have a refresh token, please use it.";
            return refusal(401, message);
        }
    };
    let is_read = call.method == "GET";
    let place = match state.limits.admit_asana(&state.config.asana_limits, &account, is_read, now) {
        Ok(place) => place,
        Err(seconds) => return too_many(seconds as f64),
    };
    let workspace = state.asana.workspace(&account);
    let mut answer = match route(workspace, call, path, now) {
        Ok(answer) | Err(answer) => answer,
    };
    // A webhook is not made before its target has echoed the secret.
    if !is_read && answer.is_success() && answer.errand.is_none() {
        state.ledger.note_effect(call, &account, written(path, &answer), now);
    }
    answer.occupies = Some(place);
    answer
}

fn route(workspace: &mut Workspace, call: &Call, path: &[&str], now: Timestamp) -> Result<Answer, Answer> {
    match (call.method.as_str(), path) {
        ("GET", ["users", "me"]) => {
            let user = json!({
                "gid": OWN_USER,
                "resource_type": "user",
                "name": "Zixly",
                "email": "zixly@example.com",
                "workspaces": [workspace.compact()],
            });
            Ok(data(200, user))
        }
        ("POST", ["projects"]) => tasks::create_project(workspace, call, now),
        ("GET", ["projects"]) => tasks::list_projects(workspace, call, call.query("workspace")),
        ("GET", ["workspaces", gid, "projects"]) => tasks::list_projects(workspace, call, Some(gid)),
        ("GET", ["projects", gid]) => tasks::read_project(workspace, call, gid),
        ("GET", ["projects", gid, "tasks"]) => tasks::list(workspace, call, Some(gid)),
        ("POST", ["tasks"]) => tasks::create(workspace, call, now),
        ("GET", ["tasks"]) => tasks::list(workspace, call, call.query("project")),
        ("GET", ["tasks", gid]) => tasks::read(workspace, call, gid),
        ("POST", ["tasks", gid, "stories"]) => tasks::add_story(workspace, call, gid, now),
        ("GET", ["tasks", gid, "stories"]) => tasks::list_stories(workspace, call, gid),
        ("GET", ["events"]) => events::read(workspace, call, now),
        ("POST", ["webhooks"]) => webhooks::create(workspace, call, now),
        ("GET", ["webhooks"]) => webhooks::list(workspace, call),
        ("GET", ["webhooks", gid]) => webhooks::read(workspace, call, gid),
        ("DELETE", ["webhooks", gid]) => webhooks::delete(workspace, gid),
        _ => Err(refusal(404, "No matching route for request")),
    }
}

fn written(path: &[&str], answer: &Answer) -> Written {
    let mut answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let made = answer["data"].take();
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let name = || text(&made["name"]).unwrap_or_default();
    let (kind, key) = match path {
        ["webhooks", gid] => ("webhook removal", (*gid).to_owned()),
        ["tasks", task, _] => ("story", format!("{task} {}", text(&made["text"]).unwrap_or_default())),
        // Asana has no key for a project: an app can only write one into its description.
        ["projects"] => ("project", text(&made["notes"]).unwrap_or_else(name)),
        _ => ("task", text(&made["external"]["gid"]).unwrap_or_else(name)),
    };
    Written::new(kind, key, made["gid"].as_str())
}

fn data(status: u16, data: Value) -> Answer {
    Answer::json(status, &json!({ "data": data }))
}

/// What a write brings under `data`, where it names none but these fields: to ignore one in silence would hide that
/// the caller expects something of it.
fn sent(call: &Call, known: &[&str]) -> Result<Map<String, Value>, Answer> {
    if !call.has_content_type("application/json") {
        return Err(refusal(400, "Could not parse request data, invalid JSON"));
    }
    let body: Value = serde_json::from_slice(&call.body)
        .map_err(|_| refusal(400, "Could not parse request data, invalid JSON"))?;
    let Value::Object(fields) = &body["data"] else { return Err(missing("data")) };
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(refusal(400, &format!("{name}: The simulator does not know this field"))),
        None => Ok(fields.clone()),
    }
}

fn missing(field: &str) -> Answer {
    refusal(400, &format!("{field}: Missing input"))
}

fn unknown_object(gid: &str) -> Answer {
    refusal(404, &format!("Unknown object: {gid}"))
}

/// RFC 3339 in UTC with three fraction digits.
fn time(time: Timestamp) -> String {
    crate::ledger::milliseconds(time)
}
