//! The installation that an operator's command is about: the running stack of this clone, or, where the terminal's
//! variables say so, one elsewhere.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use secrecy::SecretString;
use serde::Deserialize;
use zixly_lambda_kit::aws::{SdkConfig, sdk_config};
use zixly_store::Store;

use crate::local_aws::CREDENTIALS;
use crate::project::{Project, variable};
use crate::stack_env::StackEnv;

/// What environments/local calls the worker function.
const LOCAL_WORKER: &str = "zixly-local-worker";

/// Where an operator's command finds what it is about.
#[derive(clap::Args)]
pub struct Where {
    /// For effects, dlq and platform-admin: take the worker's settings, AWS_… and the owner's DATABASE_URL from this terminal's variables
    /// and not from the stack
    #[arg(long, global = true)]
    from_environment: bool,
}

/// An installation, by its worker function's settings and its database's owner.
pub struct Installation {
    settings: Settings,
}

enum Settings {
    Stack(BTreeMap<String, String>),
    Terminal,
}

impl Where {
    /// Finds the installation.
    pub async fn find(
        &self,
        project: impl FnOnce() -> anyhow::Result<Project>,
    ) -> anyhow::Result<Installation> {
        let settings = if self.from_environment {
            Settings::Terminal
        } else {
            Settings::Stack(of_stack(&StackEnv::read(&project()?)?).await?)
        };
        Ok(Installation { settings })
    }
}

impl Installation {
    /// A setting by the name that the worker function knows it by.
    pub fn get(&self, name: &str) -> Option<String> {
        match &self.settings {
            Settings::Stack(settings) => settings.get(name).cloned(),
            Settings::Terminal => variable(name)?.into_string().ok(),
        }
    }

    /// What its AWS clients are made from.
    pub fn aws(&self) -> anyhow::Result<SdkConfig> {
        sdk_config(|name| self.get(name))
    }

    /// Its database as the owner has it, who sees every tenant.
    pub fn store(&self) -> anyhow::Result<Store> {
        let certificate = self.get("DATABASE_CA_CERTIFICATE");
        Ok(Store::new(&SecretString::from(self.required("DATABASE_URL")?), certificate.as_deref())?)
    }

    /// A setting that has to be there.
    pub fn required(&self, name: &str) -> anyhow::Result<String> {
        self.get(name).with_context(|| format!("{name} is not set"))
    }
}

/// The worker's settings as the local AWS has them, so that they are those that Terraform gave it.
async fn of_stack(stack: &StackEnv) -> anyhow::Result<BTreeMap<String, String>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Configuration {
        environment: Environment,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Environment {
        variables: BTreeMap<String, String>,
    }
    let aws = stack.get("AWS_ENDPOINT_URL")?;
    let url = format!("{aws}/2015-03-31/functions/{LOCAL_WORKER}/configuration");
    let answer = crate::loopback_client()?.get(&url).send().await;
    let answer = answer.context("the local AWS does not answer: start the stack again (`make up`)")?;
    ensure!(
        answer.status().is_success(),
        "the local AWS does not know the function {LOCAL_WORKER} ({}): start the stack again (`make up`)",
        answer.status()
    );
    let Configuration { environment: Environment { mut variables } } =
        answer.json().await.context("the local AWS describes its worker function in words of its own")?;
    variables.insert("AWS_ENDPOINT_URL".to_owned(), aws.to_owned());
    variables.insert("DATABASE_URL".to_owned(), stack.get("DATABASE_URL")?.to_owned());
    variables.extend(CREDENTIALS.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(variables)
}
