//! Holds settings against the rules of their workflow, before they are saved or tried.

use serde_json::{Map, Value};

use super::XeroInvoiceSettings;
use crate::Workflow;

/// How many channels are told.
const MOST_CHANNELS: usize = 20;
const MOST_ADDRESSES: usize = 50;
const MOST_PROJECTS: usize = 50;

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// Where it is: `notifications[0].channel`; empty for the whole.
    pub field: String,
    /// What it has to be, in a sentence.
    pub rule: String,
}

/// Whether the workflow can be told this; otherwise every field that is wrong, with its rule.
pub fn check(workflow: Workflow, settings: &Value) -> Result<(), Vec<SettingProblem>> {
    let mut checked = Checked::default();
    match settings.as_object() {
        Some(settings) => checked.fields(workflow, settings),
        None => checked.wrong("", "It must be a JSON object."),
    }
    if checked.problems.is_empty() { Ok(()) } else { Err(checked.problems) }
}

/// A rule for a text, and how it is told.
type TextRule = (fn(&str) -> bool, &'static str);

const PROPERTY: TextRule = (
    is_property,
    "It must be the internal name of a HubSpot property: a small letter, then small letters, digits or _, 100 at most.",
);
const STAGE: TextRule = (is_stage, "It must be a text of 1 to 100 printable characters.");
const ACCOUNT: TextRule =
    (is_account, "It must be the code of a Xero account: 1 to 10 letters, digits or dots.");
const TAX_TYPE: TextRule = (is_tax_type, "It must be a tax type of Xero: 1 to 50 capital letters or digits.");
const GID: TextRule = (is_gid, "It must be an id of Asana: 1 to 30 digits.");
const TASK_NAME: TextRule = (is_task_name, "It must be one line of 1 to 200 characters.");
const SLACK_ID: TextRule = (is_slack_id, "It must be an id of Slack: 1 to 30 capital letters or digits.");
const SLACK_WEBHOOK: TextRule =
    (is_slack_webhook, "It must be the two ids of a Slack webhook: T024BE7LD/B024BE7LH.");
const ADDRESS: TextRule = (is_address, "It must be an e-mail address.");

const PROPERTIES: [&str; 4] =
    ["invoice_property", "amount_property", "currency_property", "paid_on_property"];

#[derive(Default)]
struct Checked {
    problems: Vec<SettingProblem>,
}

impl Checked {
    fn fields(&mut self, workflow: Workflow, settings: &Map<String, Value>) {
        for (name, value) in settings {
            match (workflow, name.as_str()) {
                (workflow, "notifications") if workflow.is_optional() => self.channels(value),
                (Workflow::XeroInvoiceToHubspot, "lifecycle_stage") => self.text(name, value, STAGE),
                (Workflow::XeroInvoiceToHubspot, property) if PROPERTIES.contains(&property) => {
                    self.text(name, value, PROPERTY);
                }
                (Workflow::ShopifyOrderToXero, "sales_account" | "payment_account") => {
                    self.text(name, value, ACCOUNT);
                }
                (Workflow::ShopifyOrderToXero, "tax_type") => self.text(name, value, TAX_TYPE),
                (Workflow::HubspotDealToAsana, "workspace") => self.text(name, value, GID),
                (Workflow::HubspotDealToAsana, "task_name") => self.text(name, value, TASK_NAME),
                (Workflow::AsanaTaskToHubspot, "projects") => self.texts(name, value, MOST_PROJECTS, GID),
                _ => self.wrong(name, "There is no such setting."),
            }
        }
        if workflow == Workflow::XeroInvoiceToHubspot && self.problems.is_empty() {
            self.properties_differ(settings);
        }
    }

    /// Each value needs a property of its own.
    fn properties_differ(&mut self, settings: &Map<String, Value>) {
        let read: XeroInvoiceSettings =
            serde_json::from_value(Value::Object(settings.clone())).unwrap_or_default();
        let names =
            [read.invoice_property, read.amount_property, read.currency_property, read.paid_on_property];
        let mut taken = vec!["lifecyclestage"];
        for (field, name) in PROPERTIES.iter().zip(&names) {
            if taken.contains(&name.as_str()) {
                self.wrong(field, &format!("{name} is written with another value already."));
            }
            taken.push(name);
        }
    }

    fn channels(&mut self, value: &Value) {
        let Some(channels) = self.list("notifications", value, MOST_CHANNELS) else { return };
        for (index, channel) in channels.iter().enumerate() {
            let place = format!("notifications[{index}]");
            match channel.as_object() {
                Some(channel) => self.channel(&place, channel),
                None => self.wrong(&place, "It must be a JSON object."),
            }
        }
    }

    fn channel(&mut self, place: &str, channel: &Map<String, Value>) {
        let wanted: &[(&str, TextRule)] = match channel.get("to").and_then(Value::as_str) {
            Some("slack") => &[("team", SLACK_ID), ("channel", SLACK_ID)],
            Some("slack_webhook") => &[("webhook", SLACK_WEBHOOK)],
            Some("email") => &[],
            _ => {
                return self.wrong(&format!("{place}.to"), "It must be slack, slack_webhook or email.");
            }
        };
        let is_email = channel["to"] == "email";
        for (name, rule) in wanted {
            let place = format!("{place}.{name}");
            match channel.get(*name) {
                Some(value) => self.text(&place, value, *rule),
                None => self.wrong(&place, "It is required."),
            }
        }
        if is_email {
            let place = format!("{place}.addresses");
            match channel.get("addresses") {
                Some(Value::Array(addresses)) if addresses.is_empty() => {
                    self.wrong(&place, "It must have one address at least.");
                }
                Some(value) => self.texts(&place, value, MOST_ADDRESSES, ADDRESS),
                None => self.wrong(&place, "It is required."),
            }
        }
        let is_known = |name: &str| {
            name == "to" || is_email && name == "addresses" || wanted.iter().any(|(known, _)| *known == name)
        };
        for name in channel.keys().filter(|name| !is_known(name)) {
            self.wrong(&format!("{place}.{name}"), "There is no such setting.");
        }
    }

    fn text(&mut self, field: &str, value: &Value, (is_good, rule): TextRule) {
        if !value.as_str().is_some_and(is_good) {
            self.wrong(field, rule);
        }
    }

    fn texts(&mut self, field: &str, value: &Value, most: usize, rule: TextRule) {
        let Some(values) = self.list(field, value, most) else { return };
        for (index, value) in values.iter().enumerate() {
            self.text(&format!("{field}[{index}]"), value, rule);
        }
    }

    fn list<'a>(&mut self, field: &str, value: &'a Value, most: usize) -> Option<&'a Vec<Value>> {
        let list = value.as_array().filter(|list| list.len() <= most);
        if list.is_none() {
            self.wrong(field, &format!("It must be a list of {most} at most."));
        }
        list
    }

    fn wrong(&mut self, field: &str, rule: &str) {
        self.problems.push(SettingProblem { field: field.to_owned(), rule: rule.to_owned() });
    }
}

