//! `zixly services -- COMMAND`: real servers for as long as a test command runs.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::interrupt::{Interrupts, exit_code};
use crate::postgres::{self, Programs, Purpose, SUPERUSER};
use crate::processes::Process;
use crate::progress::Progress;
use crate::project::Project;
use crate::stack::Stack;
use crate::{local_aws, pgbouncer, processes, terraform};

/// Starts the servers, runs the command with their addresses in its environment, and takes all down again.
pub async fn run(project: &Project, command: &[String]) -> anyhow::Result<ExitCode> {
    remove_orphans(project).await?;
    let stack = Stack::open(project.local().join(format!("services-{}", std::process::id())))?;
    stack.give_to(Process::this()?)?;
    let outcome = run_with(project, &stack, command).await;
    let removed = stack.remove().await;
    let code = outcome?;
    removed?;
    Ok(code)
}

/// Removes what is left of earlier runs that were killed before they could clean up.
pub async fn remove_orphans(project: &Project) -> anyhow::Result<()> {
    let path = project.local().join("orphans.lock");
    let lock =
        File::create(&path).with_context(|| format!("cannot write {}: run `make setup`", path.display()))?;
    if lock.try_lock().is_err() {
        // Somebody else is at it.
        return Ok(());
    }
    for entry in fs::read_dir(project.local())?.flatten() {
        if let Some(orphan) = Stack::open_orphan(entry.path())? {
            orphan.remove().await?;
            // Only a stack that `zixly up` made has one.
            let _ = fs::remove_file(entry.path().with_extension("env"));
        }
    }
    Ok(())
}

async fn run_with(project: &Project, stack: &Stack, command: &[String]) -> anyhow::Result<ExitCode> {
    let mut interrupts = Interrupts::new()?;
    let variables = tokio::select! {
        variables = serve(project, stack) => variables?,
        code = interrupts.next() => return Ok(code),
    };

    let [program, arguments @ ..] = command else { return Ok(ExitCode::SUCCESS) };
    let mut child = processes::command(program, &stack.folder);
    child.args(arguments).envs(variables).stdin(Stdio::inherit());
    // Tests that run Node find the one that `make setup` installs.
    child.env("PATH", project.path_with_tools()?);
    let mut child =
        tokio::process::Command::from(child).spawn().with_context(|| format!("cannot start {program}"))?;
    tokio::select! {
        status = child.wait() => Ok(code_of(status?)),
        code = interrupts.next() => {
            // Ctrl-C in a terminal reaches the command by itself, a signal to this process does not.
            if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            }
            // What does not end by then is swept away with the servers.
            let _ = tokio::time::timeout(Duration::from_secs(5), child.wait()).await;
            Ok(code)
        }
    }
}

/// Starts everything; gives the variables that tests find it by.
async fn serve(project: &Project, stack: &Stack) -> anyhow::Result<Vec<(&'static str, String)>> {
    let progress = Progress::new();
    let embedded = async {
        let programs = Programs::embedded(project)?;
        let cluster = start_cluster(&progress, stack, "postgres", &programs).await?;
        let step = progress.step("PgBouncer");
        let port = pgbouncer::start(stack, project, cluster).await?;
        step.done(&format!("transaction mode on 127.0.0.1:{port}"));
        anyhow::Ok((cluster, port))
    };
    let oldest = async {
        let programs = Programs::oldest(project)?;
        start_cluster(&progress, stack, "postgres-oldest", &programs).await
    };
    let aws = async {
        let step = progress.step("Local AWS");
        let endpoint = local_aws::start(stack, project, None).await?;
        step.done(&endpoint);
        anyhow::Ok(endpoint)
    };
    let ((embedded, pooler_port), oldest, endpoint) = tokio::try_join!(embedded, oldest, aws)?;

    let mut variables = vec![
        ("TEST_DATABASE_URL", url(embedded)),
        ("TEST_DATABASE_URLS", [url(oldest), url(embedded)].join(",")),
        ("TEST_POOLER_ADDR", format!("127.0.0.1:{pooler_port}")),
        ("TEST_AWS_ENDPOINT_URL", endpoint),
    ];
    variables.extend(local_aws::CREDENTIALS.map(|(name, value)| (name, value.to_owned())));
    variables.extend(terraform::init_setting());
    Ok(variables)
}

async fn start_cluster(
    progress: &Progress,
    stack: &Stack,
    name: &str,
    programs: &Programs,
) -> anyhow::Result<u16> {
    let step = progress.step("PostgreSQL");
    let port = postgres::start(stack, name, programs, None, Purpose::Tests).await?;
    step.done(&format!("{} on 127.0.0.1:{port}", programs.version));
    Ok(port)
}

fn url(port: u16) -> String {
    format!("postgres://{SUPERUSER}@127.0.0.1:{port}/postgres")
}

fn code_of(status: ExitStatus) -> ExitCode {
    match (status.code(), status.signal()) {
        (Some(code), _) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        (None, signal) => exit_code(signal.unwrap_or(0)),
    }
}
