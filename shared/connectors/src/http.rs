//! The one way out: every request of every connector is sent, bounded and sorted into a class here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use zixly_domain::Provider;

use crate::{ConnectorError, MalformedAnswer, ProviderWords, limits};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The records that we read have some kilobytes; the limit keeps a broken server from filling our memory.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

const MAX_MESSAGE_CHARS: usize = 300;

/// No limit of a provider lasts longer than its day.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// The HTTP client for all connectors; build it once and clone it. A request ends within ten seconds.
pub fn http_client() -> Client {
    http_client_with_timeout(REQUEST_TIMEOUT)
}

/// [`http_client`] with another limit on a whole request, from connecting to the last byte of the answer.
pub fn http_client_with_timeout(request_timeout: Duration) -> Client {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(request_timeout)
        // A redirect would carry a token or a write to an address that nobody configured.
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("zixly/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls())
        .build()
        .expect("a client whose TLS is ready has nothing left that can fail")
}

/// The certificate authorities are compiled in: reading the system's would cost a cold start some milliseconds.
fn tls() -> ClientConfig {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A whole answer, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Sends the request once and reads the whole answer.
pub(crate) async fn send(provider: Provider, request: RequestBuilder) -> Result<Answer, ConnectorError> {
    let lost = |error: reqwest::Error| ConnectorError::Unreachable { provider, source: error.without_url() };
    let started = Instant::now();
    let response = request.send().await.map_err(lost)?;
    let (status, headers) = (response.status(), response.headers().clone());
    limits::note_headers(provider, &headers);
    let body = read_body(response).await.map_err(lost)?;
    // The path is left out: it may hold an e-mail address.
    tracing::debug!(
        provider = provider.as_str(),
        status = status.as_u16(),
        duration_ms = started.elapsed().as_millis() as u64,
        "{provider} answered",
    );
    match body {
        Some(body) => Ok(Answer { status, headers, body }),
        // The status still tells the class of a failure; only a success needs its body.
        None if !status.is_success() => Ok(Answer { status, headers, body: Vec::new() }),
        None => Err(malformed(provider, MalformedAnswer::TooLarge { limit_bytes: MAX_ANSWER_BYTES })),
    }
}

async fn read_body(mut response: Response) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

impl Answer {
    /// The body as a value; for the answer to a success.
    pub(crate) fn parse<T: DeserializeOwned>(&self, provider: Provider) -> Result<T, ConnectorError> {
        let mut json = serde_json::Deserializer::from_slice(&self.body);
        let value =
            serde_path_to_error::deserialize(&mut json).map_err(|error| unreadable(provider, &error))?;
        json.end().map_err(|_| malformed(provider, MalformedAnswer::NotJson))?;
        Ok(value)
    }

    /// The body as an error document, or an empty one when it is none: the status alone decides then.
    pub(crate) fn parse_problem<T: DeserializeOwned + Default>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The class of a failure as the status tells it, for whatever the provider gives no meaning of its own.
    /// The secrets are those that the request carried: a provider may repeat them in its message.
    pub(crate) fn failure(
        &self,
        provider: Provider,
        message: Option<String>,
        secrets: &[SecretString],
    ) -> ConnectorError {
        match self.status.as_u16() {
            401 => ConnectorError::Unauthorised { provider },
            429 => ConnectorError::RateLimited { provider, retry_after: self.retry_after() },
            status @ 500.. => {
                ConnectorError::Unavailable { provider, status, retry_after: self.retry_after() }
            }
            _ => self.rejection(provider, message, secrets),
        }
    }

    /// A failure that no repetition can heal, whatever its status.
    pub(crate) fn rejection(
        &self,
        provider: Provider,
        message: Option<String>,
        secrets: &[SecretString],
    ) -> ConnectorError {
        let reason = self.status.canonical_reason().unwrap_or("no reason given");
        let words = ProviderWords::new(message.as_deref().unwrap_or(reason), secrets);
        ConnectorError::Rejected { provider, status: self.status.as_u16(), words }
    }

    /// A body that is words and no document.
    pub(crate) fn text(&self) -> Option<String> {
        let text = str::from_utf8(&self.body).ok()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The wait that the provider asks for. All of them give seconds, some of them many hours.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
    }
}

/// The error for a success that cannot be read.
pub(crate) fn unreadable(
    provider: Provider,
    error: &serde_path_to_error::Error<serde_json::Error>,
) -> ConnectorError {
    // Only the place is kept, since serde's text quotes the value there.
    let problem = if error.inner().is_data() {
        MalformedAnswer::WrongShape { path: error.path().to_string() }
    } else {
        MalformedAnswer::NotJson
    };
    malformed(provider, problem)
}

pub(crate) fn malformed(provider: Provider, source: MalformedAnswer) -> ConnectorError {
    ConnectorError::Malformed { provider, source }
}

impl ProviderWords {
    /// The secrets are those that the provider knows and may repeat.
    pub(crate) fn new(message: &str, secrets: &[SecretString]) -> Self {
        let mut text = message.to_owned();
        for secret in secrets.iter().map(|secret| secret.expose_secret()).filter(|it| !it.is_empty()) {
            text = text.replace(secret, "[removed]");
        }
        Self(text.chars().filter(|character| !character.is_control()).take(MAX_MESSAGE_CHARS).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&'static str>) -> Answer {
        let mut headers = HeaderMap::new();
        headers.extend(retry_after.map(|seconds| (RETRY_AFTER, seconds.parse().unwrap())));
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: Vec::new() }
    }

    #[test]
    fn a_wait_is_read_in_seconds_and_ends_after_a_day() {
        let wait = |value| answer(429, Some(value)).retry_after();
        assert_eq!(wait("7200"), Some(Duration::from_hours(2)));
        assert_eq!(wait("99999999999999"), Some(Duration::from_hours(24)));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-1"), None);
    }

    #[test]
    fn a_message_is_stripped_of_secrets_and_control_characters_and_cut() {
        let token = SecretString::from("abc123");
        let words = ProviderWords::new("token (abc123)\r\n is\u{1b}[31m bad", &[token]);
        assert_eq!(words.0, "token ([removed]) is[31m bad");
        let words = ProviderWords::new(&"é".repeat(1000), &[SecretString::from("")]);
        assert_eq!(words.0.chars().count(), 300);
    }

    #[test]
    fn a_rejection_without_words_has_those_of_its_status() {
        let error = answer(409, None).failure(Provider::HubSpot, None, &[]);
        assert_eq!(error.to_string(), "HubSpot rejected the request with status 409");
        assert!(matches!(error, ConnectorError::Rejected { words, .. } if words.0 == "Conflict"));
    }
}
