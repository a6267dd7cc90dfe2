//! Which workflows there are and which event starts which. How a workflow runs is the worker's to know.

use serde_json::{Value, json};

use crate::{Event, Provider, words};

/// A workflow; its name is the `job_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Workflow {
    /// A paid Xero sales invoice marks its customer in HubSpot.
    XeroInvoiceToHubspot,
    /// A paid Shopify order becomes a paid invoice in Xero.
    ShopifyOrderToXero,
    /// A won HubSpot deal becomes a project in Asana.
    HubspotDealToAsana,
    /// A completed Asana task becomes a note on its HubSpot deal.
    AsanaTaskToHubspot,
    /// A trading strategy is tried with many parameters by the trading API.
    TradingSweep,
    /// A shop has removed the app: its connection ends and its tokens go.
    ShopifyAppUninstalled,
    /// A shop passes on what the law gives a person: to see the data that we keep, or to have it removed.
    ShopifyPrivacyRequest,
    /// Asks Xero for invoices that were paid without an event.
    XeroPaidInvoicesPoll,
    /// Asks Asana for completed tasks whose event was lost.
    AsanaCompletedTasksPoll,
    /// Sees that a shop's webhooks are there, and makes those anew that Shopify has dropped.
    ShopifyWebhooksCheck,
    /// Sees that each watched project has its webhook, and makes those anew that Asana has dropped.
    AsanaWebhooksCheck,
}

words!(Workflow, "workflow", {
    XeroInvoiceToHubspot => "xero-invoice-to-hubspot",
    ShopifyOrderToXero => "shopify-order-to-xero",
    HubspotDealToAsana => "hubspot-deal-to-asana",
    AsanaTaskToHubspot => "asana-task-to-hubspot",
    TradingSweep => "trading-sweep",
    ShopifyAppUninstalled => "shopify-app-uninstalled",
    ShopifyPrivacyRequest => "shopify-privacy-request",
    XeroPaidInvoicesPoll => "xero-paid-invoices-poll",
    AsanaCompletedTasksPoll => "asana-completed-tasks-poll",
    ShopifyWebhooksCheck => "shopify-webhooks-check",
    AsanaWebhooksCheck => "asana-webhooks-check",
});

impl Workflow {
    /// The version that new jobs get; a job that has begun ends on the version it began with.
    pub const fn current_version(self) -> u16 {
        1
    }

    /// Whose events start it, or stand in for them; none for one that is called for only.
    pub const fn source(self) -> Option<Provider> {
        match self {
            Self::XeroInvoiceToHubspot | Self::XeroPaidInvoicesPoll => Some(Provider::Xero),
            Self::ShopifyOrderToXero
            | Self::ShopifyAppUninstalled
            | Self::ShopifyPrivacyRequest
            | Self::ShopifyWebhooksCheck => Some(Provider::Shopify),
            Self::HubspotDealToAsana => Some(Provider::HubSpot),
            Self::AsanaTaskToHubspot | Self::AsanaCompletedTasksPoll | Self::AsanaWebhooksCheck => {
                Some(Provider::Asana)
            }
            Self::TradingSweep => None,
        }
    }

    /// Whether a tenant switches it on, and may start it. The others run for every tenant, by themselves.
    pub const fn is_optional(self) -> bool {
        match self {
            Self::XeroInvoiceToHubspot
            | Self::ShopifyOrderToXero
            | Self::HubspotDealToAsana
            | Self::AsanaTaskToHubspot
            | Self::TradingSweep => true,
            Self::ShopifyAppUninstalled
            | Self::ShopifyPrivacyRequest
            | Self::XeroPaidInvoicesPoll
            | Self::AsanaCompletedTasksPoll
            | Self::ShopifyWebhooksCheck
            | Self::AsanaWebhooksCheck => false,
        }
    }

