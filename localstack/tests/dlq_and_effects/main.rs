//! What an operator sees of dead letters and of effects, and what he can do about them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use std::collections::BTreeSet;

use scene::Scene;
use serde_json::{Value, json};
use zixly_domain::JobId;
use zixly_queues::Message;

/// The dead letters as `zixly dlq list --json` gives them.
async fn listed(scene: &Scene) -> Vec<Value> {
    let (lines, complaint, succeeded) = scene.zixly(&["dlq", "list", "--json"]).await;
    assert!(succeeded, "{complaint}");
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn what_was_laid_aside_is_listed_and_stays_where_it_is() {
    let scene = Scene::paid_invoice().await;
    let stranger = Message::Ring { tenant_id: scene.tenant_id, job_id: JobId::new() };
    scene.work(&["not json", &stranger.to_body()]).await;

    let first = listed(&scene).await;
    assert_eq!(first.len(), 2);
    let unreadable = first.iter().find(|letter| letter["unreadable"].is_string()).unwrap();
    assert_eq!(unreadable["reason"], unreadable["unreadable"]);
    let ring = first.iter().find(|letter| letter["job_id"].is_string()).unwrap();
    assert_eq!(ring["tenant_id"], scene.tenant_id.to_string());
    assert!(ring["reason"].as_str().unwrap().contains("has no job"));
    assert!(first.iter().all(|letter| letter.get("body").is_none()));

    let second = listed(&scene).await;
    let ids = |letters: &[Value]| letters.iter().map(|it| it["message_id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&second), ids(&first));
    let (lines, _, _) = scene.zixly(&["dlq", "list", "--body"]).await;
    assert!(lines.contains(&"    not json".to_owned()), "{lines:?}");
}

#[tokio::test]
async fn a_long_list_has_every_message_once() {
    let scene = Scene::paid_invoice().await;
    let queue = zixly_queues::DeadLetterQueue::new(&scene.aws.config, scene.dead_letter_queue_url.clone());
    for number in 0..25 {
        queue.bury(&format!("letter {number}"), "why not").await.unwrap();
    }
    for _ in 0..2 {
        let letters = listed(&scene).await;
        let ids: BTreeSet<&str> = letters.iter().map(|it| it["message_id"].as_str().unwrap()).collect();
        assert_eq!((letters.len(), ids.len()), (25, 25));
    }
}

#[tokio::test]
async fn no_dead_letters_are_no_error() {
    let scene = Scene::paid_invoice().await;
    assert_eq!(
        scene.zixly(&["dlq", "list"]).await,
        (vec!["There are no dead letters.".to_owned()], String::new(), true)
    );
    assert_eq!(scene.zixly(&["dlq", "redrive", "--all"]).await, (Vec::new(), String::new(), true));
    let (_, complaint, succeeded) = scene.zixly(&["dlq", "redrive", "4f1c"]).await;
    assert!(!succeeded && complaint.starts_with("zixly: there is no dead letter 4f1c"), "{complaint}");
    let (_, complaint, succeeded) = scene.zixly(&["dlq", "redrive"]).await;
    assert!(!succeeded && complaint.contains("<MESSAGE_ID|--all>"), "{complaint}");
}

#[tokio::test]
async fn a_job_that_failed_for_its_message_runs_again_and_completes() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job(json!({ "invoice": "7" })).await;
    scene.ring(job_id).await;
    let (status, reason) = scene.status(job_id).await;
    assert_eq!(status, "FAILED");
    let letter = listed(&scene).await.pop().unwrap();
    assert_eq!((&letter["reason"], &letter["job_id"]), (&json!(reason), &json!(job_id.to_string())));

    let mend = format!("update pipeline_jobs set parameters = '{}'", scene.about_the_invoice());
    scene.database.superuser().await.batch_execute(&mend).await.unwrap();
    let message_id = letter["message_id"].as_str().unwrap();
    let (lines, complaint, succeeded) = scene.zixly(&["dlq", "redrive", message_id]).await;
    assert!(succeeded, "{complaint}");
    assert_eq!(lines, [format!("{message_id}  sent back: job {job_id} is run again")]);
    let wish = "select request || ' by ' || requested_by from pipeline_jobs";
    assert_eq!(scene.database.text(wish).await, "RETRY by zixly dlq redrive");
    assert_eq!(listed(&scene).await, Vec::<Value>::new());

    assert_eq!(scene.work_off_the_queue().await, 1);
    assert_eq!(scene.status(job_id).await, ("COMPLETED".to_owned(), String::new()));
}

/// Sent and not yet deleted when the command was cut off: the next one sends it once more.
#[tokio::test]
async fn a_message_that_is_sent_back_twice_runs_its_job_once() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job(scene.about_the_invoice()).await;
    let reason = "the worker died each time";
    let queue = zixly_queues::DeadLetterQueue::new(&scene.aws.config, scene.dead_letter_queue_url.clone());
    let ring = Message::Ring { tenant_id: scene.tenant_id, job_id }.to_body();
    queue.bury(&ring, reason).await.unwrap();
    queue.bury(&ring, reason).await.unwrap();
    let fail = format!(
        "update pipeline_jobs set status = 'FAILED', error_message = '{reason}', completed_at = now(), started_at = now()"
    );
    scene.database.superuser().await.batch_execute(&fail).await.unwrap();
    let (lines, complaint, succeeded) = scene.zixly(&["dlq", "redrive", "--all"]).await;
    assert!(succeeded, "{complaint}");
    assert_eq!(lines.len(), 2);
    assert_eq!(scene.work_off_the_queue().await, 2);
    assert_eq!(scene.status(job_id).await.0, "COMPLETED");
    assert_eq!(scene.database.count("select count(*) from effects").await, 1);
}

#[tokio::test]
async fn what_would_only_come_back_is_kept_and_a_job_is_not_run_behind_its_owners_back() {
    let scene = Scene::paid_invoice().await;
    let (completed, failed) =
        (scene.job(scene.about_the_invoice()).await, scene.job(scene.about_the_invoice()).await);
    scene.ring(completed).await;
    let fail = format!(
        "update pipeline_jobs set status = 'FAILED', error_message = 'HubSpot said no', completed_at = now(),
                started_at = now()
          where job_id = '{failed}'"
    );
    scene.database.superuser().await.batch_execute(&fail).await.unwrap();
    let queue = zixly_queues::DeadLetterQueue::new(&scene.aws.config, scene.dead_letter_queue_url.clone());
    for job_id in [completed, failed] {
        let ring = Message::Ring { tenant_id: scene.tenant_id, job_id };
        queue.bury(&ring.to_body(), "the worker died each time").await.unwrap();
    }
    let unknown = JobId::new();
    let ring = Message::Ring { tenant_id: scene.tenant_id, job_id: unknown };
    scene.work(&["not json", &ring.to_body()]).await;

    let (lines, _, succeeded) = scene.zixly(&["dlq", "redrive", "--all"]).await;
    assert!(!succeeded);
    let says = |what: String| lines.iter().filter(|line| line.contains(&what)).count() == 1;
    assert!(says(format!("sent back, and nothing follows: job {completed} is COMPLETED")), "{lines:?}");
    assert!(
        says(format!("job {failed} has failed since, for another reason (HubSpot said no)")),
        "{lines:?}"
    );
    assert!(says(format!("kept: tenant {} has no job {unknown}", scene.tenant_id)), "{lines:?}");
    assert!(says("kept: the message is not in a format of ours".to_owned()), "{lines:?}");
    assert_eq!(listed(&scene).await.len(), 2);
    assert_eq!(scene.work_off_the_queue().await, 2);
    assert_eq!(scene.status(failed).await.0, "FAILED");
    assert_eq!(scene.database.count("select count(*) from effects").await, 1);
}

#[tokio::test]
async fn the_ledger_of_a_job_is_shown_to_people_and_machines() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job(scene.about_the_invoice()).await;
    let of_job = job_id.to_string();
    let (lines, _, _) = scene.zixly(&["effects", &of_job]).await;
    assert_eq!(lines, [format!("The ledger has no write of job {job_id} of Demo business.")]);
    scene.ring(job_id).await;

    let (lines, complaint, succeeded) = scene.zixly(&["effects", &of_job]).await;
    assert!(succeeded, "{complaint}");
    let words: Vec<Vec<&str>> = lines.iter().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], format!("Job {job_id} of Demo business"));
    assert_eq!(words[3][2..], ["hubspot", "PATCH", "contact", "100451", "DONE", "100451", "answer", "once"]);

    let doubt = "update effects set status = 'INTENDED', provider_record_id = null, settled_by = null, settled_at = null;
                 update pipeline_jobs set status = 'FAILED', error_message = 'gone', result = null";
    scene.database.superuser().await.batch_execute(doubt).await.unwrap();
    let (lines, _, _) = scene.zixly(&["effects", &of_job, "--json"]).await;
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!((&line["status"], &line["provider_record_id"]), (&json!("INTENDED"), &Value::Null));
    assert!(line["next"].as_str().unwrap().starts_with("nobody knows whether it was made, and job"));

    let (_, complaint, succeeded) = scene.zixly(&["effects", &JobId::new().to_string()]).await;
    assert!(!succeeded && complaint.starts_with("zixly: there is no job "), "{complaint}");
    let (_, complaint, succeeded) = scene.zixly(&["effects", "seven"]).await;
    assert!(!succeeded && complaint.contains("invalid value 'seven' for '[JOB]'"), "{complaint}");
}

