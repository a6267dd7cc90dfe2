use anyhow::Result;
use zixly_lambda_kit::settings::Settings;

/// The settings of the webhook function.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// The secret with `database_url`, `database_ca_certificate` (optional) and `xero_webhook_key`
    /// (`FUNCTION_SECRET_ARN`).
    pub function_secret_arn: String,
    /// Where the worker is rung (`JOB_QUEUE_URL`).
    pub job_queue_url: String,
    /// The table that counts refusals (`COUNTER_TABLE`).
    pub counter_table: String,
}

impl WebhookConfig {
    /// Reads the settings; the error names everything that is missing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut settings = Settings::new(&lookup);
        let config = Self {
            function_secret_arn: settings.required("FUNCTION_SECRET_ARN"),
            job_queue_url: settings.required("JOB_QUEUE_URL"),
            counter_table: settings.required("COUNTER_TABLE"),
        };
        settings.finish(config)
    }
}
