//! `zixly demo`: one delivery from Xero's POST to the write in HubSpot, and what is left of it everywhere.

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use jiff::Timestamp;
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use zixly_domain::{JobStatus, Provider, TenantId};
use zixly_store::effects::Effect;
use zixly_store::jobs::Job;
use zixly_store::steps::Step;
use zixly_store::{Store, effects, jobs, steps};
use zixly_webhooks::{Verified, xero};

use crate::interrupt::Interrupts;
use crate::progress::answer;
use crate::project::Project;
use crate::stack_env::StackEnv;
use crate::{event_file, seed, up};

const EVENT_FILE: &str = "events/xero-invoice-paid.json";
const INVOICE_ID: &str = "a03ffcd2-5d91-4c7e-b483-318584e9e439";
const CUSTOMER_EMAIL: &str = "liam@rockstar.com";

/// How long a job may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Brings the stack up and shows the main job on it. Fails when anything is not as it should be.
pub async fn run(project: &Project) -> anyhow::Result<ExitCode> {
    let code = up::run(project, None).await?;
    if code != ExitCode::SUCCESS {
        return Ok(code);
    }
    let mut interrupts = Interrupts::new()?;
    tokio::select! {
        shown = show(project) => shown.map(|()| ExitCode::SUCCESS),
        code = interrupts.next() => Ok(code),
    }
}

async fn show(project: &Project) -> anyhow::Result<()> {
    let demo = Demo::new(project)?;
    demo.see_to_the_records().await?;
    let body = event_file::read(&project.root.join(EVENT_FILE), &demo.stack)?;
    let dedupe_key = dedupe_key(&body)?;

    let jobs_before = demo.jobs(&dedupe_key).await?;
    let writes_before = demo.hubspot_writes().await?;
    let signature = event_file::sign(demo.stack.get("XERO_WEBHOOK_KEY")?, &body);
    let (status, took) = event_file::post(&demo.client, &demo.stack, body, &signature).await?;
    if status != StatusCode::OK {
        bail!("the delivery was answered with {status}; {}", demo.where_the_logs_are());
    }
    let job = demo.wait_for_job(&dedupe_key).await?;

    answer("");
    tell("Delivery", &format!("{EVENT_FILE}, signed; {status} in {} ms", took.as_millis()));
    if jobs_before.iter().any(|before| before.job_id == job.job_id) {
        demo.prove_nothing_happened(&dedupe_key, &jobs_before, &writes_before).await?;
    }
    demo.tell_about(&job).await?;
    suggest(&demo, &job)
}

/// A running stack, seen from the demo tenant.
struct Demo {
    stack: StackEnv,
    client: Client,
    store: Store,
    tenant_id: TenantId,
    log: String,
}

impl Demo {
    fn new(project: &Project) -> anyhow::Result<Self> {
        let stack = StackEnv::read(project)?;
        Ok(Self {
            client: crate::loopback_client()?,
            store: Store::new(&SecretString::from(stack.get("DATABASE_URL")?), None)?,
            tenant_id: stack.get("DEMO_TENANT_ID")?.parse()?,
            log: project.stack().join("logs/local-aws.log").display().to_string(),
            stack,
        })
    }

    /// Puts the invoice into Xero and the customer into HubSpot, unless they are there: what a first run wrote must
    /// still be there in a second one.
    async fn see_to_the_records(&self) -> anyhow::Result<()> {
        let (organisation, portal) =
            (self.stack.get("XERO_TENANT_ID")?, self.stack.get("HUBSPOT_PORTAL_ID")?);
        let sim = self.stack.get("SIM_URL")?;

        let token = seed::grant(sim, Provider::Xero, organisation).await?.access_token;
        let invoice = self.client.get(format!("{sim}/xero/api.xro/2.0/Invoices/{INVOICE_ID}"));
        let invoice = invoice.bearer_auth(token.expose_secret()).header("xero-tenant-id", organisation);
        if invoice.send().await?.status() == StatusCode::NOT_FOUND {
            self.seed(json!({ "provider": "xero", "kind": "invoice", "record": paid_invoice() })).await?;
        }

        let token = seed::grant(sim, Provider::HubSpot, portal).await?.access_token;
        let contact = format!("{sim}/hubspot/crm/objects/2026-03/contacts/{CUSTOMER_EMAIL}?idProperty=email");
        let contact = self.client.get(contact).bearer_auth(token.expose_secret());
        if contact.send().await?.status() == StatusCode::NOT_FOUND {
            self.seed(json!({ "provider": "hubspot", "kind": "contact", "record": customer() })).await?;
        }
        Ok(())
    }

    async fn seed(&self, seed: Value) -> anyhow::Result<()> {
        let url = format!("{}/_sim/seed", self.stack.get("SIM_URL")?);
        self.client.post(url).json(&seed).send().await?.error_for_status()?;
        Ok(())
    }

