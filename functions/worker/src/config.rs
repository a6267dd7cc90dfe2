use std::time::Duration;

use anyhow::{Context, Result};
use zixly_connectors::{
    ProviderUrl, asana::AsanaEndpoints, hubspot::HubSpotEndpoints, ses::SesEndpoints,
    shopify::ShopifyEndpoints, slack::SlackEndpoints, xero::XeroEndpoints,
};
use zixly_domain::ShopifyOrderSettings;
use zixly_lambda_kit::settings::Settings;

/// The settings of the worker function.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The secret with `database_url`, `database_ca_certificate` (optional), each provider's `…_client_id` and
    /// `…_client_secret`, and `trading_api_key` (`FUNCTION_SECRET_ARN`). The jobs of a provider that is not in it wait
    /// until it is.
    pub function_secret_arn: String,
    /// Where a job that has to wait is rung again (`JOB_QUEUE_URL`).
    pub job_queue_url: String,
    /// Where messages go that can never succeed (`DEAD_LETTER_QUEUE_URL`).
    pub dead_letter_queue_url: String,
    /// Where pages are told what has become of a job (`JOB_EVENT_QUEUE_URL`).
    pub job_event_queue_url: String,
    /// The bucket of results (`PAYLOAD_BUCKET`).
    pub payload_bucket: String,
    /// What the names of token sets' secrets begin with (`TOKEN_SET_PREFIX`).
    pub token_set_prefix: String,
    /// The table that the budgets of calls are in (`COUNTER_TABLE`).
    pub counter_table: String,
    /// Xero (`XERO_API_URL`, `XERO_TOKEN_URL`).
    pub xero: XeroEndpoints,
    /// HubSpot (`HUBSPOT_API_URL`, and the version in its paths: `HUBSPOT_API_VERSION`; that of the token endpoint:
    /// `HUBSPOT_OAUTH_VERSION`, default 2026-03).
    pub hubspot: HubSpotEndpoints,
    /// Shopify (`SHOPIFY_SHOP_URL`, in production `https://{shop}`, and the version in its paths:
    /// `SHOPIFY_API_VERSION`).
    pub shopify: ShopifyEndpoints,
    /// Asana (`ASANA_API_URL`, `ASANA_TOKEN_URL`).
    pub asana: AsanaEndpoints,
    /// Slack (`SLACK_API_URL`, in production `https://slack.com/api`, and `SLACK_HOOKS_URL`, in production
    /// `https://hooks.slack.com`).
    pub slack: SlackEndpoints,
    /// E-mail, where the installation may send any.
    pub email: Option<EmailSettings>,
    /// Where the world reaches the door, without a slash at the end (`PUBLIC_BASE_URL`); without it nobody is asked to
    /// deliver there.
    pub public_base_url: Option<String>,
    /// The trading API, where there is one. Its jobs wait until there is.
    pub trading: Option<TradingEndpoints>,
    /// How the end of a sweep is waited for.
    pub sweep_waits: SweepWaits,
    /// How an order is booked in Xero.
    pub booking: Booking,
    /// How long a claim lasts: longer than an invocation may, so that a claim never ends under a worker that still
    /// runs (`LEASE_MS`, default 35 000).
    pub lease: Duration,
    /// How long an attempt at a step may take (`STEP_TIMEOUT_MS`, default 20 000).
    pub step_timeout: Duration,
    /// How long a provider may take for a whole answer (`PROVIDER_TIMEOUT_MS`, default 10 000).
    pub provider_timeout: Duration,
    /// How long a message is put off while something that every job needs is away (`PUT_OFF_MS`, default 15 000).
    pub put_off: Duration,
    /// How long after a write whose outcome is not known it may still appear at the provider: it is not written again
    /// before (`LATE_WRITE_MS`, default 60 000).
    pub late_write: Duration,
    /// How many jobs of one tenant may run at once, in all workers together (`TENANT_CONCURRENCY`, default 20).
    pub tenant_concurrency: u32,
    /// Time left on the clock when no new message and no new step is begun; a provider call and its recording fit
    /// into it (`DRAIN_MARGIN_MS`, default 12 000).
    pub drain_margin: Duration,
}

