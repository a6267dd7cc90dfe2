//! `GET /health` and `GET /metrics`.

use std::collections::{BTreeMap, BTreeSet};

use lambda_http::http::StatusCode;
use serde_json::json;
use zixly_domain::{JobStatus, Provider};
use zixly_testkit::Role;

use crate::{
    contract::assert_problem,
    scene::{Delivery, Door, json_of, secret_at, shopify_order, xero_invoices},
    triggers::sweep,
};

#[tokio::test]
async fn health_names_what_is_down() {
    let door = Door::new().await;
    let up = door.get("/health", None).await;
    assert_eq!(up.status(), StatusCode::OK);
    let all_up =
        json!({ "secrets": "up", "postgres": "up", "queue": "up", "counters": "up", "payloads": "up" });
    assert_eq!(json_of(&up), json!({ "status": "up", "checks": all_up }));

    let expected = |down: &[&str]| {
        let mut checks = all_up.clone();
        for name in down {
            checks[*name] = json!("down");
        }
        json!({ "status": "down", "checks": checks })
    };
    let door = door.without_postgres().await.without_queue();
    let down = door.get("/health", None).await;
    assert_eq!(down.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(json_of(&down), expected(&["postgres", "queue"]));

    let door = door.without_counters().with_setting("PAYLOAD_BUCKET", "no-such-bucket");
    let door = door.with_setting("FUNCTION_SECRET_ARN", "no-such-secret");
    let down = door.get("/health", None).await;
    assert_eq!(json_of(&down), expected(&["secrets", "postgres", "queue", "counters", "payloads"]));
}

#[tokio::test]
async fn the_numbers_of_all_instances_add_up_whichever_is_scraped() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    let (one, other) = (door.start(), door.start());
    let mut door = door.through(&one);
    for invoice in ["a", "b", "b"] {
        door.post_signed(&xero_invoices(&[("org", invoice)])).await;
    }
    door = door.through(&other);
    door.post_signed(&xero_invoices(&[("org", "c")])).await;
    door.call("/webhook/trading-sweep", &key, &sweep()).await;
    door.get(&format!("/nothing/{tenant_id}"), None).await;
    // Whoever is scraped saves its own numbers first.
    for instance in [&one, &other] {
        door = door.through(instance);
        scrape(&door, None).await;
    }
    for instance in [&one, &other] {
        door = door.through(instance);
        let scraped = scrape(&door, None).await;
        let xero = r#"http_request_duration_seconds_count{method="POST",route="/webhook/xero",status="200"}"#;
        assert_eq!(scraped.value(xero), 4.0);
        let elsewhere = r#"http_request_duration_seconds_count{method="GET",route="none",status="404"}"#;
        assert_eq!(scraped.value(elsewhere), 1.0);
        assert_eq!(scraped.value(r#"pipeline_jobs_queued_total{job_type="xero-invoice-to-hubspot"}"#), 3.0);
        assert_eq!(scraped.value(r#"pipeline_jobs_queued_total{job_type="trading-sweep"}"#), 1.0);
        assert_eq!(scraped.value(r#"pipeline_jobs{status="queued"}"#), 4.0);
        assert!(!scraped.text.contains(&tenant_id.to_string()) && !scraped.text.contains("org"));
    }
    assert!(door.rows("metric_shards").await >= 2);
}

#[tokio::test]
async fn every_metric_has_the_name_that_was_promised_and_labels_without_a_tenant() {
    let door = Door::new().await;
    let scraped = scrape(&door, None).await;
    let names: BTreeSet<&str> = scraped.kinds.keys().map(String::as_str).collect();
    let promised = [
        ("http_request_duration_seconds", "histogram"),
        ("http_requests_uncounted_total", "counter"),
        ("pipeline_job_duration_seconds", "histogram"),
        ("pipeline_job_lag_seconds", "gauge"),
        ("pipeline_jobs", "gauge"),
        ("pipeline_jobs_processed_total", "counter"),
        ("pipeline_jobs_queued_total", "counter"),
        ("trading_api_latency_seconds", "histogram"),
    ];
    assert_eq!(names, BTreeSet::from(promised.map(|(name, _)| name)));
    for (name, kind) in promised {
        assert_eq!(scraped.kinds[name], kind, "{name}");
    }
    let known =
        BTreeSet::from(["method", "route", "status", "job_type", "endpoint", "le"].map(str::to_owned));
    assert!(scraped.labels.is_subset(&known), "{:?}", scraped.labels);
}

#[tokio::test]
async fn the_gauge_of_jobs_is_what_the_table_says() {
    let door = Door::new().await;
    for (number, organisation) in ["org", "org-2"].iter().enumerate() {
        let tenant_id = door.tenant(organisation).await;
        for status in JobStatus::ALL {
            for _ in 0..=number {
                door.job_that_is(tenant_id, *status).await;
            }
        }
    }
    door.sql("delete from outbox; delete from pipeline_jobs where status = 'CANCELLED'").await;
    let scraped = scrape(&door, None).await;
    for status in JobStatus::ALL {
        let label = format!("pipeline_jobs{{status=\"{}\"}}", status.as_str().to_lowercase());
        let rows = format!("select count(*) from pipeline_jobs where status = '{status}'");
        assert_eq!(scraped.value(&label), door.database.count(&rows).await as f64, "{status}");
    }
}

#[tokio::test]
async fn a_job_that_a_delivery_made_is_counted_once() {
    let door = Door::new().await.running();
    let shop = "corner.myshopify.com";
    door.tenant_at(Provider::Shopify, shop).await;
    for topic in ["orders/create", "orders/paid", "orders/paid"] {
        door.deliver(&Delivery::shopify(shop, topic, topic, &shopify_order(1))).await;
    }
    let scraped = scrape(&door, None).await;
    assert_eq!(scraped.value(r#"pipeline_jobs_queued_total{job_type="shopify-order-to-xero"}"#), 1.0);
}

#[tokio::test]
async fn where_there_is_a_metrics_token_it_has_to_be_shown() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let api_key = door.api_key(tenant_id).await;
    let mut secret = secret_at(&door.database.url(Role::Webhook));
    secret["metrics_token"] = json!("metrics-token-marker");
    let door = door.with_secret(secret).await;
    for wrong in
        [None, Some("Bearer metrics-token-marke"), Some("Basic metrics-token-marker"), Some(api_key.as_str())]
    {
        let answer = door.get("/metrics", wrong).await;
        assert_problem(&answer, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    }
    scrape(&door, Some("Bearer metrics-token-marker")).await;
}

#[tokio::test]
async fn while_postgres_is_down_there_are_no_metrics() {
    let door = Door::new().await.without_postgres().await;
    assert_problem(&door.get("/metrics", None).await, StatusCode::SERVICE_UNAVAILABLE);
}

/// What was scraped, read strictly: every line is one that the format knows, every series is there once and of a
/// declared metric, and every histogram adds up.
struct Scraped {
    text: String,
    kinds: BTreeMap<String, String>,
    series: BTreeMap<String, f64>,
    labels: BTreeSet<String>,
}

impl Scraped {
    #[track_caller]
    fn value(&self, series: &str) -> f64 {
        *self.series.get(series).unwrap_or_else(|| panic!("{series} is not in\n{}", self.text))
    }
}

async fn scrape(door: &Door, authorization: Option<&str>) -> Scraped {
    let answer = door.get("/metrics", authorization).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    read(String::from_utf8(answer.body().to_vec()).unwrap())
}

fn read(text: String) -> Scraped {
    assert!(text.ends_with('\n'));
    let (mut kinds, mut series, mut labels) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let mut helped = BTreeSet::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap();
            assert!(!text.is_empty() && helped.insert(name.to_owned()), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind) && helped.contains(name), "{line}");
            assert_eq!(kinds.insert(name.to_owned(), kind.to_owned()), None, "{line}");
            current = name.to_owned();
        } else {
            let (key, value) = line.rsplit_once(' ').unwrap();
            let value: f64 = value.parse().unwrap();
            let name = key.split('{').next().unwrap();
            let suffix =
                name.strip_prefix(current.as_str()).unwrap_or_else(|| panic!("{line} under {current}"));
            let suffixes: &[&str] =
                if kinds[&current] == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(suffixes.contains(&suffix) && value >= 0.0, "{line}");
            labels.extend(labels_of(&key[name.len()..]));
            assert_eq!(series.insert(key.to_owned(), value), None, "{line}");
        }
    }
    for (key, count) in series.iter().filter(|(key, _)| key.contains("_count")) {
        let infinity = match key.split_once("_count{") {
            Some((name, labels)) => format!("{name}_bucket{{{},le=\"+Inf\"}}", labels.trim_end_matches('}')),
            None => key.replace("_count", "_bucket{le=\"+Inf\"}"),
        };
        assert_eq!(series.get(&infinity), Some(count), "{infinity}");
    }
    Scraped { text, kinds, series, labels }
}

/// The names in `{name="value",…}`.
fn labels_of(braced: &str) -> Vec<String> {
    if braced.is_empty() {
        return Vec::new();
    }
    let inner = braced.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap();
    let mut names = Vec::new();
    let mut rest = inner;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap();
        assert!(
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            "{braced}"
        );
        let end = after.find('"').unwrap();
        names.push(name.to_owned());
        rest = &after[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    names
}
