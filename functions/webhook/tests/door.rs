//! What the door does with a request, on real servers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::HashMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use lambda_http::{
    Body, RequestExt, Response,
    http::{self, StatusCode},
};
use serde_json::{Value, json};
use sha2::Sha256;
use zixly_auth::ApiKey;
use zixly_domain::{Provider, TenantId};
use zixly_queues::Message;
use zixly_store::api_keys;
use zixly_testkit::{AWS_ENVIRONMENT, FunctionProcess, LocalAws, Role, TestDatabase};
use zixly_webhook::{App, WebhookConfig, routes};

const KEY: &str = "xero-webhook-key-marker";
const NOWHERE: &str = "postgres://zixly_webhook@127.0.0.1:1/nowhere";

struct Door {
    database: TestDatabase,
    aws: LocalAws,
    settings: HashMap<&'static str, String>,
    queue_url: String,
}

impl Door {
    async fn new() -> Self {
        let (database, aws) = (TestDatabase::create().await, LocalAws::new());
        let queue_url = aws.queue("jobs").await;
        let secret = json!({ "database_url": database.url(Role::Webhook), "xero_webhook_key": KEY });
        let settings = HashMap::from([
            ("FUNCTION_SECRET_ARN", aws.secret("webhook", &secret.to_string()).await),
            ("JOB_QUEUE_URL", queue_url.clone()),
            ("COUNTER_TABLE", aws.counter_table().await),
        ]);
        Self { database, aws, settings, queue_url }
    }

    async fn with_secret(mut self, secret: Value) -> Self {
        let name = self.aws.secret("webhook-other", &secret.to_string()).await;
        self.settings.insert("FUNCTION_SECRET_ARN", name);
        self
    }

    fn without_queue(mut self) -> Self {
        self.settings.insert("JOB_QUEUE_URL", format!("{}-gone", self.queue_url));
        self
    }

    async fn tenant(&self, organisation_id: &str) -> TenantId {
        let tenant_id = self.database.tenant(organisation_id).await;
        self.database.connect_account(tenant_id, Provider::Xero, organisation_id).await;
        tenant_id
    }

    async fn api_key(&self, tenant_id: TenantId) -> ApiKey {
        let (key, store) = (ApiKey::generate(), self.database.superuser_store());
        let mut session = store.session().await.unwrap();
        let tx = session.begin(tenant_id).await.unwrap();
        api_keys::insert(&tx, tenant_id, "test", &key.hash()).await.unwrap();
        tx.commit().await.unwrap();
        key
    }

    fn app(&self) -> App {
        let config = WebhookConfig::from_lookup(|name| self.settings.get(name).cloned()).unwrap();
        App::new(config, &self.aws.config)
    }

    async fn post(&self, body: &str, signature: Option<&str>) -> Response<Body> {
        let mut request = http::Request::post("https://hooks.example.com/webhook/xero");
        if let Some(signature) = signature {
            request = request.header("x-xero-signature", signature);
        }
        let request = request.body(Body::from(body)).unwrap().with_raw_http_path("/webhook/xero");
        routes::answer(&self.app(), request).await
    }

    async fn post_signed(&self, body: &str) -> Response<Body> {
        self.post(body, Some(&sign(KEY, body))).await
    }

    async fn get(&self, path: &str, authorization: Option<&str>) -> Response<Body> {
        let mut request = http::Request::get(format!("https://hooks.example.com{path}"));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        routes::answer(&self.app(), request.body(Body::Empty).unwrap().with_raw_http_path(path)).await
    }

    async fn rows(&self, table: &str) -> i64 {
        self.database.count(&format!("select count(*) from {table}")).await
    }

    async fn rung(&self) -> Vec<Message> {
        let messages = self.aws.receive(&self.queue_url).await;
        messages.iter().map(|message| Message::parse(message.body().unwrap()).unwrap()).collect()
    }

    async fn refusals(&self, reason: &str) -> Option<u64> {
        self.aws.count(&format!("refused/xero/{reason}/{}", Timestamp::now().strftime("%F"))).await
    }
}

