//! `zixly dlq`: shows the messages that were laid aside, and sends them back.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use serde_json::json;
use zixly_domain::{JobId, JobStatus, TenantId};
use zixly_queues::{CarriedDelivery, DeadLetter, DeadLetterQueue, JobQueue, Message, Unreadable};
use zixly_store::jobs::{self, Job};
use zixly_store::requests::{self, Requested};
use zixly_store::{Store, StoreError, ledger};

use crate::operator::Installation;
use crate::progress::answer;

/// How long nobody else gets a message that is looked at, should this command be cut off.
const LOOK: Duration = Duration::from_secs(30);

/// How long nobody else gets a message that is being sent back.
const REDRIVE: Duration = Duration::from_mins(5);

/// Who asks for another run of a job, in the job's row.
const OURSELVES: &str = "zixly dlq redrive";

/// The arguments of `zixly dlq`.
#[derive(clap::Args)]
pub struct Dlq {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show the messages that were laid aside, and leave them where they are
    List {
        /// Show what each message says, which may be a provider's delivery
        #[arg(long)]
        body: bool,
        /// A line of JSON for each message
        #[arg(long)]
        json: bool,
    },
    /// Send messages back to the workers; a job that failed for its message is run again
    Redrive(Which),
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The message, as `zixly dlq list` calls it
    message_id: Option<String>,
    /// All messages
    #[arg(long)]
    all: bool,
}

impl Dlq {
    /// Does what was asked. Sending back fails when a message was kept.
    pub async fn run(&self, installation: &Installation) -> anyhow::Result<ExitCode> {
        let dead_letters =
            DeadLetterQueue::new(&installation.aws()?, installation.required("DEAD_LETTER_QUEUE_URL")?);
        match &self.command {
            Command::List { body, json } => list(&dead_letters, *body, *json).await,
            Command::Redrive(which) => redrive(installation, &dead_letters, which).await,
        }
    }
}

async fn list(dead_letters: &DeadLetterQueue, body: bool, json: bool) -> anyhow::Result<ExitCode> {
    let letters = dead_letters.take_all(LOOK).await?;
    dead_letters.put_back(&letters).await?;
    for letter in &letters {
        answer(&if json { as_json(letter, body) } else { as_text(letter, body) });
    }
    if letters.is_empty() && !json {
        answer(match dead_letters.count().await? {
            0 => "There are no dead letters.",
            _ => "All dead letters are being looked at by somebody else: try again in half a minute.",
        });
    }
    Ok(ExitCode::SUCCESS)
}

