//! The functions, built for this machine as the zips that Lambda takes.

use std::env::{consts, join_paths, split_paths};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::processes;
use crate::progress::Step;
use crate::project::{Project, variable};
use crate::stack::Stack;

/// Every function; its package is `zixly-` and this.
pub const FUNCTIONS: [&str; 6] = ["webhook", "worker", "scheduler", "dashboard", "realtime", "admin"];

/// What makes a build for this machine two minutes shorter and its zips a third larger than one for AWS.
const QUICKER: [(&str, &str); 2] =
    [("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")];

/// Builds the functions, as they would be for AWS but not squeezed as small; a moment when nothing has changed. Gives
/// the folder with their zips.
pub async fn build(stack: &Stack, project: &Project, step: &Step<'_>) -> anyhow::Result<PathBuf> {
    // Each stack has its own zips, so that two that are built at the same time do not write the same file.
    let folder = stack.folder.join("functions");
    let cargo_lambda = project.venv_program("cargo-lambda")?;
    let tools = cargo_lambda.parent().context("a program lies in a folder")?;
    let path = variable("PATH").unwrap_or_default();
    let mut command = processes::command(&cargo_lambda, &stack.folder);
    command
        .args(["lambda", "build", "--release", "--output-format", "zip"])
        .args(FUNCTIONS.map(|function| format!("--package=zixly-{function}")))
        .arg("--lambda-dir")
        .arg(&folder)
        .envs(QUICKER)
        .env("PATH", join_paths([tools.to_path_buf()].into_iter().chain(split_paths(&path)))?)
        .current_dir(&project.root);
    let mut compiled = 0;
    let each_line = |line: &str| {
        if let Some(package) = line.trim_start().strip_prefix("Compiling ") {
            compiled += 1;
            step.say(format!("{compiled} packages compiled, now {package}"));
        }
    };
    processes::watch(command, each_line).await.context("the functions cannot be built")?;
    Ok(folder)
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
