//! The simulator as a program of its own: `zixly-simulator --port 4600`.

use std::{
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Parser;
use uuid::Uuid;
use zixly_simulator::{
    AsanaLimits, ClientCredentials, HubspotLimits, SesLimits, ShopifyLimits, Simulator, SimulatorConfig,
    SlackLimits, XeroLimits,
};

/// Plays Xero, HubSpot, Shopify, Asana, Slack, Amazon SES, the trading API and Supabase Auth on this machine.
///
/// The secrets come from XERO_CLIENT_SECRET, HUBSPOT_CLIENT_SECRET, SHOPIFY_CLIENT_SECRET, ASANA_CLIENT_SECRET and
/// TRADING_API_KEY only: arguments can be read by everybody on the machine.
#[derive(Parser)]
struct Arguments {
    /// Port on 127.0.0.1; 0 picks a free one.
    #[arg(long)]
    port: u16,
    /// Client id of the Xero app.
    #[arg(long, env = "XERO_CLIENT_ID")]
    xero_client_id: String,
    /// Client id of the HubSpot app.
    #[arg(long, env = "HUBSPOT_CLIENT_ID")]
    hubspot_client_id: String,
    /// Client id of the Shopify app.
    #[arg(long, env = "SHOPIFY_CLIENT_ID")]
    shopify_client_id: String,
    /// Client id of the Asana app.
    #[arg(long, env = "ASANA_CLIENT_ID")]
    asana_client_id: String,
    /// Organisation of seeded Xero records that name none.
    #[arg(long, env = "XERO_TENANT_ID")]
    demo_xero_organisation: Uuid,
    /// Portal of seeded HubSpot records that name none.
    #[arg(long, env = "HUBSPOT_PORTAL_ID")]
    demo_hubspot_portal: u64,
    /// Shop of seeded orders that name none.
    #[arg(long, env = "SHOPIFY_SHOP")]
    demo_shop: String,
    /// Workspace of seeded Asana records that name none.
    #[arg(long, env = "ASANA_WORKSPACE_GID")]
    demo_asana_workspace: u64,
    /// Xero requests in a minute, per organisation.
    #[arg(long, default_value_t = XeroLimits::default().per_minute)]
    xero_per_minute: u32,
    /// Xero requests in a day, per organisation.
    #[arg(long, default_value_t = XeroLimits::default().per_day)]
    xero_per_day: u32,
    /// Xero requests running at once, per organisation.
    #[arg(long, default_value_t = XeroLimits::default().concurrent)]
    xero_concurrent: u32,
    /// Xero requests in a minute, over all organisations.
    #[arg(long, default_value_t = XeroLimits::default().app_per_minute)]
    xero_app_per_minute: u32,
    /// HubSpot requests in ten seconds, per portal.
    #[arg(long, default_value_t = HubspotLimits::default().per_ten_seconds)]
    hubspot_per_ten_seconds: u32,
    /// HubSpot searches in a second, per portal.
    #[arg(long, default_value_t = HubspotLimits::default().searches_per_second)]
    hubspot_searches_per_second: u32,
    /// Points in a shop's full bucket.
    #[arg(long, default_value_t = ShopifyLimits::default().points)]
    shopify_points: u32,
    /// Points that come back to a shop's bucket each second.
    #[arg(long, default_value_t = ShopifyLimits::default().restored_per_second)]
    shopify_restored_per_second: u32,
    /// Asana requests in a minute, per consent.
    #[arg(long, default_value_t = AsanaLimits::default().per_minute)]
    asana_per_minute: u32,
    /// Slack messages in a second, per channel and per incoming webhook.
    #[arg(long, default_value_t = SlackLimits::default().messages_per_second)]
    slack_messages_per_second: u32,
    /// Reads of Slack channels in a minute, per workspace.
    #[arg(long, default_value_t = SlackLimits::default().reads_per_minute)]
    slack_reads_per_minute: u32,
    /// Mails in a second.
    #[arg(long, default_value_t = SesLimits::default().mails_per_second)]
    ses_mails_per_second: u32,
    /// Milliseconds that a sweep of the trading API takes.
    #[arg(long, default_value_t = 2000)]
    trading_sweep_takes_ms: u64,
    /// Let HubSpot hand out a new refresh token at each refresh.
    #[arg(long)]
    hubspot_rotates_refresh_tokens: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let running = Simulator::start(arguments.into_config()?, address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another --port"))?;
    writeln!(io::stdout(), "{}", running.url)?;
    told_to_stop().await?;
    running.stop().await.context("the simulator did not close cleanly")
}

impl Arguments {
    fn into_config(self) -> anyhow::Result<SimulatorConfig> {
        let [xero_secret, hubspot_secret, shopify_secret, asana_secret, trading_api_key] = secrets([
            "XERO_CLIENT_SECRET",
            "HUBSPOT_CLIENT_SECRET",
            "SHOPIFY_CLIENT_SECRET",
            "ASANA_CLIENT_SECRET",
            "TRADING_API_KEY",
        ])?;
        let mut config = SimulatorConfig::new(
            ClientCredentials { id: self.xero_client_id, secret: xero_secret },
            ClientCredentials { id: self.hubspot_client_id, secret: hubspot_secret },
            self.demo_xero_organisation,
            self.demo_hubspot_portal,
        );
        config.shopify_client = ClientCredentials { id: self.shopify_client_id, secret: shopify_secret };
        config.asana_client = ClientCredentials { id: self.asana_client_id, secret: asana_secret };
        config.trading_api_key = trading_api_key;
        config.demo_shop = self.demo_shop;
        config.demo_asana_workspace = self.demo_asana_workspace;
        config.xero_limits = XeroLimits {
            per_minute: self.xero_per_minute,
            per_day: self.xero_per_day,
            concurrent: self.xero_concurrent,
            app_per_minute: self.xero_app_per_minute,
        };
        config.hubspot_limits = HubspotLimits {
            per_ten_seconds: self.hubspot_per_ten_seconds,
            searches_per_second: self.hubspot_searches_per_second,
        };
        config.shopify_limits.points = self.shopify_points;
        config.shopify_limits.restored_per_second = self.shopify_restored_per_second;
        config.asana_limits.per_minute = self.asana_per_minute;
        config.slack_limits = SlackLimits {
            messages_per_second: self.slack_messages_per_second,
            reads_per_minute: self.slack_reads_per_minute,
        };
        config.ses_limits = SesLimits { mails_per_second: self.ses_mails_per_second };
        config.trading_sweep_takes = Duration::from_millis(self.trading_sweep_takes_ms);
        config.hubspot_rotates_refresh_tokens = self.hubspot_rotates_refresh_tokens;
        Ok(config)
    }
}

/// Reads these variables, or names all that are missing.
fn secrets<const N: usize>(names: [&str; N]) -> anyhow::Result<[String; N]> {
    #[expect(clippy::disallowed_methods, reason = "this is where the program reads its settings, once")]
    let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let missing: Vec<&str> = names.into_iter().filter(|name| read(name).is_none()).collect();
    if !missing.is_empty() {
        bail!("set {} in the environment", missing.join(", "));
    }
    Ok(names.map(|name| read(name).unwrap_or_default()))
}

async fn told_to_stop() -> io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
