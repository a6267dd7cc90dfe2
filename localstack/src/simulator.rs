//! The provider simulator, started beside the stack.

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context, ensure};
use uuid::Uuid;

use crate::processes;
use crate::stack::{Stack, digest};

/// What both the simulator and Zixly's own settings know about the providers' apps and accounts.
pub struct Accounts {
    /// Names and values as the simulator and the functions read them.
    pub variables: Vec<(&'static str, String)>,
}

impl Accounts {
    /// Made at random at the first start of a stack.
    pub fn of(stack: &Stack) -> anyhow::Result<Self> {
        let token = || Uuid::new_v4().simple().to_string();
        let organisation = || Uuid::new_v4().to_string();
        // Portal ids are whole numbers of this size, gids of that one.
        let portal = || rand::random_range(10_000_000..99_999_999_u32).to_string();
        let workspace = || rand::random_range(1_200_000_000_000_000..1_299_999_999_999_999_u64).to_string();
        let shop = || format!("shop-{:08x}.myshopify.com", rand::random::<u32>());
        let team = || format!("T{:08X}", rand::random::<u32>());
        let made: [(&str, &dyn Fn() -> String); 19] = [
            ("XERO_CLIENT_ID", &token),
            ("XERO_CLIENT_SECRET", &token),
            ("XERO_TENANT_ID", &organisation),
            ("OTHER_XERO_TENANT_ID", &organisation),
            ("HUBSPOT_CLIENT_ID", &token),
            ("HUBSPOT_CLIENT_SECRET", &token),
            ("HUBSPOT_PORTAL_ID", &portal),
            ("OTHER_HUBSPOT_PORTAL_ID", &portal),
            ("SHOPIFY_CLIENT_ID", &token),
            ("SHOPIFY_CLIENT_SECRET", &token),
            ("SHOPIFY_SHOP", &shop),
            ("OTHER_SHOPIFY_SHOP", &shop),
            ("ASANA_CLIENT_ID", &token),
            ("ASANA_CLIENT_SECRET", &token),
            ("ASANA_WORKSPACE_GID", &workspace),
            ("OTHER_ASANA_WORKSPACE_GID", &workspace),
            ("SLACK_TEAM_ID", &team),
            ("OTHER_SLACK_TEAM_ID", &team),
            ("TRADING_API_KEY", &token),
        ];
        let variables = made.map(|(name, make)| stack.secret(name, make).map(|value| (name, value)));
        Ok(Self { variables: variables.into_iter().collect::<anyhow::Result<_>>()? })
    }

    /// A value by its name.
    pub fn get(&self, name: &str) -> &str {
        let variable = self.variables.iter().find(|(known, _)| *known == name);
        variable.map(|(_, value)| value.as_str()).expect("one of the names above")
    }
}

/// Starts the simulator, or finds it running as it is built; gives its URL.
pub async fn start(stack: &Stack, accounts: &Accounts) -> anyhow::Result<String> {
    let client = crate::loopback_client()?;
    let is_ready = async |port| {
        let answer = client.get(format!("{}/_sim/health", url(port))).send().await;
        answer.is_ok_and(|it| it.status().is_success())
    };
    let program = program()?;
    let digest = digest([fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?]);
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

/// The simulator lies beside this program, since cargo builds both together; a build of its own would choose other
/// features and compile half of everything anew.
fn program() -> anyhow::Result<PathBuf> {
    let program = env::current_exe().context("cannot tell where this program lies")?;
    let simulator = program.with_file_name("zixly-simulator");
    ensure!(simulator.exists(), "{} is missing: cargo build --package zixly-simulator", simulator.display());
    Ok(simulator)
}

/// Where the simulator plays Supabase Auth; its tokens say that they are from there.
pub fn auth_url(simulator_url: &str) -> String {
    format!("{simulator_url}/auth/v1")
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
