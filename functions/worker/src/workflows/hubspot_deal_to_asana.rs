//! A won HubSpot deal becomes a project in Asana with a kick-off task.
//!
//! The task is found again by its external gid, `hubspot-deal-{id}`. Projects have none, so a project carries the same
//! text in its description, and is looked for among the projects of the workspace; that is many calls, but only after
//! a write whose answer was lost.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zixly_connectors::{
    asana::{Asana, NewTask},
    hubspot::Deal,
};
use zixly_domain::{HubspotDealSettings, Provider, RecordAction, Workflow};
use zixly_store::connections::Connection;

use super::{
    Definition, nothing_to_do,
    notify::{self, News},
    record, report,
};
use crate::{
    effects::Write,
    error::StepError,
    steps::{Done, Halt, JobRun, StepContext},
};

/// What the external gid of a deal's task begins with; the deal's id follows.
pub(super) const EXTERNAL_PREFIX: &str = "hubspot-deal-";

#[derive(Deserialize)]
struct Parameters {
    portal_id: String,
    deal_id: String,
}

/// What is read of a deal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ReadDeal {
    name: Option<String>,
    is_won: bool,
    amount: Option<String>,
    currency: Option<String>,
    contact_count: usize,
}

/// What is to be made, or why there is nothing to do.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Check {
    Won(Plan),
    Stop(String),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Plan {
    external_gid: String,
    project_name: String,
    task_name: String,
    notes: String,
    /// Where, in case several workspaces are connected.
    #[serde(default)]
    workspace: Option<String>,
}

pub(super) const DEFINITION: Definition = Definition {
    workflow: Workflow::HubspotDealToAsana,
    version: 1,
    steps: &[
        "read-deal",
        "check-deal",
        "find-task",
        "create-project",
        "create-task",
        report::STEP,
        notify::STEP,
    ],
    run: |job| Box::pin(run(job)),
};

/// Runs the steps; gives the job's result.
async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    let parameters: Parameters = job.parameters()?;
    let settings: HubspotDealSettings = job.settings()?;
    let deal = job.step("read-deal", async |context| read_deal(context, &parameters).await).await?;
    let checked = job
        .step("check-deal", async |_| Ok(Done::new(check(&parameters.deal_id, deal.as_ref(), &settings))))
        .await?;
    let plan = match checked {
        Check::Won(plan) => plan,
        Check::Stop(why) => return Ok(nothing_to_do(&why)),
    };
    let found =
        job.step("find-task", async |context| Workspace::open(context, &plan)?.find_task().await).await?;
    if let Some(task_gid) = found {
        let why = format!("Deal {} has its task in Asana already: {task_gid}.", parameters.deal_id);
        return Ok(nothing_to_do(&why));
    }
    let project_gid = job
        .step("create-project", async |context| Workspace::open(context, &plan)?.create_project().await)
        .await?;
    let task_gid = job
        .step("create-task", async |context| Workspace::open(context, &plan)?.create_task(&project_gid).await)
        .await?;
    let facts = json!({
        "portal_id": parameters.portal_id,
        "deal_id": parameters.deal_id,
        "deal": deal,
        "project_gid": project_gid,
        "task_gid": task_gid,
    });
    let report = report::leave(job, facts).await?;
    let summary = format!("{} is a project in Asana, with the task {}.", plan.project_name, plan.task_name);
    let key = format!("won-deal/{}/{}", parameters.portal_id, parameters.deal_id);
    let notified = notify::tell(job, &News { key: &key, summary: &summary }).await?;
    Ok(json!({
        "outcome": "created",
        "summary": summary,
        "project_gid": project_gid,
        "task_gid": task_gid,
        "report": report,
        "notified": notified,
    }))
}

async fn read_deal(
    context: &StepContext<'_>,
    parameters: &Parameters,
) -> Result<Done<Option<ReadDeal>>, StepError> {
    let Parameters { portal_id, deal_id } = parameters;
    let connection = context.connection(Provider::HubSpot, Some(portal_id))?;
    let hubspot = context.connectors.hubspot()?;
    let deal = context
        .call(Provider::HubSpot, connection, async |token| hubspot.fetch_deal(token, deal_id).await)
        .await?;
    let Some(deal) = deal else { return Ok(Done::new(None)) };
    let (about, read) = (deal.name.clone(), record(Provider::HubSpot, "deal", &deal.id, RecordAction::Read));
    Ok(Done::new(Some(ReadDeal::from(deal))).touching(read).about(about))
}

impl From<Deal> for ReadDeal {
    fn from(deal: Deal) -> Self {
        Self {
            name: deal.name,
            is_won: deal.is_won,
            amount: deal.amount,
            currency: deal.currency_code,
            contact_count: deal.contact_ids.len(),
        }
    }
}

fn check(deal_id: &str, deal: Option<&ReadDeal>, settings: &HubspotDealSettings) -> Check {
    let Some(deal) = deal else {
        return Check::Stop(format!("HubSpot has no deal {deal_id} any more."));
    };
    let name = deal.name.clone().unwrap_or_else(|| format!("Deal {deal_id}"));
    if !deal.is_won {
        return Check::Stop(format!("{name} is not won."));
    }
    let external_gid = format!("{EXTERNAL_PREFIX}{deal_id}");
    let amount = match (&deal.amount, &deal.currency) {
        (Some(amount), Some(currency)) => format!("Amount: {amount} {currency}\n"),
        (Some(amount), None) => format!("Amount: {amount}\n"),
        (None, _) => String::new(),
    };
    Check::Won(Plan {
        notes: format!("Made by Zixly for the won HubSpot deal {name}.\n{amount}{}", mark(&external_gid)),
        task_name: settings.task_name.replace("{deal}", &name),
        project_name: name,
        external_gid,
        workspace: settings.workspace.clone(),
    })
}

