//! A shop has removed the app: nobody is called with its tokens any more, and they go.
//!
//! Shopify does not sign the topic, and other topics have the same body, so the shop is asked: only one that lets us in
//! no longer has removed the app.

use serde::Deserialize;
use serde_json::{Value, json};
use zixly_connectors::ConnectorError;
use zixly_domain::{Provider, TokenSetId, Workflow};
use zixly_store::connections;

use super::{Definition, nothing_to_do};
use crate::{
    error::StepError,
    steps::{Done, Halt, JobRun, StepContext},
};

#[derive(Deserialize)]
struct Parameters {
    shop: String,
}

pub(super) const DEFINITION: Definition = Definition {
    workflow: Workflow::ShopifyAppUninstalled,
    version: 1,
    steps: &["ask-shop", "end-connection", "remove-tokens"],
    run: |job| Box::pin(run(job)),
};

/// Runs the steps; gives the job's result.
async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    let Parameters { shop } = job.parameters()?;
    let is_gone = job.step("ask-shop", async |context| ask_shop(context, &shop).await).await?;
    if !is_gone {
        return Ok(nothing_to_do(&format!("{shop} still lets us in, so it has not removed the app.")));
    }
    let ended = job.step("end-connection", async |context| end_connection(context, &shop).await).await?;
    let Some(token_set_id) = ended else {
        return Ok(nothing_to_do(&format!("{shop} is not connected, or has been connected again since.")));
    };
    job.step("remove-tokens", async |context| {
        context.app.tokens.remove(token_set_id).await?;
        Ok(Done::new(true))
    })
    .await?;
    Ok(json!({
        "outcome": "disconnected",
        "summary": format!("{shop} has removed the app: it is disconnected, and its tokens are gone."),
    }))
}

/// Whether the shop has shut us out. A shop that is not connected cannot be asked, and needs not.
async fn ask_shop(context: &StepContext<'_>, shop: &str) -> Result<Done<bool>, StepError> {
    let connection = match context.connection(Provider::Shopify, Some(shop)) {
        Ok(connection) => connection,
        Err(StepError::NotConnected(_) | StepError::NeedsAuthorisation(_)) => return Ok(Done::new(true)),
        Err(error) => return Err(error),
    };
    let shopify = context.connectors.shopify()?;
    // Any question does; no order has this id.
    let answer = context
        .call(Provider::Shopify, connection, async |token| shopify.fetch_order(token, shop, "0", None).await)
        .await;
    match answer {
        // A question that it refuses is one that it has heard.
        Ok(_) | Err(StepError::Connector(ConnectorError::Rejected { .. })) => Ok(Done::new(false)),
        Err(
            StepError::NeedsAuthorisation(_)
            | StepError::Connector(
                ConnectorError::Unauthorised { .. } | ConnectorError::ReauthorisationNeeded { .. },
            ),
        ) => Ok(Done::new(true)),
        Err(error) => Err(error),
    }
}

/// The connection first: once it says so, no job begins a call with the tokens that go next.
async fn end_connection(
    context: &StepContext<'_>,
    shop: &str,
) -> Result<Done<Option<TokenSetId>>, StepError> {
    let claim = context.claim;
    let mut session = context.store.session().await?;
    let tx = session.begin(claim.tenant_id)?;
    let connection = connections::list(&tx, Provider::Shopify, Some(shop)).await?.pop();
    // A shop that has been connected again since has new tokens, which the removal of the app did not touch.
    let connection =
        connection.filter(|connection| !connection.healthy || connection.updated_at <= claim.created_at);
    if let Some(connection) = &connection {
        connections::needs_authorisation(&tx, connection).await?;
    }
    tx.commit().await?;
    Ok(Done::new(connection.map(|connection| connection.token_set_id)))
}