    /// Where a tenant has to have an account for it.
    pub const fn needs(self) -> &'static [Provider] {
        match self {
            Self::XeroInvoiceToHubspot => &[Provider::Xero, Provider::HubSpot],
            Self::ShopifyOrderToXero => &[Provider::Shopify, Provider::Xero],
            Self::HubspotDealToAsana => &[Provider::HubSpot, Provider::Asana],
            Self::AsanaTaskToHubspot => &[Provider::Asana, Provider::HubSpot],
            Self::TradingSweep => &[],
            Self::XeroPaidInvoicesPoll => &[Provider::Xero],
            Self::ShopifyAppUninstalled | Self::ShopifyPrivacyRequest | Self::ShopifyWebhooksCheck => {
                &[Provider::Shopify]
            }
            Self::AsanaCompletedTasksPoll | Self::AsanaWebhooksCheck => &[Provider::Asana],
        }
    }

    /// Whether a dry run can say what it would write: a sweep does nothing but what the trading API answers.
    pub const fn can_be_tried(self) -> bool {
        self.is_optional() && !matches!(self, Self::TradingSweep)
    }
}

/// A job that an event asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRequest {
    /// What to run.
    pub workflow: Workflow,
    /// What to run it on.
    pub parameters: Value,
    /// Equal for two requests that mean the same piece of business, whichever event each comes from: one job is
    /// enough for both. None where the event's own identity is all there is.
    pub business_key: Option<String>,
}

/// A job that an event may start: at which account, only the connection knows that the event is for.
#[derive(Debug, Clone, PartialEq)]
pub struct EventJob {
    /// What to run.
    pub workflow: Workflow,
    /// What to run it on, but for the account.
    pub parameters: Value,
    /// The parameter that becomes the account.
    pub account_parameter: &'static str,
    /// Equal for two events that mean the same piece of the account's business.
    pub business: Option<String>,
}

impl EventJob {
    /// The job at a connection to `account_id`.
    pub fn at(&self, account_id: &str) -> JobRequest {
        let mut parameters = self.parameters.clone();
        parameters[self.account_parameter] = account_id.into();
        JobRequest {
            workflow: self.workflow,
            parameters,
            business_key: self.business.as_ref().map(|business| format!("{account_id}/{business}")),
        }
    }
}

/// The jobs that an event starts; none for a change that no workflow is about.
pub fn jobs_for(event: &Event) -> Vec<EventJob> {
    let one = |workflow, account_parameter, parameters| {
        vec![EventJob { workflow, parameters, account_parameter, business: None }]
    };
    match (event.provider, event.category.as_str(), event.action.as_str()) {
        // Xero has no "paid" event: every change of an invoice is looked at, and the workflow stops early.
        (Provider::Xero, "INVOICE", "CREATE" | "UPDATE") => {
            one(Workflow::XeroInvoiceToHubspot, "organisation_id", json!({ "invoice_id": event.resource_id }))
        }
        (Provider::HubSpot, "deal", "creation") => hubspot_deal(event),
        (Provider::HubSpot, "deal", "propertyChange") if is_stage_change(event) => hubspot_deal(event),
        // Orders raise several topics in any order; the first that shows the order as paid starts its one job.
        (Provider::Shopify, "orders", "create" | "updated" | "paid") if is_paid_order(event) => {
            vec![EventJob {
                workflow: Workflow::ShopifyOrderToXero,
                parameters: json!({ "order_id": event.resource_id }),
                account_parameter: "shop",
                business: Some(event.resource_id.clone()),
            }]
        }
        (Provider::Shopify, "app", "uninstalled") => one(Workflow::ShopifyAppUninstalled, "shop", json!({})),
        (Provider::Shopify, "customers", "data_request" | "redact")
        | (Provider::Shopify, "shop", "redact") => one(
            Workflow::ShopifyPrivacyRequest,
            "shop",
            json!({ "topic": format!("{}/{}", event.category, event.action), "request": event.payload }),
        ),
        (Provider::Asana, "task", "changed") if may_be_completion(event) => {
            one(Workflow::AsanaTaskToHubspot, "workspace", json!({ "task": event.resource_id }))
        }
        _ => Vec::new(),
    }
}

fn hubspot_deal(event: &Event) -> Vec<EventJob> {
    vec![EventJob {
        workflow: Workflow::HubspotDealToAsana,
        parameters: json!({ "deal_id": event.resource_id }),
        account_parameter: "portal_id",
        business: None,
    }]
}

