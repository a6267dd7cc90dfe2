//! `POST /webhook/trading-sweep` and `/webhook/generic-job`.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use lambda_http::{
    Body, Response,
    http::{Method, StatusCode},
};
use serde_json::{Value, json};
use zixly_domain::Workflow;
use zixly_queues::Message;

use crate::{
    contract::assert_problem,
    scene::{BASE_URL, Door, json_of},
};

const SWEEP: &str = "/webhook/trading-sweep";
const GENERIC: &str = "/webhook/generic-job";

#[tokio::test]
async fn a_sweep_is_a_job_with_its_doorbell_rung() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    let answer = door.call(SWEEP, &key, &sweep()).await;
    let job_id = door.job_id().await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    assert_eq!(
        json_of(&answer),
        json!({
            "job_id": job_id.to_string(), "status": "QUEUED",
            "status_url": format!("{BASE_URL}/webhook/jobs/{job_id}"),
        })
    );
    let row = "select concat_ws(' ', tenant_id, job_type, status, split_part(triggered_by, '/', 1)) from pipeline_jobs";
    assert_eq!(door.database.text(row).await, format!("{tenant_id} trading-sweep QUEUED api-key"));
    assert_eq!(parameters(&door).await, sweep());
    assert_eq!(door.rows("outbox").await, 1);
    assert_eq!(door.rung().await, [Message::Ring { tenant_id, job_id }]);
}

#[tokio::test]
async fn any_workflow_that_is_on_can_be_started() {
    let door = Door::new().await;
    let key = door.api_key(door.tenant("org").await).await;
    for workflow in Workflow::ALL.iter().filter(|workflow| workflow.is_optional()) {
        let answer = door.call(GENERIC, &key, &generic(*workflow)).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{workflow}");
        let newest =
            "select job_type || ' ' || parameters::text from pipeline_jobs order by job_id desc limit 1";
        let newest = door.database.text(newest).await;
        let (job_type, parameters) = newest.split_once(' ').unwrap();
        assert_eq!(job_type, workflow.as_str());
        assert_eq!(serde_json::from_str::<Value>(parameters).unwrap(), generic(*workflow)["parameters"]);
    }
}

#[tokio::test]
async fn a_workflow_that_is_off_or_not_for_callers_is_not_started() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    for workflow in Workflow::ALL.iter().filter(|workflow| workflow.is_optional()) {
        door.switch(tenant_id, *workflow, false).await;
        let answer = door.call(GENERIC, &key, &generic(*workflow)).await;
        assert_problem(&answer, StatusCode::FORBIDDEN);
        let detail = format!("The workflow {workflow} is off for your tenant. An ADMIN can switch it on.");
        assert_eq!(json_of(&answer)["detail"], detail);
    }
    for workflow in Workflow::ALL.iter().filter(|workflow| !workflow.is_optional()) {
        let body = json!({ "job_type": workflow.as_str(), "parameters": {} });
        assert_invalid(&door.call(GENERIC, &key, &body).await, "job_type", "It must be one of ");
    }
    assert_eq!(door.rows("pipeline_jobs").await, 0);
}

