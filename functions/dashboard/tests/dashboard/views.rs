//! The other views: what each shows of one rich job.

use lambda_http::http::{Method, StatusCode};
use zixly_domain::Role;

use crate::scene::{HOSTILE, Scene, text};

#[tokio::test]
async fn a_job_is_shown_with_all_that_belongs_to_it() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let rich = scene.rich_job(tenant).await;
    let viewer = scene.user(tenant, Role::Viewer).await;
    let job = scene.json(&format!("/api/pipelines/jobs/{}", rich.job_id), &viewer).await;
    assert_eq!(job["about"], HOSTILE);
    assert_eq!(job["duration_ms"], 8000);
    assert_eq!(job["request"]["kind"], "RETRY");
    assert_eq!(job["steps"][1]["failed_attempts"][0]["error"], "first");
    assert_eq!(
        (&job["waits"][0]["step"], &job["waits"][0]["reason"]),
        (&"create-project".into(), &"backoff".into())
    );
    let url = job["effects"][0]["url"].as_str().unwrap();
    assert!(
        url.starts_with("https://app.hubspot.com/contacts/4711") && url.ends_with("/record/0-1/100451"),
        "{url}"
    );
    assert_eq!(job["related_records"][0]["url"], "https://app.hubspot.com/contacts/4711/record/0-3/1");
    assert_eq!(job["delivery"]["delivery_id"], rich.delivery_id.to_string());
    // A key outside of the job's own folder is nobody's result.
    assert_eq!(job["result_names"], serde_json::json!(["report.json"]));
}

#[tokio::test]
async fn a_result_can_be_fetched_by_its_address_alone() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let rich = scene.rich_job(tenant).await;
    let viewer = scene.user(tenant, Role::Viewer).await;
    let results = scene.json(&format!("/api/pipelines/results/{}", rich.job_id), &viewer).await;
    let url = results["results"][0]["url"].as_str().unwrap();
    assert!(url.contains(&format!("/tenants/{tenant}/jobs/{}/report.json?", rich.job_id)), "{url}");
    assert!(url.contains("X-Amz-Expires=300") && url.contains("X-Amz-Signature="), "{url}");
    assert_eq!(results["results"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_delivery_is_shown_as_it_came_but_for_its_signature() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let rich = scene.rich_job(tenant).await;
    let viewer = scene.user(tenant, Role::Viewer).await;
    let answer = scene.get(&format!("/api/pipelines/deliveries/{}", rich.delivery_id), &viewer).await;
    assert!(!text(&answer).contains("signature-marker"));
    let delivery: serde_json::Value = serde_json::from_str(&text(&answer)).unwrap();
    assert_eq!(delivery["body"], format!("[{HOSTILE}]"));
    assert_eq!(delivery["headers"]["x-hubspot-signature-v3"], "(not shown)");
    assert_eq!(delivery["events"][0]["jobs"][0]["job_id"], rich.job_id.to_string());
    let list = scene.json("/api/pipelines/deliveries?provider=hubspot&outcome=ACCEPTED", &viewer).await;
    assert_eq!(list["deliveries"][0]["delivery_id"], rich.delivery_id.to_string());
    assert_eq!(
        scene.get("/api/pipelines/deliveries?outcome=LOST", &viewer).await.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn failures_are_counted_by_what_they_have_in_common() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let viewer = scene.user(tenant, Role::Viewer).await;
    for number in 0..7 {
        scene.job(tenant, "xero-invoice-to-hubspot", "FAILED", &format!("INV-{number}"), number).await;
    }
    let errors = scene.json("/api/pipelines/errors", &viewer).await;
    assert_eq!(errors["groups"].as_array().unwrap().len(), 1, "{errors}");
    let group = &errors["groups"][0];
    assert_eq!(group["message"], "Xero refused invoice … with status 404");
    assert_eq!((group["count"].as_u64(), group["job_ids"].as_array().unwrap().len()), (Some(7), 5));
}

#[tokio::test]
async fn the_overview_counts_every_job_once() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let viewer = scene.user(tenant, Role::Viewer).await;
    for (number, status) in ["QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"].into_iter().enumerate()
    {
        scene.job(tenant, "trading-sweep", status, "AAPL", number as i64 * 60).await;
    }
    let overview = scene.json("/api/dashboards", &viewer).await;
    let numbers = &overview["numbers"];
    assert_eq!(
        (&numbers["queued"], &numbers["running"], &numbers["waiting"]),
        (&1.into(), &1.into(), &0.into())
    );
    let buckets = overview["buckets"].as_array().unwrap();
    assert!(buckets.len() <= 100);
    for status in ["QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"] {
        let sum: u64 = buckets.iter().map(|bucket| bucket[status].as_u64().unwrap()).sum();
        assert_eq!(sum, 1, "{status}");
    }
    assert_eq!(overview["dots"].as_array().unwrap().len(), 3);
    assert_eq!(overview["dots"][0]["duration_ms"], 2000);
}

#[tokio::test]
async fn a_connection_that_is_refused_calls_says_until_when() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    scene.database.connect_account(tenant, zixly_domain::Provider::Xero, "org").await;
    let viewer = scene.user(tenant, Role::Viewer).await;
    let status = scene.json("/api/sync-status", &viewer).await;
    assert_eq!(status["connections"][0]["state"], "HEALTHY");
    assert!(status["connections"][0]["budget"].is_null());
    let budgets = zixly_budgets::CallBudgets::new(&scene.aws.config, scene.counter_table.clone());
    let now = jiff::Timestamp::now();
    let place = budgets.take(zixly_domain::Provider::Xero, "org", now).await.expect("there is room");
    drop(place);
    let status = scene.json("/api/sync-status", &viewer).await;
    assert_eq!(status["connections"][0]["budget"]["limit"], 60);
    assert_eq!(status["connections"][0]["budget"]["left"], 59);
    let wait = std::time::Duration::from_secs(40);
    budgets.refused(zixly_domain::Provider::Xero, "org", wait, now).await;
    let status = scene.json("/api/sync-status", &viewer).await;
    assert_eq!(status["connections"][0]["state"], "RATE_LIMITED");
    assert!(status["connections"][0]["limited_until"].is_string());
}

