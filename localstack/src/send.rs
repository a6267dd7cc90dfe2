//! `zixly send`: signs an event file as its provider does and posts it, to see what Zixly makes of it.

use std::ops::BitXorAssign;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::delivery::SignedDelivery;
use crate::event_file;
use crate::progress::answer;
use crate::project::Project;
use crate::stack_env::StackEnv;

/// The arguments of `zixly send`.
#[derive(clap::Args)]
pub struct Send {
    /// The file whose bytes are the request's body, after ${NAME} is replaced from .local/stack.env; the provider's name
    /// begins its own
    file: PathBuf,
    /// Sign with this key instead of the running stack's
    #[arg(long)]
    secret: Option<String>,
    /// Change one byte after signing
    #[arg(long)]
    tamper: bool,
    /// How often to send it
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
}

impl Send {
    /// Sends the file and prints each answer; fails unless all are 2xx.
    pub async fn run(&self, project: &Project) -> anyhow::Result<ExitCode> {
        let stack = StackEnv::read(project)?;
        let provider = event_file::provider_of(&self.file)?;
        let body = event_file::read(&self.file, &stack)?;
        let mut delivery = SignedDelivery::new(provider, &stack, self.secret.as_deref(), &body)?;
        if self.tamper {
            let middle = body.len() / 2;
            let byte = delivery.body.get_mut(middle);
            byte.context("an empty file has no byte to tamper with")?.bitxor_assign(1);
        }

        let client = crate::loopback_client()?;
        let mut all_accepted = true;
        for _ in 0..self.times {
            let (status, took) = delivery.post(&client).await?;
            answer(&format!("{status} in {} ms", took.as_millis()));
            all_accepted &= status.is_success();
        }
        Ok(if all_accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