#[tokio::test]
async fn a_wrong_field_is_named_with_its_rule() {
    let door = Door::new().await;
    let key = door.api_key(door.tenant("org").await).await;
    let range = "It must be two numbers from 1 to 1000, the smaller one first.";
    let ticker = "It must have 1 to 20 letters, digits or -.^=/_.";
    let id = "It must be an id of 1 to 255 printable ASCII characters without blanks.";
    let with = |field: &str, value: Value| {
        let mut body = sweep();
        body[field] = value;
        body
    };
    for (body, field, rule) in [
        (json!({}), "ticker", "It is required."),
        (with("ticker", json!("")), "ticker", ticker),
        (with("ticker", json!("B".repeat(21))), "ticker", ticker),
        (with("ticker", json!("BTC USD")), "ticker", ticker),
        (with("ticker", json!("ÄTH")), "ticker", ticker),
        (with("ticker", json!(7)), "ticker", "Invalid type: integer `7`, expected a string."),
        (with("fast_range", json!([20, 10])), "fast_range", range),
        (with("slow_range", json!([0, 10])), "slow_range", range),
        (with("slow_range", json!([1, 1001])), "slow_range", range),
        (with("fast_range", json!([1])), "fast_range", "Invalid length 1, expected an array of length 2."),
        (
            with("fast_range", json!([1, 2, 3])),
            "fast_range",
            "Invalid length 3, expected fewer elements in array.",
        ),
        (with("fast_range", json!([1, -2])), "fast_range[1]", "Invalid value: integer `-2`, expected u32."),
        (with("step", json!(0)), "step", "It must be a number from 1 to 1000."),
        (with("step", json!(1001)), "step", "It must be a number from 1 to 1000."),
        (with("step", json!(1.5)), "step", "Invalid type: floating point `1.5`, expected u32."),
        (
            with("strategy_type", json!("RSI")),
            "strategy_type",
            "Unknown variant `RSI`, expected one of `SMA`, `EMA`, `MACD`.",
        ),
        (
            with("more", json!(1)),
            "more",
            "There is no such field, expected one of `ticker`, `fast_range`, `slow_range`, `step`, `strategy_type`.",
        ),
        (json!([1]), "", "The body must be a JSON object."),
        (json!("text"), "", "The body must be a JSON object."),
        (
            with("ticker", json!("a\0b")),
            "",
            "The body must not contain the character U+0000, which cannot be stored.",
        ),
    ] {
        assert_invalid(&door.call(SWEEP, &key, &body).await, field, rule);
    }
    let invoice =
        |parameters: Value| json!({ "job_type": "xero-invoice-to-hubspot", "parameters": parameters });
    for (body, field, rule) in [
        (json!({ "parameters": {} }), "job_type", "It is required."),
        (json!({ "job_type": "xero-invoice-to-hubspot" }), "parameters", "It is required."),
        (json!({ "job_type": "fax", "parameters": {} }), "job_type", "It must be one of "),
        (invoice(json!({})), "parameters.organisation_id", "It is required."),
        (invoice(json!([])), "parameters", "Invalid "),
        (invoice(json!({ "organisation_id": "a b", "invoice_id": "c" })), "parameters.organisation_id", id),
        (invoice(json!({ "organisation_id": "a", "invoice_id": "" })), "parameters.invoice_id", id),
        (
            invoice(json!({ "organisation_id": "a", "invoice_id": "c".repeat(256) })),
            "parameters.invoice_id",
            id,
        ),
        (
            invoice(json!({ "organisation_id": "a", "invoice_id": "c", "x": 1 })),
            "parameters.x",
            "There is no such field",
        ),
    ] {
        assert_invalid(&door.call(GENERIC, &key, &body).await, field, rule);
    }
    assert_eq!(door.rows("pipeline_jobs").await, 0);
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named() {
    let door = Door::new().await;
    let key = door.api_key(door.tenant("org").await).await;
    let mut body = sweep();
    (body["ticker"], body["step"]) = (json!(""), json!(0));
    let answer = door.call(SWEEP, &key, &body).await;
    let errors = json_of(&answer)["errors"].clone();
    let fields: BTreeSet<&str> =
        errors.as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(fields, BTreeSet::from(["step", "ticker"]));
}

#[tokio::test]
async fn a_long_wrong_value_is_not_sent_back_whole() {
    let door = Door::new().await;
    let key = door.api_key(door.tenant("org").await).await;
    let mut body = sweep();
    body["step"] = json!("x".repeat(100_000));
    let answer = door.call(SWEEP, &key, &body).await;
    assert_invalid(&answer, "step", "Invalid type: string ");
    assert!(answer.body().len() < 2000, "{} bytes", answer.body().len());
}

#[tokio::test]
async fn while_the_queue_is_down_a_call_is_taken_and_rung_later() {
    let door = Door::new().await.without_queue();
    let key = door.api_key(door.tenant("org").await).await;
    assert_eq!(door.call(SWEEP, &key, &sweep()).await.status(), StatusCode::ACCEPTED);
    assert_eq!((door.rows("pipeline_jobs").await, door.rows("outbox").await), (1, 1));
}

#[tokio::test]
async fn while_postgres_is_down_a_call_has_to_come_again() {
    let door = Door::new().await;
    let key = door.api_key(door.tenant("org").await).await;
    let door = door.without_postgres().await;
    let answer = door.call(SWEEP, &key, &sweep()).await;
    assert_problem(&answer, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "5");
    assert!(!String::from_utf8_lossy(answer.body()).contains("postgres"));
}

#[tokio::test]
async fn the_same_key_with_the_same_request_gives_the_same_job() {
    let door = Door::new().await;
    let key = door.api_key(door.tenant("org").await).await;
    let first = with_key(&door, SWEEP, &key, "k1", &sweep().to_string()).await;
    assert_eq!(first.status(), StatusCode::ACCEPTED);
    assert!(!first.headers().contains_key("idempotent-replayed"));

    // In another order, and with blanks.
    let otherwise = r#" {"strategy_type" : "SMA","step":5, "slow_range":[ 20,30],
        "fast_range":[10,20],"ticker":"BTC-USD" } "#;
    let as_generic_job = json!({ "parameters": sweep(), "job_type": "trading-sweep" }).to_string();
    for (path, body) in
        [(SWEEP, sweep().to_string()), (SWEEP, otherwise.to_owned()), (GENERIC, as_generic_job)]
    {
        let again = with_key(&door, path, &key, "k1", &body).await;
        assert_eq!(again.status(), StatusCode::ACCEPTED, "{body}");
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert_eq!(json_of(&again), json_of(&first));
    }
    assert_eq!((door.rows("pipeline_jobs").await, door.rows("outbox").await), (1, 1));
}

