//! `zixly down`: nothing runs and nothing is kept, but what `make setup` installed.

use std::process::ExitCode;

use crate::progress::Progress;
use crate::project::Project;
use crate::stack::{Lock, Stack};
use crate::{services, stack_env};

/// Stops and deletes the stack, and what killed test runs left.
pub async fn run(project: &Project) -> anyhow::Result<ExitCode> {
    let progress = Progress::new();
    let _lock = Lock::take(project, &progress).await?;
    services::remove_orphans(project).await?;
    let step = progress.step("Stack");
    if !project.stack().exists() {
        step.done("is not there, nothing to stop");
        return Ok(ExitCode::SUCCESS);
    }
    // First, so that nobody takes what is going down for running.
    stack_env::remove(project);
    Stack::open(project.stack())?.remove().await?;
    step.done("stopped, its data deleted");
    Ok(ExitCode::SUCCESS)
}
