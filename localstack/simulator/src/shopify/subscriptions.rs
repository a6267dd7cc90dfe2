//! Webhook subscriptions, as an app makes and ends them. Nothing is delivered.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Done, Shop,
    graphql::{Field, TYPE},
    orders,
};
use crate::ledger::Written;

/// What a shop can tell an app about.
const TOPICS: &[&str] = &["APP_UNINSTALLED", "ORDERS_CREATE", "ORDERS_PAID", "ORDERS_UPDATED"];

impl Shop {
    pub(super) fn subscribe(&mut self, field: &Field, done: &mut Done, now: Timestamp) -> Value {
        let topic = field.argument("topic").unwrap_or_default();
        let input = field.arguments.get("webhookSubscription");
        let uri = input.and_then(|input| input["uri"].as_str()).unwrap_or_default();
        let is_taken = |known: &Value| known["topic"] == topic && known["uri"] == uri;
        let problem = if !TOPICS.contains(&topic) {
            Some((json!(["topic"]), "Topic is invalid"))
        } else if !uri.starts_with("http") {
            Some((json!(["webhookSubscription", "uri"]), "Address is invalid"))
        } else if self.subscriptions.iter().any(is_taken) {
            let message = "Address for this topic has already been taken";
            Some((json!(["webhookSubscription", "uri"]), message))
        } else {
            None
        };
        let payload = "WebhookSubscriptionCreatePayload";
        if let Some((path, message)) = problem {
            done.has_failed = true;
            let errors = user_errors(&path, message);
            return json!({ TYPE: payload, "webhookSubscription": null, "userErrors": errors });
        }
        self.subscription_count += 1;
        let id = orders::gid("WebhookSubscription", self.subscription_count);
        let subscription = json!({
            TYPE: "WebhookSubscription",
            "id": id,
            "topic": topic,
            "uri": uri,
            "format": "JSON",
            "createdAt": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        });
        self.subscriptions.push(subscription.clone());
        done.written = Some(Written::new("webhook", format!("{topic} {uri}"), Some(&id)));
        json!({ TYPE: payload, "webhookSubscription": subscription, "userErrors": [] })
    }

    pub(super) fn unsubscribe(&mut self, field: &Field, done: &mut Done) -> Value {
        let id = field.argument("id").unwrap_or_default();
        let payload = "WebhookSubscriptionDeletePayload";
        let Some(at) = self.subscriptions.iter().position(|known| known["id"] == id) else {
            done.has_failed = true;
            let errors = user_errors(&json!(["id"]), "Webhook subscription does not exist");
            return json!({ TYPE: payload, "deletedWebhookSubscriptionId": null, "userErrors": errors });
        };
        self.subscriptions.remove(at);
        done.written = Some(Written::new("webhook removal", id, Some(id)));
        json!({ TYPE: payload, "deletedWebhookSubscriptionId": id, "userErrors": [] })
    }
}

fn user_errors(path: &Value, message: &str) -> Value {
    json!([{ TYPE: "UserError", "field": path, "message": message }])
}
