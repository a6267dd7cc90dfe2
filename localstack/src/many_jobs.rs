//! `zixly seed`: tenants with jobs by the million, to see how the dashboard does with them.

use std::process::ExitCode;

use zixly_store::load;

use crate::operator::Installation;
use crate::progress::{Progress, answer};

/// The arguments of `zixly seed`.
#[derive(clap::Args)]
pub struct Seed {
    /// How many jobs to make; ten million take some minutes
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    jobs: u64,
    /// Over how many new tenants; the first has a tenth of the jobs
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    tenants: u32,
}

impl Seed {
    /// Makes them in the installation's database.
    pub async fn run(&self, installation: &Installation) -> anyhow::Result<ExitCode> {
        let store = installation.store()?;
        let progress = Progress::new();
        let step = progress.step("Jobs");
        let say = |made| step.count(made as usize, self.jobs as usize);
        let tenants = load::jobs(&mut store.session().await?, self.tenants, self.jobs, say).await?;
        step.done(&format!("{} for {} tenants", self.jobs, tenants.len()));
        answer(&format!("The largest tenant is {}.", tenants[0]));
        Ok(ExitCode::SUCCESS)
    }
}
