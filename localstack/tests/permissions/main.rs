//! What each function's code can call, and what AWS does with the function's role, is allowed by Terraform; and nothing
//! else is, neither another action nor the same one on something else.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod code;
mod needs;
mod terraform;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;
use std::{fs, thread};

use code::{Calls, PLACES, Place};
use needs::findings;
use terraform::{Configuration, Files};
use zixly_testkit::function_binary;

/// Of the binary of each function.
static CALLS: LazyLock<BTreeMap<String, Calls>> = LazyLock::new(|| {
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions")).unwrap();
    let names = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    let readers: Vec<_> = names.map(|name| (name.clone(), thread::spawn(move || read(&name)))).collect();
    readers.into_iter().map(|(name, reader)| (name, reader.join().unwrap())).collect()
});

fn read(function: &str) -> Calls {
    Calls::of(&function_binary(&format!("zixly-{function}")))
}

#[test]
fn each_function_may_do_what_it_does_and_nothing_else() {
    let found = findings(&Configuration::parse(&Files::read()), &CALLS);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn each_place_is_called_by_a_function() {
    let called: BTreeSet<&Place> =
        CALLS.values().flat_map(|calls| calls.actions.iter().map(|(_, place)| *place)).collect();
    assert_eq!(called, PLACES.iter().collect());
}

#[test]
fn what_is_missing_is_found() {
    check(
        "pipeline/realtime.tf",
        r#"["dynamodb:DeleteItem"]"#,
        "[]",
        &["realtime does dynamodb:DeleteItem on SOCKET_TABLE and may not"],
    );
}

#[test]
fn what_nothing_calls_is_found() {
    let scan = "dynamodb:Scan on ${module.socket_table.aws_dynamodb_table.this.arn} (FindSocketsOfATenant)";
    check(
        "pipeline/realtime.tf",
        r#"["dynamodb:Query"]"#,
        r#"["dynamodb:Query", "dynamodb:Scan"]"#,
        &[&format!("realtime may {scan} and never does")],
    );
}

#[test]
fn an_action_on_something_else_is_found() {
    let queue = "${module.job_queue.aws_sqs_queue.this.arn}";
    for (instead, resource) in [("module.job_queue.arn", queue), (r#""*""#, "*")] {
        check(
            "pipeline/dashboard.tf",
            "resource = module.job_queue.dead_letter_arn",
            &format!("resource = {instead}"),
            &[
                &format!(
                    "dashboard may sqs:GetQueueAttributes on {resource} (CountDeadLetters) and never does"
                ),
                "dashboard does sqs:GetQueueAttributes on DEAD_LETTER_QUEUE_URL and may not",
            ],
        );
    }
}

#[test]
fn an_action_on_more_than_is_asked_for_is_found() {
    let bucket = "${module.payload_bucket.aws_s3_bucket.this.arn}";
    check(
        "pipeline/dashboard.tf",
        "${module.payload_bucket.arn}/tenants/*",
        "${module.payload_bucket.arn}/*",
        &[
            &format!("dashboard may s3:GetObject on {bucket}/* (LetResultsBeFetched) and never does"),
            "dashboard does s3:GetObject on PAYLOAD_BUCKET/tenants/* and may not",
        ],
    );
}

#[test]
fn what_lambda_does_with_the_role_goes_with_what_makes_it() {
    let queue = "${module.job_event_queue.aws_sqs_queue.this.arn}";
    let taken = ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"].map(|action| {
        format!("realtime may sqs:{action} on {queue} (TakeMessagesFromItsQueue) and never does")
    });
    check(
        "pipeline/realtime.tf",
        r#"resource "aws_lambda_event_source_mapping" "realtime""#,
        r#"resource "something_else" "realtime""#,
        &taken.each_ref().map(String::as_str),
    );
}

#[test]
fn a_key_goes_with_what_it_encrypts() {
    check(
        "pipeline/dashboard.tf",
        "= local.open_payloads",
        "= local.open_secrets",
        &["dashboard does kms:Decrypt on ${module.key.aws_kms_key.this.arn} through s3 and may not"],
    );
    let bucket = "dashboard may kms:Decrypt on ${module.key.aws_kms_key.this.arn} through s3 (OpenResults)";
    let files = Files::read().with("bucket/main.tf", "kms_master_key_id = var.key_arn", "");
    assert!(findings(&Configuration::parse(&files), &CALLS).contains(&format!("{bucket} and never does")));
}

/// Changes a file, and looks whether that is found.
fn check(file: &str, old: &str, new: &str, expected: &[&str]) {
    let before = findings(&Configuration::parse(&Files::read()), &CALLS);
    let mut found = findings(&Configuration::parse(&Files::read().with(file, old, new)), &CALLS);
    found.retain(|finding| !before.contains(finding));
    assert_eq!(found, expected);
}
