//! `zixly effects`: shows the writes that a job made at the providers, or compares all writes with the providers.

mod verify;

use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use zixly_domain::{EffectStatus, JobId, JobStatus};
use zixly_store::ledger::{self, Entry};

use crate::operator::Installation;
use crate::progress::answer;

/// The arguments of `zixly effects`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct Effects {
    /// The job whose writes are shown
    #[arg(value_name = "JOB")]
    job_id: Option<JobId>,
    /// A line of JSON for each write
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Ask the providers whether they have every write that is known to be made, and have it once
    ///
    /// It reads over the tenants' own connections and writes nothing. What a person has removed at a provider counts as
    /// lost. The last line is the sums; the exit code is 1 unless lost and doubled are 0.
    Verify(verify::Verify),
}

impl Effects {
    /// Does what was asked.
    pub async fn run(&self, installation: &Installation) -> anyhow::Result<ExitCode> {
        if let Some(Command::Verify(verify)) = &self.command {
            return verify.run(installation).await;
        }
        let job_id = self.job_id.context("which job? `zixly effects JOB`")?;
        show(installation, job_id, self.json).await
    }
}

async fn show(installation: &Installation, job_id: JobId, json: bool) -> anyhow::Result<ExitCode> {
    let store = installation.store()?;
    let mut session = store.session().await?;
    let Some((tenant_id, tenant)) = ledger::find_tenant_of_job(&mut session, job_id).await? else {
        bail!("there is no job {job_id}, of whatever tenant");
    };
    let tx = session.begin(tenant_id)?;
    let entries = ledger::list_of_job(&tx, tenant_id, job_id).await?;
    tx.commit().await?;
    if json {
        entries.iter().for_each(|entry| answer(&as_json(entry).to_string()));
    } else if entries.is_empty() {
        answer(&format!("The ledger has no write of job {job_id} of {tenant}."));
    } else {
        answer(&format!("Job {job_id} of {tenant}\n"));
        let rows: Vec<_> = entries.iter().map(cells).collect();
        table(&HEADINGS, &rows).iter().for_each(|line| answer(line));
        for entry in &entries {
            if let Some(next) = next(entry) {
                answer(&format!("\n{}: {next}", entry.action));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

const HEADINGS: [&str; 7] = ["INTENDED", "PROVIDER", "ACTION", "STATUS", "RECORD", "KNOWN BY", "SENT"];

fn cells(entry: &Entry) -> [String; 7] {
    let times = if entry.writes == 1 { "once".to_owned() } else { format!("{} times", entry.writes) };
    [
        entry.intended_at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        entry.provider.to_string(),
        entry.action.clone(),
        entry.status.to_string(),
        entry.provider_record_id.clone().unwrap_or_else(|| "-".to_owned()),
        entry.settled_by.clone().unwrap_or_else(|| "-".to_owned()),
        times,
    ]
}

fn as_json(entry: &Entry) -> Value {
    json!({
        "effect_key": entry.effect_key,
        "step": entry.step,
        "intended_at": entry.intended_at,
        "provider": entry.provider.as_str(),
        "action": entry.action,
        "status": entry.status.as_str(),
        "provider_record_id": entry.provider_record_id,
        "settled_by": entry.settled_by,
        "settled_at": entry.settled_at,
        "writes": entry.writes,
        "next": next(entry),
    })
}

/// What happens to a write that is not known to have been made.
fn next(entry: &Entry) -> Option<String> {
    let job = entry.job_id;
    match (entry.status, entry.job_status) {
        (EffectStatus::Done, _) => None,
        (EffectStatus::DryRun, _) => Some("it was only tried: a real run would make it".to_owned()),
        (EffectStatus::Unknown, _) => Some(
            "it was sent once at most, and nobody can find out whether it arrived; it is not sent again"
                .to_owned(),
        ),
        (EffectStatus::Refused, status) if status.is_final() => {
            Some(format!("it was not made, and job {job} is {status}: to have it made, retry the job"))
        }
        (EffectStatus::Refused, _) => Some("it was not made; its job tries again".to_owned()),
        (EffectStatus::Intended, JobStatus::Running) => Some(
            "a worker is at it, or died over it; whoever goes on looks before it writes again".to_owned(),
        ),
        (EffectStatus::Intended, JobStatus::Queued) => {
            let until = entry.due_at.map_or("it is rung".to_owned(), |at| at.to_string());
            let reason = entry.waiting_reason.map_or(String::new(), |reason| format!(" ({reason})"));
            Some(format!("its job waits until {until}{reason}, and looks before it writes again"))
        }
        (EffectStatus::Intended, status) => Some(format!(
            "nobody knows whether it was made, and job {job} is {status}: retry the job, which looks before it writes"
        )),
    }
}

/// Lines with their columns below each other.
fn table<const COLUMNS: usize>(headings: &[&str; COLUMNS], rows: &[[String; COLUMNS]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or_default()
    };
    let line = |cells: &[&str; COLUMNS]| {
        let padded = cells.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column)));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rows = rows.iter().map(|row| line(&row.each_ref().map(String::as_str)));
    [line(headings)].into_iter().chain(rows).collect()
}
