//! Amazon SES, version 2 of its API: e-mail from the installation's own account at AWS. Requests are signed with the
//! function's credentials, so no tenant connects anything. SES has no idempotency key and cannot be asked what it sent.

mod wire;

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningError, SigningSettings, sign};
use aws_sigv4::sign::v4;
use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder};
use secrecy::SecretString;
use zixly_domain::Provider;

use crate::http::{self, Answer};
use crate::{Connector, ConnectorError, ProviderUrl};

const PROVIDER: Provider = Provider::Ses;
const SERVICE: &str = "ses";
const JSON: &str = "application/json";

/// The tag by which a mail's job shows in what SES reports about it.
const JOB_TAG: &str = "zixly_job";

/// Where SES is.
#[derive(Debug, Clone)]
pub struct SesEndpoints {
    /// The API; in production `https://email.{region}.amazonaws.com`.
    pub api_url: ProviderUrl,
    /// The region that requests are signed for, e.g. `eu-west-1`.
    pub region: String,
    /// A configuration set of the account, where sending is to be watched.
    pub configuration_set: Option<String>,
}

/// A client for SES.
#[derive(Debug)]
pub struct Ses {
    http: Client,
    endpoints: SesEndpoints,
    credentials: SharedCredentialsProvider,
}

/// A mail to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Email<'a> {
    /// An address that the account has verified, or one of a domain that it has.
    pub from: &'a str,
    /// Whom it goes to; all of them see each other.
    pub to: &'a [&'a str],
    /// Its first line.
    pub subject: &'a str,
    /// Plain text.
    pub text: &'a str,
    /// The job that it is about: letters, digits, `-` and `_`.
    pub job_tag: &'a str,
}

impl Ses {
    /// A connector that speaks to the given endpoints with the function's credentials.
    pub fn new(http: Client, endpoints: SesEndpoints, credentials: SharedCredentialsProvider) -> Self {
        Self { http, endpoints, credentials }
    }

    /// Sends a mail and gives its message id. Whether one was sent is doubtful for ever if no answer comes. The
    /// signature is good for some minutes around `now`.
    pub async fn send(&self, email: &Email<'_>, now: Timestamp) -> Result<String, ConnectorError> {
        // Nothing has been sent, and whoever runs the installation has to give the function its role.
        let nobody = ConnectorError::Unauthorised { provider: PROVIDER };
        let Ok(credentials) = self.credentials.provide_credentials().await else { return Err(nobody) };
        let Ok(request) = self.signed(email, &credentials, now) else { return Err(nobody) };
        let answer = http::send(PROVIDER, request).await?;
        if !answer.status.is_success() {
            return Err(failure(&answer, &credentials));
        }
        let sent: wire::Sent = answer.parse(PROVIDER)?;
        Ok(sent.message_id)
    }

    fn signed(
        &self,
        email: &Email<'_>,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<RequestBuilder, SigningError> {
        let configuration_set = self.endpoints.configuration_set.as_deref();
        let body = serde_json::to_vec(&wire::Outbound::new(email, JOB_TAG, configuration_set))
            .expect("a mail is texts under text keys");
        let url = self.endpoints.api_url.join(&["v2", "email", "outbound-emails"]);
        let identity = credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.endpoints.region)
            .name(SERVICE)
            .time(SystemTime::from(now))
            .settings(SigningSettings::default())
            .build()
            .expect("everything that a signature needs is given")
            .into();
        let headers = std::iter::once((CONTENT_TYPE.as_str(), JSON));
        let signable = SignableRequest::new("POST", url.as_str(), headers, SignableBody::Bytes(&body))?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        let mut request = self.http.post(url).header(CONTENT_TYPE, JSON);
        for (name, value) in instructions.headers() {
            request = request.header(name, value);
        }
        Ok(request.body(body))
    }
}

impl Connector for Ses {
    fn provider(&self) -> Provider {
        PROVIDER
    }
}

fn failure(answer: &Answer, credentials: &Credentials) -> ConnectorError {
    let provider = PROVIDER;
    let problem = wire::Problem::of(answer);
    match problem.kind.as_str() {
        "TooManyRequestsException" | "LimitExceededException" | "ThrottlingException" => {
            ConnectorError::RateLimited { provider, retry_after: answer.retry_after() }
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "ExpiredTokenException"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException" => ConnectorError::Unauthorised { provider },
        // Suspended, paused, not verified, not allowed by the role: the words say which.
        _ => answer.failure(provider, problem.words(), &secrets_of(credentials)),
    }
}

fn secrets_of(credentials: &Credentials) -> Vec<SecretString> {
    [Some(credentials.secret_access_key()), credentials.session_token()]
        .into_iter()
        .flatten()
        .map(SecretString::from)
        .collect()
}
