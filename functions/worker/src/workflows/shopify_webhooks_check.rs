//! Sees that a shop tells us of its orders and of its end, and makes those webhooks anew that Shopify has dropped. What
//! is to be told of persons stands in the app's own configuration.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zixly_connectors::shopify::{Shopify, Webhook};
use zixly_domain::{ConnectionId, Provider, Workflow};
use zixly_store::connections::Connection;

use super::{
    Definition,
    polls::Parameters,
    webhooks::{self, Made},
};
use crate::{
    effects::Write,
    error::StepError,
    steps::{Done, Halt, JobRun, StepContext},
};

const TOPICS: [&str; 4] = ["APP_UNINSTALLED", "ORDERS_CREATE", "ORDERS_PAID", "ORDERS_UPDATED"];

/// What a shop's webhooks lack.
#[derive(Serialize, Deserialize)]
struct Listed {
    shop: String,
    /// Topics that the shop does not tell us of.
    missing: Vec<String>,
    /// The ids of webhooks of ours that deliver to where we have been before.
    elsewhere: Vec<String>,
}

pub(super) const DEFINITION: Definition = Definition {
    workflow: Workflow::ShopifyWebhooksCheck,
    version: 1,
    steps: &["list-webhooks", "make-webhooks", "remove-webhooks"],
    run: |job| Box::pin(run(job)),
};

/// Runs the steps; gives the job's result.
async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    let Parameters { connection_id } = job.parameters()?;
    let Some(address) = webhooks::address(job, Provider::Shopify) else { return Ok(webhooks::no_address()) };
    let listed = job
        .step("list-webhooks", async |context| {
            Shop::open(context, connection_id, &address).await?.list().await
        })
        .await?;
    let made = job
        .step("make-webhooks", async |context| {
            Shop::open(context, connection_id, &address).await?.make(&listed.missing).await
        })
        .await?;
    let removed = job
        .step("remove-webhooks", async |context| {
            Shop::open(context, connection_id, &address).await?.remove(&listed.elsewhere).await
        })
        .await?;
    Ok(made.result(&listed.shop, removed))
}

/// The shop, and where it is to deliver to.
struct Shop<'a> {
    context: &'a StepContext<'a>,
    shopify: &'a Shopify,
    connection: Connection,
    address: &'a str,
}

impl<'a> Shop<'a> {
    async fn open(
        context: &'a StepContext<'a>,
        connection_id: ConnectionId,
        address: &'a str,
    ) -> Result<Self, StepError> {
        let connection = webhooks::connection(context, Provider::Shopify, connection_id).await?;
        Ok(Self { context, shopify: context.connectors.shopify()?, connection, address })
    }

    async fn list(&self) -> Result<Done<Listed>, StepError> {
        let there = self.webhooks().await?;
        let is_there =
            |topic: &&str| there.iter().any(|webhook| webhook.topic == *topic && webhook.uri == self.address);
        let missing = TOPICS.iter().copied().filter(|topic| !is_there(topic)).map(str::to_owned).collect();
        let is_elsewhere = |webhook: &&Webhook| {
            TOPICS.contains(&webhook.topic.as_str())
                && webhook.uri != self.address
                && webhook.uri.ends_with("/webhook/shopify")
        };
        let elsewhere = there.iter().filter(is_elsewhere).map(|webhook| webhook.id.clone()).collect();
        Ok(Done::new(Listed { shop: self.connection.account_id.clone(), missing, elsewhere }))
    }

    async fn make(&self, missing: &[String]) -> Result<Done<Made>, StepError> {
        let mut made = Made::default();
        for topic in missing {
            made.note(topic, self.make_one(topic).await)?;
        }
        Ok(Done::new(made))
    }

    /// A webhook that is dropped and made anew is another write, so the check is in its key.
    async fn make_one(&self, topic: &str) -> Result<String, StepError> {
        let shop = &self.connection.account_id;
        let write = Write {
            effect_key: &format!("shopify/{shop}/webhook/{topic}/{}", self.context.claim.job_id),
            step: "make-webhooks",
            provider: Provider::Shopify,
            connection: Some(&self.connection),
            target: &format!("webhook {topic}"),
            action: &format!("POST webhook {topic}"),
            request: &json!({ "topic": topic, "uri": self.address }),
        };
        let look = async |_| {
            let is_ours = |webhook: &Webhook| webhook.topic == topic && webhook.uri == self.address;
            Ok(self.webhooks().await?.into_iter().find(is_ours).map(|webhook| webhook.id))
        };
        let create = async || {
            self.context
                .call(Provider::Shopify, &self.connection, async |token| {
                    self.shopify.create_webhook(token, shop, topic, self.address).await
                })
                .await
        };
        self.context.once(write, look, create).await
    }

    async fn remove(&self, ids: &[String]) -> Result<Done<usize>, StepError> {
        for id in ids {
            self.remove_one(id).await?;
        }
        Ok(Done::new(ids.len()))
    }

    async fn remove_one(&self, id: &str) -> Result<String, StepError> {
        let shop = &self.connection.account_id;
        let write = Write {
            effect_key: &format!("shopify/{shop}/webhook-removal/{id}"),
            step: "remove-webhooks",
            provider: Provider::Shopify,
            connection: Some(&self.connection),
            target: &format!("webhook {id}"),
            action: &format!("DELETE webhook {id}"),
            request: &json!({ "id": id }),
        };
        let look = async |_| {
            let is_there = self.webhooks().await?.iter().any(|webhook| webhook.id == id);
            Ok((!is_there).then(|| id.to_owned()))
        };
        let delete = async || {
            self.context
                .call(Provider::Shopify, &self.connection, async |token| {
                    self.shopify.delete_webhook(token, shop, id).await
                })
                .await?;
            Ok(id.to_owned())
        };
        self.context.once(write, look, delete).await
    }

    /// All that the shop has been asked to tell us of.
    async fn webhooks(&self) -> Result<Vec<Webhook>, StepError> {
        let (mut webhooks, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self
                .context
                .call(Provider::Shopify, &self.connection, async |token| {
                    self.shopify.list_webhooks(token, &self.connection.account_id, after.as_deref()).await
                })
                .await?;
            webhooks.extend(page.webhooks);
            after = page.next;
            if after.is_none() {
                return Ok(webhooks);
            }
        }
    }
}
