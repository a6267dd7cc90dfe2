use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use secrecy::ExposeSecret;
use tracing::{Instrument, Span, field::Empty, info_span};
use zixly_budgets::CallBudgets;
use zixly_connectors::{
    ClientCredentials, asana::Asana, http_client_with_timeout, hubspot::HubSpot, ses::Ses, shopify::Shopify,
    slack::Slack, trading::TradingApi, xero::Xero,
};
use zixly_lambda_kit::{Chain, aws::SdkConfig, batch::run_batch};
use zixly_payload_store::{PayloadError, PayloadStore};
use zixly_queues::{DeadLetterQueue, JobEventQueue, JobQueue, Message, QueueError, Unreadable};
use zixly_secrets::{FromSecret, FunctionSecret, SecretsError, TokenSets};
use zixly_store::{Store, StoreError};

use crate::{
    WorkerConfig,
    connectors::{Connectors, Mailer, Trading},
    job_events::JobEvents,
    measurements::Measurements,
    tokens::Tokens,
};

/// What is left of an invocation to send a message on.
const PUTTING_OFF: Duration = Duration::from_secs(4);

/// Everything that the function reaches. Nothing is opened before it is needed.
pub struct App {
    pub(crate) config: WorkerConfig,
    pub(crate) queue: JobQueue,
    pub(crate) payloads: PayloadStore,
    pub(crate) tokens: Tokens,
    pub(crate) budgets: CallBudgets,
    pub(crate) measurements: Measurements,
    pub(crate) job_events: JobEvents,
    dead_letters: DeadLetterQueue,
    /// Whom Amazon SES takes for the function.
    role: Option<SharedCredentialsProvider>,
    secret: FunctionSecret,
    store: FromSecret<Store>,
    connectors: FromSecret<Connectors>,
}

