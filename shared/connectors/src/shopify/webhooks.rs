//! Webhook subscriptions: what a shop is asked to tell us of. An app sees its own only.

use secrecy::SecretString;
use serde_json::json;
use zixly_domain::Provider;

use super::{Shopify, wire};
use crate::{ConnectorError, ProviderWords};

const LIST: &str = "query($after:String){webhookSubscriptions(first:50,after:$after){\
    pageInfo{hasNextPage endCursor} nodes{id topic uri}}}";

const CREATE: &str = "mutation($topic:WebhookSubscriptionTopic!,$uri:String!){\
    webhookSubscriptionCreate(topic:$topic,webhookSubscription:{uri:$uri,format:JSON}){\
    webhookSubscription{id} userErrors{field message}}}";

const DELETE: &str = "mutation($id:ID!){webhookSubscriptionDelete(id:$id){\
    deletedWebhookSubscriptionId userErrors{field message}}}";

/// A webhook subscription of a shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Shopify's id for it.
    pub id: String,
    /// What it tells of: `ORDERS_PAID`.
    pub topic: String,
    /// Where it delivers to.
    pub uri: String,
}

/// A part of a shop's webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookPage {
    /// The webhooks.
    pub webhooks: Vec<Webhook>,
    /// What gives the next part, where there is one.
    pub next: Option<String>,
}

impl Shopify {
    /// A part of what the shop has been asked to tell us of.
    pub async fn list_webhooks(
        &self,
        token: &SecretString,
        shop: &str,
        after: Option<&str>,
    ) -> Result<WebhookPage, ConnectorError> {
        let found: wire::WebhooksData = self.query(token, shop, LIST, json!({ "after": after })).await?;
        Ok(found.into())
    }

    /// Asks a shop to tell us of a topic at `uri`, and gives the id of the webhook. The same topic at the same address
    /// again is rejected.
    pub async fn create_webhook(
        &self,
        token: &SecretString,
        shop: &str,
        topic: &str,
        uri: &str,
    ) -> Result<String, ConnectorError> {
        let variables = json!({ "topic": topic, "uri": uri });
        let made: wire::CreateData = self.query(token, shop, CREATE, variables).await?;
        made.created().map_err(|words| rejected(&words, token))
    }

    /// Ends a webhook.
    pub async fn delete_webhook(
        &self,
        token: &SecretString,
        shop: &str,
        id: &str,
    ) -> Result<(), ConnectorError> {
        let ended: wire::DeleteData = self.query(token, shop, DELETE, json!({ "id": id })).await?;
        ended.deleted().map_err(|words| rejected(&words, token))
    }
}

/// What the user of a mutation did wrong comes with status 200.
fn rejected(words: &str, token: &SecretString) -> ConnectorError {
    ConnectorError::Rejected {
        provider: Provider::Shopify,
        status: 200,
        words: ProviderWords::new(words, std::slice::from_ref(token)),
    }
}
