use anyhow::{Context, Result};
use reqwest::Url;
use zixly_connectors::{
    ProviderUrl,
    consent::{AsanaAppEndpoints, HubSpotAppEndpoints, XeroAppEndpoints},
    shopify::ShopifyEndpoints,
    slack::SlackEndpoints,
};
use zixly_lambda_kit::settings::Settings;

/// The settings of the admin function.
#[derive(Debug, Clone)]
pub struct AdminConfig {
    /// The secret with `database_url`, `database_ca_certificate` (optional), what users' tokens are checked with, each
    /// provider's `…_client_id` and `…_client_secret`, and `auth_service_key` where invitations are sent
    /// (`FUNCTION_SECRET_ARN`).
    pub function_secret_arn: String,
    /// Where jobs are rung for that waited for an authorisation (`JOB_QUEUE_URL`).
    pub job_queue_url: String,
    /// Where the tenant's WebSockets are closed by, when somebody may not listen any more (`JOB_EVENT_QUEUE_URL`).
    pub job_event_queue_url: String,
    /// What the names of token sets' secrets begin with (`TOKEN_SET_PREFIX`).
    pub token_set_prefix: String,
    /// The KMS key that those secrets are encrypted with; by default the one that AWS keeps (`SECRET_KEY_ARN`).
    pub secret_key_arn: Option<String>,
    /// Where people open the pages, and providers send them back to (`APP_URL`).
    pub app_url: Url,
    /// Who makes the users' tokens (`AUTH_ISSUER`); without it nobody can sign in.
    pub auth_issuer: Option<String>,
    /// Whom the users' tokens are for; by default `authenticated` (`AUTH_AUDIENCE`).
    pub auth_audience: String,
    /// Xero (`XERO_AUTHORIZE_URL`, `XERO_TOKEN_URL`, `XERO_CONNECTIONS_URL`).
    pub xero: XeroAppEndpoints,
    /// HubSpot (`HUBSPOT_AUTHORIZE_URL`, `HUBSPOT_API_URL`, `HUBSPOT_OAUTH_VERSION`, default 2026-03).
    pub hubspot: HubSpotAppEndpoints,
    /// Shopify (`SHOPIFY_SHOP_URL`, `SHOPIFY_API_VERSION`).
    pub shopify: ShopifyEndpoints,
    /// Asana (`ASANA_AUTHORIZE_URL`, `ASANA_TOKEN_URL`, `ASANA_REVOKE_URL`, `ASANA_API_URL`).
    pub asana: AsanaAppEndpoints,
    /// Slack (`SLACK_API_URL`, `SLACK_HOOKS_URL`).
    pub slack: SlackEndpoints,
}

impl AdminConfig {
    /// Reads the settings; the error names everything that is missing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut settings = Settings::new(&lookup);
        let names = [
            "APP_URL",
            "XERO_AUTHORIZE_URL",
            "XERO_TOKEN_URL",
            "XERO_CONNECTIONS_URL",
            "HUBSPOT_AUTHORIZE_URL",
            "HUBSPOT_API_URL",
            "ASANA_AUTHORIZE_URL",
            "ASANA_TOKEN_URL",
            "ASANA_REVOKE_URL",
            "ASANA_API_URL",
            "SLACK_API_URL",
            "SLACK_HOOKS_URL",
        ];
        let urls = names.map(|name| (name, settings.required(name)));
        let function_secret_arn = settings.required("FUNCTION_SECRET_ARN");
        let job_queue_url = settings.required("JOB_QUEUE_URL");
        let job_event_queue_url = settings.required("JOB_EVENT_QUEUE_URL");
        let token_set_prefix = settings.required("TOKEN_SET_PREFIX");
        let secret_key_arn = settings.optional("SECRET_KEY_ARN");
        let shop_url = settings.required("SHOPIFY_SHOP_URL");
        let api_version = settings.required("SHOPIFY_API_VERSION");
        let auth_issuer = settings.optional("AUTH_ISSUER");
        let auth_audience = settings.optional("AUTH_AUDIENCE").unwrap_or_else(|| "authenticated".to_owned());
        let oauth_version =
            settings.optional("HUBSPOT_OAUTH_VERSION").unwrap_or_else(|| "2026-03".to_owned());
        let urls = settings.finish(urls)?;
        let url = |(name, text): &(&str, String)| -> Result<ProviderUrl> {
            text.parse().with_context(|| format!("{name} is not an address"))
        };
        let [app, urls @ ..] = &urls;
        let app_url: Url = app.1.parse().context("APP_URL is not an address")?;
        let [authorize, token, connections, hubspot, hubspot_api, rest @ ..] = urls;
        let [asana, asana_token, asana_revoke, asana_api, slack_api, slack_hooks] = rest;
        Ok(Self {
            function_secret_arn,
            job_queue_url,
            job_event_queue_url,
            token_set_prefix,
            secret_key_arn,
            app_url,
            auth_issuer,
            auth_audience,
            xero: XeroAppEndpoints {
                authorize_url: url(authorize)?,
                token_url: url(token)?,
                connections_url: url(connections)?,
            },
            hubspot: HubSpotAppEndpoints {
                authorize_url: url(hubspot)?,
                api_url: url(hubspot_api)?,
                oauth_version,
            },
            shopify: ShopifyEndpoints {
                shop_url: shop_url.parse().context("SHOPIFY_SHOP_URL is not the address of a shop")?,
                api_version,
            },
            asana: AsanaAppEndpoints {
                authorize_url: url(asana)?,
                token_url: url(asana_token)?,
                revoke_url: url(asana_revoke)?,
                api_url: url(asana_api)?,
            },
            slack: SlackEndpoints { api_url: url(slack_api)?, hooks_url: url(slack_hooks)? },
        })
    }

    /// Where a page of ours is.
    pub(crate) fn page(&self, path: &str) -> String {
        format!("{}{path}", self.app_url.as_str().trim_end_matches('/'))
    }
}
