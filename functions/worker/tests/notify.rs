//! The team is told once what a job did, and a channel that is out of order fails no business.

mod scene;

use scene::{CHANNEL, SENDER, Scene, TEAM};
use serde_json::{Value, json};
use zixly_domain::{Provider, Workflow};

const MAIN: Workflow = Workflow::XeroInvoiceToHubspot;
const SUMMARY: &str = "Contact 100451 in HubSpot is marked as having paid invoice INV-0006.";
const WEBHOOK: &str = "T024BE7LD/B024BE7LH";

/// A paid invoice, and providers that are given up on soon.
async fn scene() -> Scene {
    let mut scene = Scene::paid_invoice().await;
    scene.settings.insert("PROVIDER_TIMEOUT_MS".to_owned(), "300".to_owned());
    scene
}

async fn scene_that_tells(channel: Value) -> Scene {
    let scene = scene().await;
    if channel["to"] == "slack_webhook" {
        let (_, token_set) = scene.database.connect_account(scene.tenant_id, Provider::Slack, WEBHOOK).await;
        scene.grant("slack", WEBHOOK, token_set).await;
    }
    scene.settle(MAIN, json!({ "notifications": [channel] })).await;
    scene
}

/// Runs the main job and gives what its result says about who was told.
async fn told(scene: &Scene) -> Value {
    let job_id = scene.job_for_invoice(1).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "COMPLETED");
    scene.result(job_id).await["notified"].clone()
}

async fn messages(scene: &Scene, provider: &str) -> Vec<Value> {
    scene.writes().await.into_iter().filter(|write| write["provider"] == provider).collect()
}

async fn ledger(scene: &Scene) -> String {
    scene.database.text("select status || ' ' || writes from effects where step = 'notify'").await
}

fn email() -> Value {
    json!({ "to": "email", "addresses": ["office@example.com", "boss@example.com"] })
}

#[tokio::test]
async fn a_channel_in_slack_is_told_what_the_job_did() {
    let scene = scene().await;
    scene.tell_the_team(MAIN).await;
    assert_eq!(
        told(&scene).await,
        json!([{ "channel": format!("Slack channel {CHANNEL}"), "outcome": "sent" }])
    );
    let messages = messages(&scene, "slack").await;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["body"]["text"], SUMMARY);
    assert_eq!(ledger(&scene).await, "DONE 1");
}

#[tokio::test]
async fn an_incoming_webhook_is_told() {
    let scene = scene_that_tells(json!({ "to": "slack_webhook", "webhook": WEBHOOK })).await;
    assert_eq!(
        told(&scene).await,
        json!([{ "channel": format!("Slack webhook {WEBHOOK}"), "outcome": "sent" }])
    );
    assert_eq!(messages(&scene, "slack").await[0]["body"]["text"], SUMMARY);
}

#[tokio::test]
async fn an_e_mail_goes_to_all_addresses_at_once() {
    let scene = scene_that_tells(email()).await;
    let told = told(&scene).await;
    assert_eq!(told[0]["outcome"], "sent");
    assert_eq!(told[0]["channel"], "e-mail to office@example.com, boss@example.com");
    let mails = messages(&scene, "ses").await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0]["body"]["FromEmailAddress"], SENDER);
    let to = json!(["office@example.com", "boss@example.com"]);
    assert_eq!(mails[0]["body"]["Destination"]["ToAddresses"], to);
}

#[tokio::test]
async fn two_jobs_about_the_same_payment_tell_it_once() {
    let scene = scene().await;
    scene.tell_the_team(MAIN).await;
    let worker = scene.worker();
    for occurrence in 1..=2 {
        let job_id = scene.job_for_invoice(occurrence).await;
        assert_eq!(scene.run_to_the_end(&worker, job_id).await, "COMPLETED");
    }
    assert_eq!(messages(&scene, "slack").await.len(), 1);
}

