use anyhow::Result;
use zixly_lambda_kit::settings::Settings;

/// The settings of the dashboard function.
#[derive(Debug, Clone)]
pub struct DashboardConfig {
    /// The secret with `database_url`, `database_ca_certificate` (optional), `realtime_ticket_key`, and what users' tokens
    /// are checked with (`FUNCTION_SECRET_ARN`).
    pub function_secret_arn: String,
    /// Where results lie (`PAYLOAD_BUCKET`).
    pub payload_bucket: String,
    /// From where a page fetches them, `https://bucket.s3.region.amazonaws.com` (`PAYLOAD_ORIGIN`).
    pub payload_origin: String,
    /// The table with the rate budgets (`COUNTER_TABLE`).
    pub counter_table: String,
    /// What nobody could do anything with (`DEAD_LETTER_QUEUE_URL`).
    pub dead_letter_queue_url: String,
    /// The pipeline API, without a slash at the end (`WEBHOOK_URL`).
    pub webhook_url: String,
    /// The WebSocket; without one, pages use the stream (`WEBSOCKET_URL`).
    pub websocket_url: Option<String>,
    /// Who makes the users' tokens and signs them in, `https://….supabase.co/auth/v1`; without it nobody can sign in
    /// (`AUTH_ISSUER`).
    pub auth_issuer: Option<String>,
    /// Whom the users' tokens are for; by default `authenticated` (`AUTH_AUDIENCE`).
    pub auth_audience: String,
    /// The public key that Supabase wants of every page (`AUTH_KEY`).
    pub auth_key: Option<String>,
}

impl DashboardConfig {
    /// Reads the settings; the error names everything that is missing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut settings = Settings::new(&lookup);
        let config = Self {
            function_secret_arn: settings.required("FUNCTION_SECRET_ARN"),
            payload_bucket: settings.required("PAYLOAD_BUCKET"),
            payload_origin: settings.required("PAYLOAD_ORIGIN"),
            counter_table: settings.required("COUNTER_TABLE"),
            dead_letter_queue_url: settings.required("DEAD_LETTER_QUEUE_URL"),
            webhook_url: settings.required("WEBHOOK_URL"),
            websocket_url: settings.optional("WEBSOCKET_URL"),
            auth_issuer: settings.optional("AUTH_ISSUER"),
            auth_audience: settings.optional("AUTH_AUDIENCE").unwrap_or_else(|| "authenticated".to_owned()),
            auth_key: settings.optional("AUTH_KEY"),
        };
        settings.finish(config)
    }
}
