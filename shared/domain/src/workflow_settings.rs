//! What a tenant wants of a workflow, as it stands in `workflow_settings.settings`: one JSON object a workflow, with the
//! fields that all of them have and those of its own.
//!
//! It is read leniently, since a field that this version does not know is another version's, and checked strictly before
//! it is saved.

mod check;

use serde::{Deserialize, Serialize};

pub use check::{SettingProblem, check as check_settings};

/// What all workflows can be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkflowSettings {
    /// Who is told what a job has done.
    pub notifications: Vec<Channel>,
}

/// Where news go: `{"to": "slack", "team": "T024BE7LD", "channel": "C024BE91L"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case", deny_unknown_fields)]
pub enum Channel {
    /// A channel of a Slack workspace that is connected by a bot token.
    Slack {
        /// The connection's account: the workspace's id.
        team: String,
        /// The channel's id.
        channel: String,
    },
    /// What an incoming webhook of Slack is bound to.
    SlackWebhook {
        /// The connection's account: the two ids in the webhook's URL, `T024BE7LD/B024BE7LH`.
        webhook: String,
    },
    /// An e-mail to all of these.
    Email {
        /// At least one, at most fifty.
        addresses: Vec<String>,
    },
}

/// How `xero-invoice-to-hubspot` marks a contact. Each property is one that the portal has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct XeroInvoiceSettings {
    /// What `lifecyclestage` becomes.
    pub lifecycle_stage: String,
    /// Gets the number of the invoice; a text.
    pub invoice_property: String,
    /// Gets the amount; a number.
    pub amount_property: String,
    /// Gets the currency; a text.
    pub currency_property: String,
    /// Gets the day of the payment; a date.
    pub paid_on_property: String,
}

impl Default for XeroInvoiceSettings {
    fn default() -> Self {
        Self {
            lifecycle_stage: "customer".to_owned(),
            invoice_property: "zixly_last_paid_invoice".to_owned(),
            amount_property: "zixly_last_paid_amount".to_owned(),
            currency_property: "zixly_last_paid_currency".to_owned(),
            paid_on_property: "zixly_last_paid_on".to_owned(),
        }
    }
}

/// How `shopify-order-to-xero` books; what is not said is as the installation has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ShopifyOrderSettings {
    /// The code of the account of sales.
    pub sales_account: Option<String>,
    /// The code of the account that payments go to.
    pub payment_account: Option<String>,
    /// The tax type of every line.
    pub tax_type: Option<String>,
}

/// What `hubspot-deal-to-asana` makes, and where.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct HubspotDealSettings {
    /// The workspace's gid; needed where several are connected.
    pub workspace: Option<String>,
    /// What the first task of a project is called; `{deal}` stands for the name of the deal.
    pub task_name: String,
}

impl Default for HubspotDealSettings {
    fn default() -> Self {
        Self { workspace: None, task_name: "Kick-off: {deal}".to_owned() }
    }
}

/// What `asana-task-to-hubspot` watches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AsanaTaskSettings {
    /// The gids of projects whose tasks are watched, besides those of the projects that Zixly has made.
    pub projects: Vec<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_read_as_they_are_written_and_unknown_ones_are_left_alone() {
        let settings: WorkflowSettings = serde_json::from_value(json!({
            "notifications": [
                { "to": "slack", "team": "T1", "channel": "C1" },
                { "to": "slack_webhook", "webhook": "T1/B1" },
                { "to": "email", "addresses": ["office@example.com"] },
            ],
            "of_another_version": true,
        }))
        .unwrap();
        assert_eq!(settings.notifications.len(), 3);
        assert_eq!(
            serde_json::from_value::<WorkflowSettings>(json!({})).unwrap(),
            WorkflowSettings::default()
        );
        assert!(
            serde_json::from_value::<WorkflowSettings>(json!({ "notifications": [{ "to": "fax" }] }))
                .is_err()
        );
    }

    #[test]
    fn what_is_not_said_is_as_it_always_was() {
        let settings: XeroInvoiceSettings =
            serde_json::from_value(json!({ "amount_property": "paid", "notifications": [] })).unwrap();
        let amount_property = "paid".to_owned();
        assert_eq!(settings, XeroInvoiceSettings { amount_property, ..XeroInvoiceSettings::default() });
        let deal: HubspotDealSettings = serde_json::from_value(json!({ "workspace": "12" })).unwrap();
        assert_eq!(deal.task_name, "Kick-off: {deal}");
    }
}
