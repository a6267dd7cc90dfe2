//! The binary that Lambda starts, with events as API Gateway sends them.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use zixly_domain::Provider;
use zixly_testkit::{AWS_ENVIRONMENT, FunctionProcess};

use crate::scene::{BASE_URL, Delivery, Door, hubspot_deal, xero_invoices};

#[tokio::test]
async fn the_binary_answers_a_plain_and_an_encoded_body() {
    let door = Door::new().await;
    door.tenant("org").await;
    let function = start(&door).await;
    for (invoice, is_encoded) in [("plain", false), ("encoded", true)] {
        let delivery = Delivery::xero(&xero_invoices(&[("org", invoice)]));
        let answer = function.invoke(event(&delivery, is_encoded)).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
        assert!(answer["body"].as_str().unwrap_or_default().is_empty(), "{answer}");
        assert_eq!(answer["cookies"].as_array().map_or(0, Vec::len), 0, "{answer}");
    }
    assert_eq!(door.rows("pipeline_jobs").await, 2);
    function.kill().await;
}

#[tokio::test]
async fn the_binary_answers_a_rest_api_as_well() {
    let door = Door::new().await.with_setting("PUBLIC_BASE_URL", &format!("{BASE_URL}/live"));
    door.tenant_at(Provider::HubSpot, "62515").await;
    let function = start(&door).await;
    // HubSpot signs the address with the stage, which the function is not shown in the path.
    let signed = format!("{BASE_URL}/live/webhook/hubspot");
    let delivery =
        Delivery::hubspot_to("/webhook/hubspot", &signed, Timestamp::now(), &hubspot_deal(62515, 1));
    for is_encoded in [false, true] {
        let answer = function.invoke(rest_event(&delivery, is_encoded)).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
        assert!(answer["multiValueHeaders"]["x-content-type-options"].is_array(), "{answer}");
    }
    assert_eq!(door.rows("pipeline_jobs").await, 1);
    function.kill().await;
}

#[tokio::test]
async fn the_query_that_hubspot_signed_comes_through_as_it_was() {
    let door = Door::new().await;
    door.tenant_at(Provider::HubSpot, "62515").await;
    let function = start(&door).await;
    for (deal, query, signed) in [
        (1, "a=1&b=%20&a=2", "a=1&b=%20&a=2"),
        (2, "to=%2Fnext%3Fx%3D1&e=%C3%A9", "to=/next?x%3D1&e=%C3%A9"),
        (3, "q=a+b&empty=&flag", "q=a+b&empty=&flag"),
    ] {
        let delivery = Delivery::hubspot_to(
            &format!("/webhook/hubspot?{query}"),
            &format!("{BASE_URL}/webhook/hubspot?{signed}"),
            Timestamp::now(),
            &hubspot_deal(62515, deal),
        );
        let answer = function.invoke(event(&delivery, false)).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{query}: {answer}");
    }
    assert_eq!(door.rows("pipeline_jobs").await, 3);
    function.kill().await;
}

async fn start(door: &Door) -> FunctionProcess {
    let environment = door
        .settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .chain(AWS_ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .chain([("AWS_ENDPOINT_URL".to_owned(), door.aws.endpoint.clone())]);
    FunctionProcess::start(env!("CARGO_BIN_EXE_zixly-webhook"), environment, Duration::from_secs(10)).await
}

fn event(delivery: &Delivery, is_encoded: bool) -> Value {
    let (path, query) = delivery.path.split_once('?').unwrap_or((&delivery.path, ""));
    let headers = headers(delivery);
    json!({
        "version": "2.0",
        "routeKey": format!("POST {path}"),
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000", "apiId": "api", "domainName": "hooks.example.com", "domainPrefix": "hooks",
            "http": {
                "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                "userAgent": "test",
            },
            "requestId": "request", "routeKey": format!("POST {path}"), "stage": "$default",
            "time": "01/Oct/2026:09:12:45 +0000", "timeEpoch": 1_790_845_965_000_u64,
        },
        "body": body(delivery, is_encoded),
        "isBase64Encoded": is_encoded,
    })
}

/// As a REST API of stage `live` sends it, to a function that answers all paths.
fn rest_event(delivery: &Delivery, is_encoded: bool) -> Value {
    let (path, headers) = (&delivery.path, headers(delivery));
    let lists: Map<String, Value> =
        headers.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    json!({
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": lists,
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": { "proxy": path.trim_start_matches('/') },
        "stageVariables": null,
        "requestContext": {
            "accountId": "000000000000", "apiId": "api", "domainName": "hooks.example.com", "domainPrefix": "hooks",
            "extendedRequestId": "request", "httpMethod": "POST",
            "identity": { "sourceIp": "127.0.0.1", "userAgent": "test" },
            "path": format!("/live{path}"), "protocol": "HTTP/1.1", "requestId": "request",
            "requestTime": "01/Oct/2026:09:12:45 +0000", "requestTimeEpoch": 1_790_845_965_000_u64,
            "resourceId": "proxy", "resourcePath": "/{proxy+}", "stage": "live",
        },
        "body": body(delivery, is_encoded),
        "isBase64Encoded": is_encoded,
    })
}

fn headers(delivery: &Delivery) -> Map<String, Value> {
    let headers = delivery.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
    headers
        .chain([("content-type".to_owned(), json!("application/json"))])
        .chain([("host".to_owned(), json!("abc.execute-api.ap-southeast-2.amazonaws.com"))])
        .collect()
}

fn body(delivery: &Delivery, is_encoded: bool) -> String {
    if is_encoded { STANDARD.encode(&delivery.body) } else { delivery.body.clone() }
}
