//! How often a tenant may call.

use lambda_http::http::StatusCode;
use zixly_domain::Workflow;

use crate::{
    contract::assert_problem,
    logs::Logs,
    scene::{Door, assert_empty, json_of, xero_invoices},
    triggers::sweep,
};

#[tokio::test]
async fn the_101st_request_of_a_minute_has_to_wait_and_others_do_not() {
    let door = Door::new().await.running();
    let (tenant_id, other) = (door.tenant("org").await, door.tenant("org-2").await);
    let (key, second_key) = (door.api_key(tenant_id).await, door.api_key(tenant_id).await);
    let other_key = door.api_key(other).await;
    let path = format!("/webhook/jobs/{}", door.job(tenant_id, Workflow::TradingSweep).await);
    for number in 1..=100_u32 {
        let answer = door.get(&path, Some(&key)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{number}");
        assert_eq!(answer.headers()["ratelimit-limit"], "100");
        assert_eq!(answer.headers()["ratelimit-remaining"], (100 - number).to_string());
    }
    // Every key and every route of the tenant's.
    let refused = [
        door.get(&path, Some(&key)).await,
        door.get(&path, Some(&second_key)).await,
        door.call("/webhook/trading-sweep", &key, &sweep()).await,
        door.steer(&format!("{path}/cancel"), &key).await,
    ];
    for answer in &refused {
        assert_problem(answer, StatusCode::TOO_MANY_REQUESTS);
        let reset = answer.headers()["ratelimit-reset"].to_str().unwrap();
        assert!((1..=60).contains(&reset.parse::<u32>().unwrap()), "{reset}");
        assert_eq!(answer.headers()["retry-after"], reset);
        assert_eq!(answer.headers()["ratelimit-remaining"], "0");
        let detail = format!("Your tenant has made its 100 requests of this minute. Go on in {reset} s.");
        assert_eq!(json_of(answer)["detail"], detail);
    }
    assert_eq!(door.rows("pipeline_jobs").await, 1);
    assert_eq!(door.database.count("select count(*) from pipeline_jobs where request is not null").await, 0);

    assert_eq!(
        door.call("/webhook/trading-sweep", &other_key, &sweep()).await.status(),
        StatusCode::ACCEPTED
    );
    assert_empty(&door.post_signed(&xero_invoices(&[("org", "inv")])).await, StatusCode::OK);
}

#[tokio::test]
async fn what_a_provider_signed_is_never_refused_for_its_number() {
    let door = Door::new().await.running();
    door.tenant("org").await;
    for number in 0..200 {
        let answer = door.post_signed(&xero_invoices(&[("org", &format!("inv-{number}"))])).await;
        assert_empty(&answer, StatusCode::OK);
        assert!(!answer.headers().contains_key("ratelimit-limit"));
    }
    assert_eq!(door.rows("pipeline_jobs").await, 200);
}

#[tokio::test]
async fn while_the_counters_are_down_requests_pass_uncounted_and_it_is_said() {
    let logs = Logs::capture();
    let door = Door::new().await.without_counters().running();
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    let path = format!("/webhook/jobs/{}", door.job(tenant_id, Workflow::TradingSweep).await);
    for _ in 0..105 {
        let answer = door.get(&path, Some(&key)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(!answer.headers().contains_key("ratelimit-limit"));
    }
    let metrics = door.get("/metrics", None).await;
    let text = String::from_utf8_lossy(metrics.body()).into_owned();
    assert!(text.lines().any(|line| line == "http_requests_uncounted_total 105"), "{text}");
    let said = logs.text().lines().filter(|line| line.contains("let through uncounted")).count();
    assert_eq!(said, 105);
    assert!(logs.text().contains(&tenant_id.to_string()) && !text.contains(&tenant_id.to_string()));
}