fn is_stage_change(event: &Event) -> bool {
    matches!(event.payload["propertyName"].as_str(), Some("dealstage" | "hs_is_closed_won"))
}

/// A shop's test orders are no business.
fn is_paid_order(event: &Event) -> bool {
    event.payload["financial_status"] == "paid" && event.payload["test"] != true
}

/// Asana says which field changed, not to what; without a field it may have been any. A completion changes two
/// fields, and one of them is enough.
fn may_be_completion(event: &Event) -> bool {
    match &event.payload["change"]["field"] {
        Value::Null => true,
        field => field == "completed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(provider: Provider, topic: (&str, &str), payload: Value) -> Event {
        Event {
            provider,
            account_id: "account".into(),
            category: topic.0.into(),
            action: topic.1.into(),
            resource_id: "42".into(),
            occurred_at: None,
            dedupe_key: "key".into(),
            other_dedupe_key: None,
            payload,
        }
    }

    fn started(provider: Provider, topic: (&str, &str), payload: Value) -> Vec<Workflow> {
        jobs_for(&event(provider, topic, payload)).into_iter().map(|job| job.workflow).collect()
    }

    #[test]
    fn a_changed_invoice_starts_the_main_job() {
        let jobs = jobs_for(&event(Provider::Xero, ("INVOICE", "UPDATE"), Value::Null));
        let jobs: Vec<_> = jobs.iter().map(|job| job.at("org")).collect();
        assert_eq!(jobs.len(), 1);
        assert_eq!(jobs[0].workflow, Workflow::XeroInvoiceToHubspot);
        assert_eq!(jobs[0].parameters, json!({ "organisation_id": "org", "invoice_id": "42" }));
    }

    #[test]
    fn a_change_that_no_workflow_is_about_starts_nothing() {
        assert!(started(Provider::Xero, ("PREPAYMENT", "CREATE"), Value::Null).is_empty());
        assert!(started(Provider::Xero, ("INVOICE", "ARCHIVED"), Value::Null).is_empty());
        assert!(
            started(Provider::HubSpot, ("deal", "propertyChange"), json!({ "propertyName": "amount" }))
                .is_empty()
        );
    }

    #[test]
    fn a_paid_order_starts_one_job_by_whichever_topic() {
        let paid = json!({ "financial_status": "paid", "test": false });
        let keys: Vec<_> = ["create", "updated", "paid"]
            .iter()
            .flat_map(|action| jobs_for(&event(Provider::Shopify, ("orders", action), paid.clone())))
            .map(|job| job.at("shop").business_key)
            .collect();
        assert_eq!(keys, vec![Some("shop/42".to_owned()); 3]);
    }

    #[test]
    fn an_order_that_is_unpaid_or_a_test_starts_nothing() {
        for payload in [
            json!({ "financial_status": "pending" }),
            json!({ "financial_status": "paid", "test": true }),
            json!({}),
        ] {
            assert!(started(Provider::Shopify, ("orders", "updated"), payload).is_empty());
        }
    }

    #[test]
    fn a_task_may_be_completed_by_a_change_of_that_field_or_of_none() {
        let changed = |payload| started(Provider::Asana, ("task", "changed"), payload);
        assert_eq!(changed(json!({ "change": { "field": "completed" } })), [Workflow::AsanaTaskToHubspot]);
        assert_eq!(changed(json!({ "change": null })), [Workflow::AsanaTaskToHubspot]);
        assert_eq!(changed(json!({ "change": { "action": "changed" } })), [Workflow::AsanaTaskToHubspot]);
        assert_eq!(changed(json!({})), [Workflow::AsanaTaskToHubspot]);
        assert!(changed(json!({ "change": { "field": "completed_at" } })).is_empty());
    }

    #[test]
    fn an_unknown_word_says_what_would_have_been_understood() {
        let error = "xero-to-fax".parse::<Workflow>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(r#""xero-to-fax" is not a workflow; known are xero-invoice-to-hubspot, "#)
        );
    }
}