/// What a project is found again by. The brackets keep one deal's id from being the beginning of another's.
fn mark(external_gid: &str) -> String {
    format!("[{external_gid}]")
}

/// The tenant's workspace in Asana, and what is to be made there.
struct Workspace<'a> {
    context: &'a StepContext<'a>,
    asana: &'a Asana,
    connection: &'a Connection,
    plan: &'a Plan,
}

impl<'a> Workspace<'a> {
    fn open(context: &'a StepContext<'a>, plan: &'a Plan) -> Result<Self, StepError> {
        let connection = context.connection(Provider::Asana, plan.workspace.as_deref())?;
        Ok(Self { context, asana: context.connectors.asana()?, connection, plan })
    }

    async fn find_task(&self) -> Result<Done<Option<String>>, StepError> {
        let found = self.look_for_task().await?;
        let done = Done::new(found.clone());
        Ok(match found {
            Some(gid) => done.touching(record(Provider::Asana, "task", &gid, RecordAction::Read)),
            None => done,
        })
    }

    async fn look_for_task(&self) -> Result<Option<String>, StepError> {
        let task = self
            .context
            .call(Provider::Asana, self.connection, async |token| {
                self.asana.find_task_by_external(token, &self.plan.external_gid).await
            })
            .await?;
        Ok(task.map(|task| task.gid))
    }

    async fn create_project(&self) -> Result<Done<String>, StepError> {
        let (plan, workspace_gid) = (self.plan, &self.connection.account_id);
        let write = Write {
            effect_key: &self.effect_key("project"),
            step: "create-project",
            provider: Provider::Asana,
            connection: Some(self.connection),
            target: &format!("project of {}", plan.external_gid),
            action: &format!("POST project of {}", plan.external_gid),
            request: &json!({ "name": plan.project_name, "notes": plan.notes }),
        };
        let create = async || {
            self.context
                .call(Provider::Asana, self.connection, async |token| {
                    self.asana.create_project(token, workspace_gid, &plan.project_name, &plan.notes).await
                })
                .await
        };
        let gid = self.context.once(write, async |_| self.look_for_project().await, create).await?;
        let created = record(Provider::Asana, "project", &gid, RecordAction::Create);
        Ok(Done::new(gid).touching(created))
    }

    async fn look_for_project(&self) -> Result<Option<String>, StepError> {
        let mark = mark(&self.plan.external_gid);
        let mut offset = None;
        loop {
            let page = self
                .context
                .call(Provider::Asana, self.connection, async |token| {
                    self.asana.list_projects(token, &self.connection.account_id, offset.as_deref()).await
                })
                .await?;
            let found = page.records.into_iter().find(|project| project.notes.contains(&mark));
            offset = page.next_offset;
            if found.is_some() || offset.is_none() {
                return Ok(found.map(|project| project.gid));
            }
        }
    }

    async fn create_task(&self, project_gid: &str) -> Result<Done<String>, StepError> {
        let plan = self.plan;
        let write = Write {
            effect_key: &self.effect_key("task"),
            step: "create-task",
            provider: Provider::Asana,
            connection: Some(self.connection),
            target: &format!("task of {}", plan.external_gid),
            action: &format!("POST task of {}", plan.external_gid),
            request: &json!({ "name": plan.task_name, "notes": plan.notes, "project": project_gid }),
        };
        let new = NewTask {
            project_gid,
            name: &plan.task_name,
            notes: &plan.notes,
            external_gid: &plan.external_gid,
        };
        let create = async || {
            self.context
                .call(Provider::Asana, self.connection, async |token| {
                    self.asana.create_task(token, new).await
                })
                .await
        };
        let gid = self.context.once(write, async |_| self.look_for_task().await, create).await?;
        let created = record(Provider::Asana, "task", &gid, RecordAction::Create);
        Ok(Done::new(gid).touching(created))
    }

    fn effect_key(&self, what: &str) -> String {
        format!("asana/{}/{}/{what}", self.connection.account_id, self.plan.external_gid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deal() -> ReadDeal {
        ReadDeal {
            name: Some("Acme: new website".into()),
            is_won: true,
            amount: Some("12500".into()),
            currency: None,
            contact_count: 1,
        }
    }

    #[test]
    fn a_won_deal_becomes_a_project_and_a_task_that_carry_its_id() {
        let Check::Won(plan) = check("987654321", Some(&deal()), &HubspotDealSettings::default()) else {
            panic!("it is won")
        };
        assert_eq!(plan.external_gid, "hubspot-deal-987654321");
        assert_eq!(
            (plan.project_name.as_str(), plan.task_name.as_str()),
            ("Acme: new website", "Kick-off: Acme: new website")
        );
        assert_eq!(
            plan.notes,
            "Made by Zixly for the won HubSpot deal Acme: new website.\nAmount: 12500\n[hubspot-deal-987654321]"
        );
    }

    #[test]
    fn a_deal_that_is_open_or_gone_stops_and_says_why() {
        let open = ReadDeal { is_won: false, name: None, ..deal() };
        let check = |deal| check("42", deal, &HubspotDealSettings::default());
        assert_eq!(check(Some(&open)), Check::Stop("Deal 42 is not won.".into()));
        assert_eq!(check(None), Check::Stop("HubSpot has no deal 42 any more.".into()));
    }
}
