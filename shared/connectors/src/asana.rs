//! Asana: projects, tasks and webhooks. Ids ("gids") are texts of digits; every body is wrapped in `data`.

mod one_project;
mod webhooks;
mod wire;

use jiff::Timestamp;
use oauth2::AuthType;
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use zixly_domain::{Provider, TokenSet};

use crate::http::{self, Answer};
use crate::oauth::TokenEndpoint;
use crate::{
    ClientCredentials, Connector, ConnectorError, ProviderUrl, ReauthorisationReason, RefreshTokens,
};

pub use webhooks::Webhook;

/// What is read of a task; without it Asana gives little more than the name.
const TASK_FIELDS: &str = "name,completed,completed_at,permalink_url,external";

/// The most that Asana gives at once.
const PAGE_SIZE: u32 = 100;

/// Where Asana is.
#[derive(Debug, Clone)]
pub struct AsanaEndpoints {
    /// The API; in production `https://app.asana.com/api/1.0`.
    pub api_url: ProviderUrl,
    /// The token endpoint; in production `https://app.asana.com/-/oauth_token`.
    pub token_url: ProviderUrl,
}

/// A client for Asana's API.
#[derive(Debug)]
pub struct Asana {
    http: Client,
    api_url: ProviderUrl,
    tokens: TokenEndpoint,
}

/// A task in Asana.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Asana's id for it.
    pub gid: String,
    /// Its first line.
    pub name: String,
    /// Whether it is done now; it can be opened again.
    pub completed: bool,
    /// Since when it is done.
    pub completed_at: Option<Timestamp>,
    /// Where a person sees it.
    pub permalink_url: Option<String>,
    /// Our own id for it, where we made it.
    pub external_gid: Option<String>,
}

/// A project in Asana.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Asana's id for it.
    pub gid: String,
    /// Its description.
    pub notes: String,
    /// The workspace that it is in, where that was asked for.
    pub workspace_gid: Option<String>,
}

/// A task to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewTask<'a> {
    /// The project that it belongs to.
    pub project_gid: &'a str,
    /// Its first line.
    pub name: &'a str,
    /// Its description.
    pub notes: &'a str,
    /// An id of our own, by which it is found again.
    pub external_gid: &'a str,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The records.
    pub records: Vec<T>,
    /// What gives the next part, for some minutes; nothing after the last one.
    pub next_offset: Option<String>,
}

impl Asana {
    /// A connector that speaks to the given endpoints.
    pub fn new(http: Client, endpoints: AsanaEndpoints, credentials: ClientCredentials) -> Self {
        let tokens = TokenEndpoint {
            provider: Provider::Asana,
            http: http.clone(),
            url: endpoints.token_url.url().clone(),
            auth_type: AuthType::RequestBody,
            credentials,
        };
        Self { http, api_url: endpoints.api_url, tokens }
    }

    /// The task with this gid, or nothing.
    pub async fn fetch_task(&self, token: &SecretString, gid: &str) -> Result<Option<Task>, ConnectorError> {
        let request = self.http.get(self.api_url.join(&["tasks", gid])).query(&[("opt_fields", TASK_FIELDS)]);
        let found: Option<wire::Task> = read(request, token).await?;
        Ok(found.map(Task::from))
    }

    /// The task that was made with this id of our own, or nothing.
    pub async fn find_task_by_external(
        &self,
        token: &SecretString,
        external_gid: &str,
    ) -> Result<Option<Task>, ConnectorError> {
        self.fetch_task(token, &format!("external:{external_gid}")).await
    }

    /// Makes a task, assigned to nobody, and gives its gid. Whether Asana takes the same external gid twice is not
    /// promised: look for it first.
    pub async fn create_task(
        &self,
        token: &SecretString,
        new: NewTask<'_>,
    ) -> Result<String, ConnectorError> {
        let body = wire::Data {
            data: wire::NewTask {
                name: new.name,
                notes: new.notes,
                projects: [new.project_gid],
                external: wire::NewExternal { gid: new.external_gid },
            },
        };
        let request = self.http.post(self.api_url.join(&["tasks"])).json(&body);
        let made: wire::Data<wire::Made> = send(request, token).await?.parse(Provider::Asana)?;
        Ok(made.data.gid)
    }