/// A message's outcome is not recorded, so the message has to come back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unrecorded {
    #[error("the store did not take the outcome")]
    Store(#[from] StoreError),
    #[error("the message is for a newer worker")]
    Newer(#[from] Unreadable),
    #[error("the message could not be sent on")]
    Queue(#[from] QueueError),
    #[error("a carried delivery's body cannot be had")]
    Payloads(#[from] PayloadError),
    #[error("the function's secret cannot be read")]
    Secrets(#[from] SecretsError),
    #[error("the function's secret has no {0}")]
    NotConfigured(&'static str),
}

impl Unrecorded {
    /// Whether the same message may succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Store(error) => error.is_passing(),
            Self::Payloads(PayloadError::Unavailable { .. }) | Self::Secrets(_) | Self::NotConfigured(_) => {
                true
            }
            Self::Payloads(_) => false,
            Self::Queue(_) | Self::Newer(_) => false,
        }
    }
}

impl App {
    /// An app over these settings.
    pub fn new(config: WorkerConfig, sdk_config: &SdkConfig) -> Self {
        Self {
            queue: JobQueue::new(sdk_config, config.job_queue_url.clone()),
            payloads: PayloadStore::new(sdk_config, config.payload_bucket.clone()),
            tokens: Tokens::new(TokenSets::new(sdk_config, config.token_set_prefix.clone())),
            budgets: CallBudgets::new(sdk_config, config.counter_table.clone()),
            measurements: Measurements::new(),
            job_events: JobEvents::new(JobEventQueue::new(sdk_config, config.job_event_queue_url.clone())),
            dead_letters: DeadLetterQueue::new(sdk_config, config.dead_letter_queue_url.clone()),
            role: sdk_config.credentials_provider(),
            secret: FunctionSecret::new(sdk_config, config.function_secret_arn.clone()),
            store: FromSecret::new(),
            connectors: FromSecret::new(),
            config,
        }
    }

    /// Works through a batch until `deadline` is near; the answer names the messages that have to come back.
    pub async fn handle_batch(&self, batch: SqsEvent, deadline: SystemTime) -> SqsBatchResponse {
        // Boxed, since a message's future holds those of all the steps of a workflow.
        let handle = async |message| Box::pin(self.handle(message, deadline)).await;
        let response = run_batch(batch, deadline, self.config.drain_margin, handle).await;
        self.tokens.finish(deadline).await;
        // Boxed as well: futures within futures have a depth that the compiler does not go beyond.
        tokio::join!(Box::pin(self.save_measurements()), self.job_events.finish());
        response
    }

    async fn handle(&self, sqs: SqsMessage, deadline: SystemTime) -> Result<(), Unrecorded> {
        let body = sqs.body.unwrap_or_default();
        let message = match Message::parse(&body) {
            Ok(message) => message,
            // Of a version to come: it goes back, for a worker that is being deployed at this moment.
            Err(error @ Unreadable::Newer(_)) => return Err(error.into()),
            // It can never succeed: laid down with the reason, and acknowledged.
            Err(error) => return self.bury(&body, &error.to_string()).await,
        };
        let span = span_of(&message);
        self.handle_readable(&body, &message, sqs.receipt_handle.as_deref(), deadline).instrument(span).await
    }

    async fn handle_readable(
        &self,
        body: &str,
        message: &Message,
        receipt_handle: Option<&str>,
        deadline: SystemTime,
    ) -> Result<(), Unrecorded> {
        match self.act_on(message, receipt_handle, deadline).await {
            Err(error) if error.is_passing() => self.put_off(message, &error, self.config.put_off).await,
            // Refused for good, and nothing else holds this delivery: laid down with the reason.
            Err(error @ (Unrecorded::Store(_) | Unrecorded::Payloads(_)))
                if matches!(message, Message::File(_)) =>
            {
                tracing::error!(error = %Chain(&error), "a delivery cannot be filed");
                self.bury(body, &error.to_string()).await
            }
            outcome => outcome,
        }
    }

    /// Does what the message says, and leaves time to put it off should the database be silent.
    async fn act_on(
        &self,
        message: &Message,
        receipt_handle: Option<&str>,
        deadline: SystemTime,
    ) -> Result<(), Unrecorded> {
        let work = async {
            match message {
                Message::Ring { tenant_id, job_id } => {
                    self.run_job(*tenant_id, *job_id, receipt_handle, deadline).await
                }
                Message::File(delivery) => self.file(delivery).await,
            }
        };
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        match tokio::time::timeout(left.saturating_sub(PUTTING_OFF), work).await {
            Ok(outcome) => outcome,
            Err(_) => {
                self.store().await?.disconnect();
                Err(StoreError::TimedOut.into())
            }
        }
    }

    /// Sends the message on for later. A fresh one: one that is merely returned would be counted, and end among the dead
    /// letters when, say, the database is away for long.
    pub(crate) async fn put_off(
        &self,
        message: &Message,
        error: &Unrecorded,
        delay: Duration,
    ) -> Result<(), Unrecorded> {
        tracing::error!(error = %Chain(error), "message.put_off");
        Ok(self.queue.send_after(message, delay).await?)
    }

    /// Lays a message down among the dead letters, with the reason.
    pub(crate) async fn bury(&self, body: &str, reason: &str) -> Result<(), Unrecorded> {
        // The reason lies with the message. It may quote a parameter, so it is not for the log.
        tracing::error!("message.buried");
        Ok(self.dead_letters.bury(body, reason).await?)
    }

    /// The store, whose address is in the function's secret.
    pub(crate) async fn store(&self) -> Result<Arc<Store>, Unrecorded> {
        self.store
            .get(&self.secret, async || {
                let url = self.secret.get("database_url").await?;
                let url = url.ok_or(Unrecorded::NotConfigured("database_url"))?;
                let certificate = self.secret.get("database_ca_certificate").await?;
                Ok(Store::new(&url, certificate.as_ref().map(ExposeSecret::expose_secret))?)
            })
            .await
    }

    /// The providers' clients, whose credentials are in the function's secret.
    pub(crate) async fn connectors(&self) -> Result<Arc<Connectors>, Unrecorded> {
        self.connectors
            .get(&self.secret, async || {
                let config = &self.config;
                let http = http_client_with_timeout(config.provider_timeout);
                let xero = self.credentials("xero_client_id", "xero_client_secret").await?;
                let hubspot = self.credentials("hubspot_client_id", "hubspot_client_secret").await?;
                let shopify = self.credentials("shopify_client_id", "shopify_client_secret").await?;
                let asana = self.credentials("asana_client_id", "asana_client_secret").await?;
                let trading = self.secret.get("trading_api_key").await?;
                let trading = config.trading.clone().zip(trading).map(|(known, key)| Trading {
                    api: TradingApi::new(http.clone(), known.api_url, key.clone()),
                    key,
                    callback_url: known.callback_url,
                });
                let email = config.email.clone().zip(self.role.clone()).map(|(known, role)| Mailer {
                    ses: Ses::new(http.clone(), known.ses, role),
                    sender: known.sender,
                });
                Ok::<_, Unrecorded>(Connectors {
                    slack: Slack::new(http.clone(), config.slack.clone()),
                    email,
                    xero: xero.map(|known| Xero::new(http.clone(), config.xero.clone(), known)),
                    hubspot: hubspot.map(|known| HubSpot::new(http.clone(), config.hubspot.clone(), known)),
                    shopify: shopify.map(|known| Shopify::new(http.clone(), config.shopify.clone(), known)),
                    asana: asana.map(|known| Asana::new(http, config.asana.clone(), known)),
                    trading,
                })
            })
            .await
    }

    /// What we are known by at a provider; nothing while the function's secret says nothing about it.
    async fn credentials(&self, id: &str, secret: &str) -> Result<Option<ClientCredentials>, SecretsError> {
        let (id, secret) = (self.secret.get(id).await?, self.secret.get(secret).await?);
        let known = id.zip(secret);
        Ok(known.map(|(id, secret)| ClientCredentials { id: id.expose_secret().to_owned(), secret }))
    }
}

/// All that is logged of a message says of which job or delivery; of a job, what started it as soon as that is known.
fn span_of(message: &Message) -> Span {
    match message {
        Message::Ring { tenant_id, job_id } => info_span!(
            "job",
            tenant.id = %tenant_id,
            job.id = %job_id,
            job_type = Empty,
            event.id = Empty,
            delivery.id = Empty,
            caller = Empty,
        ),
        Message::File(carried) => {
            info_span!("delivery", provider = %carried.provider, delivery.id = %carried.delivery_id)
        }
    }
}