fn is_property(text: &str) -> bool {
    let may_follow = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=100).contains(&text.len()) && text.as_bytes()[0].is_ascii_lowercase() && text.bytes().all(may_follow)
}

fn is_stage(text: &str) -> bool {
    (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn is_account(text: &str) -> bool {
    (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

fn is_tax_type(text: &str) -> bool {
    (1..=50).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn is_gid(text: &str) -> bool {
    (1..=30).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_task_name(text: &str) -> bool {
    (1..=200).contains(&text.chars().count())
        && !text.trim().is_empty()
        && !text.chars().any(char::is_control)
}

fn is_slack_id(text: &str) -> bool {
    (1..=30).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn is_slack_webhook(text: &str) -> bool {
    text.split_once('/').is_some_and(|(team, webhook)| is_slack_id(team) && is_slack_id(webhook))
}

/// Whether it could be one: only a mail that arrives shows whether it is.
fn is_address(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>()[],;:\\\"@".contains(&byte);
    let Some((name, domain)) = text.rsplit_once('@') else { return false };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (1..=64).contains(&name.len())
        && name.bytes().all(is_plain)
        && text.len() <= 254
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrong(workflow: Workflow, settings: Value) -> Vec<String> {
        check(workflow, &settings)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|problem| problem.field)
            .collect()
    }

    #[test]
    fn what_a_workflow_can_be_told_is_taken() {
        let notifications = json!([
            { "to": "slack", "team": "T024BE7LD", "channel": "C024BE91L" },
            { "to": "slack_webhook", "webhook": "T024BE7LD/B024BE7LH" },
            { "to": "email", "addresses": ["office@example.com", "o'neil+paid@mail.example.co.nz"] },
        ]);
        for (workflow, settings) in [
            (
                Workflow::XeroInvoiceToHubspot,
                json!({ "notifications": notifications, "lifecycle_stage": "Kunde ü", "invoice_property": "a1_" }),
            ),
            (
                Workflow::ShopifyOrderToXero,
                json!({ "sales_account": "200.1", "payment_account": "970", "tax_type": "OUTPUT2" }),
            ),
            (
                Workflow::HubspotDealToAsana,
                json!({ "workspace": "1200000000000100", "task_name": "Los: {deal}" }),
            ),
            (Workflow::AsanaTaskToHubspot, json!({ "projects": ["1", "2"] })),
            (Workflow::TradingSweep, json!({ "notifications": notifications })),
            (Workflow::ShopifyPrivacyRequest, json!({})),
        ] {
            assert_eq!(check(workflow, &settings), Ok(()), "{workflow}");
        }
    }

    #[test]
    fn a_setting_of_another_workflow_or_of_none_is_refused() {
        let fields = [
            ("lifecycle_stage", json!("customer"), Workflow::XeroInvoiceToHubspot),
            ("sales_account", json!("200"), Workflow::ShopifyOrderToXero),
            ("task_name", json!("Go"), Workflow::HubspotDealToAsana),
            ("projects", json!([]), Workflow::AsanaTaskToHubspot),
        ];
        for (field, value, of) in fields {
            for workflow in Workflow::ALL {
                let refused = wrong(*workflow, json!({ field: value }));
                assert_eq!(refused.is_empty(), *workflow == of, "{workflow}: {field}");
            }
        }
        assert_eq!(wrong(Workflow::ShopifyPrivacyRequest, json!({ "notifications": [] })), ["notifications"]);
        assert_eq!(wrong(Workflow::TradingSweep, json!([])), [""]);
    }

    #[test]
    fn every_field_that_is_wrong_is_named_with_its_place() {
        let settings = json!({
            "lifecycle_stage": "",
            "amount_property": "Paid Amount",
            "notifications": [
                "me",
                { "to": "fax" },
                { "to": "slack", "team": "T1", "note": 1 },
                { "to": "slack_webhook", "webhook": "https://hooks.slack.com/services/T1/B1/secret" },
                { "to": "email", "addresses": [] },
                { "to": "email", "addresses": ["a@b.example", "not an address", 5] },
            ],
        });
        assert_eq!(
            wrong(Workflow::XeroInvoiceToHubspot, settings),
            [
                "amount_property",
                "lifecycle_stage",
                "notifications[0]",
                "notifications[1].to",
                "notifications[2].channel",
                "notifications[2].note",
                "notifications[3].webhook",
                "notifications[4].addresses",
                "notifications[5].addresses[1]",
                "notifications[5].addresses[2]",
            ]
        );
    }

    #[test]
    fn every_text_has_its_limits() {
        let long = |count| "1".repeat(count);
        for (workflow, field, good, bad) in [
            (Workflow::XeroInvoiceToHubspot, "invoice_property", "a".repeat(100), "a".repeat(101)),
            (Workflow::XeroInvoiceToHubspot, "lifecycle_stage", "é".repeat(100), "é".repeat(101)),
            (Workflow::ShopifyOrderToXero, "sales_account", long(10), long(11)),
            (Workflow::ShopifyOrderToXero, "tax_type", long(50), "output".into()),
            (Workflow::HubspotDealToAsana, "workspace", long(30), long(31)),
            (Workflow::HubspotDealToAsana, "task_name", "é".repeat(200), "é".repeat(201)),
            (Workflow::HubspotDealToAsana, "task_name", "{deal}".into(), "two\nlines".into()),
        ] {
            assert_eq!(check(workflow, &json!({ field: good })), Ok(()));
            assert_eq!(wrong(workflow, json!({ field: bad })), [field]);
            assert_eq!(wrong(workflow, json!({ field: null })), [field]);
        }
        assert_eq!(wrong(Workflow::AsanaTaskToHubspot, json!({ "projects": vec!["1"; 51] })), ["projects"]);
    }

    #[test]
    fn two_values_do_not_share_a_property() {
        let shared = json!({ "amount_property": "zixly_last_paid_on" });
        assert_eq!(wrong(Workflow::XeroInvoiceToHubspot, shared), ["paid_on_property"]);
        let stage = json!({ "invoice_property": "lifecyclestage" });
        assert_eq!(wrong(Workflow::XeroInvoiceToHubspot, stage), ["invoice_property"]);
    }

    #[test]
    fn an_address_is_plausible() {
        for address in
            ["office", "@b.example", "a@b", "a b@c.example", "a@b..example", "a@-b.example", "<a@b.example>"]
        {
            assert!(!is_address(address), "{address}");
        }
    }
}
