//! Asks Asana for completed tasks whose event was lost, and starts a job for each that belongs to a deal. Asked for are
//! the projects that Zixly has made and those that a webhook watches, in turn: a workspace with many of them is through
//! after several polls.

use std::{collections::BTreeMap, time::Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zixly_connectors::{
    ConnectorError,
    asana::{Asana, Task},
};
use zixly_domain::{ConnectionId, Provider, Workflow};
use zixly_store::{connections::Connection, effects};

use super::{
    Definition,
    hubspot_deal_to_asana::EXTERNAL_PREFIX,
    nothing_to_do,
    polls::{self, ASKING, Found, OVERLAP, Parameters, Start},
};
use crate::{
    error::StepError,
    steps::{Done, Halt, JobRun, StepContext},
};

/// How far the looks at each project have got, by its gid.
type Cursor = BTreeMap<String, Progress>;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Progress {
    /// Tasks that were changed before are done with.
    since: Timestamp,
    /// When it was last asked about: next is the one for which that is longest ago.
    looked_at: Timestamp,
    /// What a look has left when its time was up.
    rest: Option<Rest>,
}

/// The end of a list that was begun. Should Asana know the offset no longer, the list is begun again.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Rest {
    offset: Option<String>,
    began_at: Timestamp,
}

impl Progress {
    fn new(since: Timestamp) -> Self {
        Self { since, looked_at: since, rest: None }
    }
}

pub(super) const DEFINITION: Definition = Definition {
    workflow: Workflow::AsanaCompletedTasksPoll,
    version: 1,
    steps: &["list-completed-tasks", "start-jobs"],
    run: |job| Box::pin(run(job)),
};

/// Runs the steps; gives the job's result.
async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    let Parameters { connection_id } = job.parameters()?;
    let found = job
        .step("list-completed-tasks", async |context| list_completed_tasks(context, connection_id).await)
        .await?;
    let left_out = found.left_out;
    let count = job
        .step("start-jobs", async |context| {
            polls::start_jobs(context, connection_id, Workflow::AsanaTaskToHubspot, found).await
        })
        .await?;
    let mut summary = match count {
        0 => "No task of a deal was completed since the last look.".to_owned(),
        _ => format!("Found without a job: {count} completed tasks."),
    };
    if left_out > 0 {
        summary.push_str(&format!(
            " Asana would not tell about {left_out} projects: they are asked about again."
        ));
    }
    Ok(match count {
        0 => nothing_to_do(&summary),
        _ => json!({ "outcome": "started", "summary": summary, "jobs": count }),
    })
}

async fn list_completed_tasks(
    context: &StepContext<'_>,
    connection_id: ConnectionId,
) -> Result<Done<Found<Cursor>>, StepError> {
    let (connection, cursor) = polls::begin::<Cursor>(context, Provider::Asana, connection_id).await?;
    let asana = context.connectors.asana()?;
    let cursor = cursor.unwrap_or_default();
    let progress = |project: String| {
        let progress = cursor.get(&project).cloned().unwrap_or_else(|| Progress::new(connection.created_at));
        (project, progress)
    };
    let mut looks: Vec<(String, Progress)> =
        projects(context, connection_id).await?.into_iter().map(progress).collect();
    looks.sort_by_key(|(_, progress)| progress.looked_at);
    let mut found =
        Found { starts: Vec::new(), left_out: 0, cursor: looks.iter().cloned().collect::<Cursor>() };
    let asking = Instant::now();
    for (count, (project, progress)) in looks.into_iter().enumerate() {
        let look = Look { context, asana, connection: &connection, project: &project, asking };
        let progress = match look.go_on(&progress, &mut found.starts).await {
            Ok(progress) => progress,
            // What has been found is kept; the next poll goes on.
            Err(error) if count > 0 && polls::is_for_later(&error) => break,
            // The trouble of one project keeps nobody from asking about the others: it is left where it is, behind them.
            Err(StepError::Connector(error)) if is_about_one_project(&error) => {
                tracing::warn!(
                    tenant.id = %context.claim.tenant_id, job.id = %context.claim.job_id, project, %error,
                    "the project {project} cannot be asked about"
                );
                found.left_out += 1;
                Progress { looked_at: Timestamp::now(), rest: None, ..progress }
            }
            Err(error) => return Err(error),
        };
        found.cursor.insert(project, progress);
        if asking.elapsed() > ASKING {
            break;
        }
    }
    Ok(Done::new(found))
}

/// An outage looks the same, and costs no more than that the projects are asked about in another order.
fn is_about_one_project(error: &ConnectorError) -> bool {
    matches!(
        error,
        ConnectorError::Rejected { .. }
            | ConnectorError::Unavailable { .. }
            | ConnectorError::Unreachable { .. }
            | ConnectorError::Malformed { .. }
    )
}

async fn projects(context: &StepContext<'_>, connection_id: ConnectionId) -> Result<Vec<String>, StepError> {
    let mut session = context.store.session().await?;
    let tx = session.begin(context.claim.tenant_id)?;
    let projects = effects::list_asana_projects(&tx, connection_id).await?;
    tx.commit().await?;
    Ok(projects)
}

/// A look at one project.
struct Look<'a> {
    context: &'a StepContext<'a>,
    asana: &'a Asana,
    connection: &'a Connection,
    project: &'a str,
    /// When the poll began to ask.
    asking: Instant,
}

impl Look<'_> {
    /// Finds what is to be started until the end of the list or of the time, and says how far it got.
    async fn go_on(&self, progress: &Progress, starts: &mut Vec<Start>) -> Result<Progress, StepError> {
        let looked_at = Timestamp::now();
        let Rest { mut offset, began_at } =
            progress.rest.clone().unwrap_or(Rest { offset: None, began_at: looked_at });
        loop {
            let page = self
                .context
                .call(Provider::Asana, self.connection, async |token| {
                    self.asana.list_tasks(token, self.project, progress.since, offset.as_deref()).await
                })
                .await?;
            // A project that is gone has no tasks.
            let (tasks, next) = page.map_or((Vec::new(), None), |page| (page.records, page.next_offset));
            starts.extend(tasks.into_iter().filter_map(|task| start(&self.connection.account_id, task)));
            if next.is_none() {
                return Ok(Progress { since: began_at - OVERLAP, looked_at, rest: None });
            }
            offset = next;
            if self.asking.elapsed() > ASKING {
                let rest = Some(Rest { offset, began_at });
                return Ok(Progress { since: progress.since, looked_at, rest });
            }
        }
    }
}

fn start(workspace: &str, task: Task) -> Option<Start> {
    let completed_at = task.completed_at.filter(|_| task.completed)?;
    task.external_gid.filter(|gid| gid.starts_with(EXTERNAL_PREFIX))?;
    Some(Start {
        business_key: polls::completed_task(workspace, &task.gid, completed_at),
        parameters: json!({ "workspace": workspace, "task": task.gid }),
    })
}
