use std::time::Duration;

use anyhow::{Context, Result, ensure};
use zixly_lambda_kit::settings::Settings;

/// The least that deliveries may be kept: one that the queue carried is filed under its day up to two weeks later.
const SHORTEST_RETENTION_DAYS: i32 = 15;

/// The settings of the scheduler function.
#[derive(Debug, Clone)]
pub struct SchedulerConfig {
    /// The secret with `database_url` and `database_ca_certificate` (optional) (`FUNCTION_SECRET_ARN`).
    pub function_secret_arn: String,
    /// Where workers are rung (`JOB_QUEUE_URL`).
    pub job_queue_url: String,
    /// The bucket of archived deliveries (`PAYLOAD_BUCKET`).
    pub payload_bucket: String,
    /// How many days deliveries stay in the database (`DELIVERY_RETENTION_DAYS`, default 30, at least 15).
    pub delivery_retention_days: i32,
    /// How often Xero is asked for paid invoices (`XERO_POLL_INTERVAL_MS`, default 900 000).
    pub xero_poll_interval: Duration,
    /// How often Asana is asked for completed tasks (`ASANA_POLL_INTERVAL_MS`, default 600 000).
    pub asana_poll_interval: Duration,
    /// How often it is seen to that webhooks are there (`WEBHOOKS_CHECK_INTERVAL_MS`, default 3 600 000).
    pub webhooks_check_interval: Duration,
}

impl SchedulerConfig {
    /// Reads the settings; the error names everything that is missing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut settings = Settings::new(&lookup);
        let names = ["FUNCTION_SECRET_ARN", "JOB_QUEUE_URL", "PAYLOAD_BUCKET"];
        let texts = names.map(|name| settings.required(name));
        let days = settings.optional("DELIVERY_RETENTION_DAYS");
        let xero_poll_interval = settings.duration_ms("XERO_POLL_INTERVAL_MS", 900_000);
        let asana_poll_interval = settings.duration_ms("ASANA_POLL_INTERVAL_MS", 600_000);
        let webhooks_check_interval = settings.duration_ms("WEBHOOKS_CHECK_INTERVAL_MS", 3_600_000);
        let [function_secret_arn, job_queue_url, payload_bucket] = settings.finish(texts)?;
        Ok(Self {
            function_secret_arn,
            job_queue_url,
            payload_bucket,
            delivery_retention_days: days.as_deref().map_or(Ok(30), retention_days)?,
            xero_poll_interval,
            asana_poll_interval,
            webhooks_check_interval,
        })
    }
}

fn retention_days(text: &str) -> Result<i32> {
    let days =
        text.parse().with_context(|| format!("DELIVERY_RETENTION_DAYS is not a whole number: {text:?}"))?;
    ensure!(
        (SHORTEST_RETENTION_DAYS..=36_500).contains(&days),
        "DELIVERY_RETENTION_DAYS is {days}: deliveries must stay for at least {SHORTEST_RETENTION_DAYS} days"
    );
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(text: &'static str) -> Result<i32> {
        let lookup = |name: &str| Some(if name == "DELIVERY_RETENTION_DAYS" { text } else { "1" }.to_owned());
        SchedulerConfig::from_lookup(lookup).map(|config| config.delivery_retention_days)
    }

    #[test]
    fn deliveries_are_not_archived_while_one_of_their_day_may_still_come() {
        assert_eq!(days("").unwrap(), 30);
        assert_eq!(days("15").unwrap(), 15);
        for wrong in ["14", "-1", "a month"] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }
}