#[tokio::test]
async fn the_stream_tells_what_has_changed_since_it_told_last() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let viewer = scene.user(tenant, Role::Viewer).await;
    let old = scene.job(tenant, "trading-sweep", "COMPLETED", "old", 30).await.to_string();
    let asked = async |told: &str| {
        let headers = [("authorization", viewer.as_str()), ("last-event-id", told)];
        text(&scene.ask(Method::GET, "/api/jobs/stream", &headers).await)
    };
    let first = asked("").await;
    assert!(first.starts_with("retry: ") && !first.contains("event: job"), "{first}");
    let told = first.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    let new = scene.job(tenant, "trading-sweep", "QUEUED", "new", 0).await.to_string();
    let second = asked(&told).await;
    assert!(second.contains(&new) && !second.contains(&old), "{second}");
    for line in second.lines().filter_map(|line| line.strip_prefix("data: {\"")) {
        serde_json::from_str::<serde_json::Value>(&format!("{{\"{line}")).expect("each line is whole");
    }
}

#[tokio::test]
async fn the_last_hour_is_told_minute_by_minute() {
    let scene = Scene::new().await;
    let tenant = scene.database.tenant("ours").await;
    let viewer = scene.user(tenant, Role::Viewer).await;
    for (status, minutes_ago) in
        [("COMPLETED", 3), ("FAILED", 3), ("CANCELLED", 3), ("COMPLETED", 59), ("FAILED", 90)]
    {
        scene.job(tenant, "trading-sweep", status, "AAPL", minutes_ago).await;
    }
    let metrics = scene.json("/api/service-metrics", &viewer).await;
    let points = |name: &str| -> Vec<Option<f64>> {
        let metric =
            metrics["metrics"].as_array().unwrap().iter().find(|metric| metric["name"] == name).unwrap();
        metric["points"].as_array().unwrap().iter().map(|point| point["value"].as_f64()).collect()
    };
    let throughput = points("throughput");
    assert_eq!((throughput.len(), throughput.iter().flatten().sum::<f64>()), (60, 3.0));
    assert_eq!(points("error_rate").into_iter().flatten().collect::<Vec<_>>().iter().sum::<f64>(), 50.0);
    assert_eq!(points("duration_p95").into_iter().flatten().fold(0.0, f64::max), 2000.0);
}