    async fn jobs(&self, dedupe_key: &str) -> anyhow::Result<Vec<Job>> {
        let mut session = self.store.session().await?;
        let tx = session.begin(self.tenant_id).await?;
        let found = jobs::list_of_event(&tx, self.tenant_id, Provider::Xero, dedupe_key).await?;
        tx.commit().await?;
        Ok(found)
    }

    async fn hubspot_writes(&self) -> anyhow::Result<Vec<Value>> {
        let url = format!("{}/_sim/effects?provider=hubspot", self.stack.get("SIM_URL")?);
        Ok(self.client.get(url).send().await?.error_for_status()?.json().await?)
    }

    async fn wait_for_job(&self, dedupe_key: &str) -> anyhow::Result<Job> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let job = self.jobs(dedupe_key).await?.pop();
            match job {
                Some(job) if job.status == JobStatus::Completed => return Ok(job),
                Some(Job { job_id, status, error_message, .. }) if status.is_final() => bail!(
                    "job {job_id} is {status}: {}; {}",
                    error_message.unwrap_or_default(),
                    self.where_the_logs_are()
                ),
                job if Instant::now() > deadline => bail!(
                    "{} after {} s; {}",
                    job.map_or("there is no job".into(), |it| format!("job {} is {}", it.job_id, it.status)),
                    PATIENCE.as_secs(),
                    self.where_the_logs_are()
                ),
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn prove_nothing_happened(
        &self,
        dedupe_key: &str,
        jobs_before: &[Job],
        writes_before: &[Value],
    ) -> anyhow::Result<()> {
        // A second job, were there one, would have written by then.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let jobs = self.jobs(dedupe_key).await?.len();
        let writes = self.hubspot_writes().await?.len();
        if (jobs, writes) != (jobs_before.len(), writes_before.len()) {
            bail!(
                "the same delivery again made {} jobs of {} and {writes} writes of {}, and should have changed nothing",
                jobs,
                jobs_before.len(),
                writes_before.len()
            );
        }
        tell("Duplicate", "this event had come before: no new job, and nothing was written again");
        tell("", &format!("jobs: {jobs} before and after; writes to HubSpot: {writes} before and after"));
        Ok(())
    }

    async fn tell_about(&self, job: &Job) -> anyhow::Result<()> {
        let (steps, effects) = self.recorded(job).await?;
        let took = job.completed_at.map_or(String::new(), |at| milliseconds(job.created_at, at));
        tell("Job", &format!("{} {} in {took}", job.job_id, job.status));
        tell("", text(job, "/summary")?);
        for (index, step) in steps.iter().enumerate() {
            let took = step.finished_at.map_or(String::new(), |at| milliseconds(step.started_at, at));
            let title = if index == 0 { "Steps" } else { "" };
            tell(title, &format!("{:<16} {:<8} {took:>8}", step.name, step.status));
        }

        let effect = effects.first().context("the job has no row in the effects ledger")?;
        let record_id = effect.provider_record_id.as_deref().context("the write is not settled")?;
        let write = self.hubspot_writes().await?.into_iter().rev().find(|write| is_to(write, record_id));
        // Whoever has reset the simulator since has wiped its memory of the write, not ours.
        if let Some(write) = write {
            let field = |name: &str| write[name].as_str().unwrap_or_default().to_owned();
            tell("HubSpot", &format!("{} {} at {}", field("method"), field("path"), field("at")));
            tell("", &write["body"].to_string());
        }
        tell(
            "Ledger",
            &format!(
                "{} · {} · record {record_id} · settled by {}",
                effect.action,
                effect.status,
                effect.settled_by.as_deref().unwrap_or_default()
            ),
        );
        self.tell_about_report(job).await?;
        self.tell_status(job).await
    }

    async fn recorded(&self, job: &Job) -> anyhow::Result<(Vec<Step>, Vec<Effect>)> {
        let mut session = self.store.session().await?;
        let tx = session.begin(self.tenant_id).await?;
        let recorded = (steps::list(&tx, job.job_id).await?, effects::list(&tx, job.job_id).await?);
        tx.commit().await?;
        Ok(recorded)
    }

    async fn tell_about_report(&self, job: &Job) -> anyhow::Result<()> {
        let url = self.report_url(job)?;
        let report = self.client.get(&url).send().await?.error_for_status();
        let report: Value = report.with_context(|| {
            format!("the report is not at {url}; the local AWS forgets all when it ends, `make down` makes a clean start")
        })?.json().await?;
        tell("Report", &format!("s3://{}/{}", text(job, "/report/bucket")?, text(job, "/report/key")?));
        tell("", &report["invoice"].to_string());
        Ok(())
    }

    fn report_url(&self, job: &Job) -> anyhow::Result<String> {
        let aws = self.stack.get("AWS_ENDPOINT_URL")?;
        Ok(format!("{aws}/{}/{}", text(job, "/report/bucket")?, text(job, "/report/key")?))
    }

    async fn tell_status(&self, job: &Job) -> anyhow::Result<()> {
        let url = format!("{}/webhook/jobs/{}", self.stack.get("WEBHOOK_URL")?, job.job_id);
        let request = self.client.get(&url).bearer_auth(self.stack.get("DEMO_API_KEY")?);
        let response =
            request.send().await?.error_for_status().context("the job's status cannot be asked")?;
        let status: Value = response.json().await?;
        if status["status"] != "COMPLETED" {
            bail!("{url} says {status}, and the job is COMPLETED");
        }
        tell("Status", &format!("GET /webhook/jobs/{} says {}", job.job_id, status["status"]));
        Ok(())
    }

    fn where_the_logs_are(&self) -> String {
        let aws = self.stack.get("AWS_ENDPOINT_URL").unwrap_or_default();
        format!(
            "see {} and what the worker says:\n  curl -s {aws} -H 'X-Amz-Target: Logs_20140328.FilterLogEvents' \
             -d '{{\"logGroupName\":\"/aws/lambda/zixly-local-worker\"}}'",
            self.log
        )
    }
}

/// What identifies the one event of a body.
fn dedupe_key(body: &[u8]) -> anyhow::Result<String> {
    let delivery = xero::parse(&Verified::at_the_door(Provider::Xero, body));
    let mut events = delivery.map_err(|malformed| anyhow::anyhow!("{}", malformed.reason))?.events;
    Ok(events.pop().context("the delivery has no event")?.dedupe_key)
}

fn is_to(write: &Value, record_id: &str) -> bool {
    write["path"].as_str().is_some_and(|path| path.ends_with(&format!("/{record_id}")))
}

/// A text of a job's result.
fn text<'a>(job: &'a Job, pointer: &str) -> anyhow::Result<&'a str> {
    let found = job.result.as_ref().and_then(|result| result.pointer(pointer)?.as_str());
    found.with_context(|| format!("the result of job {} has no {pointer}", job.job_id))
}

