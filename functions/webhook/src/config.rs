use anyhow::Result;
use zixly_lambda_kit::settings::Settings;

/// The settings of the webhook function.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// The secret with `database_url`, `database_ca_certificate` (optional) and what signatures and tokens are checked
    /// with; the README of Terraform's `environments/aws` lists its fields (`FUNCTION_SECRET_ARN`).
    pub function_secret_arn: String,
    /// What the name of the secret of each Asana webhook begins with (`HOOK_SECRET_PREFIX`).
    pub hook_secret_prefix: String,
    /// The KMS key that those secrets are encrypted with; by default the one that AWS keeps (`SECRET_KEY_ARN`).
    pub secret_key_arn: Option<String>,
    /// Where the worker is rung (`JOB_QUEUE_URL`).
    pub job_queue_url: String,
    /// Where a delivery goes that is too large for the queue (`PAYLOAD_BUCKET`).
    pub payload_bucket: String,
    /// The table that counts refusals and requests (`COUNTER_TABLE`).
    pub counter_table: String,
    /// Where the world reaches this function, without a slash at the end; HubSpot signs it (`PUBLIC_BASE_URL`).
    pub public_base_url: String,
    /// Who makes the users' tokens, `https://….supabase.co/auth/v1`; without it no user can call (`AUTH_ISSUER`).
    pub auth_issuer: Option<String>,
    /// Whom the users' tokens are for; by default `authenticated` (`AUTH_AUDIENCE`).
    pub auth_audience: String,
}

impl WebhookConfig {
    /// Reads the settings; the error names everything that is missing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut settings = Settings::new(&lookup);
        let config = Self {
            function_secret_arn: settings.required("FUNCTION_SECRET_ARN"),
            hook_secret_prefix: settings.required("HOOK_SECRET_PREFIX"),
            secret_key_arn: settings.optional("SECRET_KEY_ARN"),
            job_queue_url: settings.required("JOB_QUEUE_URL"),
            payload_bucket: settings.required("PAYLOAD_BUCKET"),
            counter_table: settings.required("COUNTER_TABLE"),
            public_base_url: settings.required("PUBLIC_BASE_URL"),
            auth_issuer: settings.optional("AUTH_ISSUER"),
            auth_audience: settings.optional("AUTH_AUDIENCE").unwrap_or_else(|| "authenticated".to_owned()),
        };
        settings.finish(config)
    }
}
