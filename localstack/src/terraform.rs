//! Terraform: finds the provider on this machine or leaves it to the registry, applies the local environment, and
//! runs the checks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context;
use serde_json::{Value, json};

use crate::functions::{FUNCTIONS, architecture, zip_of};
use crate::processes;
use crate::progress::{Progress, Step};
use crate::project::{Project, variable};
use crate::stack::{Stack, digest};

/// The file in a stack's folder with the values that the local environment's variables have.
const VARIABLES: &str = "variables.json";

/// What the local environment calls its parts.
pub struct Outputs(BTreeMap<String, String>);

impl Outputs {
    /// A value by the name that environments/local/outputs.tf gives it; one of a map's as `map.key`.
    pub fn get(&self, name: &str) -> anyhow::Result<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.with_context(|| format!("terraform gives no output {name}; see environments/local/outputs.tf"))
    }

    fn read(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join("outputs.json");
        let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let outputs: BTreeMap<String, Value> = serde_json::from_slice(&text)?;
        let mut texts = BTreeMap::new();
        for (name, output) in outputs {
            match &output["value"] {
                Value::String(text) => {
                    texts.insert(name, text.clone());
                }
                Value::Object(map) => texts.extend(
                    map.iter()
                        .filter_map(|(key, it)| Some((format!("{name}.{key}"), it.as_str()?.to_owned()))),
                ),
                _ => {}
            }
        }
        Ok(Self(texts))
    }
}

