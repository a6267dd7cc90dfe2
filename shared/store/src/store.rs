use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::{
    Client, Config, NoTls,
    config::{Host, SslMode},
    types::{ToSql, Type},
};
use tokio_postgres_rustls::MakeRustlsConnect;
use zixly_domain::TenantId;

use crate::StoreError;

pub(crate) const STATEMENTS: &[(&str, &str)] = &[("store::PING", PING)];

const PING: &str = "select 1";

/// How long a statement may take. Longer than any of ours should, shorter than any function's own time.
const STATEMENT_TIMEOUT: &str = "4s";

/// How long the server waits for the next statement of a transaction. A worker that vanished in the middle of one
/// must not keep its locks until the connection is found dead, which takes hours.
const IDLE_TIMEOUT: &str = "10s";

/// How long a connection may take, the server's greeting and the password included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection that was idle for longer is asked for a sign of life before it is used: while a Lambda was frozen,
/// the pooler may have closed it.
const TRUSTED_FOR: Duration = Duration::from_secs(10);

/// A value for a statement, and its type there.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

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
    pub fn begin(&mut self, tenant_id: TenantId) -> Result<TenantTx<'_>, StoreError> {
        self.begin_bound_to(&tenant_id.to_string())
    }

    /// A transaction that sees and writes rows that are nobody's; for what concerns several tenants, or none.
    pub(crate) fn begin_unbound(&mut self) -> Result<TenantTx<'_>, StoreError> {
        self.begin_bound_to("")
    }

    /// Nothing waits for the server: it takes the first statement with this one. Were this one refused, that would be
    /// outside of any transaction and bound to nobody, who has no rows.
    fn begin_bound_to(&mut self, tenant_id: &str) -> Result<TenantTx<'_>, StoreError> {
        let begin = format!(
            "begin; set local app.tenant_id = '{tenant_id}'; \
             set local statement_timeout = '{STATEMENT_TIMEOUT}'; \
             set local idle_in_transaction_session_timeout = '{IDLE_TIMEOUT}'"
        );
        let tx = TenantTx { inner: self.client(), is_open: true };
        send(tx.inner.batch_execute(&begin))?;
        Ok(tx)
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
    pub(crate) inner: &'a Client,
    is_open: bool,
}

impl TenantTx<'_> {
    /// Makes everything in this transaction durable.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        self.is_open = false;
        Ok(self.inner.batch_execute("commit").await?)
    }
}

impl Drop for TenantTx<'_> {
    fn drop(&mut self) {
        if self.is_open {
            // A connection that is gone has nothing to undo.
            let _ = send(self.inner.batch_execute("rollback"));
        }
    }
}

/// Sends a question whose answer nobody waits for. The answers to others come in the order in which they were asked.
fn send(question: impl Future<Output = Result<(), tokio_postgres::Error>>) -> Result<(), StoreError> {
    match pin!(question).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Ok(answer?),
        Poll::Pending => Ok(()),
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
