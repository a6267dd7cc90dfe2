//! Asana: OAuth, workspaces, projects, tasks with their stories, events and webhooks.

mod events;
mod listing;
mod tasks;
mod tokens;
mod webhooks;

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    asana::{events::Events, webhooks::Webhook},
    call::{Answer, Call, Provider},
    consent,
    ledger::Written,
    oauth::TokenRefusal,
    state::State,
};

pub use crate::asana::tokens::SCOPES;
pub use crate::asana::webhooks::{Handshake, Heartbeat, end_handshake};

const FIRST_GID: u64 = 1_200_000_000_001_000;
/// Gids are unique over all workspaces, so each has so many to itself.
const GIDS_PER_WORKSPACE: u64 = 1_000_000_000;
/// The user who gave the consent, as whom the app acts.
const OWN_USER: &str = "1200000000000001";
/// The one who does what is done from outside.
const OTHER_USER: &str = "1200000000000009";
const OWN_NAME: &str = "Zixly";
const OWN_EMAIL: &str = "zixly@example.com";
const COMPACT_WORKSPACE: &[&str] = &["gid", "resource_type", "name"];

/// What the workspaces hold.
#[derive(Default)]
pub struct AsanaRecords {
    workspaces: HashMap<String, Workspace>,
}

/// Records in the order in which they came, as Asana shows them in full.
#[derive(Default)]
struct Workspace {
    gid: String,
    name: String,
    projects: Vec<Value>,
    tasks: Vec<Value>,
    stories: Vec<Value>,
    webhooks: Vec<Webhook>,
    events: Events,
    last_gid: u64,
}

/// Answers one call.
pub fn handle(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    match (call.method.as_str(), call.segments().as_slice()) {
        ("GET" | "POST", ["-", "oauth_authorize"]) => consent::handle(state, call, None, now),
        ("POST", ["-", "oauth_token"]) => tokens::token(state, call, now),
        ("POST", ["-", "oauth_revoke"]) => tokens::revoke(state, call),
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
        (workspace, name): (&str, &str),
        kind: &str,
        record: &str,
        now: Timestamp,
    ) -> Result<Value, String> {
        let record: Map<String, Value> =
            serde_json::from_str(record).map_err(|_| format!("an Asana {kind} must be a JSON object"))?;
        let workspace = self.workspace(workspace, name);
        match kind {
            "project" => tasks::seed_project(workspace, record, now),
            "task" => tasks::seed_task(workspace, record, now),
            _ => Err(format!("asana has no kind {kind:?} here; known are project, task, workspace")),
        }
    }

    /// Takes all webhooks away, as Asana does with those whose target does not answer.
    pub fn drop_webhooks(&mut self) {
        for workspace in self.workspaces.values_mut() {
            workspace.webhooks.clear();
        }
    }

    /// A workspace, by the name that it has now.
    fn workspace(&mut self, gid: &str, name: &str) -> &mut Workspace {
        let last_gid = FIRST_GID + GIDS_PER_WORKSPACE * self.workspaces.len() as u64;
        let new = || Workspace { gid: gid.to_owned(), last_gid, ..Workspace::default() };
        let workspace = self.workspaces.entry(gid.to_owned()).or_insert_with(new);
        name.clone_into(&mut workspace.name);
        workspace
    }

    /// Which of a consent's workspaces a call is about: the one that it names, or that holds what it names. Of what is
    /// in none, the first may say so.
    fn concerned<'a>(&self, accounts: &'a [String], call: &Call, path: &[&str]) -> &'a String {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let data = &body["data"];
        let in_body = [&data["workspace"], &data["resource"]]
            .into_iter()
            .chain(data["projects"].as_array().into_iter().flatten())
            .filter_map(Value::as_str);
        let in_query = ["workspace", "project", "resource"].into_iter().filter_map(|name| call.query(name));
        let named: Vec<&str> = path.iter().copied().chain(in_query).chain(in_body).collect();
        let holds = |account: &str, gid| self.workspaces.get(account).is_some_and(|it| it.holds(gid));
        let is_meant =
            |account: &&String| named.iter().any(|gid| *gid == account.as_str() || holds(account, gid));
        accounts.iter().find(is_meant).unwrap_or(&accounts[0])
    }
}

