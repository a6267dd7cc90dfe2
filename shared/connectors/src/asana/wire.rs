//! Asana's JSON, as its OpenAPI file has it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct Data<T> {
    pub(super) data: T,
}

#[derive(Deserialize)]
pub(super) struct Page<T> {
    data: Vec<T>,
    next_page: Option<NextPage>,
}

#[derive(Deserialize)]
struct NextPage {
    offset: String,
}

#[derive(Deserialize)]
pub(super) struct Task {
    gid: String,
    name: String,
    completed: bool,
    completed_at: Option<Timestamp>,
    permalink_url: Option<String>,
    external: Option<External>,
}

#[derive(Deserialize)]
struct External {
    gid: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Project {
    gid: String,
    notes: Option<String>,
    workspace: Option<Compact>,
}

/// A record within another one.
#[derive(Deserialize)]
struct Compact {
    gid: String,
}

#[derive(Deserialize)]
pub(super) struct Webhook {
    gid: String,
    active: Option<bool>,
    resource: Compact,
    target: String,
    failure_deletion_timestamp: Option<Timestamp>,
}

#[derive(Serialize)]
pub(super) struct NewWebhook<'a> {
    pub(super) resource: &'a str,
    pub(super) target: &'a str,
    pub(super) filters: [Filter; 1],
}

/// What a webhook tells of.
#[derive(Serialize)]
pub(super) struct Filter {
    pub(super) resource_type: &'static str,
    pub(super) action: &'static str,
    pub(super) fields: [&'static str; 1],
}

#[derive(Deserialize)]
pub(super) struct Made {
    pub(super) gid: String,
}

#[derive(Serialize)]
pub(super) struct NewProject<'a> {
    pub(super) workspace: &'a str,
    pub(super) name: &'a str,
    pub(super) notes: &'a str,
}

#[derive(Serialize)]
pub(super) struct NewTask<'a> {
    pub(super) name: &'a str,
    pub(super) notes: &'a str,
    pub(super) projects: [&'a str; 1],
    pub(super) external: NewExternal<'a>,
}

#[derive(Serialize)]
pub(super) struct NewExternal<'a> {
    pub(super) gid: &'a str,
}

impl<T, U: From<T>> From<Page<T>> for super::Page<U> {
    fn from(wire: Page<T>) -> Self {
        Self {
            records: wire.data.into_iter().map(U::from).collect(),
            next_offset: wire.next_page.map(|next| next.offset),
        }
    }
}

impl From<Task> for super::Task {
    fn from(wire: Task) -> Self {
        Self {
            gid: wire.gid,
            name: wire.name,
            completed: wire.completed,
            completed_at: wire.completed_at,
            permalink_url: wire.permalink_url,
            external_gid: wire.external.and_then(|external| external.gid),
        }
    }
}

impl From<Project> for super::Project {
    fn from(wire: Project) -> Self {
        Self {
            gid: wire.gid,
            notes: wire.notes.unwrap_or_default(),
            workspace_gid: wire.workspace.map(|workspace| workspace.gid),
        }
    }
}

impl From<Webhook> for super::Webhook {
    fn from(wire: Webhook) -> Self {
        Self {
            gid: wire.gid,
            is_delivered_to: wire.active != Some(false) && wire.failure_deletion_timestamp.is_none(),
            resource_gid: wire.resource.gid,
            target: wire.target,
        }
    }
}

/// Asana's error document.
#[derive(Default, Deserialize)]
pub(super) struct Problem {
    errors: Vec<ProblemError>,
}

#[derive(Deserialize)]
struct ProblemError {
    message: Option<String>,
}

impl Problem {
    pub(super) fn scope_is_missing(&self) -> bool {
        self.messages().any(|message| message.to_ascii_lowercase().contains("scope"))
    }

    pub(super) fn words(self) -> Option<String> {
        let words: Vec<_> = self.messages().collect();
        if words.is_empty() { None } else { Some(words.join(" ")) }
    }

    fn messages(&self) -> impl Iterator<Item = &str> {
        self.errors.iter().filter_map(|error| error.message.as_deref())
    }
}
