//! Terraform on a configuration of one test's own, with the project's modules.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tokio::process::Command;
use uuid::Uuid;

use crate::AWS_ENVIRONMENT;

/// A folder with a configuration, and what Terraform keeps of it. Dropped, the folder is gone.
pub struct Terraform {
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl Terraform {
    /// Prepares a configuration, for which `./modules` are the project's. Resources are made in the AWS at `endpoint`;
    /// a variable whose value is no text is given as JSON.
    pub async fn init(configuration: &str, endpoint: &str, variables: &[(&str, String)]) -> Self {
        let folder = std::env::temp_dir().join(format!("zixly-test-terraform-{}", Uuid::now_v7().simple()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("main.tf"), configuration).unwrap();
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../terraform/modules");
        symlink(modules.canonicalize().unwrap(), folder.join("modules")).unwrap();
        let settings = AWS_ENVIRONMENT.into_iter().chain([("AWS_ENDPOINT_URL", endpoint)]);
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let variables = variables.iter().map(|(name, value)| (format!("TF_VAR_{name}"), value.clone()));
        let terraform = Self { folder, environment: settings.chain(variables).collect() };
        terraform.run(&["init"]).await;
        terraform
    }

    /// Makes everything for the first time. False if the local AWS has lost an answer on the way, and Terraform was told
    /// that what it then made once more is there: somebody has to begin anew, under other names.
    pub async fn apply(&self) -> bool {
        match self.try_run(&["apply", "-auto-approve"]).await {
            Ok(_) => true,
            Err(said) if said.to_lowercase().contains("already") => false,
            Err(said) => panic!("terraform apply failed:\n{said}"),
        }
    }

    /// Has Terraform do something; what it says is given, or is why the test fails.
    pub async fn run(&self, arguments: &[&str]) -> String {
        let said = self.try_run(arguments).await;
        said.unwrap_or_else(|said| panic!("terraform {} failed:\n{said}", arguments.join(" ")))
    }

    async fn try_run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new("terraform")
            .args(arguments)
            .current_dir(&self.folder)
            .envs(self.environment.iter().cloned())
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0")
            .env("TF_CLI_ARGS", "-no-color")
            // The provider would try for a quarter of an hour what does not work.
            .env("AWS_MAX_ATTEMPTS", "3")
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        if output.status.success() { Ok(said) } else { Err(said) }
    }

    /// An output by its name.
    pub async fn output(&self, name: &str) -> String {
        let said = Command::new("terraform")
            .args(["output", "-json", name])
            .current_dir(&self.folder)
            .output()
            .await
            .unwrap();
        let value: Value = serde_json::from_slice(&said.stdout).unwrap();
        value.as_str().unwrap().to_owned()
    }
}

impl Drop for Terraform {
    fn drop(&mut self) {
        // What is left in a folder for temporary files is no reason to fail.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
