//! Tells the tenant what a job has done, over every channel that the settings of its workflow name.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zixly_connectors::{ConnectorError, ses::Email};
use zixly_domain::{Channel, Provider, WorkflowSettings};
use zixly_store::connections::Connection;

use crate::{
    effects::{Sent, Write},
    error::StepError,
    steps::{Done, Halt, JobRun, StepContext},
};

/// What every workflow calls this step.
pub(super) const STEP: &str = "notify";

/// What is told.
pub(super) struct News<'a> {
    /// Equal for two jobs that would tell the same: the second one is silent.
    pub(super) key: &'a str,
    /// One sentence.
    pub(super) summary: &'a str,
}

/// How one channel was told.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Told {
    channel: String,
    outcome: Outcome,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Sent,
    /// The channel does not take it, and will not. What the job did stands, so the job does not fail for it.
    Refused(String),
    /// It was sent, and nobody can find out whether it arrived.
    Unknown,
    /// It was not sent, since the job is a dry run.
    WouldBeSent,
}

/// Tells `news` to whom the tenant wants told, and gives what the job's result says about it. No step without settings.
pub(super) async fn tell(job: &mut JobRun<'_>, news: &News<'_>) -> Result<Value, Halt> {
    let settings: WorkflowSettings = job.settings()?;
    if settings.notifications.is_empty() {
        return Ok(json!([]));
    }
    let told = job
        .step(STEP, async |context| {
            let mut told = Vec::new();
            for channel in &settings.notifications {
                told.push(Message { context, news, channel }.send().await?);
            }
            Ok(Done::new(told))
        })
        .await?;
    Ok(json!(told))
}

/// The news on their way to one channel.
struct Message<'a> {
    context: &'a StepContext<'a>,
    news: &'a News<'a>,
    channel: &'a Channel,
}

impl Message<'_> {
    async fn send(&self) -> Result<Told, StepError> {
        let sent = match self.channel {
            Channel::Slack { team, channel } => self.post_to_channel(team, channel).await,
            Channel::SlackWebhook { webhook } => self.post_to_webhook(webhook).await,
            Channel::Email { addresses } => self.send_email(addresses).await,
        };
        let outcome = match sent {
            Ok(_) if self.context.claim.is_dry_run => Outcome::WouldBeSent,
            Ok(Sent::Made(_)) => Outcome::Sent,
            Ok(Sent::Unknown) => Outcome::Unknown,
            Err(error) => Outcome::Refused(refusal(error)?),
        };
        Ok(Told { channel: self.name(), outcome })
    }

    /// A message carries its key as metadata, and is found again by it.
    async fn post_to_channel(&self, team: &str, channel: &str) -> Result<Sent, StepError> {
        let connection = self.context.connection(Provider::Slack, Some(team))?;
        let slack = &self.context.connectors.slack;
        let key = format!("slack/{team}/{channel}/{}", self.news.key);
        let look = async |since| {
            self.context
                .call(Provider::Slack, connection, async |token| {
                    slack.find_message(token, channel, &key, since).await
                })
                .await
        };
        let post = async || {
            self.context
                .call(Provider::Slack, connection, async |token| {
                    slack.post_message(token, channel, self.news.summary, &key).await
                })
                .await
        };
        let request = json!({ "channel": channel, "text": self.news.summary });
        let write = self.write(&key, Provider::Slack, Some(connection), &request);
        Ok(Sent::Made(self.context.once(write, look, post).await?))
    }

    async fn post_to_webhook(&self, webhook: &str) -> Result<Sent, StepError> {
        let connection = self.context.connection(Provider::Slack, Some(webhook))?;
        let slack = &self.context.connectors.slack;
        let post = async || {
            self.context
                .call(Provider::Slack, connection, async |url| {
                    slack.post_to_webhook(url, self.news.summary).await
                })
                .await?;
            // Slack says no more than this, and has no id for it.
            Ok("ok".to_owned())
        };
        let key = format!("slack-webhook/{webhook}/{}", self.news.key);
        let request = json!({ "text": self.news.summary });
        let write = self.write(&key, Provider::Slack, Some(connection), &request);
        self.context.at_most_once(write, post).await
    }

    async fn send_email(&self, addresses: &[String]) -> Result<Sent, StepError> {
        let email = self.context.connectors.email()?;
        let job_id = self.context.claim.job_id.to_string();
        let text = format!("{}\n\nJob {job_id}", self.news.summary);
        let to: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let mail =
            Email { from: &email.sender, to: &to, subject: self.news.summary, text: &text, job_tag: &job_id };
        // The account is the installation's, and each tenant has a part of it.
        let tenant = self.context.claim.tenant_id.to_string();
        let send = async || {
            let send = async || email.ses.send(&mail, Timestamp::now()).await;
            Ok(self.context.access().within_budget(Provider::Ses, &tenant, send).await?)
        };
        let key = format!("email/{}/{}", digest(addresses), self.news.key);
        let request = json!({ "to": addresses, "subject": self.news.summary });
        let write = self.write(&key, Provider::Ses, None, &request);
        self.context.at_most_once(write, send).await
    }

    fn write<'a>(
        &self,
        effect_key: &'a str,
        provider: Provider,
        connection: Option<&'a Connection>,
        request: &'a Value,
    ) -> Write<'a> {
        let action = match provider {
            Provider::Ses => "POST e-mail",
            _ => "POST message",
        };
        Write { effect_key, step: STEP, provider, connection, target: effect_key, action, request }
    }

    /// For the owner, who knows his channels by these.
    fn name(&self) -> String {
        match self.channel {
            Channel::Slack { channel, .. } => format!("Slack channel {channel}"),
            Channel::SlackWebhook { webhook } => format!("Slack webhook {webhook}"),
            Channel::Email { addresses } => format!("e-mail to {}", addresses.join(", ")),
        }
    }
}

/// Why the channel will not be told; the error itself if it may be yet.
fn refusal(error: StepError) -> Result<String, StepError> {
    match error {
        StepError::Connector(ConnectorError::Rejected { .. } | ConnectorError::NoSuchAccount { .. }) => {
            Ok(error.in_full())
        }
        StepError::NotConnected(provider) => Ok(format!("{} is not connected", provider.name())),
        StepError::OutcomeUnknown => Ok(error.to_string()),
        error => Err(error),
    }
}

/// Names a list of addresses without telling them.
fn digest(addresses: &[String]) -> String {
    Sha256::digest(addresses.join(",")).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
