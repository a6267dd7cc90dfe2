//! The provider simulator: built from this clone, started beside the stack.

use std::fs;

use anyhow::Context;
use uuid::Uuid;

use crate::processes;
use crate::project::Project;
use crate::stack::{Stack, digest};

/// What both the simulator and Zixly's own settings know about the two providers' apps and accounts.
pub struct Accounts {
    /// Names and values as the simulator and the functions read them.
    pub variables: [(&'static str, String); 8],
}

impl Accounts {
    /// Made at random at the first start of a stack.
    pub fn of(stack: &Stack) -> anyhow::Result<Self> {
        let token = || Uuid::new_v4().simple().to_string();
        // Portal ids are whole numbers of this size.
        let portal = || rand::random_range(10_000_000..99_999_999_u32).to_string();
        Ok(Self {
            variables: [
                ("XERO_CLIENT_ID", stack.secret("XERO_CLIENT_ID", token)?),
                ("XERO_CLIENT_SECRET", stack.secret("XERO_CLIENT_SECRET", token)?),
                ("XERO_TENANT_ID", stack.secret("XERO_TENANT_ID", || Uuid::new_v4().to_string())?),
                ("HUBSPOT_CLIENT_ID", stack.secret("HUBSPOT_CLIENT_ID", token)?),
                ("HUBSPOT_CLIENT_SECRET", stack.secret("HUBSPOT_CLIENT_SECRET", token)?),
                ("HUBSPOT_PORTAL_ID", stack.secret("HUBSPOT_PORTAL_ID", portal)?),
                (
                    "OTHER_XERO_TENANT_ID",
                    stack.secret("OTHER_XERO_TENANT_ID", || Uuid::new_v4().to_string())?,
                ),
                ("OTHER_HUBSPOT_PORTAL_ID", stack.secret("OTHER_HUBSPOT_PORTAL_ID", portal)?),
            ],
        })
    }

    /// A value by its name.
    pub fn get(&self, name: &str) -> &str {
        let variable = self.variables.iter().find(|(known, _)| *known == name);
        variable.map(|(_, value)| value.as_str()).expect("one of the names above")
    }
}

/// Builds and starts the simulator, or finds it running as it is built; gives its URL.
pub async fn start(stack: &Stack, project: &Project, accounts: &Accounts) -> anyhow::Result<String> {
    let client = crate::loopback_client()?;
    let is_ready = async |port| {
        let answer = client.get(format!("{}/_sim/health", url(port))).send().await;
        answer.is_ok_and(|it| it.status().is_success())
    };
    let program = build(stack, project).await?;
    let digest = digest([fs::read(&program).with_context(|| format!("cannot read {program}"))?]);
    if !stack.is_done("simulator", &digest) {
        stack.stop_server("simulator").await;
    }
    let command = async |port: u16| {
        let mut command = processes::command(&program, &stack.folder);
        command.args(["--port", &port.to_string()]).envs(accounts.variables.clone());
        Ok(command)
    };
    let port = stack.start("simulator", Some(4700), command, is_ready).await?;
    stack.note_done("simulator", digest)?;
    Ok(url(port))
}

/// Gives the path of the program, which depends on a person's cargo settings.
async fn build(stack: &Stack, project: &Project) -> anyhow::Result<String> {
    let mut build = processes::command("cargo", &stack.folder);
    build.args(["build", "--package", "zixly-simulator", "--message-format", "json-render-diagnostics"]);
    build.current_dir(&project.root);
    let messages = processes::run(build).await?;
    // Only a program that was built has its path here; libraries have null.
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut programs = messages.filter_map(|message| Some(message["executable"].as_str()?.to_owned()));
    programs.next_back().context("cargo built zixly-simulator but does not say where it is")
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
