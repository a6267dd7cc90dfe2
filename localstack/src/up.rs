//! `zixly up`: starts the stack piece by piece, or finds the pieces that run already.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use zixly_store::Store;
use zixly_store::migrations::{RolePassword, migrate};

use crate::interrupt::Interrupts;
use crate::postgres::{self, DATABASE, Programs, Purpose, SUPERUSER};
use crate::processes::Process;
use crate::progress::Progress;
use crate::project::Project;
use crate::random;
use crate::seed::{self, Servers};
use crate::simulator::Accounts;
use crate::stack::{Lock, Stack};
use crate::{functions, local_aws, services, simulator, stack_env, terraform};

/// Brings everything up. When that fails, nothing new is left running, and the logs stay.
///
/// With an owner, the stack is somebody's for as long as that process runs.
pub async fn run(project: &Project, owner: Option<i32>) -> anyhow::Result<ExitCode> {
    let progress = Progress::new();
    let _lock = Lock::take(project, &progress).await?;
    services::remove_orphans(project).await?;
    let was_up = stack_env::exists(project);
    let stack = Stack::open(project.stack())?;
    if let Some(pid) = owner {
        stack.give_to(Process::with_pid(pid).with_context(|| format!("there is no process {pid}"))?)?;
    }

    let mut interrupts = Interrupts::new()?;
    let outcome = tokio::select! {
        outcome = bring_up(project, &stack, &progress) => outcome.map(|()| ExitCode::SUCCESS),
        code = interrupts.next() => Ok(code),
    };
    // A stack that somebody uses survives an `up` that went wrong.
    if outcome.as_ref().is_ok_and(|code| *code == ExitCode::SUCCESS) || was_up {
        return outcome;
    }
    let cleaned = if outcome.is_ok() { stack.remove().await } else { stack.stop().await };
    let code = outcome?;
    cleaned?;
    Ok(code)
}

async fn bring_up(project: &Project, stack: &Stack, progress: &Progress) -> anyhow::Result<()> {
    let accounts = Accounts::of(stack)?;
    let database = async { start_database(project, stack, progress).await };
    let aws = async { start_aws(project, stack, progress).await };
    let simulator = async {
        let step = progress.step("Simulator");
        let url = simulator::start(stack, &accounts).await?;
        step.done(&url);
        anyhow::Ok(url)
    };
    let functions = async {
        let step = progress.step("Functions");
        // Each stack has its own zips, so that two that are built at the same time do not write the same file.
        let zips = stack.folder.join("functions");
        functions::build(project, &zips, "zip", &step).await?;
        step.done("all six are built");
        anyhow::Ok(zips)
    };
    let (database, mut aws_endpoint, simulator_url, zips) =
        tokio::try_join!(database, aws, simulator, functions)?;

    let step = progress.step("Terraform");
    let mut applied = terraform::apply(stack, project, &zips, &aws_endpoint, &simulator_url, &step).await;
    if applied.as_ref().is_err_and(terraform::is_about_what_exists) {
        // Now and then the local AWS closes a connection instead of answering. Terraform asks again, and is told that
        // what it has just made was there before; since it does not know it, both begin anew.
        stack.stop_server("local-aws").await;
        aws_endpoint = start_aws(project, stack, progress).await?;
        applied = terraform::apply(stack, project, &zips, &aws_endpoint, &simulator_url, &step).await;
    }
    let outputs = applied?;
    step.done("the local AWS has what Zixly needs");

    let step = progress.step("Tenants");
    let servers = Servers {
        database: &database,
        aws_endpoint: &aws_endpoint,
        outputs: &outputs,
        simulator_url: &simulator_url,
        accounts: &accounts,
    };
    let seeded = seed::seed(stack, &servers).await.context("the stack cannot be filled")?;
    step.done("Demo business and Other business, at every provider");

    let step = progress.step("Health");
    let webhook_url = outputs.get("webhook_url")?;
    wait_for_health(webhook_url).await?;
    step.done(&format!("{webhook_url}/health"));

    let mut values = vec![
        ("WEBHOOK_URL", webhook_url.to_owned()),
        ("APP_URL", outputs.get("app_url")?.to_owned()),
        ("WS_URL", outputs.get("websocket_url")?.to_owned()),
        ("SIM_URL", simulator_url.clone()),
        ("AWS_ENDPOINT_URL", aws_endpoint.clone()),
        ("DATABASE_URL", database.superuser_url(stack)?),
    ];
    values.extend(seeded);
    stack_env::write(project, &values)
}

async fn start_aws(project: &Project, stack: &Stack, progress: &Progress) -> anyhow::Result<String> {
    let step = progress.step("Local AWS");
    let endpoint = local_aws::start(stack, project, Some(4566)).await?;
    step.done(&endpoint);
    Ok(endpoint)
}

/// Where PostgreSQL is.
pub struct Database {
    port: u16,
}

impl Database {
    /// The superuser's URL.
    pub fn superuser_url(&self, stack: &Stack) -> anyhow::Result<String> {
        Ok(self.url(SUPERUSER, &stack.secret("DATABASE_PASSWORD", random)?))
    }

    /// The URL of a function's role.
    pub fn role_url(&self, stack: &Stack, role: &str) -> anyhow::Result<String> {
        Ok(self.url(role, &role_password(stack, role)?))
    }

    fn url(&self, role: &str, password: &str) -> String {
        format!("postgres://{role}:{password}@127.0.0.1:{}/{DATABASE}", self.port)
    }
}

/// PostgreSQL with the newest schema.
async fn start_database(project: &Project, stack: &Stack, progress: &Progress) -> anyhow::Result<Database> {
    let step = progress.step("PostgreSQL");
    let programs = Programs::embedded(project)?;
    let password = stack.secret("DATABASE_PASSWORD", random)?;
    let purpose = Purpose::Stack { password: &password };
    let port = postgres::start(stack, "postgres", &programs, Some(5432), purpose).await?;
    step.done(&format!("{} on 127.0.0.1:{port}", programs.version));

    let step = progress.step("Migrations");
    let database = Database { port };
    let store = Store::new(&database.superuser_url(stack)?.into(), None)?;
    let role = |role: &'static str| -> anyhow::Result<RolePassword> {
        Ok(RolePassword { role, password: role_password(stack, role)?.into() })
    };
    let roles = [
        role("zixly_webhook")?,
        role("zixly_worker")?,
        role("zixly_scheduler")?,
        role("zixly_dashboard")?,
        role("zixly_admin")?,
    ];
    let applied = migrate(&store, &roles).await;
    let applied = applied.context("cannot bring the database to the newest schema")?;
    step.done(&if applied.is_empty() {
        "the schema is the newest".into()
    } else {
        format!("{} applied", applied.len())
    });
    Ok(database)
}

fn role_password(stack: &Stack, role: &str) -> anyhow::Result<String> {
    stack.secret(&format!("{role} password"), random)
}

/// Everything is up only when a request through the gateway finds it so.
async fn wait_for_health(webhook_url: &str) -> anyhow::Result<()> {
    let client = crate::loopback_client()?;
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = match client.get(format!("{webhook_url}/health")).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => format!("{} {}", answer.status(), answer.text().await.unwrap_or_default()),
            Err(error) => format!("{:#}", anyhow::Error::from(error)),
        };
        if Instant::now() > deadline {
            bail!("{webhook_url}/health is not well after half a minute: {answer}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
