//! `zixly demo`: one delivery from Xero's POST to the write in HubSpot, and what is left of it everywhere; then one of
//! each other provider, and a sweep that is called for.

pub mod records;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use zixly_domain::{JobId, JobStatus, Provider, TenantId, jobs_for};
use zixly_store::jobs::Job;
use zixly_store::ledger::Entry;
use zixly_store::steps::Step;
use zixly_store::{Store, jobs, ledger, steps};
use zixly_webhooks::{Request, Verified, parse};

use crate::delivery::SignedDelivery;
use crate::interrupt::Interrupts;
use crate::progress::answer;
use crate::project::Project;
use crate::stack_env::StackEnv;
use crate::{event_file, people, seed, up};

const EVENT_FILE: &str = "events/xero-invoice-paid.json";
const SHOPIFY_ORDER: &str = "events/shopify-order-paid.json";

/// The deliveries that are shown after the main one, a line each.
const OTHERS: [(Provider, &str); 3] = [
    (Provider::HubSpot, "events/hubspot-deal-won.json"),
    (Provider::Shopify, SHOPIFY_ORDER),
    (Provider::Asana, "events/asana-task-completed.json"),
];

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
    let dedupe_key = demo.dedupe_key(Provider::Xero, &body)?;

    let jobs_before = demo.jobs(Provider::Xero, &dedupe_key).await?;
    let writes_before = demo.hubspot_writes().await?;
    let (status, took) = demo.send(Provider::Xero, &body).await?;
    let job = demo.wait_for_job(Provider::Xero, &dedupe_key).await?;

    answer("");
    tell("Delivery", &format!("{EVENT_FILE}, signed; {status} in {} ms", took.as_millis()));
    if jobs_before.iter().any(|before| before.job_id == job.job_id) {
        demo.prove_nothing_happened(&dedupe_key, &jobs_before, &writes_before).await?;
    }
    demo.tell_about(&job).await?;
    for other in OTHERS {
        demo.show_other(other).await?;
    }
    demo.show_sweep().await?;
    demo.show_dashboard()?;
    suggest(&demo, &job)
}

/// A running stack, seen from the demo tenant.
struct Demo {
    stack: StackEnv,
    client: Client,
    store: Store,
    tenant_id: TenantId,
    root: PathBuf,
    log: String,
}

impl Demo {
    fn new(project: &Project) -> anyhow::Result<Self> {
        let stack = StackEnv::read(project)?;
        Ok(Self {
            client: crate::loopback_client()?,
            store: Store::new(&SecretString::from(stack.get("DATABASE_URL")?), None)?,
            tenant_id: stack.get("DEMO_TENANT_ID")?.parse()?,
            root: project.root.clone(),
            log: project.stack().join("logs/local-aws.log").display().to_string(),
            stack,
        })
    }

    /// Puts what the events are about into the providers, unless it is there: what a first run wrote must still be there
    /// in a second one.
    async fn see_to_the_records(&self) -> anyhow::Result<()> {
        let (organisation, portal) =
            (self.stack.get("XERO_TENANT_ID")?, self.stack.get("HUBSPOT_PORTAL_ID")?);
        let sim = self.stack.get("SIM_URL")?;

        let token = seed::grant(sim, Provider::Xero, organisation).await?.access_token;
        let invoice = self.client.get(format!("{sim}/xero/api.xro/2.0/Invoices/{}", records::INVOICE_ID));
        let invoice = invoice.bearer_auth(token.expose_secret()).header("xero-tenant-id", organisation);
        if invoice.send().await?.status() == StatusCode::NOT_FOUND {
            self.seed(records::at_xero()).await?;
        }

        let token = seed::grant(sim, Provider::HubSpot, portal).await?.access_token;
        let email = records::CUSTOMER_EMAIL;
        let contact = format!("{sim}/hubspot/crm/objects/2026-03/contacts/{email}?idProperty=email");
        let contact = self.client.get(contact).bearer_auth(token.expose_secret());
        if contact.send().await?.status() == StatusCode::NOT_FOUND {
            let order = event_file::read(&self.root.join(SHOPIFY_ORDER), &self.stack)?;
            for record in records::at_the_others(&serde_json::from_slice(&order)?) {
                self.seed(record).await?;
            }
        }
        Ok(())
    }

    async fn seed(&self, seed: Value) -> anyhow::Result<()> {
        let url = format!("{}/_sim/seed", self.stack.get("SIM_URL")?);
        let answer = self.client.post(url).json(&seed).send().await?;
        ensure!(answer.status().is_success(), "the simulator refuses {seed}: {}", answer.text().await?);
        Ok(())
    }

    async fn send(&self, provider: Provider, body: &[u8]) -> anyhow::Result<(StatusCode, Duration)> {
        let (status, took) =
            SignedDelivery::new(provider, &self.stack, None, body)?.post(&self.client).await?;
        ensure!(
            status == StatusCode::OK,
            "the delivery of {} was answered with {status}; {}",
            provider.name(),
            self.where_the_logs_are()
        );
        Ok((status, took))
    }

    /// What identifies the first event of a body that starts a job.
    fn dedupe_key(&self, provider: Provider, body: &[u8]) -> anyhow::Result<String> {
        let delivery = SignedDelivery::new(provider, &self.stack, None, body)?;
        let headers = delivery.headers()?;
        let request = Request { method: "POST", uri: &delivery.url, headers: &headers, body };
        let parsed = parse(&Verified::at_the_door(provider, request));
        let events = parsed.map_err(|malformed| anyhow::anyhow!("{}", malformed.reason))?.events;
        let event = events.into_iter().find(|event| !jobs_for(event).is_empty());
        Ok(event.context("the delivery has no event that starts a job")?.dedupe_key)
    }

