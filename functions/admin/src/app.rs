use lambda_http::http::HeaderValue;
use reqwest::Client;
use secrecy::ExposeSecret;
use zixly_access::BehindSecret;
use zixly_connectors::{ClientCredentials, http_client, slack::Slack, supabase_auth::AuthAdmin};
use zixly_domain::Provider;
use zixly_lambda_kit::aws::SdkConfig;
use zixly_queues::{JobEventQueue, JobQueue};
use zixly_secrets::TokenSets;

use crate::{AdminConfig, answers::Refused, consent};

/// Everything that the function reaches. Nothing is opened before it is needed.
pub struct App {
    pub(crate) config: AdminConfig,
    pub(crate) behind: BehindSecret,
    pub(crate) token_sets: TokenSets,
    /// Where the worker is rung.
    pub(crate) queue: JobQueue,
    /// Where WebSockets are closed by.
    pub(crate) job_events: JobEventQueue,
    pub(crate) http: Client,
    /// What the pages of the consent may do, as every answer says.
    pub(crate) policy: HeaderValue,
}

impl App {
    /// An app over these settings.
    pub fn new(config: AdminConfig, sdk_config: &SdkConfig) -> Self {
        Self {
            behind: BehindSecret::new(
                sdk_config,
                config.function_secret_arn.clone(),
                config.auth_issuer.clone(),
                config.auth_audience.clone(),
            ),
            token_sets: TokenSets::new(sdk_config, config.token_set_prefix.clone())
                .encrypted_with(config.secret_key_arn.clone()),
            queue: JobQueue::new(sdk_config, config.job_queue_url.clone()),
            job_events: JobEventQueue::new(sdk_config, config.job_event_queue_url.clone()),
            http: http_client(),
            policy: consent::policy(),
            config,
        }
    }

    /// What our app is known by at the provider; nothing where this installation has none there.
    pub(crate) async fn credentials(&self, provider: Provider) -> Result<Option<ClientCredentials>, Refused> {
        let secret = self.behind.secret();
        let id = secret.get(&format!("{provider}_client_id")).await?;
        let key = secret.get(&format!("{provider}_client_secret")).await?;
        Ok(id.zip(key).map(|(id, secret)| ClientCredentials { id: id.expose_secret().to_owned(), secret }))
    }

    /// Supabase Auth as its administrator, where the operator has given the project's secret key.
    pub(crate) async fn auth_admin(&self) -> Result<Option<AuthAdmin>, Refused> {
        let key = self.behind.secret().get("auth_service_key").await?;
        let url = self.config.auth_issuer.as_ref().and_then(|issuer| issuer.parse().ok());
        Ok(key.zip(url).map(|(key, url)| AuthAdmin::new(self.http.clone(), url, key)))
    }

    pub(crate) fn slack(&self) -> Slack {
        Slack::new(self.http.clone(), self.config.slack.clone())
    }
}
