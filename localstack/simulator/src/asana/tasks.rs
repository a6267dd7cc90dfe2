//! Projects, tasks and the stories on tasks.

use jiff::{Timestamp, civil::Date};
use serde_json::{Map, Value, json};

use super::{
    OTHER_USER, OWN_USER, Workspace, data,
    events::{OWN, User},
    listing, missing, refusal, sent, time, unknown_object,
};
use crate::call::{Answer, Call};

const LONGEST_EXTERNAL_GID: usize = 1024;
const COMPACT_PROJECT: &[&str] = &["gid", "resource_type", "name"];
const COMPACT_TASK: &[&str] = &["gid", "resource_type", "resource_subtype", "name"];
const COMPACT_STORY: &[&str] =
    &["gid", "resource_type", "resource_subtype", "type", "text", "created_at", "created_by"];

/// Puts a project in.
pub fn seed_project(
    workspace: &mut Workspace,
    record: Map<String, Value>,
    now: Timestamp,
) -> Result<Value, String> {
    let gid = gid(own_gid(&record)?, workspace);
    let project = project(workspace, gid, &record, now);
    replace(&mut workspace.projects, project.clone());
    Ok(project)
}

/// Puts a task in, or another state of it, as a person who works in Asana would bring it about: events tell of it.
pub fn seed_task(
    workspace: &mut Workspace,
    record: Map<String, Value>,
    now: Timestamp,
) -> Result<Value, String> {
    let gid = gid(own_gid(&record)?, workspace);
    let mut task = task(workspace, gid.clone(), &record, now)
        .map_err(|gid| format!("there is no project {gid} for the task; seed it first"))?;
    for name in ["completed_at", "created_at", "modified_at"] {
        if let Some(given) = record.get(name) {
            task[name] = given.clone();
        }
    }
    if let Some(external) = record.get("external") {
        task["external"] = external.clone();
    }
    let user = User(OTHER_USER);
    match workspace.tasks.iter().find(|known| known["gid"] == gid.as_str()) {
        None => announce(workspace, &task, user, now),
        Some(before) if before["completed"] != task["completed"] => {
            workspace.events.changed(&task, "completed", user, now);
            workspace.events.changed(&task, "completed_at", user, now);
        }
        Some(_) => {}
    }
    replace(&mut workspace.tasks, task.clone());
    Ok(task)
}

pub fn create_project(workspace: &mut Workspace, call: &Call, now: Timestamp) -> Result<Answer, Answer> {
    let known =
        ["workspace", "name", "notes", "due_on", "start_on", "color", "default_view", "privacy_setting"];
    let fields = sent(call, &known)?;
    text(&fields, "name").ok_or_else(|| missing("name"))?;
    let given = text(&fields, "workspace").ok_or_else(|| missing("workspace"))?;
    check_workspace(workspace, given)?;
    let gid = workspace.next_gid();
    let project = project(workspace, gid, &fields, now);
    workspace.projects.push(project.clone());
    Ok(data(201, project))
}

pub fn list_projects(workspace: &Workspace, call: &Call, of: Option<&str>) -> Result<Answer, Answer> {
    listing::check_parameters(call, &["workspace", "archived"])?;
    check_workspace(workspace, of.ok_or_else(|| missing("workspace"))?)?;
    let archived = call.query("archived").map(|archived| archived == "true");
    let is_meant = |project: &&Value| archived.is_none_or(|archived| project["archived"] == archived);
    let projects: Vec<&Value> = workspace.projects.iter().filter(is_meant).collect();
    listing::page(call, &projects, COMPACT_PROJECT)
}

pub fn read_project(workspace: &Workspace, call: &Call, gid: &str) -> Result<Answer, Answer> {
    let project = workspace.projects.iter().find(|project| project["gid"] == gid);
    Ok(listing::one(call, project.ok_or_else(|| unknown_object(gid))?))
}