async fn redrive(
    installation: &Installation,
    dead_letters: &DeadLetterQueue,
    which: &Which,
) -> anyhow::Result<ExitCode> {
    let queue = JobQueue::new(&installation.aws()?, installation.required("JOB_QUEUE_URL")?);
    let store = installation.store()?;
    let taken = dead_letters.take_all(REDRIVE).await?;
    let (wanted, others): (Vec<_>, Vec<_>) = taken
        .into_iter()
        .partition(|letter| which.message_id.as_ref().is_none_or(|wanted| *wanted == letter.message_id));
    dead_letters.put_back(&others).await?;
    if let (Some(message_id), []) = (&which.message_id, wanted.as_slice()) {
        bail!(
            "there is no dead letter {message_id}, or somebody else is looking at it: see `zixly dlq list`"
        );
    }
    let mut kept = wanted.clone();
    let outcome = send_back(&store, dead_letters, &queue, wanted, &mut kept).await;
    // What an error has left where it was is not held back for whoever tries again.
    let put_back = dead_letters.put_back(&kept).await;
    outcome?;
    put_back?;
    Ok(if kept.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends messages back, one after the other; those that it has sent are not among the `kept` any more.
async fn send_back(
    store: &Store,
    dead_letters: &DeadLetterQueue,
    queue: &JobQueue,
    letters: Vec<DeadLetter>,
    kept: &mut Vec<DeadLetter>,
) -> anyhow::Result<()> {
    for letter in letters {
        let outcome = match prepare(store, &letter).await? {
            Prepared::Send(outcome) => {
                dead_letters.redrive(&letter, queue).await?;
                kept.retain(|other| other.message_id != letter.message_id);
                outcome
            }
            Prepared::Keep(why) => format!("kept: {why}"),
        };
        answer(&format!("{}  {outcome}", letter.message_id));
    }
    Ok(())
}

/// What is to be done with a message.
enum Prepared {
    /// It goes back; this will come of it.
    Send(String),
    /// It would only come here again, for this reason.
    Keep(String),
}

/// Notes what is wanted of the message's job, so that the message has something to ring for.
async fn prepare(store: &Store, letter: &DeadLetter) -> Result<Prepared, StoreError> {
    match letter.message() {
        Ok(Message::Ring { tenant_id, job_id }) => prepare_job(store, letter, tenant_id, job_id).await,
        Ok(Message::File(CarriedDelivery { delivery_id, .. })) => {
            Ok(Prepared::Send(format!("sent back: delivery {delivery_id} is filed")))
        }
        // The workers may be newer than this command.
        Err(Unreadable::Newer(_)) => Ok(Prepared::Send("sent back, for a newer worker".to_owned())),
        Err(unreadable) => Ok(Prepared::Keep(unreadable.to_string())),
    }
}

async fn prepare_job(
    store: &Store,
    letter: &DeadLetter,
    tenant_id: TenantId,
    job_id: JobId,
) -> Result<Prepared, StoreError> {
    let mut session = store.session().await?;
    // The owner sees every tenant's jobs, and a message that names the wrong tenant does nothing.
    let owner = ledger::find_tenant_of_job(&mut session, job_id).await?;
    let no_job = || Prepared::Keep(format!("tenant {tenant_id} has no job {job_id}"));
    if owner.is_none_or(|(owner, _)| owner != tenant_id) {
        return Ok(no_job());
    }
    let tx = session.begin(tenant_id)?;
    let outcome = match jobs::find(&tx, job_id).await? {
        None => no_job(),
        Some(job) if failed_for(&job, letter) => {
            match requests::retry(&tx, tenant_id, job_id, OURSELVES).await? {
                Requested::Noted(_) => Prepared::Send(format!("sent back: job {job_id} is run again")),
                // Somebody else was faster.
                Requested::Impossible(status) => Prepared::Send(already(job_id, status)),
                Requested::NoJob => no_job(),
            }
        }
        Some(Job { status: JobStatus::Failed, error_message, .. }) => Prepared::Send(format!(
            "sent back, and nothing follows: job {job_id} has failed since, for another reason ({}); to run it again, \
             POST /webhook/jobs/{job_id}/retry",
            error_message.unwrap_or_default()
        )),
        Some(job) => Prepared::Send(already(job_id, job.status)),
    };
    tx.commit().await?;
    Ok(outcome)
}

/// A worker gives the same reason to the message that it lays aside and to the job that it fails. A job that has failed
/// for another reason since is not run again behind its owner's back.
fn failed_for(job: &Job, letter: &DeadLetter) -> bool {
    job.status == JobStatus::Failed && job.error_message.is_some() && job.error_message == letter.reason
}

fn already(job_id: JobId, status: JobStatus) -> String {
    if status.is_final() {
        format!("sent back, and nothing follows: job {job_id} is {status}")
    } else {
        format!("sent back: it rings for job {job_id}, which is {status}")
    }
}

fn as_text(letter: &DeadLetter, body: bool) -> String {
    let DeadLetter { message_id, sent_at, receive_count, .. } = letter;
    let times = if *receive_count == 1 { "time" } else { "times" };
    let mut text = format!(
        "{message_id}  {}  received {receive_count} {times}\n    {}\n    {}",
        sent_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        subject(letter),
        letter.reason.as_deref().unwrap_or("returned too often by workers that could not record its outcome")
    );
    if body {
        text.push_str(&format!("\n    {}", letter.body));
    }
    text
}

fn subject(letter: &DeadLetter) -> String {
    match letter.message() {
        Ok(Message::Ring { tenant_id, job_id }) => format!("for job {job_id} of tenant {tenant_id}"),
        Ok(Message::File(CarriedDelivery { delivery_id, provider, .. })) => {
            format!("carries delivery {delivery_id} of {}", provider.name())
        }
        Err(unreadable) => unreadable.to_string(),
    }
}

fn as_json(letter: &DeadLetter, body: bool) -> String {
    let mut line = json!({
        "message_id": letter.message_id,
        "sent_at": letter.sent_at,
        "receive_count": letter.receive_count,
        "reason": letter.reason,
    });
    match letter.message() {
        Ok(Message::Ring { tenant_id, job_id }) => {
            line["tenant_id"] = json!(tenant_id);
            line["job_id"] = json!(job_id);
        }
        Ok(Message::File(CarriedDelivery { delivery_id, provider, .. })) => {
            line["delivery_id"] = json!(delivery_id);
            line["provider"] = json!(provider.as_str());
        }
        Err(unreadable) => line["unreadable"] = json!(unreadable.to_string()),
    }
    if body {
        line["body"] = json!(letter.body);
    }
    line.to_string()
}
