//! Sees that Asana tells us of the tasks of each watched project, and makes those webhooks anew that it has dropped.
//! Watched are the projects that the tenant has named and the newest of those that Zixly has made.
//!
//! A webhook has an endpoint of its own at the door, with an unguessable name. It is open for a handshake only while its
//! webhook is being made, and what was agreed in one is never replaced: whenever a webhook is made, it gets a new name.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zixly_connectors::{
    ConnectorError,
    asana::{Asana, Webhook},
};
use zixly_domain::{AsanaTaskSettings, ConnectionId, Provider, Workflow};
use zixly_store::{
    connections::Connection,
    effects,
    webhook_endpoints::{self, NewEndpoint},
    workflow_settings,
};

use super::{
    Definition,
    polls::{ASKING, Parameters},
    webhooks::{self, Made},
};
use crate::{
    effects::Write,
    error::StepError,
    steps::{Done, Halt, JobRun, StepContext},
};

/// How many of the projects that Zixly has made are watched; the fallback poll asks about the others too.
const MOST_OF_OURS: usize = 50;

/// How long a handshake may take.
const REGISTERING: Duration = Duration::from_mins(2);

/// What a workspace's webhooks lack.
#[derive(Serialize, Deserialize)]
struct Listed {
    /// Projects that Asana does not tell us of.
    missing: Vec<String>,
    /// Webhooks of ours that are not good, or not needed any more.
    stale: Vec<Stale>,
}

#[derive(Serialize, Deserialize)]
struct Stale {
    gid: String,
    /// The last part of where it delivers to.
    endpoint: String,
}

pub(super) const DEFINITION: Definition = Definition {
    workflow: Workflow::AsanaWebhooksCheck,
    version: 1,
    steps: &["list-webhooks", "make-webhooks", "remove-webhooks"],
    run: |job| Box::pin(run(job)),
};

/// Runs the steps; gives the job's result.
async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    let Parameters { connection_id } = job.parameters()?;
    let Some(address) = webhooks::address(job, Provider::Asana) else { return Ok(webhooks::no_address()) };
    let listed = job
        .step("list-webhooks", async |context| {
            Workspace::open(context, connection_id, &address).await?.list().await
        })
        .await?;
    let made = job
        .step("make-webhooks", async |context| {
            Workspace::open(context, connection_id, &address).await?.make(&listed.missing).await
        })
        .await?;
    let removed = job
        .step("remove-webhooks", async |context| {
            Workspace::open(context, connection_id, &address).await?.remove(&listed.stale).await
        })
        .await?;
    Ok(made.result("the watched projects", removed))
}

/// The workspace, and where it is to deliver to.
struct Workspace<'a> {
    context: &'a StepContext<'a>,
    asana: &'a Asana,
    connection: Connection,
    /// Without the endpoint.
    address: &'a str,
}

/// What we know of a workspace.
struct Known {
    /// Projects that have to be watched.
    watched: BTreeSet<String>,
    /// Projects that may be.
    of_ours: BTreeSet<String>,
    /// The endpoint of each project.
    endpoints: BTreeMap<String, String>,
}

impl<'a> Workspace<'a> {
    async fn open(
        context: &'a StepContext<'a>,
        connection_id: ConnectionId,
        address: &'a str,
    ) -> Result<Self, StepError> {
        let connection = webhooks::connection(context, Provider::Asana, connection_id).await?;
        Ok(Self { context, asana: context.connectors.asana()?, connection, address })
    }

