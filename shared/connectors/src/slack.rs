//! Slack: messages to a team, with a bot's token or through an incoming webhook. A bot's token does not expire, so there
//! is nothing to refresh. Slack has no idempotency key: a message carries the key of its effect instead, by which it is
//! found again; what went through an incoming webhook cannot be found.

mod messages;
mod wire;

use std::borrow::Cow;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use zixly_domain::Provider;

use crate::consent::Account;
use crate::http::{self, Answer};
use crate::{Connector, ConnectorError, MalformedAnswer, ProviderUrl, ReauthorisationReason};

const PROVIDER: Provider = Provider::Slack;

/// Slack asks for a name of what the metadata of a message is about.
const EVENT_TYPE: &str = "zixly_job";

/// Where Slack is.
#[derive(Debug, Clone)]
pub struct SlackEndpoints {
    /// The Web API; in production `https://slack.com/api`.
    pub api_url: ProviderUrl,
    /// What every incoming webhook begins with; in production `https://hooks.slack.com`. Nothing is posted elsewhere,
    /// since a tenant chooses the rest.
    pub hooks_url: ProviderUrl,
}

/// A client for Slack's Web API and for incoming webhooks.
#[derive(Debug)]
pub struct Slack {
    http: Client,
    endpoints: SlackEndpoints,
}

impl Slack {
    /// A connector that speaks to the given endpoints.
    pub fn new(http: Client, endpoints: SlackEndpoints) -> Self {
        Self { http, endpoints }
    }

    /// Posts a plain text to a channel, by the channel's id, and gives the message's `ts`, which is its id there.
    pub async fn post_message(
        &self,
        token: &SecretString,
        channel: &str,
        text: &str,
        effect_key: &str,
    ) -> Result<String, ConnectorError> {
        let message = wire::NewMessage {
            channel,
            text: escaped(text),
            mrkdwn: false,
            unfurl_links: false,
            unfurl_media: false,
            metadata: wire::NewMetadata {
                event_type: EVENT_TYPE,
                event_payload: wire::NewPayload { effect_key },
            },
        };
        let request = self
            .http
            .post(self.endpoints.api_url.join(&["chat.postMessage"]))
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .json(&message);
        let posted: wire::Posted = call(request, token).await?;
        Ok(posted.ts)
    }

    /// Posts a plain text to an incoming webhook. Its URL is all that it takes, so it is a secret.
    pub async fn post_to_webhook(&self, url: &SecretString, text: &str) -> Result<(), ConnectorError> {
        let target = self.webhook(url)?;
        let secrets = [url.clone(), SecretString::from(target.path())];
        let request = self.http.post(target).json(&wire::HookMessage { text: escaped(text) });
        let answer = http::send(PROVIDER, request).await?;
        if !answer.status.is_success() {
            let words = answer.text();
            // Its owner has removed the webhook, or Slack the team: the next one has another URL.
            if matches!(
                words.as_deref(),
                Some("no_service" | "no_active_hooks" | "no_team" | "team_disabled" | "invalid_token")
            ) {
                let reason = ReauthorisationReason::Disconnected;
                return Err(ConnectorError::ReauthorisationNeeded { provider: PROVIDER, reason });
            }
            return Err(answer.failure(PROVIDER, words, &secrets));
        }
        if answer.body.trim_ascii() == b"ok" {
            return Ok(());
        }
        Err(http::malformed(PROVIDER, MalformedAnswer::WrongShape { path: ".".to_owned() }))
    }

    /// Which account a bot's token, or the URL of an incoming webhook, opens: the team `T024BE7LD`, or the team and the webhook
    /// `T024BE7LD/B024BE7LH`. A webhook can only be tried by posting to it.
    pub async fn identify(&self, key: &SecretString) -> Result<Account, ConnectorError> {
        if !key.expose_secret().starts_with("http") {
            let request = self.http.post(self.endpoints.api_url.join(&["auth.test"]));
            let identity: wire::Identity = call(request, key).await?;
            return Ok(Account { id: identity.team_id, name: identity.team });
        }
        let url = self.webhook(key)?;
        let id = url.path_segments().and_then(|segments| {
            let segments: Vec<&str> = segments.collect();
            let [.., "services", team, webhook, secret] = segments.as_slice() else { return None };
            (!secret.is_empty()).then(|| format!("{team}/{webhook}"))
        });
        let id = id.ok_or(ConnectorError::NoSuchAccount { provider: PROVIDER })?;
        self.post_to_webhook(key, "Zixly is connected, and will tell news here.").await?;
        Ok(Account { name: format!("Incoming webhook {id}"), id })
    }

    fn webhook(&self, url: &SecretString) -> Result<Url, ConnectorError> {
        let url = Url::parse(url.expose_secret()).ok();
        url.filter(|url| self.endpoints.hooks_url.leads_to(url))
            .ok_or(ConnectorError::NoSuchAccount { provider: PROVIDER })
    }
}

impl Connector for Slack {
    fn provider(&self) -> Provider {
        PROVIDER
    }
}

/// Slack reads these three as its own markup, whatever else is switched off.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>']) {
        return text.into();
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").into()
}

/// Calls a method of the Web API, which says no with the status 200.
async fn call<T: DeserializeOwned>(
    request: RequestBuilder,
    token: &SecretString,
) -> Result<T, ConnectorError> {
    let answer = http::send(PROVIDER, request.bearer_auth(token.expose_secret())).await?;
    if !answer.status.is_success() {
        return Err(failure(&answer, answer.parse_problem(), token));
    }
    let verdict: wire::Verdict = answer.parse(PROVIDER)?;
    if verdict.ok { answer.parse(PROVIDER) } else { Err(failure(&answer, verdict, token)) }
}

fn failure(answer: &Answer, verdict: wire::Verdict, token: &SecretString) -> ConnectorError {
    let (provider, status, retry_after) = (PROVIDER, answer.status.as_u16(), answer.retry_after());
    match verdict.error.as_deref().unwrap_or_default() {
        "ratelimited" | "rate_limited" => ConnectorError::RateLimited { provider, retry_after },
        // The message may have been posted all the same.
        "internal_error" | "fatal_error" | "service_unavailable" => {
            ConnectorError::Unavailable { provider, status, retry_after }
        }
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            ConnectorError::ReauthorisationNeeded { provider, reason: ReauthorisationReason::Disconnected }
        }
        "missing_scope" | "not_allowed_token_type" => {
            ConnectorError::ReauthorisationNeeded { provider, reason: ReauthorisationReason::ScopeMissing }
        }
        _ => answer.failure(provider, verdict.error, std::slice::from_ref(token)),
    }
}
