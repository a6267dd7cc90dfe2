//! `zixly effects verify`: asks the providers whether they have what the ledger says.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;
use zixly_domain::TenantId;
use zixly_store::ledger::{Entry, list_tenants};
use zixly_worker::ledger::{Tally, Verdict, verify};
use zixly_worker::{App, WorkerConfig};

use crate::operator::Installation;
use crate::progress::answer;

/// The arguments of `zixly effects verify`.
#[derive(clap::Args)]
pub struct Verify {
    /// Only this tenant's, by its name or its id
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Only what was about to be sent then or later: 2026-11-22 or 2026-11-22T09:30:00Z
    #[arg(long, value_parser = time)]
    since: Option<Timestamp>,
    /// A line of JSON for each effect, and one for the sums
    #[arg(long)]
    json: bool,
}

impl Verify {
    /// Compares; fails unless nothing is lost and nothing doubled.
    pub async fn run(&self, installation: &Installation) -> anyhow::Result<ExitCode> {
        let tenants = self.tenants(installation).await?;
        let config = WorkerConfig::from_lookup(|name| installation.get(name))?;
        let worker = App::new(config, &installation.aws()?);
        let mut tally = Tally::default();
        for (tenant_id, tenant) in tenants {
            let each = |entry: &Entry, verdict: &Verdict| {
                tally.count(verdict);
                answer(&self.line(&tenant, entry, verdict));
            };
            verify(&worker, tenant_id, self.since, each).await?;
        }
        self.sum_up(&tally);
        Ok(if tally.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn tenants(&self, installation: &Installation) -> anyhow::Result<Vec<(TenantId, String)>> {
        let store = installation.store()?;
        let all = list_tenants(&mut store.session().await?).await?;
        ensure!(
            !all.is_empty(),
            "there is no tenant, or DATABASE_URL is not the owner's, who sees every tenant"
        );
        let Some(wanted) = &self.tenant else { return Ok(all) };
        let names: Vec<&str> = all.iter().map(|(_, name)| name.as_str()).collect();
        let known = names.join(", ");
        let found = all.into_iter().filter(|(id, name)| name == wanted || id.to_string() == *wanted);
        let found: Vec<_> = found.collect();
        ensure!(!found.is_empty(), "there is no tenant {wanted}; there are {known}");
        Ok(found)
    }

    fn line(&self, tenant: &str, entry: &Entry, verdict: &Verdict) -> String {
        if self.json {
            let line = json!({
                "verdict": verdict.as_str(),
                "details": verdict.details(),
                "tenant": tenant,
                "job_id": entry.job_id,
                "effect_key": entry.effect_key,
                "provider": entry.provider.as_str(),
                "action": entry.action,
                "status": entry.status.as_str(),
                "provider_record_id": entry.provider_record_id,
                "writes": entry.writes,
            });
            return line.to_string();
        }
        let details = verdict.details().map_or(String::new(), |details| format!(": {details}"));
        format!(
            "{:<12}  {}  {:<8} {}  {}{details}",
            verdict.as_str(),
            entry.job_id,
            entry.provider,
            entry.action,
            entry.provider_record_id.as_deref().unwrap_or("-"),
        )
    }

    fn sum_up(&self, tally: &Tally) {
        let Tally { verified, superseded, lost, doubled, unknown, not_compared } = tally;
        if self.json {
            let sums = json!({
                "verified": verified, "superseded": superseded, "lost": lost, "doubled": doubled,
                "unknown": unknown, "not_compared": not_compared,
            });
            answer(&sums.to_string());
            return;
        }
        if *not_compared > 0 {
            answer(&format!(
                "{not_compared} are not compared, since their jobs are still at them, or since they were not made"
            ));
        }
        answer(&tally.to_string());
    }
}

/// A moment, or the beginning of a day in UTC.
fn time(text: &str) -> anyhow::Result<Timestamp> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let day: Date =
        text.parse().context("neither a date like 2026-11-22 nor a time like 2026-11-22T09:30:00Z")?;
    Ok(day.to_zoned(TimeZone::UTC)?.timestamp())
}
