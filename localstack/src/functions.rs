//! The functions, built for this machine: as the zips that Lambda takes, or as binaries that a test starts itself.

use std::env::consts;
use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;

use anyhow::Context;

use crate::processes;
use crate::progress::{Progress, Step};
use crate::project::Project;

/// Every function; its package is `zixly-` and this.
pub const FUNCTIONS: [&str; 6] = ["webhook", "worker", "scheduler", "dashboard", "realtime", "admin"];

/// What makes a build for this machine two minutes shorter and its zips a third larger than one for AWS.
const QUICKER: [(&str, &str); 2] =
    [("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")];

/// What `zixly functions` is told.
#[derive(clap::Args)]
pub struct Functions {
    /// Where each goes, as `zixly-FUNCTION/bootstrap`
    folder: PathBuf,
}

impl Functions {
    /// Builds the binaries that a stack has in its zips.
    pub async fn run(&self, project: &Project) -> anyhow::Result<ExitCode> {
        let folder = absolute(&self.folder)?;
        let progress = Progress::new();
        let step = progress.step("Functions");
        build(project, &folder, "binary", &step).await?;
        step.done("all six are built");
        Ok(ExitCode::SUCCESS)
    }
}

/// Builds the functions into a folder, as they would be for AWS but not squeezed as small; a moment when nothing has
/// changed. The format is one of cargo lambda's: `zip` or `binary`.
pub async fn build(project: &Project, folder: &Path, format: &str, step: &Step<'_>) -> anyhow::Result<()> {
    let mut command = processes::command(project.venv_program("cargo-lambda")?, folder);
    command
        .args(["lambda", "build", "--release", "--output-format", format])
        .args(FUNCTIONS.map(|function| format!("--package=zixly-{function}")))
        .arg("--lambda-dir")
        .arg(folder)
        .envs(QUICKER)
        .env("PATH", project.path_with_tools()?)
        .current_dir(&project.root);
    let mut compiled = 0;
    let each_line = |line: &str| {
        if let Some(package) = line.trim_start().strip_prefix("Compiling ") {
            compiled += 1;
            step.say(format!("{compiled} packages compiled, now {package}"));
        }
    };
    processes::watch(command, each_line).await.context("the functions cannot be built")
}

/// Where cargo lambda leaves a function's zip.
pub fn zip_of(folder: &Path, function: &str) -> PathBuf {
    folder.join(format!("zixly-{function}/bootstrap.zip"))
}

/// This machine's processor, as Lambda calls it.
pub fn architecture() -> &'static str {
    match consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}
