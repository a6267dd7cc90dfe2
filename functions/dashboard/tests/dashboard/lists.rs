//! The list of jobs: its order, its pages, its filters and its search.

use lambda_http::http::StatusCode;
use zixly_domain::{Role, TenantId};

use crate::scene::{CONTRACT, Scene, ids, text};

const MAIN: &str = "xero-invoice-to-hubspot";
const DEALS: &str = "hubspot-deal-to-asana";

/// Ten jobs, a minute apart; the newest first.
async fn ten_jobs(scene: &Scene, tenant: TenantId) -> Vec<String> {
    let mut jobs = Vec::new();
    for number in 0..10 {
        let status = ["COMPLETED", "FAILED", "QUEUED", "RUNNING", "CANCELLED"][number % 5];
        let job_type = if number < 5 { MAIN } else { DEALS };
        let about = format!("INV-{number:04}");
        jobs.push(scene.job(tenant, job_type, status, &about, number as i64).await.to_string());
    }
    jobs
}

async fn viewer(scene: &Scene) -> (TenantId, String) {
    let tenant = scene.database.tenant("ours").await;
    let viewer = scene.user(tenant, Role::Viewer).await;
    (tenant, viewer)
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let scene = Scene::new().await;
    let (tenant, viewer) = viewer(&scene).await;
    let all = ten_jobs(&scene, tenant).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = scene.json(&format!("/api/pipelines/jobs?limit=4{cursor}"), &viewer).await;
        seen.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn each_filter_shows_what_it_says_and_all_of_it() {
    let scene = Scene::new().await;
    let (tenant, viewer) = viewer(&scene).await;
    let all = ten_jobs(&scene, tenant).await;
    let of = |numbers: &[usize]| numbers.iter().map(|&number| all[number].clone()).collect::<Vec<_>>();
    for (query, expected) in [
        ("status=FAILED", of(&[1, 6])),
        ("status=FAILED,CANCELLED", of(&[1, 4, 6, 9])),
        (&format!("workflow={DEALS}"), of(&[5, 6, 7, 8, 9])),
        (&format!("workflow={DEALS}&status=COMPLETED"), of(&[5])),
        ("provider=hubspot", of(&[5, 6, 7, 8, 9])),
        ("provider=shopify", of(&[])),
        ("q=record:INV-0006", of(&[6])),
        ("q=record:inv-000 status:failed", of(&[1, 6])),
        ("q=INV-0007", of(&[7])),
        ("q=status:running 0008", of(&[8])),
        ("q=status 404", of(&[1, 6])),
        (&format!("q={}", all[3]), of(&[3])),
        (&format!("q=job:{}", all[3]), of(&[3])),
        (&format!("q=job:{} status:failed", all[3]), of(&[])),
        ("q=100%", of(&[])),
        ("status=WAITING", of(&[])),
    ] {
        let page = scene.json(&format!("/api/pipelines/jobs?{}", query.replace(' ', "+")), &viewer).await;
        assert_eq!(ids(&page), expected, "{query}");
    }
}

#[tokio::test]
async fn a_search_says_how_far_it_went() {
    let scene = Scene::new().await;
    let (tenant, viewer) = viewer(&scene).await;
    ten_jobs(&scene, tenant).await;
    for text in ["INV", "nothing-like-it"] {
        let page = scene.json(&format!("/api/pipelines/jobs?q={text}"), &viewer).await;
        assert_eq!(page["search"]["rows"], 10);
        assert_eq!(page["search"]["is_capped"], false);
        assert!(page["search"]["oldest_at"].is_string());
    }
    assert!(scene.json("/api/pipelines/jobs?q=status:failed", &viewer).await["search"].is_null());
}

#[tokio::test]
async fn a_parameter_that_breaks_its_rule_is_named() {
    let scene = Scene::new().await;
    let (_, viewer) = viewer(&scene).await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("status=LOST", "status"),
        ("status=WAITING,FAILED", "status"),
        ("provider=fax", "provider"),
        ("from=yesterday", "from"),
        ("from=2026-11-22T10:00:00Z&to=2026-11-22T09:00:00Z", "to"),
        ("cursor=x", "cursor"),
        ("tenant=x", "tenant"),
        ("q=job:x", "q"),
    ] {
        let answer = scene.get(&format!("/api/pipelines/jobs?{query}"), &viewer).await;
        CONTRACT.assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text(&answer).contains(&format!(r#""detail":"{field}: "#)), "{query}: {}", text(&answer));
    }
}

#[tokio::test]
async fn what_is_known_already_is_not_sent_again() {
    let scene = Scene::new().await;
    let (tenant, viewer) = viewer(&scene).await;
    ten_jobs(&scene, tenant).await;
    let answer = scene.get("/api/pipelines/jobs", &viewer).await;
    let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(answer.headers()["cache-control"], "private, no-cache");
    let headers = [("authorization", viewer.as_str()), ("if-none-match", &tag)];
    let again = scene.ask(lambda_http::http::Method::GET, "/api/pipelines/jobs", &headers).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert!(again.body().is_empty());
    scene.job(tenant, MAIN, "QUEUED", "new", 0).await;
    let changed = scene.ask(lambda_http::http::Method::GET, "/api/pipelines/jobs", &headers).await;
    assert_eq!(changed.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_long_answer_is_sent_small_to_who_takes_it() {
    let scene = Scene::new().await;
    let (tenant, viewer) = viewer(&scene).await;
    ten_jobs(&scene, tenant).await;
    let plain = scene.get("/api/pipelines/jobs", &viewer).await;
    let headers = [("authorization", viewer.as_str()), ("accept-encoding", "br, gzip;q=0.8")];
    let small = scene.ask_only(lambda_http::http::Method::GET, "/api/pipelines/jobs", &headers).await;
    assert_eq!(small.headers()["content-encoding"], "gzip");
    assert_eq!(small.headers()["etag"], plain.headers()["etag"]);
    let mut unpacked = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&small.body()[..]), &mut unpacked)
        .unwrap();
    assert_eq!(unpacked, text(&plain));
    assert!(small.body().len() * 3 < plain.body().len());
}
