//! What a provider asks of the app: requests that go out instead of coming in, to this machine only.

use std::{net::IpAddr, sync::Arc, time::Duration};

use reqwest::{Client, Response, Url, redirect};

use crate::{
    asana::{Handshake, Heartbeat},
    state::Shared,
    trading::Callback,
};

/// As long as the most patient provider waits.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A request of a provider to the app.
#[derive(Clone)]
pub enum Errand {
    /// Asana makes sure of a webhook's target, and the answer waits for that.
    Handshake(Handshake),
    /// Asana's first sign of life to a new webhook.
    Heartbeat(Heartbeat),
    /// The trading API says that a sweep is done.
    Callback(Callback),
}

impl Errand {
    /// Runs what no answer waits for.
    pub async fn run(self, shared: Arc<Shared>) {
        match self {
            Self::Handshake(_) => {}
            Self::Heartbeat(heartbeat) => heartbeat.send(&shared).await,
            Self::Callback(callback) => callback.send(&shared).await,
        }
    }
}

/// The one client for all errands.
pub fn client() -> Client {
    // reqwest wants a provider of cryptography even for plain HTTP; another part of the process may have set one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client with a provider of cryptography has nothing left that can fail")
}

/// Posts to the app; a failure in words that may be shown.
pub async fn post(
    client: &Client,
    target: &str,
    headers: &[(&'static str, String)],
    body: String,
) -> Result<Response, String> {
    if !is_on_this_machine(target) {
        return Err(format!("{target} is not on this machine, and the simulator sends nowhere else"));
    }
    let mut request = client.post(target).body(body);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.send().await.map_err(|error| {
        if error.is_timeout() { "no answer within 10 s".to_owned() } else { error.without_url().to_string() }
    })
}

/// Whether a URL leads to a loopback address.
pub fn is_on_this_machine(target: &str) -> bool {
    let Ok(url) = Url::parse(target) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    url.scheme() == "http" && (is_loopback || host == "localhost" || host.ends_with(".localhost"))
}