/// Applies the local environment; when it is as it was applied last, nothing is started.
pub async fn apply(
    stack: &Stack,
    project: &Project,
    zips: &Path,
    aws_endpoint: &str,
    simulator_url: &str,
    step: &Step<'_>,
) -> anyhow::Result<Outputs> {
    let folder = stack.folder.join("terraform");
    let variables = serde_json::to_vec(&json!({
        "aws_endpoint_url": aws_endpoint,
        "simulator_url": simulator_url,
        "architecture": architecture(),
        "zip_folder": zips,
    }))?;
    let aws = stack.run_of("local-aws");
    let mut parts = vec![aws.clone().into_bytes(), variables.clone()];
    let zips = FUNCTIONS.map(|function| zip_of(zips, function));
    for file in zips.into_iter().chain(files_below(&project.root)?) {
        parts.push(fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    let wanted = digest(parts);
    if stack.is_done("terraform", &wanted) {
        step.say("nothing has changed".into());
        return Outputs::read(&folder);
    }

    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // Under `terraform.tfstate` Terraform itself keeps in this folder which backend it has.
    let state = folder.join("local.tfstate");
    if !stack.is_done("terraform's local AWS", &aws) {
        // The local AWS keeps all in memory: a new one has nothing of what the state says.
        let _ = fs::remove_file(&state);
        stack.note_done("terraform's local AWS", aws)?;
    }
    fs::write(folder.join(VARIABLES), variables)?;
    // Written beside the files, and fit for no other mirror than the one that it was made with.
    let _ = fs::remove_file(local_environment(project).join(".terraform.lock.hcl"));
    step.say("terraform init".into());
    let mut init = in_stack(stack, project)?;
    init.args(init_arguments()).arg("-reconfigure").arg(format!("-backend-config=path={}", state.display()));
    processes::run(init).await?;

    let mut apply = in_stack(stack, project)?;
    apply.args(["apply", "-no-color", "-auto-approve"]);
    let mut counter = Counter::default();
    processes::watch(apply, |line| {
        if counter.notes(line) {
            step.count(counter.made, counter.planned);
        }
    })
    .await?;
    let mut output = in_stack(stack, project)?;
    output.args(["output", "-no-color", "-json"]);
    let outputs = processes::run(output).await?;
    fs::write(folder.join("outputs.json"), outputs)?;
    stack.note_done("terraform", wanted)?;
    Outputs::read(&folder)
}

/// Whether Terraform failed at making what is there, and not by it.
pub fn is_about_what_exists(error: &anyhow::Error) -> bool {
    // ResourceAlreadyExistsException, EntityAlreadyExists, BucketAlreadyOwnedByYou, Alias already exists
    format!("{error:#}").to_lowercase().contains("already")
}

/// What `zixly terraform` is told.
#[derive(clap::Args)]
pub struct Terraform {
    /// What Terraform is told, e.g. `plan` or `state list`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    arguments: Vec<String>,
}

impl Terraform {
    /// Runs Terraform over what the running stack was made by, with its variables; gives its exit code.
    pub fn run(&self, project: &Project) -> anyhow::Result<ExitCode> {
        let stack = Stack::open(project.stack())?;
        let status = in_stack(&stack, project)?
            .args(&self.arguments)
            .stdin(Stdio::inherit())
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit())
            .status()
            .context("cannot start terraform")?;
        // Whatever it did, the next `zixly up` looks for itself.
        stack.note_done("terraform", String::new())?;
        Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
    }
}

/// How many of the planned changes are made, by what `terraform apply` says.
#[derive(Default)]
struct Counter {
    planned: usize,
    made: usize,
}

impl Counter {
    /// Whether the line tells of the plan or of a change that is made.
    fn notes(&mut self, line: &str) -> bool {
        // Plan: 38 to add, 0 to change, 0 to destroy.
        if let Some(plan) = line.strip_prefix("Plan: ") {
            self.planned = plan.split([' ', ',']).filter_map(|word| word.parse::<usize>().ok()).sum();
            return true;
        }
        let kinds = ["Creation", "Modifications", "Destruction"];
        let is_made = kinds.iter().any(|kind| line.contains(&format!(": {kind} complete after")));
        self.made += usize::from(is_made);
        is_made
    }
}

/// All that environments/local is made of, in a fixed order.
fn files_below(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("terraform/environments/local"), root.join("terraform/modules")];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for path in entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()? {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "tf") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Checks the format of all files, and that each environment makes sense to the provider.
pub async fn lint(project: &Project) -> anyhow::Result<ExitCode> {
    let progress = Progress::new();
    let step = progress.step("Terraform");
    let mut format = command(&project.root.join("terraform"), &project.local());
    format.args(["fmt", "-check", "-diff", "-recursive"]);
    processes::run(format).await?;
    step.done("formatted");

    let validate = async |environment: &str| {
        let step = progress.step("Terraform");
        let folder = project.root.join("terraform/environments").join(environment);
        let data = project.local().join("lint").join(environment);
        fs::create_dir_all(&data)?;
        for arguments in [init_arguments(), vec!["validate".into()]] {
            let mut command = command(&folder, &data);
            // Checking needs no state, so it asks for no credentials of the place where the state is.
            command
                .args(&arguments)
                .args(arguments.iter().find(|it| *it == "init").map(|_| "-backend=false"));
            processes::run(command).await?;
        }
        step.done(&format!("environment {environment} is valid"));
        anyhow::Ok(())
    };
    tokio::try_join!(validate("local"), validate("aws"))?;
    Ok(ExitCode::SUCCESS)
}

/// Tests each module and the example for AWS, with a provider that makes nothing.
pub async fn test(project: &Project) -> anyhow::Result<ExitCode> {
    let progress = Progress::new();
    let step = progress.step("Terraform");
    let folder = project.root.join("terraform/tests");
    let data = project.local().join("lint/tests");
    fs::create_dir_all(&data)?;
    let lock = folder.join(".terraform.lock.hcl");
    // As above: it is fit for no other mirror than the one that it was made with.
    let _ = fs::remove_file(&lock);
    let run = |arguments: Vec<String>| {
        let mut command = command(&folder, &data);
        command.args(arguments);
        processes::run(command)
    };
    run(init_arguments()).await?;
    let outcome = run(vec!["test".into(), "-no-color".into()]).await;
    let _ = fs::remove_file(&lock);
    let said = outcome?;
    // Success! 47 passed, 0 failed.
    step.done(said.lines().last().unwrap_or_default());
    Ok(ExitCode::SUCCESS)
}

/// Terraform over the local environment, as a part of a stack, so that nothing of it outlives the stack.
fn in_stack(stack: &Stack, project: &Project) -> anyhow::Result<Command> {
    let folder = stack.folder.join("terraform");
    let file = folder.join(VARIABLES);
    let variables = fs::read(&file).context("the stack has not been started: run `make up`")?;
    let variables: BTreeMap<String, String> = serde_json::from_slice(&variables)?;
    let command = processes::command("terraform", &stack.folder);
    let mut command = prepare(command, &local_environment(project), &folder);
    command.envs(variables.into_iter().map(|(name, value)| (format!("TF_VAR_{name}"), value)));
    Ok(command)
}

fn local_environment(project: &Project) -> PathBuf {
    project.root.join("terraform/environments/local")
}

/// Terraform in a folder of the tree, with everything that it writes kept elsewhere.
fn command(folder: &Path, data: &Path) -> Command {
    prepare(processes::command("terraform", data), folder, data)
}

fn prepare(mut command: Command, folder: &Path, data: &Path) -> Command {
    command.current_dir(folder).env("TF_DATA_DIR", data).env("TF_IN_AUTOMATION", "1").env("TF_INPUT", "0");
    // A settings file that is not there is only a warning to Terraform, but one on every call.
    if variable("TF_CLI_CONFIG_FILE").is_some_and(|file| !Path::new(&file).exists()) {
        command.env_remove("TF_CLI_CONFIG_FILE");
    }
    command
}

fn init_arguments() -> Vec<String> {
    let mut arguments = vec!["init".to_owned(), "-no-color".to_owned()];
    arguments.extend(provider_mirror().map(|folder| format!("-plugin-dir={}", folder.display())));
    arguments
}

/// What has every `terraform init` of a test find the provider on this machine, where it is.
pub fn init_setting() -> Option<(&'static str, String)> {
    provider_mirror().map(|folder| ("TF_CLI_ARGS_init", format!("-plugin-dir={}", folder.display())))
}

/// A folder on this machine that holds the provider as a registry would; without one Terraform asks the registry.
fn provider_mirror() -> Option<PathBuf> {
    let home = variable("HOME").map(|home| PathBuf::from(home).join(".terraform.d"));
    let places = ["/opt", "/usr/local/share/terraform"].into_iter().map(PathBuf::from).chain(home);
    places
        .flat_map(|place| with_subfolders(&place))
        .find(|folder| folder.join("registry.terraform.io/hashicorp/aws").is_dir())
}

fn with_subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.insert(0, folder.to_owned());
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_counted_as_terraform_tells_them() {
        let mut counter = Counter::default();
        for (line, expected) in [
            ("Plan: 38 to add, 1 to change, 2 to destroy.", (0, 41)),
            ("module.a.b.c: Creating...", (0, 41)),
            ("module.a.b.c: Creation complete after 1s [id=x]", (1, 41)),
            ("module.a.b.d: Modifications complete after 0s [id=y]", (2, 41)),
        ] {
            counter.notes(line);
            assert_eq!((counter.made, counter.planned), expected, "{line}");
        }
    }
}