/// Makes a task. Nothing keeps an external gid from being used twice: whoever wants one task looks first.
pub fn create(workspace: &mut Workspace, call: &Call, now: Timestamp) -> Result<Answer, Answer> {
    let known = [
        "workspace",
        "projects",
        "name",
        "notes",
        "assignee",
        "due_on",
        "completed",
        "external",
        "custom_fields",
    ];
    let fields = sent(call, &known)?;
    if fields.get("projects").is_none_or(|projects| projects == &json!([]))
        && !fields.contains_key("workspace")
    {
        return Err(refusal(400, "You should specify one of workspace, parent, projects"));
    }
    if let Some(given) = text(&fields, "workspace") {
        check_workspace(workspace, given)?;
    }
    if let Some(due_on) = text(&fields, "due_on")
        && due_on.parse::<Date>().is_err()
    {
        return Err(refusal(400, &format!("due_on: Invalid date: {due_on}")));
    }
    let external = fields.get("external").map(external).transpose()?;
    let gid = workspace.next_gid();
    let mut task = task(workspace, gid, &fields, now).map_err(|project| unknown_object(&project))?;
    if let Some(external) = external {
        task["external"] = external;
    }
    announce(workspace, &task, OWN, now);
    workspace.tasks.push(task.clone());
    Ok(data(201, task))
}

/// A task by its gid, or by `external:` and the key that the app gave it.
pub fn read(workspace: &Workspace, call: &Call, gid: &str) -> Result<Answer, Answer> {
    Ok(listing::one(call, find(workspace, gid).ok_or_else(|| unknown_object(gid))?))
}

/// The tasks of a project.
pub fn list(workspace: &Workspace, call: &Call, project: Option<&str>) -> Result<Answer, Answer> {
    listing::check_parameters(call, &["project", "modified_since", "completed_since"])?;
    let project = project.ok_or_else(|| {
        refusal(
            400,
            "You should specify one of project, tag, section, user_task_list, or assignee + workspace",
        )
    })?;
    if !workspace.projects.iter().any(|known| known["gid"] == project) {
        return Err(unknown_object(project));
    }
    let (modified_since, completed_since) = (since(call, "modified_since")?, since(call, "completed_since")?);
    let is_at_or_after = |time: &Value, since: Timestamp| {
        time.as_str().and_then(|time| time.parse::<Timestamp>().ok()).is_some_and(|time| time >= since)
    };
    let tasks: Vec<&Value> = workspace
        .tasks
        .iter()
        .filter(|task| {
            task["projects"].as_array().is_some_and(|projects| projects.iter().any(|of| of["gid"] == project))
        })
        .filter(|task| modified_since.is_none_or(|since| is_at_or_after(&task["modified_at"], since)))
        .filter(|task| {
            let is_open = task["completed"] == false;
            completed_since.is_none_or(|since| is_open || is_at_or_after(&task["completed_at"], since))
        })
        .collect();
    listing::page(call, &tasks, COMPACT_TASK)
}

/// Adds a comment to a task.
pub fn add_story(
    workspace: &mut Workspace,
    call: &Call,
    task: &str,
    now: Timestamp,
) -> Result<Answer, Answer> {
    let fields = sent(call, &["text", "is_pinned"])?;
    let comment = text(&fields, "text").ok_or_else(|| missing("text"))?;
    let gid = workspace.next_gid();
    let found = find(workspace, task).ok_or_else(|| unknown_object(task))?.clone();
    let story = json!({
        "gid": gid,
        "resource_type": "story",
        "resource_subtype": "comment_added",
        "type": "comment",
        "text": comment,
        "created_at": time(now),
        "created_by": user(OWN_USER),
        "target": compact(&found),
    });
    workspace.events.added(&story, &found, OWN, now);
    if let Some(task) = workspace.tasks.iter_mut().find(|task| task["gid"] == found["gid"]) {
        task["modified_at"] = json!(time(now));
    }
    workspace.stories.push(story.clone());
    Ok(data(201, story))
}

pub fn list_stories(workspace: &Workspace, call: &Call, task: &str) -> Result<Answer, Answer> {
    listing::check_parameters(call, &[])?;
    let task = find(workspace, task).ok_or_else(|| unknown_object(task))?;
    let is_of = |story: &&Value| story["target"]["gid"] == task["gid"];
    let stories: Vec<&Value> = workspace.stories.iter().filter(is_of).collect();
    listing::page(call, &stories, COMPACT_STORY)
}

/// A task by its gid, or by `external:` and its key.
pub fn find<'a>(workspace: &'a Workspace, gid: &str) -> Option<&'a Value> {
    match gid.strip_prefix("external:") {
        Some(key) => workspace.tasks.iter().find(|task| task["external"]["gid"] == key),
        None => workspace.tasks.iter().find(|task| task["gid"] == gid),
    }
}

