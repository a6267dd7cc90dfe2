//! What a tenant wants of a workflow, as it stands in `workflow_settings.settings`.

use serde::{Deserialize, Serialize};

/// The settings of one workflow of one tenant. Fields that this version does not know are somebody else's.
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
}