/// Who writes e-mails, and by what.
#[derive(Debug, Clone)]
pub struct EmailSettings {
    /// An address that Amazon SES has verified (`EMAIL_SENDER`).
    pub sender: String,
    /// Amazon SES in the function's own region (`SES_API_URL`, `SES_CONFIGURATION_SET`).
    pub ses: SesEndpoints,
}

/// Where the trading API is, and where it finds us.
#[derive(Debug, Clone)]
pub struct TradingEndpoints {
    /// The API (`TRADING_API_URL`).
    pub api_url: ProviderUrl,
    /// The door's `/webhook/sweep-callback`, as the API reaches it (`SWEEP_CALLBACK_URL`, by default below
    /// `PUBLIC_BASE_URL`).
    pub callback_url: String,
}

/// How the end of a sweep is waited for, counted from its submission.
#[derive(Debug, Clone, Copy)]
pub struct SweepWaits {
    /// How long nobody asks, since the API calls back (`CALLBACK_WINDOW_MS`, default 60 000).
    pub callback_window: Duration,
    /// How often it is asked after that (`POLL_EVERY_MS`, default 10 000).
    pub poll_every: Duration,
    /// When a sweep that is not done has failed (`SWEEP_DEADLINE_MS`, default 3 600 000).
    pub deadline: Duration,
}

/// Where in Xero's chart of accounts an order goes.
#[derive(Debug, Clone)]
pub struct Booking {
    /// The account of sales (`XERO_SALES_ACCOUNT`, default 200).
    pub sales_account: String,
    /// The account that payments come to (`XERO_PAYMENT_ACCOUNT`, default 970).
    pub payment_account: String,
    /// The tax type of every line (`XERO_TAX_TYPE`); by default the one of the account of sales.
    pub tax_type: Option<String>,
}

impl Booking {
    /// As the tenant wants it, and otherwise as the installation has it.
    pub(crate) fn with(&self, settings: ShopifyOrderSettings) -> Self {
        Self {
            sales_account: settings.sales_account.unwrap_or_else(|| self.sales_account.clone()),
            payment_account: settings.payment_account.unwrap_or_else(|| self.payment_account.clone()),
            tax_type: settings.tax_type.or_else(|| self.tax_type.clone()),
        }
    }
}