    async fn list(&self) -> Result<Done<Listed>, StepError> {
        let known = self.known().await?;
        let there = self.webhooks().await?;
        let endpoint_of = |webhook: &Webhook| {
            let endpoint = known.endpoints.get(&webhook.resource_gid)?;
            webhook.target.ends_with(&format!("/{endpoint}")).then(|| endpoint.clone())
        };
        let is_good = |webhook: &&Webhook| {
            let endpoint = endpoint_of(webhook);
            webhook.is_delivered_to
                && endpoint.is_some_and(|endpoint| webhook.target == self.target(&endpoint))
        };
        let good: BTreeSet<&str> =
            there.iter().filter(is_good).map(|webhook| webhook.resource_gid.as_str()).collect();
        let missing = known.watched.iter().filter(|gid| !good.contains(gid.as_str())).cloned().collect();
        // Only those whose endpoint is this connection's: the app may have others, for other tenants too.
        let is_needed = |webhook: &Webhook| {
            let gid = &webhook.resource_gid;
            good.contains(gid.as_str()) && (known.watched.contains(gid) || known.of_ours.contains(gid))
        };
        let stale = there
            .iter()
            .filter(|webhook| !is_needed(webhook))
            .filter_map(|webhook| Some(Stale { gid: webhook.gid.clone(), endpoint: endpoint_of(webhook)? }))
            .collect();
        Ok(Done::new(Listed { missing, stale }))
    }

    async fn known(&self) -> Result<Known, StepError> {
        let (tenant_id, connection_id) = (self.context.claim.tenant_id, self.connection.connection_id);
        let mut session = self.context.store.session().await?;
        let tx = session.begin(tenant_id)?;
        let of_ours = effects::list_projects_made(&tx, connection_id).await?;
        let endpoints = webhook_endpoints::list(&tx, tenant_id, connection_id).await?;
        let all_settings = workflow_settings::list(&tx).await?;
        tx.commit().await?;
        let job_type = Workflow::AsanaTaskToHubspot.as_str();
        let settings = all_settings.into_iter().find(|(workflow, _)| workflow == job_type);
        // Settings that cannot be read stop the workflow itself, where they are told of.
        let named: AsanaTaskSettings = settings
            .and_then(|(_, mut set)| serde_json::from_value(set["settings"].take()).ok())
            .unwrap_or_default();
        let watched = named.projects.into_iter().chain(of_ours.iter().take(MOST_OF_OURS).cloned()).collect();
        Ok(Known { watched, of_ours: of_ours.into_iter().collect(), endpoints })
    }

    async fn make(&self, missing: &[String]) -> Result<Done<Made>, StepError> {
        let asking = Instant::now();
        let mut made = Made::default();
        for (count, project) in missing.iter().enumerate() {
            // What is made stays made; the next attempt comes by it.
            if count > 0 && asking.elapsed() > ASKING {
                return Err(StepError::Unfinished);
            }
            let outcome = match self.is_here(project).await? {
                true => self.make_one(project).await,
                false => {
                    made.refused.push(format!("project {project} (this workspace shows no such project)"));
                    continue;
                }
            };
            made.note(&format!("project {project}"), outcome)?;
        }
        Ok(Done::new(made))
    }

