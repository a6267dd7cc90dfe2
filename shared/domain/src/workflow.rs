//! Which workflows there are and which event starts which. How a workflow runs is the worker's to know.

use serde_json::{Value, json};

use crate::{Event, Provider, words};

/// A workflow; its name is the `job_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Workflow {
    /// A paid Xero sales invoice marks its customer in HubSpot.
    XeroInvoiceToHubspot,
}

words!(Workflow, "workflow", { XeroInvoiceToHubspot => "xero-invoice-to-hubspot" });

impl Workflow {
    /// The version that new jobs get; a job that has begun ends on the version it began with.
    pub const fn current_version(self) -> u16 {
        match self {
            Self::XeroInvoiceToHubspot => 1,
        }
    }
}

/// A job that an event asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRequest {
    /// What to run.
    pub workflow: Workflow,
    /// What to run it on.
    pub parameters: Value,
}

/// The jobs that an event starts; none for a change that no workflow is about.
pub fn jobs_for(event: &Event) -> Vec<JobRequest> {
    match (event.provider, event.category.as_str(), event.action.as_str()) {
        // Xero has no "paid" event: every change of an invoice is looked at, and the workflow stops early.
        (Provider::Xero, "INVOICE", "CREATE" | "UPDATE") => vec![JobRequest {
            workflow: Workflow::XeroInvoiceToHubspot,
            parameters: json!({ "organisation_id": event.account_id, "invoice_id": event.resource_id }),
        }],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(category: &str, action: &str) -> Event {
        Event {
            provider: Provider::Xero,
            account_id: "org".into(),
            category: category.into(),
            action: action.into(),
            resource_id: "inv".into(),
            occurred_at: None,
            dedupe_key: "key".into(),
            payload: Value::Null,
        }
    }

    #[test]
    fn a_changed_invoice_starts_the_main_job() {
        let jobs = jobs_for(&event("INVOICE", "UPDATE"));
        assert_eq!(jobs.len(), 1);
        assert_eq!(jobs[0].workflow, Workflow::XeroInvoiceToHubspot);
        assert_eq!(jobs[0].parameters, json!({ "organisation_id": "org", "invoice_id": "inv" }));
    }

    #[test]
    fn a_change_that_no_workflow_is_about_starts_nothing() {
        assert!(jobs_for(&event("PREPAYMENT", "CREATE")).is_empty());
        assert!(jobs_for(&event("INVOICE", "ARCHIVED")).is_empty());
    }

    #[test]
    fn an_unknown_word_says_what_would_have_been_understood() {
        let error = "xero-to-fax".parse::<Workflow>().unwrap_err();
        assert_eq!(
            error.to_string(),
            r#""xero-to-fax" is not a workflow; known are xero-invoice-to-hubspot"#
        );
    }
}