fn sign(key: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn events(events: &[(&str, &str)]) -> String {
    let events: Vec<Value> = events
        .iter()
        .map(|(organisation, invoice)| {
            json!({
                "resourceUrl": format!("https://api.xero.com/api.xro/2.0/Invoices/{invoice}"),
                "resourceId": invoice, "tenantId": organisation, "tenantType": "ORGANISATION",
                "eventCategory": "INVOICE", "eventType": "UPDATE", "eventDateUtc": "2026-10-01T09:12:44.917",
            })
        })
        .collect();
    json!({ "events": events, "firstEventSequence": 1, "lastEventSequence": 1, "entropy": "x" }).to_string()
}

/// Xero wants nothing in the body and no cookie.
fn assert_empty(answer: &Response<Body>, status: StatusCode) {
    assert_eq!(answer.status(), status);
    assert!(answer.body().is_empty());
    assert!(!answer.headers().contains_key("set-cookie"));
}

fn json_of(answer: &Response<Body>) -> Value {
    serde_json::from_slice(answer.body().as_ref()).unwrap()
}

#[tokio::test]
async fn a_signed_delivery_is_filed_and_its_job_rung() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let body = events(&[("org", "inv")]);
    assert_empty(&door.post_signed(&body).await, StatusCode::OK);

    let kept = door.database.text("select convert_from(body, 'UTF8') from deliveries").await;
    assert_eq!(kept, body);
    assert_eq!(door.database.text("select outcome from deliveries").await, "ACCEPTED");
    assert_eq!(door.rows("events").await, 1);
    let job_id = door.database.text("select job_id::text from pipeline_jobs").await.parse().unwrap();
    assert_eq!(door.rung().await, [Message::Ring { tenant_id, job_id }]);
}

#[tokio::test]
async fn a_duplicate_delivery_makes_one_job() {
    let door = Door::new().await;
    door.tenant("org").await;
    for _ in 0..3 {
        assert_empty(&door.post_signed(&events(&[("org", "inv")])).await, StatusCode::OK);
    }
    assert_eq!((door.rows("deliveries").await, door.rows("pipeline_jobs").await), (3, 1));
}

#[tokio::test]
async fn two_tenants_in_one_post_get_a_job_each() {
    let door = Door::new().await;
    let (one, two) = (door.tenant("org-1").await, door.tenant("org-2").await);
    assert_empty(&door.post_signed(&events(&[("org-1", "a"), ("org-2", "b")])).await, StatusCode::OK);
    for tenant_id in [one, two] {
        let own = format!("select count(*) from pipeline_jobs where tenant_id = '{tenant_id}'");
        assert_eq!(door.database.count(&own).await, 1);
    }
}

#[tokio::test]
async fn intent_to_receive_gets_200_and_401_with_empty_bodies() {
    let door = Door::new().await;
    let body = r#"{"events":[],"firstEventSequence": 0,"lastEventSequence": 0, "entropy": "S0m3r4Nd0mt3xt"}"#;
    assert_empty(&door.post_signed(body).await, StatusCode::OK);
    assert_empty(&door.post(body, Some(&sign("another key", body))).await, StatusCode::UNAUTHORIZED);
    assert_eq!(door.database.text("select outcome from deliveries").await, "EMPTY");
}

#[tokio::test]
async fn what_is_not_rightly_signed_leaves_nothing_but_a_count() {
    let door = Door::new().await;
    door.tenant("org").await;
    let body = events(&[("org", "inv")]);
    let good = sign(KEY, &body);
    let cases = [
        (body.clone(), Some(sign("another key", &body)), "wrong-signature"),
        (body.replace("inv", "iny"), Some(good.clone()), "wrong-signature"),
        (body.clone(), None, "missing-header"),
        (body.clone(), Some("not base64!".to_owned()), "malformed-signature"),
        (String::new(), Some(sign(KEY, "")), "empty-body"),
    ];
    for (body, signature, reason) in cases {
        let before = door.refusals(reason).await.unwrap_or(0);
        assert_empty(&door.post(&body, signature.as_deref()).await, StatusCode::UNAUTHORIZED);
        assert_eq!(door.refusals(reason).await, Some(before + 1), "{reason}");
    }
    for table in ["deliveries", "events", "pipeline_jobs", "outbox"] {
        assert_eq!(door.rows(table).await, 0, "{table}");
    }
    assert_eq!(door.rung().await, []);
}