#[tokio::test]
async fn the_stack_of_a_clone_is_known_by_its_env_file_and_by_its_worker() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job(scene.about_the_invoice()).await;
    scene.ring(job_id).await;
    let (lines, complaint, succeeded) = scene.zixly_in_a_clone(&["effects", "verify"]).await;
    assert!(succeeded, "{complaint}");
    assert_eq!(lines.last().unwrap(), "effects=1 verified=1 superseded=0 lost=0 doubled=0 unknown=0");
}

#[tokio::test]
async fn the_ledger_is_compared_with_the_providers_and_the_exit_code_tells() {
    let scene = Scene::paid_invoice().await;
    let job_id = scene.job(scene.about_the_invoice()).await;
    scene.ring(job_id).await;
    let (lines, complaint, succeeded) = scene.zixly(&["effects", "verify"]).await;
    assert!(succeeded, "{complaint}");
    assert_eq!(lines.last().unwrap(), "effects=1 verified=1 superseded=0 lost=0 doubled=0 unknown=0");

    scene.seed_contact().await;
    let (lines, _, succeeded) = scene.zixly(&["effects", "verify", "--tenant", "Demo business"]).await;
    assert!(!succeeded);
    assert!(
        lines[0].starts_with("lost ") && lines[0].contains("does not hold what was written"),
        "{lines:?}"
    );
    assert_eq!(lines.last().unwrap(), "effects=1 verified=0 superseded=0 lost=1 doubled=0 unknown=0");

    let (lines, _, succeeded) = scene.zixly(&["effects", "verify", "--since", "2199-01-01", "--json"]).await;
    assert!(succeeded);
    let sums: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(sums["lost"], 0);
    let (_, complaint, succeeded) = scene.zixly(&["effects", "verify", "--tenant", "Nobody"]).await;
    assert!(!succeeded);
    assert_eq!(complaint.trim(), "zixly: there is no tenant Nobody; there are Demo business");
}
