//! How the AWS clients reach AWS: HTTP/1.1, which all of its services speak, over TLS with the authorities compiled in.
//!
//! The SDK's own client brings HTTP/2 and reads the system's certificates at its first call; both are paid for at every
//! cold start.

use std::{error::Error, sync::Arc, time::Duration};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        retries::ErrorKind,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, Client, connect},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// A client whose connections are kept for the next request. Cloned, it shares them.
#[derive(Debug, Clone)]
pub(super) struct Https(Client<HttpsConnector<connect::HttpConnector>, SdkBody>);

impl Https {
    /// A client that waits this long for a connection.
    pub(super) fn new(connect_timeout: Duration) -> Self {
        let mut tcp = connect::HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect_timeout));
        // In the clear only where the address says so: the local AWS.
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Self(Client::builder(TokioExecutor::new()).build(https))
    }
}

impl HttpClient for Https {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Https {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(classed)?.map(SdkBody::from_body_1_x);
            HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Sorted by whether another try may help, which the SDK makes then.
fn classed(error: legacy::Error) -> ConnectorError {
    let is_cut_off =
        |error: &hyper::Error| error.is_closed() || error.is_canceled() || error.is_incomplete_message();
    if error.is_connect() || source::<std::io::Error>(&error).is_some() {
        ConnectorError::io(error.into())
    } else if source(&error).is_some_and(is_cut_off) {
        ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
    } else {
        ConnectorError::other(BoxError::from(error), None)
    }
}

/// The first error of a kind among an error's sources.
fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let sources = std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source());
    sources.into_iter().find_map(|error| error.downcast_ref())
}

fn tls() -> ClientConfig {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
