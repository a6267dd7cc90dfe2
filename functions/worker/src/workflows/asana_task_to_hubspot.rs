//! A completed Asana task becomes a note on its HubSpot deal. The task says which deal that is by its external gid.

use std::{cmp::Reverse, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zixly_connectors::{
    asana::Task,
    hubspot::{HubSpot, Note},
};
use zixly_domain::{Provider, RecordAction, Workflow};
use zixly_store::connections::Connection;

use super::{
    Definition,
    hubspot_deal_to_asana::EXTERNAL_PREFIX,
    nothing_to_do,
    notify::{self, News},
    polls, record, report,
};
use crate::{
    effects::Write,
    error::StepError,
    steps::{Done, Halt, JobRun, StepContext},
};

/// How far HubSpot's clock and ours may be apart.
const APART: Duration = Duration::from_hours(1);

#[derive(Deserialize)]
struct Parameters {
    workspace: String,
    task: String,
}

/// What is read of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ReadTask {
    name: String,
    completed: bool,
    completed_at: Option<Timestamp>,
    url: Option<String>,
    external_gid: Option<String>,
}

/// What is to be noted, or why there is nothing to do.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Check {
    Completed(Plan),
    Stop(String),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Plan {
    deal_id: String,
    completed_at: Timestamp,
    /// Stands in the note, which is found again by it.
    mark: String,
    body: String,
}

pub(super) const DEFINITION: Definition = Definition {
    workflow: Workflow::AsanaTaskToHubspot,
    version: 1,
    steps: &["read-task", "check-task", "find-deal", "add-note", report::STEP, notify::STEP],
    run: |job| Box::pin(run(job)),
};

/// Runs the steps; gives the job's result.
async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    let parameters: Parameters = job.parameters()?;
    let task = job.step("read-task", async |context| read_task(context, &parameters).await).await?;
    let checked =
        job.step("check-task", async |_| Ok(Done::new(check(&parameters.task, task.as_ref())))).await?;
    let plan = match checked {
        Check::Completed(plan) => plan,
        Check::Stop(why) => return Ok(nothing_to_do(&why)),
    };
    let there =
        job.step("find-deal", async |context| Portal::open(context, &plan)?.find_deal().await).await?;
    if !there {
        return Ok(nothing_to_do(&format!("HubSpot has no deal {} any more.", plan.deal_id)));
    }
    let note_id =
        job.step("add-note", async |context| Portal::open(context, &plan)?.add_note().await).await?;
    let facts = json!({
        "workspace": parameters.workspace,
        "task_gid": parameters.task,
        "task": task,
        "deal_id": plan.deal_id,
        "note_id": note_id,
        "written": plan.body,
    });
    let report = report::leave(job, facts).await?;
    let summary = format!("Deal {} in HubSpot has a note about it.", plan.deal_id);
    let key = format!("completed-task/{}/{}", parameters.task, plan.completed_at);
    let notified = notify::tell(job, &News { key: &key, summary: &summary }).await?;
    Ok(json!({
        "outcome": "noted",
        "summary": summary,
        "note_id": note_id,
        "report": report,
        "notified": notified,
    }))
}

async fn read_task(
    context: &StepContext<'_>,
    parameters: &Parameters,
) -> Result<Done<Option<ReadTask>>, StepError> {
    let Parameters { workspace, task } = parameters;
    let connection = context.connection(Provider::Asana, Some(workspace))?;
    let asana = context.connectors.asana()?;
    let found =
        context.call(Provider::Asana, connection, async |token| asana.fetch_task(token, task).await).await?;
    let Some(found) = found else { return Ok(Done::new(None)) };
    let is_of_a_deal = found.external_gid.as_deref().is_some_and(|gid| gid.starts_with(EXTERNAL_PREFIX));
    let completed_at = found.completed_at.filter(|_| found.completed && is_of_a_deal);
    let business = completed_at.map(|at| polls::completed_task(workspace, task, at));
    let (about, read) = (found.name.clone(), record(Provider::Asana, "task", &found.gid, RecordAction::Read));
    Ok(Done::new(Some(ReadTask::from(found))).touching(read).about(Some(about)).taking_business(business))
}

impl From<Task> for ReadTask {
    fn from(task: Task) -> Self {
        Self {
            name: task.name,
            completed: task.completed,
            completed_at: task.completed_at,
            url: task.permalink_url,
            external_gid: task.external_gid,
        }
    }
}

fn check(task_gid: &str, task: Option<&ReadTask>) -> Check {
    let Some(task) = task else {
        return Check::Stop(format!("Asana has no task {task_gid} any more."));
    };
    let name = &task.name;
    let deal_id = task.external_gid.as_deref().and_then(|gid| gid.strip_prefix(EXTERNAL_PREFIX));
    match (deal_id, task.completed_at.filter(|_| task.completed)) {
        (None, _) => Check::Stop(format!("Task {name} belongs to no HubSpot deal.")),
        (_, None) => Check::Stop(format!("Task {name} is not completed.")),
        (Some(deal_id), Some(completed_at)) => {
            // Letters, digits and hyphens only, so that nothing makes a link of it or escapes it.
            let mark = format!("asana-task-{task_gid}-{}", completed_at.as_millisecond());
            let title = match task.url.as_deref().filter(|url| url.starts_with("https://")) {
                Some(url) => format!("<a href=\"{}\">{}</a>", escaped(url), escaped(name)),
                None => escaped(name),
            };
            let day = completed_at.strftime("%Y-%m-%d %H:%M UTC");
            Check::Completed(Plan {
                deal_id: deal_id.to_owned(),
                completed_at,
                body: format!("<p>Done in Asana: {title}, {day}.</p><p>Zixly reference {mark}</p>"),
                mark,
            })
        }
    }
}

