//! Asana's handshake. It comes unsigned, while the webhook is being made, so it is taken only for an endpoint that is
//! registering and has no secret yet; anybody could send one.

use std::time::Instant;

use lambda_http::{
    Body, Response,
    http::{HeaderValue, StatusCode},
};
use secrecy::{ExposeSecret, SecretString};
use zixly_domain::Provider;
use zixly_lambda_kit::Chain;
use zixly_secrets::SecretsError;
use zixly_store::webhook_endpoints;
use zixly_webhooks::{Request, asana};

use crate::{App, app::OpenError};

/// It is not known now whether the handshake may be taken; Asana's call has to be made again.
pub(crate) struct NotTaken;

#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("the endpoint cannot be looked up")]
    Open(#[from] OpenError),
    #[error("the secret cannot be kept")]
    Secrets(#[from] SecretsError),
}

/// The answer to a handshake that may be taken, its secret kept. None for what is no handshake, or may not be taken and
/// is to be verified like any other request.
pub(crate) async fn answer(
    app: &App,
    request: &Request<'_>,
    endpoint: &str,
    deadline: Instant,
) -> Result<Option<Response<Body>>, NotTaken> {
    let Some(secret) = asana::handshake(request) else { return Ok(None) };
    let error = match tokio::time::timeout_at(deadline.into(), take(app, endpoint, &secret)).await {
        Ok(Ok(true)) => {
            tracing::info!(provider = %Provider::Asana, "webhook.registered");
            return Ok(Some(echo(&secret)));
        }
        Ok(Ok(false)) => return Ok(None),
        Ok(Err(error)) => Chain(&error).to_string(),
        Err(_) => "there was no answer in time".to_owned(),
    };
    tracing::error!(provider = %Provider::Asana, error, "a handshake could not be taken");
    Err(NotTaken)
}

async fn take(app: &App, endpoint: &str, secret: &SecretString) -> Result<bool, HandshakeError> {
    let store = app.store().await?;
    let mut session = store.session().await.map_err(OpenError::from)?;
    let found = webhook_endpoints::find(&mut session, Provider::Asana, endpoint).await;
    drop(session);
    let found = found.map_err(OpenError::from)?;
    if !found.is_some_and(|endpoint| endpoint.is_registering) {
        return Ok(false);
    }
    Ok(app.hook_secrets.create(endpoint, secret).await?)
}

fn echo(secret: &SecretString) -> Response<Body> {
    let mut value = HeaderValue::from_str(secret.expose_secret()).expect("it came in a header");
    value.set_sensitive(true);
    Response::builder()
        .status(StatusCode::OK)
        .header(asana::HANDSHAKE, value)
        .body(Body::Empty)
        .expect("status and header are valid")
}
