use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::{Client, Config, NoTls, Transaction, config::Host, config::SslMode, types::Type};
use tokio_postgres_rustls::MakeRustlsConnect;
use zixly_domain::TenantId;

use crate::StoreError;

pub(crate) const STATEMENTS: &[(&str, &str)] = &[("store::BIND_TENANT", BIND_TENANT), ("store::PING", PING)];

const BIND_TENANT: &str = "
    select set_config('app.tenant_id', $1, true),
           set_config('statement_timeout', $2, true),
           set_config('idle_in_transaction_session_timeout', $3, true)";

const PING: &str = "select 1";

/// How long a statement may take. Longer than any of ours should, shorter than any function's own time.
const STATEMENT_TIMEOUT_MS: &str = "4000";

/// How long the server waits for the next statement of a transaction. A worker that vanished in the middle of one
/// must not keep its locks until the connection is found dead, which takes hours.
const IDLE_TIMEOUT_MS: &str = "10000";

/// How long a connection may take, the server's greeting and the password included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection that was idle for longer is asked for a sign of life before it is used: while a Lambda was frozen,
/// the pooler may have closed it.
const TRUSTED_FOR: Duration = Duration::from_secs(10);

/// The database, reached over one connection that is opened when first needed and again when it is lost.
pub struct Store {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    client: Mutex<Option<Open>>,
}

struct Open {
    client: Client,
    last_used: Instant,
}

impl Store {
    /// A store at `url` (`postgres://role:password@host:port/database?sslmode=…`). Nothing is connected yet.
    ///
    /// Without TLS only for a loopback host or by an explicit `sslmode=disable`; everywhere else the server's
    /// certificate must be signed by a public authority or by `ca_certificate` (PEM), and no downgrade is taken.
    pub fn new(url: &SecretString, ca_certificate: Option<&str>) -> Result<Self, StoreError> {
        let mut config: Config =
            url.expose_secret().parse().map_err(|_| StoreError::Address("it is not a postgres:// URL"))?;
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(Duration::from_secs(5))
            .keepalives_idle(Duration::from_secs(30));
        let plain = config.get_ssl_mode() == SslMode::Disable || is_loopback(&config);
        let tls = if plain {
            config.ssl_mode(SslMode::Disable);
            None
        } else {
            config.ssl_mode(SslMode::Require);
            Some(MakeRustlsConnect::new(client_config(ca_certificate)?))
        };
        Ok(Self { config, tls, client: Mutex::new(None) })
    }

    /// The connection, for one piece of work at a time.
    pub async fn session(&self) -> Result<Session<'_>, StoreError> {
        let mut open = self.client.lock().await;
        if !is_usable(open.as_ref()).await {
            let client = tokio::time::timeout(CONNECT_TIMEOUT, self.connect()).await;
            let client = client.map_err(|_| StoreError::TimedOut)??;
            *open = Some(Open { client, last_used: Instant::now() });
        }
        Ok(Session { open })
    }

    /// Closes the connection; for when an answer is overdue and must not be waited for. Nor is whoever uses the
    /// connection at this moment: he has a deadline of his own.
    pub fn disconnect(&self) {
        if let Ok(mut open) = self.client.try_lock() {
            *open = None;
        }
    }

    async fn connect(&self) -> Result<Client, StoreError> {
        match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                tokio::spawn(log_end(connection));
                Ok(client)
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                tokio::spawn(log_end(connection));
                Ok(client)
            }
        }
    }
}

async fn is_usable(open: Option<&Open>) -> bool {
    match open {
        None => false,
        Some(open) if open.client.is_closed() => false,
        Some(open) if open.last_used.elapsed() < TRUSTED_FOR => true,
        Some(open) => {
            let answer =
                tokio::time::timeout(Duration::from_secs(1), open.client.query_typed(PING, &[])).await;
            matches!(answer, Ok(Ok(_)))
        }
    }
}

/// Exclusive use of the store's connection.
pub struct Session<'a> {
    open: MutexGuard<'a, Option<Open>>,
}

impl Session<'_> {
    /// A transaction that sees and writes one tenant's rows only.
    pub async fn begin(&mut self, tenant_id: TenantId) -> Result<TenantTx<'_>, StoreError> {
        let tx = TenantTx { inner: self.client().transaction().await? };
        tx.bind(Some(tenant_id)).await?;
        Ok(tx)
    }

    /// A transaction that has yet to be bound; for what concerns several tenants, or none.
    pub(crate) async fn begin_unbound(&mut self) -> Result<TenantTx<'_>, StoreError> {
        Ok(TenantTx { inner: self.client().transaction().await? })
    }

    /// Asks the server for a sign of life.
    pub async fn ping(&mut self) -> Result<(), StoreError> {
        self.client().query_typed(PING, &[]).await?;
        Ok(())
    }

    pub(crate) fn client(&mut self) -> &mut Client {
        let open = self.open.as_mut().expect("a session is made with a connection");
        open.last_used = Instant::now();
        &mut open.client
    }
}

/// A transaction held to one tenant by row-level security. Dropped without [`Self::commit`], it is undone.
pub struct TenantTx<'a> {
    pub(crate) inner: Transaction<'a>,
}

impl TenantTx<'_> {
    /// Makes everything in this transaction durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.inner.commit().await?)
    }

    /// Turns the rest of this transaction to `tenant_id`, or to nobody's rows.
    pub(crate) async fn bind(&self, tenant_id: Option<TenantId>) -> Result<(), StoreError> {
        let tenant_id = tenant_id.map(|tenant_id| tenant_id.to_string()).unwrap_or_default();
        self.inner
            .query_typed(
                BIND_TENANT,
                &[
                    (&tenant_id, Type::TEXT),
                    (&STATEMENT_TIMEOUT_MS, Type::TEXT),
                    (&IDLE_TIMEOUT_MS, Type::TEXT),
                ],
            )
            .await?;
        Ok(())
    }
}

fn is_loopback(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        Host::Unix(_) => true,
    })
}

fn client_config(ca_certificate: Option<&str>) -> Result<ClientConfig, StoreError> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in CertificateDer::pem_slice_iter(ca_certificate.unwrap_or_default().as_bytes()) {
        let certificate =
            certificate.map_err(|_| StoreError::Address("its CA certificate is not valid PEM"))?;
        roots
            .add(certificate)
            .map_err(|_| StoreError::Address("its CA certificate is not usable as a root"))?;
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth())
}

async fn log_end(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        tracing::debug!(%error, "the database connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        Store::new(&SecretString::from(url), None).unwrap().config.get_ssl_mode()
    }

    #[test]
    fn a_remote_host_is_never_reached_in_the_clear_by_default() {
        assert_eq!(mode("postgres://role:pw@db.example.com/zixly"), SslMode::Require);
        assert_eq!(mode("postgres://role:pw@db.example.com/zixly?sslmode=prefer"), SslMode::Require);
        assert_eq!(mode("postgres://role:pw@db.example.com/zixly?sslmode=disable"), SslMode::Disable);
        assert_eq!(mode("postgres://role:pw@127.0.0.1/zixly"), SslMode::Disable);
    }

    #[test]
    fn a_wrong_address_does_not_repeat_its_password() {
        let error =
            Store::new(&SecretString::from("postgres://role:hunter2@host:port/db"), None).err().unwrap();
        assert_eq!(error.to_string(), "the database address is wrong: it is not a postgres:// URL");
    }
}