#[tokio::test]
async fn a_repeated_call_is_told_how_its_job_is_and_survives_a_switch() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let key = door.api_key(tenant_id).await;
    with_key(&door, SWEEP, &key, "k1", &sweep().to_string()).await;
    door.sql("update pipeline_jobs set status = 'COMPLETED', completed_at = now()").await;
    door.switch(tenant_id, Workflow::TradingSweep, false).await;
    let again = with_key(&door, SWEEP, &key, "k1", &sweep().to_string()).await;
    assert_eq!((again.status(), &json_of(&again)["status"]), (StatusCode::ACCEPTED, &json!("COMPLETED")));
}

#[tokio::test]
async fn ten_calls_at_once_with_one_key_make_one_job() {
    let door = Door::new().await;
    let key = door.api_key(door.tenant("org").await).await;
    let body = sweep().to_string();
    // An instance of the function each, so that they meet in the database only.
    let answers = join_all((0..10).map(|_| with_key(&door, SWEEP, &key, "k1", &body))).await;
    let jobs: BTreeSet<String> = answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status(), StatusCode::ACCEPTED);
            json_of(answer)["job_id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(jobs, BTreeSet::from([door.job_id().await.to_string()]));
    assert_eq!((door.rows("pipeline_jobs").await, door.rows("outbox").await), (1, 1));
}

#[tokio::test]
async fn a_key_that_was_used_for_another_request_is_refused() {
    let door = Door::new().await;
    let key = door.api_key(door.tenant("org").await).await;
    with_key(&door, SWEEP, &key, "k1", &sweep().to_string()).await;
    let mut other = sweep();
    other["step"] = json!(6);
    let rule = "It was used before, for another request. Send the same request, or take another key.";
    assert_invalid(&with_key(&door, SWEEP, &key, "k1", &other.to_string()).await, "Idempotency-Key", rule);
    let invoice = generic(Workflow::XeroInvoiceToHubspot).to_string();
    assert_invalid(&with_key(&door, GENERIC, &key, "k1", &invoice).await, "Idempotency-Key", rule);
    assert_eq!((door.rows("pipeline_jobs").await, door.rows("outbox").await), (1, 1));
}

