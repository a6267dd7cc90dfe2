use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsEvent;
use jiff::Timestamp;
use serde_json::Value;
use zixly_lambda_kit::aws::SdkConfig;
use zixly_lambda_kit::batch::run_batch;
use zixly_secrets::FunctionSecret;
use zixly_sockets::{SocketApi, SocketTable};

use crate::RealtimeConfig;
use crate::wire::SocketEvent;

/// What is left of an invocation when no event is begun any more: more than sending one may take.
const DRAIN_MARGIN: Duration = Duration::from_secs(6);

/// The function was handed something by a trigger that is not meant for it. What it is is not quoted, since nobody knows
/// what it holds.
#[derive(Debug, thiserror::Error)]
#[error("the event is neither about a WebSocket nor a batch of SQS messages")]
pub struct UnknownEvent;

/// Everything that the function reaches.
pub struct App {
    pub(crate) secret: FunctionSecret,
    pub(crate) sockets: SocketTable,
    pub(crate) api: SocketApi,
    pub(crate) sockets_per_tenant: u32,
}

impl App {
    /// An app over these settings.
    pub fn new(config: &RealtimeConfig, sdk_config: &SdkConfig) -> Self {
        Self {
            secret: FunctionSecret::new(sdk_config, config.function_secret_arn.clone()),
            sockets: SocketTable::new(sdk_config, config.socket_table.clone()),
            api: SocketApi::new(sdk_config, &config.socket_api_url),
            sockets_per_tenant: config.sockets_per_tenant,
        }
    }

    /// Answers API Gateway about a socket, or SQS about a batch of job events.
    pub async fn answer(&self, event: Value, deadline: SystemTime) -> Result<Value, UnknownEvent> {
        if event.get("Records").is_some() {
            let batch: SqsEvent = serde_json::from_value(event).map_err(|_| UnknownEvent)?;
            // Boxed, since futures within futures have a depth that the compiler does not go beyond.
            let handle = async |message| Box::pin(self.fan_out(message, Timestamp::now())).await;
            return Ok(to_value(run_batch(batch, deadline, DRAIN_MARGIN, handle).await));
        }
        let event: SocketEvent = serde_json::from_value(event).map_err(|_| UnknownEvent)?;
        Ok(to_value(Box::pin(self.meet(&event, Timestamp::now())).await))
    }
}

fn to_value(answer: impl serde::Serialize) -> Value {
    serde_json::to_value(answer).expect("statuses, ids and texts serialise")
}
