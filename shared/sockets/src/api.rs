use aws_sdk_apigatewaymanagement::error::BoxError;
use aws_sdk_apigatewaymanagement::operation::{
    delete_connection::DeleteConnectionError, post_to_connection::PostToConnectionError,
};
use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_sdk_apigatewaymanagement::{Client, config};
use aws_types::SdkConfig;

/// API Gateway did not do what it was asked with a socket that may well be open.
#[derive(Debug, thiserror::Error)]
#[error("API Gateway did not do what it was asked")]
pub struct PostError(#[source] BoxError);

/// What became of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It is on its way.
    Sent,
    /// There is no such socket: it was closed, or is not yet open.
    Gone,
}

/// The management API of one WebSocket API.
#[derive(Clone)]
pub struct SocketApi {
    client: Client,
}

impl SocketApi {
    /// The API at `url`, its stage included: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`.
    pub fn new(sdk_config: &SdkConfig, url: &str) -> Self {
        let config = config::Builder::from(sdk_config).endpoint_url(url).build();
        Self { client: Client::from_conf(config) }
    }

    /// Sends a text to a socket.
    pub async fn post(&self, connection_id: &str, text: &str) -> Result<Posted, PostError> {
        let data = Blob::new(text);
        match self.client.post_to_connection().connection_id(connection_id).data(data).send().await {
            Ok(_) => Ok(Posted::Sent),
            Err(error) => match error.into_service_error() {
                PostToConnectionError::GoneException(_) => Ok(Posted::Gone),
                error => Err(PostError(error.into())),
            },
        }
    }

    /// Closes a socket. It is no error when it is closed already.
    pub async fn close(&self, connection_id: &str) -> Result<(), PostError> {
        match self.client.delete_connection().connection_id(connection_id).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.into_service_error() {
                DeleteConnectionError::GoneException(_) => Ok(()),
                error => Err(PostError(error.into())),
            },
        }
    }
}