#[tokio::test]
async fn each_tenant_has_idempotency_keys_of_its_own() {
    let door = Door::new().await;
    let mut jobs = BTreeSet::new();
    for organisation in ["one", "two"] {
        let key = door.api_key(door.tenant(organisation).await).await;
        let answer = with_key(&door, SWEEP, &key, "k1", &sweep().to_string()).await;
        assert!(!answer.headers().contains_key("idempotent-replayed"));
        jobs.insert(json_of(&answer)["job_id"].to_string());
    }
    assert_eq!((jobs.len(), door.rows("pipeline_jobs").await), (2, 2));
}

#[tokio::test]
async fn an_idempotency_key_has_to_be_one_readable_text() {
    let door = Door::new().await;
    let key = door.api_key(door.tenant("org").await).await;
    let rule = "It must be one text of 1 to 255 printable ASCII characters.";
    let longest = "k".repeat(255);
    let accepted = with_key(&door, SWEEP, &key, &longest, &sweep().to_string()).await;
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    for wrong in ["", &"k".repeat(256), "kä", "a\tb"] {
        let answer = with_key(&door, SWEEP, &key, wrong, &sweep().to_string()).await;
        assert_invalid(&answer, "Idempotency-Key", rule);
    }
    let twice = [("authorization", key.as_str()), ("idempotency-key", "k1"), ("idempotency-key", "k2")];
    let answer = door.send(Method::POST, SWEEP, &twice, sweep().to_string().as_bytes()).await;
    assert_invalid(&answer, "Idempotency-Key", rule);
    assert_eq!(door.rows("pipeline_jobs").await, 1);
}

pub fn sweep() -> Value {
    json!({
        "ticker": "BTC-USD", "fast_range": [10, 20], "slow_range": [20, 30], "step": 5, "strategy_type": "SMA",
    })
}

pub fn generic(workflow: Workflow) -> Value {
    let parameters = match workflow {
        Workflow::XeroInvoiceToHubspot => json!({ "organisation_id": "org", "invoice_id": "inv" }),
        Workflow::ShopifyOrderToXero => json!({ "shop": "corner.myshopify.com", "order_id": "42" }),
        Workflow::HubspotDealToAsana => json!({ "portal_id": "62515", "deal_id": "7" }),
        Workflow::AsanaTaskToHubspot => json!({ "workspace": "1200", "task": "5" }),
        Workflow::TradingSweep => sweep(),
        own => panic!("{own} is not started by a call"),
    };
    json!({ "job_type": workflow.as_str(), "parameters": parameters })
}

async fn with_key(door: &Door, path: &str, authorization: &str, key: &str, body: &str) -> Response<Body> {
    let headers = [("authorization", authorization), ("idempotency-key", key)];
    door.send(Method::POST, path, &headers, body.as_bytes()).await
}

async fn parameters(door: &Door) -> Value {
    serde_json::from_str(&door.database.text("select parameters::text from pipeline_jobs").await).unwrap()
}

/// One field is named, with a rule that begins so.
#[track_caller]
fn assert_invalid(answer: &Response<Body>, field: &str, rule: &str) {
    assert_problem(answer, StatusCode::UNPROCESSABLE_ENTITY);
    let problem = json_of(answer);
    let [error] = problem["errors"].as_array().unwrap().as_slice() else { panic!("one error: {problem}") };
    assert_eq!(error["field"], field, "{problem}");
    assert!(error["rule"].as_str().unwrap().starts_with(rule), "{problem} does not begin with {rule}");
    assert!(problem["detail"].as_str().unwrap().contains(field));
}

#[tokio::test]
async fn a_sweep_of_too_many_combinations_is_refused_before_it_is_paid_for() {
    let door = Door::new().await;
    let key = door.api_key(door.tenant("org").await).await;
    let mut body = sweep();
    (body["fast_range"], body["slow_range"], body["step"]) = (json!([1, 1000]), json!([1, 1000]), json!(1));
    let answer = door.call("/webhook/trading-sweep", &key, &body).await;
    assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(json_of(&answer)["errors"][0]["field"], "step");
    assert_eq!(door.rows("pipeline_jobs").await, 0);
}