#[tokio::test]
async fn without_a_key_nothing_verifies() {
    let door = Door::new().await;
    let secret = json!({ "database_url": door.database.url(Role::Webhook), "xero_webhook_key": "" });
    let door = door.with_secret(secret).await;
    let body = events(&[("org", "inv")]);
    assert_empty(&door.post(&body, Some(&sign("", &body))).await, StatusCode::UNAUTHORIZED);
    assert_eq!(door.refusals("no-key").await, Some(1));
    assert_eq!(door.rows("deliveries").await, 0);
}

#[tokio::test]
async fn when_the_key_cannot_be_read_the_sender_has_to_come_again() {
    let mut door = Door::new().await;
    door.settings.insert("FUNCTION_SECRET_ARN", "no-such-secret".to_owned());
    let answer = door.post_signed(&events(&[("org", "inv")])).await;
    assert_empty(&answer, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "30");
}

#[tokio::test]
async fn signed_garbage_is_kept_and_marked() {
    let door = Door::new().await;
    assert_empty(&door.post_signed("this is not JSON").await, StatusCode::OK);
    assert_eq!(door.database.text("select outcome from deliveries").await, "MALFORMED");
    assert_eq!(
        door.database.text("select convert_from(body, 'UTF8') from deliveries").await,
        "this is not JSON"
    );
}

#[tokio::test]
async fn a_nul_in_a_signed_body_is_kept_and_breaks_nothing() {
    let door = Door::new().await;
    door.tenant("org").await;
    let body = events(&[("org", "inv")]).replace("\"x\"", "\"\\u0000\"");
    assert_empty(&door.post_signed(&body).await, StatusCode::OK);
    assert_eq!(door.database.text("select outcome from deliveries").await, "ACCEPTED");
    let unreadable = events(&[("org", "in\\u0000v")]).replace("\\\\u", "\\u");
    assert_empty(&door.post_signed(&unreadable).await, StatusCode::OK);
    assert_eq!(door.rows("deliveries").await, 2);
}

#[tokio::test]
async fn while_postgres_is_down_the_queue_carries_the_delivery_whole() {
    let door = Door::new().await;
    let door = door.with_secret(json!({ "database_url": NOWHERE, "xero_webhook_key": KEY })).await;
    let body = events(&[("org", "inv")]);
    assert_empty(&door.post_signed(&body).await, StatusCode::OK);
    let messages = door.rung().await;
    let [Message::File(carried)] = messages.as_slice() else {
        panic!("one delivery is carried: {messages:?}")
    };
    assert_eq!(carried.provider, Provider::Xero);
    assert_eq!(carried.body, body.as_bytes());
    assert_eq!(carried.headers["x-xero-signature"], sign(KEY, &body));
}

#[tokio::test]
async fn while_the_queue_is_down_the_doorbell_stays_in_the_outbox() {
    let door = Door::new().await.without_queue();
    door.tenant("org").await;
    assert_empty(&door.post_signed(&events(&[("org", "inv")])).await, StatusCode::OK);
    assert_eq!((door.rows("pipeline_jobs").await, door.rows("outbox").await), (1, 1));
}

#[tokio::test]
async fn with_both_down_the_sender_has_to_come_again() {
    let door = Door::new().await.without_queue();
    let door = door.with_secret(json!({ "database_url": NOWHERE, "xero_webhook_key": KEY })).await;
    let answer = door.post_signed(&events(&[("org", "inv")])).await;
    assert_empty(&answer, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "30");
}

#[tokio::test]
async fn a_job_is_shown_to_its_tenant_only() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let (own, stranger) = (door.api_key(tenant_id).await, door.tenant("org-2").await);
    let other = door.api_key(stranger).await;
    door.post_signed(&events(&[("org", "inv")])).await;
    let job_id = door.database.text("select job_id::text from pipeline_jobs").await;
    let path = format!("/webhook/jobs/{job_id}");
    let bearer = |key: &ApiKey| format!("Bearer {}", key.expose());

    let shown = door.get(&path, Some(&bearer(&own))).await;
    assert_eq!(shown.status(), StatusCode::OK);
    let shown = json_of(&shown);
    assert_eq!((&shown["job_id"], &shown["status"]), (&json!(job_id), &json!("QUEUED")));

    assert_eq!(door.get(&path, Some(&bearer(&other))).await.status(), StatusCode::NOT_FOUND);
    let unknown = "/webhook/jobs/01930000-0000-7000-8000-000000000000";
    assert_eq!(door.get(unknown, Some(&bearer(&own))).await.status(), StatusCode::NOT_FOUND);
    let not_an_id = door.get("/webhook/jobs/1-or-1=1", Some(&bearer(&own))).await;
    assert_eq!(not_an_id.status(), StatusCode::NOT_FOUND);
    assert_eq!(json_of(&not_an_id)["detail"], "There is no job 1-or-1=1.");
}