/// A record's own gid, if it brings one.
fn own_gid(record: &Map<String, Value>) -> Result<Option<String>, String> {
    match record.get("gid") {
        None => Ok(None),
        Some(Value::String(gid)) if !gid.is_empty() => Ok(Some(gid.clone())),
        Some(other) => Err(format!("a gid is a text, not {other}")),
    }
}

fn gid(given: Option<String>, workspace: &mut Workspace) -> String {
    given.unwrap_or_else(|| workspace.next_gid())
}

fn project(workspace: &Workspace, gid: String, fields: &Map<String, Value>, now: Timestamp) -> Value {
    json!({
        "gid": gid,
        "resource_type": "project",
        "name": fields.get("name"),
        "notes": text(fields, "notes").unwrap_or_default(),
        "archived": fields.get("archived").is_some_and(|archived| archived == true),
        "created_at": time(now),
        "modified_at": time(now),
        "due_on": fields.get("due_on"),
        "owner": user(OWN_USER),
        "permalink_url": format!("https://app.asana.com/1/{}/project/{gid}", workspace.gid),
        "workspace": workspace.compact(),
    })
}

/// A task of these fields; the first of its projects that does not exist.
fn task(
    workspace: &Workspace,
    gid: String,
    fields: &Map<String, Value>,
    now: Timestamp,
) -> Result<Value, String> {
    let given = fields.get("projects").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut projects = Vec::new();
    for project in given {
        let known = workspace.projects.iter().find(|known| known["gid"] == *project);
        projects.push(compact(known.ok_or_else(|| project.as_str().unwrap_or_default().to_owned())?));
    }
    let memberships: Vec<Value> = projects.iter().map(|project| json!({ "project": project })).collect();
    let is_completed = fields.get("completed").is_some_and(|completed| completed == true);
    let assignee = match text(fields, "assignee") {
        Some("me") => user(OWN_USER),
        Some(gid) => user(gid),
        None => Value::Null,
    };
    Ok(json!({
        "gid": gid,
        "resource_type": "task",
        "resource_subtype": "default_task",
        "name": text(fields, "name").unwrap_or_default(),
        "notes": text(fields, "notes").unwrap_or_default(),
        "assignee": assignee,
        "completed": is_completed,
        "completed_at": is_completed.then(|| time(now)),
        "created_at": time(now),
        "modified_at": time(now),
        "due_on": fields.get("due_on"),
        "custom_fields": fields.get("custom_fields").cloned().unwrap_or_else(|| json!([])),
        "memberships": memberships,
        "parent": null,
        "permalink_url": format!("https://app.asana.com/1/{}/task/{gid}", workspace.gid),
        "projects": projects,
        "workspace": workspace.compact(),
    }))
}

/// Tells of a new task in each of its projects.
fn announce(workspace: &mut Workspace, task: &Value, user: User, now: Timestamp) {
    for project in task["projects"].as_array().into_iter().flatten() {
        workspace.events.added(task, project, user, now);
    }
}

fn external(external: &Value) -> Result<Value, Answer> {
    let gid = external["gid"].as_str().unwrap_or_default();
    if gid.is_empty() || gid.len() > LONGEST_EXTERNAL_GID {
        return Err(refusal(400, "external: gid has 1 to 1024 characters"));
    }
    Ok(json!({ "gid": gid, "data": external["data"] }))
}

fn since(call: &Call, name: &str) -> Result<Option<Timestamp>, Answer> {
    match call.query(name) {
        None => Ok(None),
        // Nothing is completed in the future, so this leaves the open ones.
        Some("now") => Ok(Some(Timestamp::MAX)),
        Some(text) => match text.parse() {
            Ok(time) => Ok(Some(time)),
            Err(_) => Err(refusal(400, &format!("{name}: Invalid time: {text}"))),
        },
    }
}

fn check_workspace(workspace: &Workspace, given: &str) -> Result<(), Answer> {
    if given == workspace.gid {
        Ok(())
    } else {
        Err(refusal(403, &format!("workspace: Not allowed to see {given}")))
    }
}

fn replace(records: &mut Vec<Value>, record: Value) {
    match records.iter_mut().find(|known| known["gid"] == record["gid"]) {
        Some(known) => *known = record,
        None => records.push(record),
    }
}

fn compact(record: &Value) -> Value {
    json!({ "gid": record["gid"], "resource_type": record["resource_type"], "name": record["name"] })
}

fn user(gid: &str) -> Value {
    json!({ "gid": gid, "resource_type": "user" })
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}