    /// One line about the delivery of another provider, and one about its job.
    async fn show_other(&self, (provider, file): (Provider, &str)) -> anyhow::Result<()> {
        let body = event_file::read(&self.root.join(file), &self.stack)?;
        let dedupe_key = self.dedupe_key(provider, &body)?;
        let is_new = self.jobs(provider, &dedupe_key).await?.is_empty();
        let (status, took) = self.send(provider, &body).await?;
        let job = self.wait_for_job(provider, &dedupe_key).await?;
        let repeated = if is_new { "" } else { ", a duplicate: no new job" };
        answer("");
        tell(provider.name(), &format!("{file}, signed; {status} in {} ms{repeated}", took.as_millis()));
        self.tell_outcome(&job).await
    }

    /// A job that nobody's event starts: a call does, and the same call again finds it.
    async fn show_sweep(&self) -> anyhow::Result<()> {
        let url = format!("{}/webhook/trading-sweep", self.stack.get("WEBHOOK_URL")?);
        let request = self.client.post(&url).bearer_auth(self.stack.get("DEMO_API_KEY")?);
        let request = request.header("Idempotency-Key", "zixly-demo").json(&records::sweep());
        let began = Instant::now();
        let response = request.send().await?;
        let (status, took) = (response.status(), began.elapsed());
        let accepted: Value =
            response.error_for_status().context("the sweep was not accepted")?.json().await?;
        let job_id: JobId = accepted["job_id"].as_str().unwrap_or_default().parse()?;
        let job = self.wait_for(async || self.job(job_id).await).await?;
        answer("");
        tell("Sweep", &format!("POST /webhook/trading-sweep; {status} in {} ms", took.as_millis()));
        self.tell_outcome(&job).await
    }

    fn show_dashboard(&self) -> anyhow::Result<()> {
        answer("");
        tell("Dashboard", self.stack.get("APP_URL")?);
        tell("", &format!("sign in with the password {}, as", people::PASSWORD));
        for person in people::DEMO_PEOPLE.iter().chain(people::OTHER_PEOPLE) {
            tell("", &format!("{:<24} {}", person.email, person.describe()));
        }
        Ok(())
    }

    async fn tell_outcome(&self, job: &Job) -> anyhow::Result<()> {
        let took = job.completed_at.map_or(String::new(), |at| milliseconds(job.created_at, at));
        tell("", &format!("{} {} in {took}", job.job_type, job.status));
        tell("", text(job, "/summary")?);
        self.tell_effects(job).await
    }

    /// What the job wrote in other systems, a line each.
    async fn tell_effects(&self, job: &Job) -> anyhow::Result<()> {
        let (_, effects) = self.recorded(job).await?;
        for (index, effect) in effects.iter().enumerate() {
            let title = if index == 0 { "Effects" } else { "" };
            let record = effect.provider_record_id.as_deref().unwrap_or("none");
            let settled_by = effect.settled_by.as_deref().unwrap_or("nothing");
            let Entry { provider, action, status, .. } = effect;
            tell(
                title,
                &format!(
                    "{} · {action} · {status} · record {record} · settled by {settled_by}",
                    provider.name()
                ),
            );
        }
        Ok(())
    }

    async fn job(&self, job_id: JobId) -> anyhow::Result<Option<Job>> {
        let mut session = self.store.session().await?;
        let tx = session.begin(self.tenant_id)?;
        let found = jobs::find(&tx, job_id).await?;
        tx.commit().await?;
        Ok(found)
    }

    async fn jobs(&self, provider: Provider, dedupe_key: &str) -> anyhow::Result<Vec<Job>> {
        let mut session = self.store.session().await?;
        let tx = session.begin(self.tenant_id)?;
        let found = jobs::list_of_event(&tx, self.tenant_id, provider, dedupe_key).await?;
        tx.commit().await?;
        Ok(found)
    }

    async fn hubspot_writes(&self) -> anyhow::Result<Vec<Value>> {
        let url = format!("{}/_sim/effects?provider=hubspot", self.stack.get("SIM_URL")?);
        Ok(self.client.get(url).send().await?.error_for_status()?.json().await?)
    }

    async fn wait_for_job(&self, provider: Provider, dedupe_key: &str) -> anyhow::Result<Job> {
        self.wait_for(async || Ok(self.jobs(provider, dedupe_key).await?.pop())).await
    }

    async fn wait_for(&self, find: impl AsyncFn() -> anyhow::Result<Option<Job>>) -> anyhow::Result<Job> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match find().await? {
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
        let jobs = self.jobs(Provider::Xero, dedupe_key).await?.len();
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
        self.tell_effects(job).await?;
        self.tell_about_report(job).await?;
        self.tell_status(job).await
    }

    async fn recorded(&self, job: &Job) -> anyhow::Result<(Vec<Step>, Vec<Entry>)> {
        let mut session = self.store.session().await?;
        let tx = session.begin(self.tenant_id)?;
        let recorded = (
            steps::list(&tx, job.job_id).await?,
            ledger::list_of_job(&tx, self.tenant_id, job.job_id).await?,
        );
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
