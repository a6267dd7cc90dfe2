//! The community edition of LocalStack: the modules and our clients on it, the REST API that it has instead of HTTP
//! APIs, and the Compose file that starts it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod compose;
mod modules;
mod rest_api;
mod server;

/// A client for servers on this machine.
fn http() -> reqwest::Client {
    // reqwest wants a TLS provider even where all addresses are plain http; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