#[tokio::test]
async fn without_a_valid_key_no_job_is_shown() {
    let door = Door::new().await;
    let tenant_id = door.tenant("org").await;
    let revoked = door.api_key(tenant_id).await;
    door.database.superuser().await.batch_execute("update api_keys set revoked_at = now()").await.unwrap();
    let path = "/webhook/jobs/01930000-0000-7000-8000-000000000000";
    let unknown = ApiKey::generate();
    let keys = [&revoked, &unknown].map(|key| format!("Bearer {}", key.expose()));
    for authorization in [None, Some(keys[0].as_str()), Some(keys[1].as_str()), Some("Basic dXNlcjpwdw==")] {
        let answer = door.get(path, authorization).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn health_names_what_is_down() {
    let door = Door::new().await;
    let up = door.get("/health", None).await;
    assert_eq!(up.status(), StatusCode::OK);
    let all_up = json!({ "secrets": "up", "postgres": "up", "queue": "up", "counters": "up" });
    assert_eq!(json_of(&up), json!({ "status": "up", "checks": all_up }));

    let door =
        door.with_secret(json!({ "database_url": NOWHERE, "xero_webhook_key": KEY })).await.without_queue();
    let down = door.get("/health", None).await;
    assert_eq!(down.status(), StatusCode::SERVICE_UNAVAILABLE);
    let checks = json!({ "secrets": "up", "postgres": "down", "queue": "down", "counters": "up" });
    assert_eq!(json_of(&down), json!({ "status": "down", "checks": checks }));
}

#[tokio::test]
async fn there_is_nothing_anywhere_else() {
    let door = Door::new().await;
    for path in ["/", "/webhook", "/webhook/fax", "/webhook/xero/more", "/webhook/jobs"] {
        let answer = door.get(path, None).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(json_of(&answer)["status"], 404);
    }
    assert_eq!(door.get("/webhook/xero", None).await.status(), StatusCode::NOT_FOUND);
}

/// The event as API Gateway sends it to the binary that Lambda starts.
#[tokio::test]
async fn the_binary_answers_api_gateway_with_a_plain_and_an_encoded_body() {
    let door = Door::new().await;
    door.tenant("org").await;
    let environment = door
        .settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .chain(AWS_ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .chain([("AWS_ENDPOINT_URL".to_owned(), door.aws.endpoint.clone())]);
    let function =
        FunctionProcess::start(env!("CARGO_BIN_EXE_zixly-webhook"), environment, Duration::from_secs(10))
            .await;
    for (invoice, is_encoded) in [("plain", false), ("encoded", true)] {
        let body = events(&[("org", invoice)]);
        let answer = function.invoke(api_gateway_event(&body, &sign(KEY, &body), is_encoded)).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
        assert!(answer["body"].as_str().unwrap_or_default().is_empty(), "{answer}");
        assert_eq!(answer["cookies"].as_array().map_or(0, Vec::len), 0, "{answer}");
    }
    assert_eq!(door.rows("pipeline_jobs").await, 2);
    function.kill().await;
}

fn api_gateway_event(body: &str, signature: &str, is_encoded: bool) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "POST /webhook/xero",
        "rawPath": "/webhook/xero",
        "rawQueryString": "",
        "headers": {
            "content-type": "application/json", "x-xero-signature": signature, "host": "hooks.example.com",
        },
        "requestContext": {
            "accountId": "000000000000", "apiId": "api", "domainName": "hooks.example.com", "domainPrefix": "hooks",
            "http": {
                "method": "POST", "path": "/webhook/xero", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                "userAgent": "test",
            },
            "requestId": "request", "routeKey": "POST /webhook/xero", "stage": "$default",
            "time": "01/Oct/2026:09:12:45 +0000", "timeEpoch": 1_790_845_965_000_u64,
        },
        "body": if is_encoded { STANDARD.encode(body) } else { body.to_owned() },
        "isBase64Encoded": is_encoded,
    })
}