impl Workspace {
    fn next_gid(&mut self) -> String {
        self.last_gid += 1;
        self.last_gid.to_string()
    }

    fn compact(&self) -> Value {
        compact_workspace(&self.gid, &self.name)
    }

    /// Whether a project, a task or a webhook has this gid, or a task this key.
    fn holds(&self, gid: &str) -> bool {
        self.resource(gid).is_some() || tasks::find(self, gid).is_some() || webhooks::exists(self, gid)
    }

    /// The project or task by this gid.
    fn resource(&self, gid: &str) -> Option<&Value> {
        self.projects.iter().chain(&self.tasks).find(|record| record["gid"] == gid)
    }
}

fn api(state: &mut State, call: &Call, path: &[&str], now: Timestamp) -> Answer {
    let revoked_below = state.faults.revoked_below(Provider::Asana);
    let accounts: Vec<String> =
        match state.oauth.check(Provider::Asana, call.authorization("Bearer"), revoked_below, now) {
            Ok(grant) => grant.connections.iter().map(|link| link.account.clone()).collect(),
            Err(TokenRefusal::Unknown) => return refusal(401, "Not Authorized"),
            Err(TokenRefusal::Expired(_)) => {
                let message = "The bearer token has expired. If you have a refresh token, please use it.";
                return refusal(401, message);
            }
        };
    let is_read = call.method == "GET";
    let place = match state.limits.admit_asana(&state.config.asana_limits, &accounts[0], is_read, now) {
        Ok(place) => place,
        Err(seconds) => return too_many(seconds as f64),
    };
    let answer = match (call.method.as_str(), path) {
        ("GET", ["users", "me"]) => Ok(listing::one(call, &own_user(state, &accounts))),
        ("GET", ["workspaces"]) => list_workspaces(state, call, &accounts),
        _ => in_workspace(state, call, path, &accounts, now),
    };
    let mut answer = match answer {
        Ok(answer) | Err(answer) => answer,
    };
    answer.occupies = Some(place);
    answer
}

fn own_user(state: &State, accounts: &[String]) -> Value {
    json!({
        "gid": OWN_USER,
        "resource_type": "user",
        "name": OWN_NAME,
        "email": OWN_EMAIL,
        "workspaces": workspaces(state, accounts),
    })
}

fn list_workspaces(state: &State, call: &Call, accounts: &[String]) -> Result<Answer, Answer> {
    listing::check_parameters(call, &[])?;
    let workspaces = workspaces(state, accounts);
    listing::page(call, &workspaces.iter().collect::<Vec<_>>(), COMPACT_WORKSPACE)
}

fn workspaces(state: &State, accounts: &[String]) -> Vec<Value> {
    accounts.iter().map(|gid| compact_workspace(gid, state.accounts.name(Provider::Asana, gid))).collect()
}

fn compact_workspace(gid: &str, name: &str) -> Value {
    json!({ "gid": gid, "resource_type": "workspace", "name": name })
}

fn in_workspace(
    state: &mut State,
    call: &Call,
    path: &[&str],
    accounts: &[String],
    now: Timestamp,
) -> Result<Answer, Answer> {
    let account = state.asana.concerned(accounts, call, path);
    let workspace = state.asana.workspace(account, state.accounts.name(Provider::Asana, account));
    let answer = route(workspace, call, path, now)?;
    // A webhook is not made before its target has echoed the secret.
    if call.method != "GET" && answer.is_success() && answer.errand.is_none() {
        state.ledger.note_effect(call, account, written(path, &answer), now);
    }
    Ok(answer)
}

fn route(workspace: &mut Workspace, call: &Call, path: &[&str], now: Timestamp) -> Result<Answer, Answer> {
    match (call.method.as_str(), path) {
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
