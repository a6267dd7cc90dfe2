//! Xero, HubSpot, Shopify, Asana, Slack, Amazon SES, the trading API and Supabase Auth on loopback, for tests and for the local stack.
//!
//! One HTTP server plays all of them for the calls that Zixly makes, and refuses what the real ones
//! refuse: dead tokens, foreign organisations, unknown properties, too many requests.
//! Everything lives in memory and ends with the process. The routes under `/_sim` stand in for what a person
//! does in the provider's own pages (create a record, give consent) and for what goes wrong on the way.
//!
//! | Base | Plays |
//! |---|---|
//! | `{url}/xero/api.xro/2.0` | Xero's accounting API |
//! | `{url}/xero/connect/token`, `…/connect/revocation`, `{url}/xero/connections` | Xero's identity service |
//! | `{url}/hubspot` | HubSpot's OAuth and CRM APIs |
//! | `{url}/shopify/{shop}` | what a shop serves under its own domain: OAuth and the GraphQL Admin API |
//! | `{url}/asana/api/1.0`, `{url}/asana/-/oauth_token`, `…/-/oauth_revoke` | Asana |
//! | `{url}/slack/api`, `{url}/slack/services/{team}/{webhook}/{key}` | Slack's Web API and incoming webhooks |
//! | `{url}/ses` | Amazon SES |
//! | `{url}/trading` | the trading API |
//! | `{url}/auth/v1` | Supabase Auth, with the keys `sb_publishable_local` and, for invitations and for deleting users, `sb_secret_local` |
//! | `{url}/_sim` | seed, grant, disconnect, subscriptions, effects, calls, mails, faults, clock, reset, health |
//!
//! The consent pages, for a browser or a test that posts `answer=allow` or `answer=cancel` to the same address. The user of
//! them has the demo accounts and those that were seeded. A code works once and for five minutes. They are one user's, and
//! each `_sim/grant` is another's, which matters at Xero: there a token lists and opens whatever its user has consented to,
//! by whichever consent (`authEventId` tells them apart), and a revocation ends it all.
//!
//! | Page | Chosen by | A no |
//! |---|---|---|
//! | `{url}/xero/identity/connect/authorize` | `account` once or more: organisations | goes back with `access_denied` |
//! | `{url}/hubspot/oauth/authorize` | `account` once: a portal | goes back with `access_denied` |
//! | `{url}/shopify/{shop}/admin/oauth/authorize` | the address | a page, and nothing goes back |
//! | `{url}/asana/-/oauth_authorize` | nothing: all workspaces | goes back with `access_denied` |
//!
//! # What can be done from outside
//!
//! | Route under `/_sim` | Does |
//! |---|---|
//! | `POST seed` | `{"provider", "kind", "record", "tenant_id"?}`: puts a record in, in place of the one with its id |
//! | `POST grant` | `{"provider", "accounts"}`: consent; gives tokens. For Slack `T0001` gives a bot's token and `T0001/B0001` the URL of an incoming webhook as `access_token` |
//! | `POST disconnect` | `{"provider", "account"}`: somebody takes the app out of the account, in the provider's own pages; until there is a new consent, tokens get what they get then |
//! | `DELETE subscriptions?provider=` | takes all webhook subscriptions of Shopify or Asana away, as they do when deliveries keep failing |
//! | `GET effects?provider=` | every write that took place, whether or not its author was told |
//! | `GET calls?provider=` | every call; its status is null when no answer went out |
//! | `GET mails` | the mails of Supabase Auth: `to`, `subject`, `link`, `at` |
//! | `GET`, `POST`, `DELETE faults` | what lies in wait |
//! | `POST clock` | `{"advance_s"}`: moves the providers' time ahead |
//! | `POST reset` | forgets everything but accounts, consent, users and sessions, also work that is still to be done |
//!
//! Kinds to seed: Xero `invoice`, `contact`, `organisation` (`{"id", "name"}`); HubSpot `contact`, `deal`, `portal`
//! (`{"id", "name"}`); Shopify `order`, `shop` (`{"domain", "name"}`); Asana `project`, `task`, `workspace` (`{"gid", "name"}`); Slack
//! `channel` (`{"id", "is_archived"}`) and `message` (`{"channel", "text"}`, written by a person); the trading API `failure`
//! (`{"ticker", "error"}`: sweeps of that ticker that are submitted from now on end as `failed` with this error, until it is
//! seeded without one); Supabase Auth (`auth`) `user` (`{"id", "email", "password"}`).
//!
//! An effect has `provider`, `account`, `kind`, `key`, `record_id`, `idempotency_key`, `method`, `path`, `body` and `at`.
//! A business write was made once if one effect has its provider, account, kind and key:
//!
//! | Provider | `kind` | `key` |
//! |---|---|---|
//! | xero | `contact`, `invoice`, `payment`, `history` | contact number (or name), invoice number, id of the paid invoice, invoice id and note |
//! | hubspot | `contact`, `note` | contact id and the properties that were sent, the note's text |
//! | asana | `project`, `task`, `story`, `webhook`, `webhook removal` | notes (or name), external gid (or name), task and text, resource and target, gid |
//! | shopify | `webhook`, `webhook removal` | topic and address, id |
//! | slack | `message`, `webhook message` | the first text in its metadata, such as an effect's key (or its text); the text |
//! | ses | `mail` | `name=value` of its tags (or the subject), and whom it goes to |
//! | trading | `sweep` | idempotency key (or the sweep's id) |
//!
//! Faults are `{"provider", "fault", "match": {"method", "path"}?, "times"?, "retry_after_s"?, "status"?, "commit_after_s"?}`:
//!
//! | Fault | The work | The answer |
//! |---|---|---|
//! | `timeout_after_commit` | is done; with `commit_after_s` not before so many seconds after the caller has hung up | never comes |
//! | `timeout_before` | is not done | never comes |
//! | `status`, `rate_limit` | is not done | a refusal as the provider words it; Slack's may have the status 200 |
//! | `malformed` | is done | half of it |
//! | `slow` | is done | after `retry_after_s` |
//! | `revoke` | | consents given before are withdrawn while it stands; the keys of SES, of the trading API and of Supabase Auth are blocked |
//! | `expire` | | present access tokens end at once; not for Slack, SES and the trading API, whose keys do not expire, nor for Supabase Auth, whose tokens say themselves when they end |
//!
//! **Invariant:** knows nothing of Zixly, and opens a connection only where a provider would call the app, and only
//! to this machine.

