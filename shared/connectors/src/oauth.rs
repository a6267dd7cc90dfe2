use jiff::Timestamp;
use oauth2::basic::{BasicClient, BasicRequestTokenError, BasicTokenResponse};
use oauth2::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, TokenResponse, TokenUrl,
};
use reqwest::{Client, Request, RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use zixly_domain::{Provider, TokenSet};

use crate::http::{self, Answer};
use crate::{ConnectorError, MalformedAnswer, ReauthorisationReason};

/// What an app is known by at a provider. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// The client id, which is no secret.
    pub id: String,
    /// The client secret.
    pub secret: SecretString,
}

/// A provider's token endpoint, and how we identify ourselves there.
#[derive(Debug)]
pub(crate) struct TokenEndpoint {
    pub(crate) provider: Provider,
    pub(crate) http: Client,
    pub(crate) url: Url,
    pub(crate) auth_type: AuthType,
    pub(crate) credentials: ClientCredentials,
}

/// What an owner's consent gave, to be exchanged for tokens once.
pub(crate) struct Code<'a> {
    pub(crate) code: &'a SecretString,
    pub(crate) redirect_url: &'a Url,
    /// Where the consent was asked for with a challenge.
    pub(crate) pkce_verifier: Option<&'a SecretString>,
}

type TokenClient = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

impl TokenEndpoint {
    pub(crate) async fn refresh(&self, old: &TokenSet, now: Timestamp) -> Result<TokenSet, ConnectorError> {
        let refresh_token = RefreshToken::new(old.refresh_token.expose_secret().to_owned());
        let secrets = [old.refresh_token.clone(), self.credentials.secret.clone()];
        // Each call owns what it needs: a borrow in here keeps the compiler from seeing that the future is `Send`.
        let answer = self
            .client()
            .exchange_refresh_token(&refresh_token)
            .request_async(&|request| send(self.provider, self.http.clone(), secrets.clone(), request))
            .await
            .map_err(|error| self.failure(error))?;
        // A provider that does not rotate may leave it out; the old one stays good then.
        self.token_set(&answer, Some(&old.refresh_token), now)
    }

    /// The first tokens of a consent.
    pub(crate) async fn redeem(&self, given: Code<'_>, now: Timestamp) -> Result<TokenSet, ConnectorError> {
        let secrets = [given.code.clone(), self.credentials.secret.clone()];
        let client = self.client().set_redirect_uri(RedirectUrl::from_url(given.redirect_url.clone()));
        let mut request = client.exchange_code(AuthorizationCode::new(given.code.expose_secret().to_owned()));
        if let Some(verifier) = given.pkce_verifier {
            request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()));
        }
        let answer = request
            .request_async(&|request| send(self.provider, self.http.clone(), secrets.clone(), request))
            .await
            .map_err(|error| self.failure(error))?;
        self.token_set(&answer, None, now)
    }

    fn client(&self) -> TokenClient {
        BasicClient::new(ClientId::new(self.credentials.id.clone()))
            .set_client_secret(ClientSecret::new(self.credentials.secret.expose_secret().to_owned()))
            .set_token_uri(TokenUrl::from_url(self.url.clone()))
            .set_auth_type(self.auth_type.clone())
    }

    fn failure(&self, error: BasicRequestTokenError<ConnectorError>) -> ConnectorError {
        match error {
            RequestTokenError::Request(error) => error,
            // The second half is the body, which may hold the new tokens.
            RequestTokenError::Parse(error, _) => http::unreadable(self.provider, &error),
            // An empty body; error answers never come this far.
            RequestTokenError::ServerResponse(_) | RequestTokenError::Other(_) => {
                http::malformed(self.provider, MalformedAnswer::NotJson)
            }
        }
    }

    fn token_set(
        &self,
        answer: &BasicTokenResponse,
        old: Option<&SecretString>,
        now: Timestamp,
    ) -> Result<TokenSet, ConnectorError> {
        let missing = |path: &str| {
            http::malformed(self.provider, MalformedAnswer::WrongShape { path: path.to_owned() })
        };
        let expires_at = answer.expires_in().and_then(|life| now.checked_add(life).ok());
        let refresh_token = answer.refresh_token().map(|token| SecretString::from(token.secret().as_str()));
        Ok(TokenSet {
            access_token: SecretString::from(answer.access_token().secret().as_str()),
            refresh_token: refresh_token.or_else(|| old.cloned()).ok_or_else(|| missing("refresh_token"))?,
            expires_at: expires_at.ok_or_else(|| missing("expires_in"))?,
        })
    }
}

async fn send(
    provider: Provider,
    http: Client,
    secrets: [SecretString; 2],
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let request = Request::try_from(request)
        .map_err(|error| ConnectorError::Unreachable { provider, source: error.without_url() })?;
    let answer = http::send(provider, RequestBuilder::from_parts(http, request)).await?;
    // The content type stays behind: whether a body is JSON shows when it is read.
    if answer.status.is_success() {
        Ok(HttpResponse::new(answer.body))
    } else {
        Err(failure(provider, &answer, &secrets))
    }
}

/// The class of a token endpoint's refusal.
pub(crate) fn failure(provider: Provider, answer: &Answer, secrets: &[SecretString]) -> ConnectorError {
    let problem: TokenProblem = answer.parse_problem();
    if problem.error.as_deref() == Some("invalid_grant") {
        let reason = ReauthorisationReason::RefreshTokenRefused;
        ConnectorError::ReauthorisationNeeded { provider, reason }
    } else if answer.status == StatusCode::UNAUTHORIZED {
        // Our own credentials are wrong, which no refresh can heal.
        answer.rejection(provider, problem.words(), secrets)
    } else {
        answer.failure(provider, problem.words(), secrets)
    }
}

/// An error document of RFC 6749, section 5.2.
#[derive(Default, Deserialize)]
struct TokenProblem {
    error: Option<String>,
    error_description: Option<String>,
}

impl TokenProblem {
    fn words(self) -> Option<String> {
        match (self.error, self.error_description) {
            (Some(error), Some(description)) => Some(format!("{error}: {description}")),
            (error, description) => error.or(description),
        }
    }
}
