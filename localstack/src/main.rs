//! `zixly`, the operator's command line: starts, feeds and stops a complete Zixly on this machine.
//!
//! Everything it starts listens on loopback and keeps its files under `.local/` of the clone, so two clones
//! run side by side. No Docker: PostgreSQL comes from a Python wheel, AWS is `ministack`.
//!
//! **Invariant:** what this command starts carries a mark in its environment ([`processes`]), so that
//! `zixly down` finds every process again, also those that the started ones started.

mod delivery;
mod demo;
mod dlq;
mod down;
mod effects;
mod event_file;
mod functions;
mod interrupt;
mod local_aws;
mod many_jobs;
mod operator;
mod people;
mod pgbouncer;
mod platform_admin;
mod ports;
mod postgres;
mod processes;
mod progress;
mod project;
mod seed;
mod send;
mod services;
mod simulator;
mod stack;
mod stack_env;
mod terraform;
mod up;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use uuid::Uuid;

use crate::project::Project;

#[derive(Parser)]
#[command(name = "zixly", about = "Runs Zixly on this machine", version)]
struct Cli {
    /// The stack that is meant; each has its own servers, ports and data
    #[arg(long, global = true, default_value = "stack", value_name = "NAME")]
    stack: String,
    #[command(flatten)]
    installation: operator::Where,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the stack, or find it running
    Up {
        /// Let the next command take the stack down once this process has ended, for tests
        #[arg(long, value_name = "PID")]
        owner: Option<i32>,
    },
    /// Start the stack, let a paid Xero invoice update HubSpot, and show what happened
    Demo,
    /// Stop the stack and forget its data
    Down,
    /// Run a command with PostgreSQL, PgBouncer and a local AWS beside it, for tests
    Services {
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Build the functions' binaries as a stack has them, for tests about speed
    Functions(functions::Functions),
    /// Print a user's token
    Token(people::Token),
    /// Sign an event file as Xero does and post it to the running stack
    Send(send::Send),
    /// Show the writes that a job made at the providers, or compare all of them with the providers
    Effects(effects::Effects),
    /// Make tenants with jobs by the million, to measure with
    Seed(many_jobs::Seed),
    /// Make somebody a platform admin, who makes the tenants of a new installation
    PlatformAdmin(platform_admin::PlatformAdmin),
    /// Show the messages that can never succeed, or send them back
    Dlq(dlq::Dlq),
    /// Check files of recorded requests against the verification that guards the door
    Verify {
        /// JSON lists of vectors
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Run Terraform over what the running stack was made by, e.g. `zixly terraform plan`
    Terraform(terraform::Terraform),
    /// Check the format and the sense of everything under terraform/
    LintTerraform,
    /// Test everything under terraform/ with a provider that makes nothing
    TestTerraform,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            progress::complain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let project = || Project::find(&cli.stack);
    match cli.command {
        Command::Up { owner } => up::run(&project()?, owner).await,
        Command::Demo => demo::run(&project()?).await,
        Command::Down => down::run(&project()?).await,
        Command::Services { command } => services::run(&project()?, &command).await,
        Command::Functions(functions) => functions.run(&project()?).await,
        Command::Token(token) => token.run(&project()?).map(|()| ExitCode::SUCCESS),
        Command::Send(send) => send.run(&project()?).await,
        Command::Effects(effects) => effects.run(&cli.installation.find(project).await?).await,
        Command::Seed(seed) => seed.run(&cli.installation.find(project).await?).await,
        Command::PlatformAdmin(admin) => admin.run(&cli.installation.find(project).await?).await,
        Command::Dlq(dlq) => dlq.run(&cli.installation.find(project).await?).await,
        Command::Verify { files } => {
            let summary = verify::verify(&files, &mut std::io::stdout().lock())?;
            Ok(if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Terraform(terraform) => terraform.run(&project()?),
        Command::LintTerraform => terraform::lint(&project()?).await,
        Command::TestTerraform => terraform::test(&project()?).await,
    }
}

/// 122 random bits.
fn random() -> String {
    Uuid::new_v4().simple().to_string()
}

/// An HTTP client for servers on this machine.
fn loopback_client() -> anyhow::Result<reqwest::Client> {
    // reqwest wants a TLS provider even where all addresses are plain http; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
    client.context("cannot make an HTTP client")
}