    /// Makes a project in a workspace and gives its gid. Asana has no key for it: the same name twice is two projects.
    pub async fn create_project(
        &self,
        token: &SecretString,
        workspace_gid: &str,
        name: &str,
        notes: &str,
    ) -> Result<String, ConnectorError> {
        let body = wire::Data { data: wire::NewProject { workspace: workspace_gid, name, notes } };
        let request = self.http.post(self.api_url.join(&["projects"])).json(&body);
        let made: wire::Data<wire::Made> = send(request, token).await?.parse(Provider::Asana)?;
        Ok(made.data.gid)
    }

    /// A page of the workspace's projects that are not archived.
    pub async fn list_projects(
        &self,
        token: &SecretString,
        workspace_gid: &str,
        offset: Option<&str>,
    ) -> Result<Page<Project>, ConnectorError> {
        let request = self.http.get(self.api_url.join(&["projects"])).query(&[
            ("workspace", workspace_gid),
            ("archived", "false"),
            ("opt_fields", "notes"),
        ]);
        let page: wire::Page<wire::Project> = list(request, token, offset).await?;
        Ok(page.into())
    }

    /// A page of the project's tasks that were changed after `modified_since`; nothing when there is no such project.
    pub async fn list_tasks(
        &self,
        token: &SecretString,
        project_gid: &str,
        modified_since: Timestamp,
        offset: Option<&str>,
    ) -> Result<Option<Page<Task>>, ConnectorError> {
        let request = self.http.get(self.api_url.join(&["tasks"])).query(&[
            ("project", project_gid),
            ("modified_since", &modified_since.to_string()),
            ("opt_fields", TASK_FIELDS),
        ]);
        match list::<wire::Task>(request, token, offset).await {
            Err(ConnectorError::Rejected { status: 403 | 404, .. }) => Ok(None),
            page => Ok(Some(page?.into())),
        }
    }
}

impl Connector for Asana {
    fn provider(&self) -> Provider {
        Provider::Asana
    }
}

impl RefreshTokens for Asana {
    async fn refresh(
        &self,
        _account_id: &str,
        token_set: &TokenSet,
        now: Timestamp,
    ) -> Result<TokenSet, ConnectorError> {
        self.tokens.refresh(token_set, now).await
    }
}

async fn read<T: DeserializeOwned>(
    request: RequestBuilder,
    token: &SecretString,
) -> Result<Option<T>, ConnectorError> {
    match send(request, token).await {
        Err(ConnectorError::Rejected { status: 404, .. }) => Ok(None),
        answer => answer?.parse::<wire::Data<T>>(Provider::Asana).map(|found| Some(found.data)),
    }
}

async fn list<T: DeserializeOwned>(
    request: RequestBuilder,
    token: &SecretString,
    offset: Option<&str>,
) -> Result<wire::Page<T>, ConnectorError> {
    let mut request = request.query(&[("limit", PAGE_SIZE)]);
    if let Some(offset) = offset {
        request = request.query(&[("offset", offset)]);
    }
    send(request, token).await?.parse(Provider::Asana)
}

async fn send(request: RequestBuilder, token: &SecretString) -> Result<Answer, ConnectorError> {
    let answer = http::send(Provider::Asana, request.bearer_auth(token.expose_secret())).await?;
    if answer.status.is_success() { Ok(answer) } else { Err(failure(&answer, token)) }
}

fn failure(answer: &Answer, token: &SecretString) -> ConnectorError {
    let provider = Provider::Asana;
    let problem: wire::Problem = answer.parse_problem();
    match answer.status.as_u16() {
        // Asana names the scope that is missing: "… scopes: tasks:write".
        403 if problem.scope_is_missing() => {
            ConnectorError::ReauthorisationNeeded { provider, reason: ReauthorisationReason::ScopeMissing }
        }
        _ => answer.failure(provider, problem.words(), std::slice::from_ref(token)),
    }
}