mod accounts;
mod asana;
mod auth;
mod call;
mod consent;
mod control;
mod errand;
mod faults;
mod hubspot;
mod ledger;
mod limits;
mod oauth;
mod ses;
mod shopify;
mod slack;
mod state;
mod trading;
mod xero;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, routing::any};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use uuid::Uuid;

pub use crate::limits::{AsanaLimits, HubspotLimits, SesLimits, ShopifyLimits, SlackLimits, XeroLimits};
use crate::state::Shared;

/// What the simulated providers know about the app and the demo accounts, and how much they allow.
pub struct SimulatorConfig {
    /// The app as registered at Xero.
    pub xero_client: ClientCredentials,
    /// The app as registered at HubSpot.
    pub hubspot_client: ClientCredentials,
    /// The organisation that a seeded Xero record belongs to when none is named.
    pub demo_xero_organisation: Uuid,
    /// The portal that a seeded HubSpot record belongs to when none is named.
    pub demo_hubspot_portal: u64,
    /// The app as registered at Shopify; `shopify-app` with the secret `shopify-secret` unless set.
    pub shopify_client: ClientCredentials,
    /// The app as registered at Asana; `asana-app` with the secret `asana-secret` unless set.
    pub asana_client: ClientCredentials,
    /// The key that the trading API takes; `trading-key` unless set.
    pub trading_api_key: String,
    /// The publishable key that Supabase Auth takes; `sb_publishable_local` unless set.
    pub auth_api_key: String,
    /// The secret key that Supabase Auth takes for what no page may do; `sb_secret_local` unless set.
    pub auth_service_key: String,
    /// The shop that a seeded order belongs to when none is named; `demo-shop.myshopify.com` unless set.
    pub demo_shop: String,
    /// The workspace that a seeded Asana record belongs to when none is named; 1200000000000100 unless set.
    pub demo_asana_workspace: u64,
    /// The workspace that a seeded Slack record belongs to when none is named; T0DEMO unless set.
    pub demo_slack_team: String,
    /// Xero's request limits; its real ones by default.
    pub xero_limits: XeroLimits,
    /// HubSpot's request limits; its real ones for OAuth apps by default.
    pub hubspot_limits: HubspotLimits,
    /// Shopify's limits; those of its standard plan by default.
    pub shopify_limits: ShopifyLimits,
    /// Asana's limits; those of a free workspace by default.
    pub asana_limits: AsanaLimits,
    /// Slack's limits; its real ones by default.
    pub slack_limits: SlackLimits,
    /// The limit of the account at Amazon SES; 14 mails a second by default.
    pub ses_limits: SesLimits,
    /// How long a sweep takes by the simulator's clock, 2 s by default.
    pub trading_sweep_takes: Duration,
    /// Whether HubSpot hands out a new refresh token at each refresh. It does not today, but may.
    pub hubspot_rotates_refresh_tokens: bool,
}

