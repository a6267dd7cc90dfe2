use anyhow::Result;
use zixly_lambda_kit::settings::Settings;

/// The settings of the realtime function.
#[derive(Debug, Clone)]
pub struct RealtimeConfig {
    /// The secret with `realtime_ticket_key`, which the dashboard function has too (`FUNCTION_SECRET_ARN`).
    pub function_secret_arn: String,
    /// The table of sockets (`SOCKET_TABLE`).
    pub socket_table: String,
    /// Where texts for sockets are posted, stage included (`SOCKET_API_URL`).
    pub socket_api_url: String,
    /// How many sockets a tenant may have open at once, about (`SOCKETS_PER_TENANT`, default 200).
    pub sockets_per_tenant: u32,
}

impl RealtimeConfig {
    /// Reads the settings; the error names everything that is missing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut settings = Settings::new(&lookup);
        let config = Self {
            function_secret_arn: settings.required("FUNCTION_SECRET_ARN"),
            socket_table: settings.required("SOCKET_TABLE"),
            socket_api_url: settings.required("SOCKET_API_URL"),
            sockets_per_tenant: settings.number("SOCKETS_PER_TENANT", 200),
        };
        settings.finish(config)
    }
}