    /// Whether the project is in this workspace, and shown to us.
    async fn is_here(&self, project: &str) -> Result<bool, StepError> {
        let found = self
            .context
            .call(Provider::Asana, &self.connection, async |token| {
                self.asana.fetch_project(token, project).await
            })
            .await;
        match found {
            Ok(found) => Ok(found.is_some_and(|found| {
                found.workspace_gid.is_none_or(|gid| gid == self.connection.account_id)
            })),
            Err(StepError::Connector(ConnectorError::Rejected { status: 403 | 404, .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A webhook that is dropped and made anew is another write, so the check is in its key. The endpoint's name stands
    /// in no effect: it is for Asana alone.
    async fn make_one(&self, project: &str) -> Result<String, StepError> {
        let (workspace, job_id) = (&self.connection.account_id, self.context.claim.job_id);
        let write = Write {
            effect_key: &format!("asana/{workspace}/webhook/{project}/{job_id}"),
            step: "make-webhooks",
            provider: Provider::Asana,
            connection: Some(&self.connection),
            target: &format!("webhook of project {project}"),
            action: &format!("POST webhook of project {project}"),
            request: &json!({ "project": project, "tells_of": "completed tasks" }),
        };
        let look = async |_| {
            let known = self.known().await?;
            let Some(endpoint) = known.endpoints.get(project) else { return Ok(None) };
            let target = self.target(endpoint);
            let found = self.webhooks().await?.into_iter().find(|webhook| webhook.target == target);
            Ok(found.map(|webhook| webhook.gid))
        };
        self.context.once(write, look, async || self.register(project).await).await
    }

    async fn register(&self, project: &str) -> Result<String, StepError> {
        let endpoint = unguessable_name();
        let (tenant_id, connection_id) = (self.context.claim.tenant_id, self.connection.connection_id);
        let new = NewEndpoint {
            endpoint: &endpoint,
            tenant_id,
            connection_id,
            provider: Provider::Asana,
            resource_id: project,
            registering_until: Some(Timestamp::now() + REGISTERING),
        };
        let mut session = self.context.store.session().await?;
        let tx = session.begin(tenant_id)?;
        webhook_endpoints::insert(&tx, &new).await?;
        tx.commit().await?;
        drop(session);
        // The handshake comes to the door before this is answered.
        let target = self.target(&endpoint);
        let gid = self
            .context
            .call(Provider::Asana, &self.connection, async |token| {
                self.asana.create_webhook(token, project, &target).await
            })
            .await?;
        let mut session = self.context.store.session().await?;
        let tx = session.begin(tenant_id)?;
        webhook_endpoints::registered(&tx, tenant_id, connection_id, project, &endpoint).await?;
        tx.commit().await?;
        Ok(gid)
    }

    async fn remove(&self, stale: &[Stale]) -> Result<Done<usize>, StepError> {
        let (tenant_id, connection_id) = (self.context.claim.tenant_id, self.connection.connection_id);
        for webhook in stale {
            self.remove_one(&webhook.gid).await?;
            let mut session = self.context.store.session().await?;
            let tx = session.begin(tenant_id)?;
            webhook_endpoints::close(&tx, tenant_id, connection_id, &webhook.endpoint).await?;
            tx.commit().await?;
        }
        Ok(Done::new(stale.len()))
    }

    async fn remove_one(&self, gid: &str) -> Result<String, StepError> {
        let write = Write {
            effect_key: &format!("asana/{}/webhook-removal/{gid}", self.connection.account_id),
            step: "remove-webhooks",
            provider: Provider::Asana,
            connection: Some(&self.connection),
            target: &format!("webhook {gid}"),
            action: &format!("DELETE webhook {gid}"),
            request: &json!({ "gid": gid }),
        };
        let look = async |_| {
            let is_there = self.webhooks().await?.iter().any(|webhook| webhook.gid == gid);
            Ok((!is_there).then(|| gid.to_owned()))
        };
        let delete = async || {
            self.context
                .call(Provider::Asana, &self.connection, async |token| {
                    self.asana.delete_webhook(token, gid).await
                })
                .await?;
            Ok(gid.to_owned())
        };
        self.context.once(write, look, delete).await
    }

    fn target(&self, endpoint: &str) -> String {
        format!("{}/{endpoint}", self.address)
    }

    /// All that the app is told of in this workspace.
    async fn webhooks(&self) -> Result<Vec<Webhook>, StepError> {
        let (mut webhooks, mut offset) = (Vec::new(), None::<String>);
        loop {
            let page = self
                .context
                .call(Provider::Asana, &self.connection, async |token| {
                    self.asana.list_webhooks(token, &self.connection.account_id, offset.as_deref()).await
                })
                .await?;
            webhooks.extend(page.records);
            offset = page.next_offset;
            if offset.is_none() {
                return Ok(webhooks);
            }
        }
    }
}

/// 256 random bits, in hex.
fn unguessable_name() -> String {
    rand::random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect()
}
