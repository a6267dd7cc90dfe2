//! The connectors and the simulator against the providers' own OpenAPI files. Every call of a connector goes through
//! Prism to the simulator; Prism holds request and answer against the file, so that neither side can agree with the
//! other on something that the provider does not know.
//!
//! The files lie beside the project, and Prism is installed by `make setup` where they and Node.js are. Without them
//! the test says what it skips.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod prism;
mod simulated;

use std::path::Path;

use prism::{Prism, Violation};
use simulated::Simulated;

/// Beside the project.
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/specs");

/// What has no file to be held against, and why.
const WITHOUT_A_FILE: &[(&str, &str)] = &[
    ("asana::refresh", "Asana's file describes no token endpoint"),
    ("xero::refresh", "Xero's files describe no token endpoint"),
    ("shopify", "the Admin API is GraphQL"),
    ("slack", "there is no file of Slack's"),
    ("ses", "there is no file of Amazon's"),
    ("supabase_auth", "there is no file of Supabase's"),
    (
        "consent",
        "no file describes a consent; what it reads afterwards is tried by the admin function's tests",
    ),
    ("trading", "there is no file of the trading API"),
];

/// Where a file is wrong, or says less than its provider does: the call, what Prism says of it, and the reason.
const MISTAKES_OF_THE_FILES: &[(&str, &str, &str)] = &[
    ("asana::create_webhook", "must be string", NOT_YET),
    ("asana::delete_webhook", "must be string", NOT_YET),
    ("hubspot::fetch_contact", "properties.lifecyclestage must be string", NULL),
    ("hubspot::fetch_deal", "properties.deal_currency_code must be string", NULL),
    ("hubspot::find_contact_by_email", "properties.firstname must be string", NULL),
    (
        "hubspot::list_notes_of_deal",
        "Selected route not found",
        "the reference of 2026-03 has it, in a file that is not among these",
    ),
    ("xero::fetch_invoice", "404 Not Found: [\"response\"]: Unable to match", ONLY_SUCCESS),
    ("xero::fetch_invoice", "403 Forbidden: [\"response\"]: Unable to match", ONLY_SUCCESS),
    ("xero::has_contact", "404 Not Found: [\"response\"]: Unable to match", ONLY_SUCCESS),
    (
        "xero::find_invoice_by_number",
        "invoiceid must match format \"uuid\"",
        "Xero takes the number in the place of the id, as its documentation of invoices says",
    ),
];
const NOT_YET: &str = "Asana shows a time at which nothing has happened yet as null";
const NULL: &str = "HubSpot shows a property without a value as null";
const ONLY_SUCCESS: &str = "of a read the file describes the success only";

#[tokio::test]
async fn every_call_is_one_that_its_provider_knows_and_every_answer_one_that_it_gives() {
    let calls = calls::all();
    for (what, why) in WITHOUT_A_FILE {
        skip(what, why);
        assert!(calls.iter().any(|call| is_in(call, what)), "there is no {what} any more to be skipped");
    }
    let calls: Vec<_> =
        calls.into_iter().filter(|call| !WITHOUT_A_FILE.iter().any(|(what, _)| is_in(call, what))).collect();
    if let Some(why) = what_is_missing() {
        return calls.iter().for_each(|call| skip(call, why));
    }
    let simulated = Simulated::start().await;
    let prism = Prism::start_all(Path::new(FILES), &simulated.url).await;
    let mut found = Vec::new();
    for call in &calls {
        calls::make(call, &prism, &simulated).await;
        let seen = prism.take_seen();
        assert!(seen.exchanges > 0, "{call} has not come through Prism");
        found.extend(seen.violations.into_iter().map(|violation| (call.clone(), violation)));
    }
    let is_known = |(call, violation): &(String, Violation)| {
        MISTAKES_OF_THE_FILES.iter().any(|(of, says, _)| call == of && violation.to_string().contains(says))
    };
    let unknown: Vec<String> = found
        .iter()
        .filter(|it| !is_known(it))
        .map(|(call, violation)| format!("{call}: {violation}"))
        .collect();
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    for (of, says, _) in MISTAKES_OF_THE_FILES {
        let is_there =
            found.iter().any(|(call, violation)| call == of && violation.to_string().contains(says));
        assert!(is_there, "{of}: the mistake {says:?} is not there any more");
    }
}

/// Whether the call `xero::refresh` is, or is one of, `what`.
fn is_in(call: &str, what: &str) -> bool {
    call.strip_prefix(what).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Why nothing can be held against a file here.
fn what_is_missing() -> Option<&'static str> {
    if !Path::new(FILES).is_dir() {
        Some("the providers' OpenAPI files are not here (../shared/specs)")
    } else if !prism::node_is_new_enough() {
        Some("Node.js 18.20 or newer is not here")
    } else {
        None
    }
}

#[expect(clippy::print_stdout, reason = "whoever asks for a test's output wants to know what was not tried")]
fn skip(what: &str, why: &str) {
    println!("skipped: {what}: {why}");
}