fn milliseconds(from: Timestamp, to: Timestamp) -> String {
    format!("{} ms", to.duration_since(from).as_millis())
}

fn tell(title: &str, text: &str) {
    answer(&format!("{title:<10} {text}"));
}

fn suggest(demo: &Demo, job: &Job) -> anyhow::Result<()> {
    let program = env::current_exe()?;
    let here = env::current_dir()?;
    let program = program.strip_prefix(here).unwrap_or(&program).display();
    let url = demo.stack.get("WEBHOOK_URL")?;
    answer("\nTry next, from the clone's folder:");
    for (command, what) in [
        ("make demo".to_owned(), "the same delivery again changes nothing"),
        (format!("{program} send {EVENT_FILE} --tamper"), "one byte changed: 401"),
        (
            format!("curl -s {}/_sim/effects", demo.stack.get("SIM_URL")?),
            "every write that the providers saw",
        ),
        (format!("curl -s {}", demo.report_url(job)?), "the report"),
        (
            format!(
                "curl -s -H 'Authorization: Bearer {}' {url}/webhook/jobs/{}",
                demo.stack.get("DEMO_API_KEY")?,
                job.job_id
            ),
            "the job",
        ),
        ("make down".to_owned(), "stop and forget everything"),
    ] {
        answer(&format!("  {command}   # {what}"));
    }
    Ok(())
}

/// The paid invoice, as Xero gives it.
fn paid_invoice() -> Value {
    json!({
        "Type": "ACCREC",
        "InvoiceID": INVOICE_ID,
        "InvoiceNumber": "INV-0006",
        "Reference": "Tour of New Zealand",
        "Contact": {
            "ContactID": "430fa14a-f945-44d3-9f97-5df5e28441b8",
            "Name": "Liam Gallagher",
            "FirstName": "Liam",
            "LastName": "Gallagher",
            "EmailAddress": CUSTOMER_EMAIL,
        },
        "DateString": "2026-09-01T00:00:00",
        "Date": "/Date(1788220800000+0000)/",
        "DueDateString": "2026-09-30T00:00:00",
        "DueDate": "/Date(1790726400000+0000)/",
        "Status": "PAID",
        "LineAmountTypes": "Exclusive",
        "SubTotal": 128_750.23,
        "TotalTax": 19_312.53,
        "Total": 148_062.76,
        "AmountDue": 0.00,
        "AmountPaid": 148_062.76,
        "AmountCredited": 0.00,
        "CurrencyCode": "NZD",
        "FullyPaidOnDate": "/Date(1790812800000+0000)/",
        "UpdatedDateUTC": "/Date(1790845964917+0000)/",
    })
}

/// The customer, as HubSpot has it.
fn customer() -> Value {
    json!({ "properties": { "email": CUSTOMER_EMAIL, "firstname": "Liam", "lastname": "Gallagher" } })
}