#[tokio::test]
async fn a_channel_that_is_gone_does_not_fail_what_the_job_did() {
    let scene = scene().await;
    scene.tell_the_team(MAIN).await;
    let gone = json!({ "notifications": [
        { "to": "slack", "team": TEAM, "channel": "C0GONE" },
        { "to": "slack", "team": "T0NOBODY", "channel": CHANNEL },
        { "to": "slack", "team": TEAM, "channel": CHANNEL },
    ]});
    let archived = json!({ "id": "C0GONE", "is_archived": true });
    let seed = json!({ "provider": "slack", "kind": "channel", "record": archived, "tenant_id": TEAM });
    scene.control("seed", seed).await;
    scene.settle(MAIN, gone).await;
    let told = told(&scene).await;
    let refused = |index: usize| told[index]["outcome"]["refused"].as_str().unwrap_or_default().to_owned();
    assert!(refused(0).contains("is_archived"), "{told}");
    assert!(refused(1).contains("not connected"), "{told}");
    assert_eq!(told[2]["outcome"], "sent");
    assert_eq!(messages(&scene, "slack").await.len(), 1);
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_found_again() {
    let scene = scene().await;
    scene.tell_the_team(MAIN).await;
    scene.fault(json!({ "provider": "slack", "match": { "path": "chat.postMessage" }, "fault": "timeout_after_commit" })).await;
    assert_eq!(told(&scene).await[0]["outcome"], "sent");
    assert_eq!(messages(&scene, "slack").await.len(), 1);
    assert_eq!(scene.database.text("select settled_by from effects where step = 'notify'").await, "look");
}

#[tokio::test]
async fn what_cannot_be_looked_for_is_sent_at_most_once_and_says_so() {
    for (channel, provider) in
        [(json!({ "to": "slack_webhook", "webhook": WEBHOOK }), "slack"), (email(), "ses")]
    {
        for (fault, arrived) in [("timeout_after_commit", 1), ("timeout_before", 0)] {
            let scene = scene_that_tells(channel.clone()).await;
            scene.fault(json!({ "provider": provider, "fault": fault })).await;
            assert_eq!(told(&scene).await[0]["outcome"], "unknown", "{provider}: {fault}");
            assert_eq!(messages(&scene, provider).await.len(), arrived, "{provider}: {fault}");
            assert_eq!(ledger(&scene).await, "UNKNOWN 1", "{provider}: {fault}");
        }
    }
}

#[tokio::test]
async fn what_was_certainly_not_sent_is_sent_later() {
    let scene = scene_that_tells(email()).await;
    scene.fault(json!({ "provider": "ses", "fault": "rate_limit", "times": 2 })).await;
    assert_eq!(told(&scene).await[0]["outcome"], "sent");
    assert_eq!(messages(&scene, "ses").await.len(), 1);
    assert_eq!(ledger(&scene).await, "DONE 3");
}

#[tokio::test]
async fn settings_that_cannot_be_read_fail_the_job_with_the_reason_and_without_a_second_effect() {
    let scene = scene().await;
    scene.settle(MAIN, json!({ "notifications": [{ "to": "fax" }] })).await;
    let job_id = scene.job_for_invoice(1).await;
    assert_eq!(scene.run_to_the_end(&scene.worker(), job_id).await, "FAILED");
    let reason = scene.job_column(job_id, "error_message").await;
    assert!(reason.contains("the settings of this workflow cannot be read"), "{reason}");
    assert_eq!(messages(&scene, "hubspot").await.len(), 1);
}

/// The provider goes on after we have given up, and its write appears only when we have looked.
#[tokio::test]
async fn a_write_that_appears_late_is_not_made_twice() {
    let mut scene = scene().await;
    scene.settings.insert("LATE_WRITE_MS".to_owned(), "4000".to_owned());
    scene.fault(json!({
        "provider": "hubspot", "match": { "method": "PATCH" }, "fault": "timeout_after_commit", "commit_after_s": 1.5,
    })).await;
    let worker = scene.worker();
    let job_id = scene.job_for_invoice(1).await;
    for _ in 0..40 {
        scene::handle(&worker, scene.ring(job_id)).await;
        if scene.status(job_id).await == "COMPLETED" {
            break;
        }
        scene.hurry().await;
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    assert_eq!(scene.status(job_id).await, "COMPLETED");
    assert_eq!(messages(&scene, "hubspot").await.len(), 1);
    assert_eq!(scene.database.text("select settled_by || ' ' || writes from effects").await, "look 1");
}
