use std::time::Duration;

use anyhow::{Context, Result};
use zixly_connectors::{ProviderUrl, hubspot::HubSpotEndpoints, xero::XeroEndpoints};
use zixly_lambda_kit::settings::Settings;

/// The settings of the worker function.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The secret with `database_url`, `database_ca_certificate` (optional) and each provider's `…_client_id` and
    /// `…_client_secret` (`FUNCTION_SECRET_ARN`).
    pub function_secret_arn: String,
    /// Where a job that has to wait is rung again (`JOB_QUEUE_URL`).
    pub job_queue_url: String,
    /// Where messages go that can never succeed (`DEAD_LETTER_QUEUE_URL`).
    pub dead_letter_queue_url: String,
    /// The bucket of results (`PAYLOAD_BUCKET`).
    pub payload_bucket: String,
    /// What the names of token sets' secrets begin with (`TOKEN_SET_PREFIX`).
    pub token_set_prefix: String,
    /// Xero (`XERO_API_URL`, `XERO_TOKEN_URL`).
    pub xero: XeroEndpoints,
    /// HubSpot (`HUBSPOT_API_URL`, and the version in its paths: `HUBSPOT_API_VERSION`).
    pub hubspot: HubSpotEndpoints,
    /// How long a claim lasts: longer than an invocation may, so that a claim never ends under a worker that still
    /// runs (`LEASE_MS`, default 35 000).
    pub lease: Duration,
    /// How long an attempt at a step may take (`STEP_TIMEOUT_MS`, default 20 000).
    pub step_timeout: Duration,
    /// Time left on the clock when no new message and no new step is begun; a provider call and its recording fit
    /// into it (`DRAIN_MARGIN_MS`, default 12 000).
    pub drain_margin: Duration,
}

impl WorkerConfig {
    /// Reads the settings; the error names everything that is missing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut settings = Settings::new(&lookup);
        let names = [
            "FUNCTION_SECRET_ARN",
            "JOB_QUEUE_URL",
            "DEAD_LETTER_QUEUE_URL",
            "PAYLOAD_BUCKET",
            "TOKEN_SET_PREFIX",
            "XERO_API_URL",
            "XERO_TOKEN_URL",
            "HUBSPOT_API_URL",
            "HUBSPOT_API_VERSION",
        ];
        let texts = names.map(|name| settings.required(name));
        let lease = settings.duration_ms("LEASE_MS", 35_000);
        let step_timeout = settings.duration_ms("STEP_TIMEOUT_MS", 20_000);
        let drain_margin = settings.duration_ms("DRAIN_MARGIN_MS", 12_000);
        let texts = settings.finish(texts)?;
        let [
            function_secret_arn,
            job_queue_url,
            dead_letter_queue_url,
            payload_bucket,
            token_set_prefix,
            xero_api,
            xero_token,
            hubspot_api,
            hubspot_version,
        ] = texts;
        let url = |text: String, name| -> Result<ProviderUrl> {
            text.parse().with_context(|| format!("{name} is not a provider's address"))
        };
        Ok(Self {
            function_secret_arn,
            job_queue_url,
            dead_letter_queue_url,
            payload_bucket,
            token_set_prefix,
            xero: XeroEndpoints {
                api_url: url(xero_api, "XERO_API_URL")?,
                token_url: url(xero_token, "XERO_TOKEN_URL")?,
            },
            hubspot: HubSpotEndpoints {
                api_url: url(hubspot_api, "HUBSPOT_API_URL")?,
                api_version: hubspot_version,
            },
            lease,
            step_timeout,
            drain_margin,
        })
    }
}