impl WorkerConfig {
    /// Reads the settings; the error names everything that is missing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut settings = Settings::new(&lookup);
        let names = [
            "FUNCTION_SECRET_ARN",
            "JOB_QUEUE_URL",
            "DEAD_LETTER_QUEUE_URL",
            "JOB_EVENT_QUEUE_URL",
            "PAYLOAD_BUCKET",
            "TOKEN_SET_PREFIX",
            "COUNTER_TABLE",
            "XERO_API_URL",
            "XERO_TOKEN_URL",
            "HUBSPOT_API_URL",
            "HUBSPOT_API_VERSION",
            "SHOPIFY_SHOP_URL",
            "SHOPIFY_API_VERSION",
            "ASANA_API_URL",
            "ASANA_TOKEN_URL",
            "SLACK_API_URL",
            "SLACK_HOOKS_URL",
        ];
        let texts = names.map(|name| settings.required(name));
        let lease = settings.duration_ms("LEASE_MS", 35_000);
        let step_timeout = settings.duration_ms("STEP_TIMEOUT_MS", 20_000);
        let provider_timeout = settings.duration_ms("PROVIDER_TIMEOUT_MS", 10_000);
        let put_off = settings.duration_ms("PUT_OFF_MS", 15_000);
        let late_write = settings.duration_ms("LATE_WRITE_MS", 60_000);
        let tenant_concurrency = settings.number("TENANT_CONCURRENCY", 20);
        let drain_margin = settings.duration_ms("DRAIN_MARGIN_MS", 12_000);
        let sweep_waits = SweepWaits {
            callback_window: settings.duration_ms("CALLBACK_WINDOW_MS", 60_000),
            poll_every: settings.duration_ms("POLL_EVERY_MS", 10_000),
            deadline: settings.duration_ms("SWEEP_DEADLINE_MS", 3_600_000),
        };
        let public_base_url = settings.optional("PUBLIC_BASE_URL");
        let callback_url = settings
            .optional("SWEEP_CALLBACK_URL")
            .or_else(|| Some(format!("{}/webhook/sweep-callback", public_base_url.as_ref()?)));
        // The one is of no use without the other.
        let trading = settings
            .optional("TRADING_API_URL")
            .map(|api| (api, callback_url.unwrap_or_else(|| settings.required("PUBLIC_BASE_URL"))));
        let email = settings
            .optional("EMAIL_SENDER")
            .map(|sender| (sender, settings.required("SES_API_URL"), settings.required("AWS_REGION")));
        let hubspot_oauth_version =
            settings.optional("HUBSPOT_OAUTH_VERSION").unwrap_or_else(|| "2026-03".to_owned());
        let configuration_set = settings.optional("SES_CONFIGURATION_SET");
        let booking = Booking {
            sales_account: settings.optional("XERO_SALES_ACCOUNT").unwrap_or_else(|| "200".to_owned()),
            payment_account: settings.optional("XERO_PAYMENT_ACCOUNT").unwrap_or_else(|| "970".to_owned()),
            tax_type: settings.optional("XERO_TAX_TYPE"),
        };
        let texts = settings.finish(texts)?;
        let [
            function_secret_arn,
            job_queue_url,
            dead_letter_queue_url,
            job_event_queue_url,
            payload_bucket,
            token_set_prefix,
            counter_table,
            xero_api,
            xero_token,
            hubspot_api,
            hubspot_version,
            shopify_shop,
            shopify_version,
            asana_api,
            asana_token,
            slack_api,
            slack_hooks,
        ] = texts;
        let url = |text: String, name| -> Result<ProviderUrl> {
            text.parse().with_context(|| format!("{name} is not a provider's address"))
        };
        Ok(Self {
            function_secret_arn,
            job_queue_url,
            dead_letter_queue_url,
            job_event_queue_url,
            payload_bucket,
            token_set_prefix,
            counter_table,
            xero: XeroEndpoints {
                api_url: url(xero_api, "XERO_API_URL")?,
                token_url: url(xero_token, "XERO_TOKEN_URL")?,
            },
            hubspot: HubSpotEndpoints {
                api_url: url(hubspot_api, "HUBSPOT_API_URL")?,
                api_version: hubspot_version,
                oauth_version: hubspot_oauth_version,
            },
            shopify: ShopifyEndpoints {
                shop_url: shopify_shop.parse().context("SHOPIFY_SHOP_URL is not the address of a shop")?,
                api_version: shopify_version,
            },
            asana: AsanaEndpoints {
                api_url: url(asana_api, "ASANA_API_URL")?,
                token_url: url(asana_token, "ASANA_TOKEN_URL")?,
            },
            slack: SlackEndpoints {
                api_url: url(slack_api, "SLACK_API_URL")?,
                hooks_url: url(slack_hooks, "SLACK_HOOKS_URL")?,
            },
            email: email
                .map(|(sender, api_url, region)| {
                    let api_url = url(api_url, "SES_API_URL")?;
                    anyhow::Ok(EmailSettings {
                        sender,
                        ses: SesEndpoints { api_url, region, configuration_set },
                    })
                })
                .transpose()?,
            public_base_url,
            trading: trading
                .map(|(api_url, callback_url)| {
                    url(callback_url.clone(), "SWEEP_CALLBACK_URL")?;
                    anyhow::Ok(TradingEndpoints { api_url: url(api_url, "TRADING_API_URL")?, callback_url })
                })
                .transpose()?,
            sweep_waits,
            booking,
            lease,
            step_timeout,
            provider_timeout,
            put_off,
            late_write,
            tenant_concurrency,
            drain_margin,
        })
    }
}
