//! Asks Asana for completed tasks whose event was lost, and starts a job for each that belongs to a deal. Asked for are
//! the projects that Zixly has made and those that a webhook watches, in turn: a workspace with many of them is through
//! after several polls.

use std::{collections::BTreeMap, time::Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use zixly_connectors::asana::{Asana, Task};
use zixly_domain::{ConnectionId, Provider, Workflow};
use zixly_store::{connections::Connection, effects};

use super::{
    hubspot_deal_to_asana::EXTERNAL_PREFIX,
    nothing_to_do,
    polls::{self, ASKING, Found, OVERLAP, Parameters, Start},
};
use crate::{
    error::StepError,
    steps::{Done, Halt, JobRun, StepContext},
};

/// The time of each project's last look, by its gid.
type Cursor = BTreeMap<String, Timestamp>;

/// Runs the steps; gives the job's result.
pub(super) async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    let Parameters { connection_id } = job.parameters()?;
    let found = job
        .step("list-completed-tasks", async |context| list_completed_tasks(context, connection_id).await)
        .await?;
    let count = job
        .step("start-jobs", async |context| {
            polls::start_jobs(context, connection_id, Workflow::AsanaTaskToHubspot, found).await
        })
        .await?;
    Ok(match count {
        0 => nothing_to_do("No task of a deal was completed since the last look."),
        _ => {
            json!({ "outcome": "started", "summary": format!("Found without a job: {count} completed tasks."), "jobs": count })
        }
    })
}

async fn list_completed_tasks(
    context: &StepContext<'_>,
    connection_id: ConnectionId,
) -> Result<Done<Found<Cursor>>, StepError> {
    let (connection, cursor) = polls::begin::<Cursor>(context, Provider::Asana, connection_id).await?;
    let asana = context.connectors.asana()?;
    let cursor = cursor.unwrap_or_default();
    let since = |project: String| {
        let since = cursor.get(&project).copied().unwrap_or(connection.created_at);
        (project, since)
    };
    let mut looks: Vec<(String, Timestamp)> =
        projects(context, connection_id).await?.into_iter().map(since).collect();
    looks.sort_by_key(|(_, since)| *since);
    let mut found = Found { starts: Vec::new(), cursor: looks.iter().cloned().collect::<Cursor>() };
    let asking = Instant::now();
    for (project, since) in looks {
        let began_at = Timestamp::now();
        let completed = completed_tasks(context, asana, &connection, &project, since).await?;
        found.starts.extend(completed.into_iter().filter_map(|task| start(&connection.account_id, task)));
        found.cursor.insert(project, began_at - OVERLAP);
        if asking.elapsed() > ASKING {
            break;
        }
    }
    Ok(Done::new(found))
}

async fn projects(context: &StepContext<'_>, connection_id: ConnectionId) -> Result<Vec<String>, StepError> {
    let mut session = context.store.session().await?;
    let tx = session.begin(context.claim.tenant_id).await?;
    let projects = effects::list_asana_projects(&tx, connection_id).await?;
    tx.commit().await?;
    Ok(projects)
}

async fn completed_tasks(
    context: &StepContext<'_>,
    asana: &Asana,
    connection: &Connection,
    project: &str,
    since: Timestamp,
) -> Result<Vec<Task>, StepError> {
    let mut completed = Vec::new();
    let mut offset = None;
    loop {
        let page = context
            .call(Provider::Asana, connection, async |token| {
                asana.list_tasks(token, project, since, offset.as_deref()).await
            })
            .await?;
        // A project that is gone has no tasks.
        let Some(page) = page else { return Ok(completed) };
        completed.extend(page.records.into_iter().filter(|task| task.completed));
        offset = page.next_offset;
        if offset.is_none() {
            return Ok(completed);
        }
    }
}

/// A task that was opened again and completed again is completed at another time, and is another piece of business.
fn start(workspace: &str, task: Task) -> Option<Start> {
    let completed_at = task.completed_at?;
    task.external_gid.filter(|gid| gid.starts_with(EXTERNAL_PREFIX))?;
    Some(Start {
        business_key: format!("{workspace}/{}/{}", task.gid, completed_at.as_millisecond()),
        parameters: json!({ "workspace": workspace, "task": task.gid }),
    })
}
