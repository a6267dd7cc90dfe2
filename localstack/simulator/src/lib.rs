//! Xero and HubSpot on loopback, for tests and for the local stack.
//!
//! One HTTP server plays both providers for the calls that Zixly makes, and refuses what the real ones
//! refuse: dead tokens, foreign organisations, unknown properties, too many requests.
//! Everything lives in memory and ends with the process. The routes under `/_sim` stand in for what a person
//! does in the provider's own pages (create a record, give consent) and for what goes wrong on the way.
//!
//! | Base | Plays |
//! |---|---|
//! | `{url}/xero/api.xro/2.0` | Xero's accounting API |
//! | `{url}/xero/connect/token`, `{url}/xero/connections` | Xero's identity service |
//! | `{url}/hubspot` | HubSpot's OAuth and CRM APIs |
//! | `{url}/_sim` | seed, grant, effects, calls, faults, clock, reset, health |
//!
//! **Invariant:** knows nothing of Zixly, and opens no connection of its own.

mod call;
mod contact_properties;
mod control;
mod faults;
mod hubspot;
mod ledger;
mod limits;
mod oauth;
mod state;
mod xero;

use std::{io, net::SocketAddr, sync::Arc};

use axum::{Router, routing::any};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use uuid::Uuid;

pub use crate::limits::{HubspotLimits, XeroLimits};
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
    /// Xero's request limits; its real ones by default.
    pub xero_limits: XeroLimits,
    /// HubSpot's request limits; its real ones for OAuth apps by default.
    pub hubspot_limits: HubspotLimits,
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
    /// A configuration with the providers' real limits.
    pub fn new(
        xero_client: ClientCredentials,
        hubspot_client: ClientCredentials,
        demo_xero_organisation: Uuid,
        demo_hubspot_portal: u64,
    ) -> Self {
        Self {
            xero_client,
            hubspot_client,
            demo_xero_organisation,
            demo_hubspot_portal,
            xero_limits: XeroLimits::default(),
            hubspot_limits: HubspotLimits::default(),
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
        let shared = Arc::new(Shared::new(config, closed.clone()));
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