/// A note is HTML, and the name of a task is anything.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The tenant's portal at HubSpot, and what is to be noted there.
struct Portal<'a> {
    context: &'a StepContext<'a>,
    hubspot: &'a HubSpot,
    connection: &'a Connection,
    plan: &'a Plan,
}

impl<'a> Portal<'a> {
    fn open(context: &'a StepContext<'a>, plan: &'a Plan) -> Result<Self, StepError> {
        let connection = context.connection(Provider::HubSpot, None)?;
        Ok(Self { context, hubspot: context.connectors.hubspot()?, connection, plan })
    }

    async fn find_deal(&self) -> Result<Done<bool>, StepError> {
        let deal = self
            .context
            .call(Provider::HubSpot, self.connection, async |token| {
                self.hubspot.fetch_deal(token, &self.plan.deal_id).await
            })
            .await?;
        Ok(match deal {
            Some(deal) => {
                Done::new(true).touching(record(Provider::HubSpot, "deal", &deal.id, RecordAction::Read))
            }
            None => Done::new(false),
        })
    }

    async fn add_note(&self) -> Result<Done<String>, StepError> {
        let Plan { deal_id, completed_at, mark, body } = self.plan;
        let write = Write {
            effect_key: &format!("hubspot/{}/deal/{deal_id}/note/{mark}", self.connection.account_id),
            step: "add-note",
            provider: Provider::HubSpot,
            connection: Some(self.connection),
            target: &format!("note {mark}"),
            action: &format!("POST note on deal {deal_id}"),
            request: &json!({ "deal_id": deal_id, "body": body }),
        };
        let add = async || {
            self.context
                .call(Provider::HubSpot, self.connection, async |token| {
                    self.hubspot.create_note_on_deal(token, deal_id, body, *completed_at).await
                })
                .await
        };
        let note_id =
            self.context.once(write, async |sent_at| self.look_for_note(sent_at).await, add).await?;
        let created = record(Provider::HubSpot, "note", &note_id, RecordAction::Create);
        Ok(Done::new(note_id).touching(created))
    }

    /// Newest first, and no further back than the write, since a busy deal has many notes.
    async fn look_for_note(&self, sent_at: Timestamp) -> Result<Option<String>, StepError> {
        let mut ids = self.list_notes().await?;
        // Ids are numbers that grow, but not strictly.
        ids.sort_by_key(|id| Reverse(id.parse::<u64>().unwrap_or_default()));
        for ids in ids.chunks(HubSpot::NOTES_AT_ONCE) {
            let notes = self
                .context
                .call(Provider::HubSpot, self.connection, async |token| {
                    self.hubspot.fetch_notes(token, ids).await
                })
                .await?;
            let is_ours =
                |note: &&Note| note.body.as_ref().is_some_and(|body| body.contains(&self.plan.mark));
            if let Some(note) = notes.iter().find(is_ours) {
                return Ok(Some(note.id.clone()));
            }
            let is_older = |note: &Note| note.created_at.is_some_and(|made_at| made_at + APART < sent_at);
            if !notes.is_empty() && notes.iter().all(is_older) {
                break;
            }
        }
        Ok(None)
    }

    async fn list_notes(&self) -> Result<Vec<String>, StepError> {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = self
                .context
                .call(Provider::HubSpot, self.connection, async |token| {
                    self.hubspot.list_notes_of_deal(token, &self.plan.deal_id, after.as_deref()).await
                })
                .await?;
            ids.extend(page.ids);
            after = page.next;
            if after.is_none() {
                return Ok(ids);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> ReadTask {
        ReadTask {
            name: "Kick-off: <Acme> & Co".into(),
            completed: true,
            completed_at: Some("2026-10-01T02:44:21.987Z".parse().unwrap()),
            url: Some("https://app.asana.com/0/1/2".into()),
            external_gid: Some("hubspot-deal-987654321".into()),
        }
    }

    fn stops(change: impl FnOnce(&mut ReadTask)) -> String {
        let mut task = task();
        change(&mut task);
        match check("2", Some(&task)) {
            Check::Stop(why) => why,
            go => panic!("{go:?} should have stopped"),
        }
    }

    #[test]
    fn a_completed_task_is_a_note_that_can_be_found_again() {
        let Check::Completed(plan) = check("1200000000000002", Some(&task())) else {
            panic!("it is completed")
        };
        assert_eq!(plan.deal_id, "987654321");
        assert_eq!(
            plan.body,
            "<p>Done in Asana: <a href=\"https://app.asana.com/0/1/2\">Kick-off: &lt;Acme&gt; &amp; Co</a>, \
             2026-10-01 02:44 UTC.</p><p>Zixly reference asana-task-1200000000000002-1790822661987</p>"
        );
        assert!(plan.body.contains(&plan.mark));
    }

    #[test]
    fn everything_else_stops_and_says_why() {
        assert_eq!(stops(|task| task.completed = false), "Task Kick-off: <Acme> & Co is not completed.");
        for external_gid in [None, Some("invoice-7".to_owned())] {
            assert_eq!(
                stops(|task| task.external_gid = external_gid),
                "Task Kick-off: <Acme> & Co belongs to no HubSpot deal."
            );
        }
        assert_eq!(check("2", None), Check::Stop("Asana has no task 2 any more.".into()));
    }
}