/// An OAuth client's id and secret.
pub struct ClientCredentials {
    /// The public half.
    pub id: String,
    /// The secret half.
    pub secret: String,
}

impl SimulatorConfig {
    /// A configuration with the providers' real limits, and with the app's names at Shopify, Asana and the trading
    /// API that their fields tell.
    pub fn new(
        xero_client: ClientCredentials,
        hubspot_client: ClientCredentials,
        demo_xero_organisation: Uuid,
        demo_hubspot_portal: u64,
    ) -> Self {
        let app = |id: &str, secret: &str| ClientCredentials { id: id.to_owned(), secret: secret.to_owned() };
        Self {
            xero_client,
            hubspot_client,
            shopify_client: app("shopify-app", "shopify-secret"),
            asana_client: app("asana-app", "asana-secret"),
            trading_api_key: "trading-key".to_owned(),
            auth_api_key: auth::API_KEY.to_owned(),
            auth_service_key: auth::SERVICE_KEY.to_owned(),
            demo_shop: "demo-shop.myshopify.com".to_owned(),
            demo_asana_workspace: 1_200_000_000_000_100,
            demo_slack_team: "T0DEMO".to_owned(),
            demo_xero_organisation,
            demo_hubspot_portal,
            xero_limits: XeroLimits::default(),
            hubspot_limits: HubspotLimits::default(),
            shopify_limits: ShopifyLimits::default(),
            asana_limits: AsanaLimits::default(),
            slack_limits: SlackLimits::default(),
            ses_limits: SesLimits::default(),
            trading_sweep_takes: Duration::from_secs(2),
            hubspot_rotates_refresh_tokens: false,
        }
    }
}

/// Starts simulated providers.
pub struct Simulator;

impl Simulator {
    /// Listens on `addr` (port 0 picks a free one) and serves until stopped or dropped.
    pub async fn start(config: SimulatorConfig, addr: SocketAddr) -> io::Result<Running> {
        let listener = TcpListener::bind(addr).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (closing, closed) = watch::channel(false);
        let shared = Arc::new(Shared::new(config, url.clone(), closed.clone()));
        let routes = Router::new()
            .nest("/_sim", control::routes())
            .route("/{provider}/{*path}", any(call::serve))
            .with_state(shared);
        let server = tokio::spawn(async move {
            axum::serve(listener, routes).with_graceful_shutdown(until_closed(closed)).await
        });
        Ok(Running { url, closing, server })
    }
}

/// A simulator that is serving; dropping it stops it without waiting.
pub struct Running {
    /// Where it listens, such as `http://127.0.0.1:4600`, without a slash at the end.
    pub url: String,
    closing: watch::Sender<bool>,
    server: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Lets answers that are under way finish, lets go of held connections, and returns when all is closed.
    pub async fn stop(self) -> io::Result<()> {
        // Nobody is left to hear it only when the server has ended already.
        let _ = self.closing.send(true);
        self.server.await.map_err(io::Error::other)?
    }
}

/// Returns when the simulator is told to close, or its owner is gone.
pub(crate) async fn until_closed(mut closed: watch::Receiver<bool>) {
    let _ = closed.wait_for(|closed| *closed).await;
}
