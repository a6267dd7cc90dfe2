//! A door with a database, a local AWS and callers of its own.

use std::{collections::HashMap, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use lambda_http::{
    Body, RequestExt, Response,
    http::{self, Method, StatusCode},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::Sha256;
use zixly_auth::{ApiKey, CallbackToken, LocalSession, local_token};
use zixly_domain::{
    JobId, JobRequest, JobStatus, Provider, Role as UserRole, TenantId, UserId, WaitingReason, Workflow,
    WorkflowSettings,
};
use zixly_queues::Message;
use zixly_secrets::HookSecrets;
use zixly_store::{
    Session, Store,
    api_keys::{self, NewKey},
    callbacks,
    jobs::{self, Claim, Claimed},
    triggers, users,
    webhook_endpoints::{self, NewEndpoint},
    workflow_settings,
};
use zixly_testkit::{LocalAws, Role, TestDatabase};
use zixly_webhook::{App, WebhookConfig, routes};

use crate::contract;

pub const XERO_KEY: &str = "xero-webhook-key-marker";
pub const HUBSPOT_SECRET: &str = "hubspot-client-secret-marker";
pub const SHOPIFY_SECRET: &str = "shopify-client-secret-marker";
pub const ASANA_SECRET: &str = "asana-hook-secret-marker-of-32-chars";
pub const JWT_SECRET: &str = "auth-jwt-secret-marker-of-32-characters";
pub const ISSUER: &str = "https://project.example.com/auth/v1";
pub const BASE_URL: &str = "https://hooks.example.com";
pub const NOWHERE: &str = "postgres://zixly_webhook@127.0.0.1:1/nowhere";

pub struct Door {
    pub database: TestDatabase,
    pub aws: LocalAws,
    pub settings: HashMap<&'static str, String>,
    pub queue_url: String,
    app: Option<Arc<App>>,
}

impl Door {
    pub async fn new() -> Self {
        let (database, aws) = (TestDatabase::create().await, LocalAws::new());
        let queue_url = aws.queue("jobs").await;
        let secret = secret_at(&database.url(Role::Webhook));
        let settings = HashMap::from([
            ("FUNCTION_SECRET_ARN", aws.secret("webhook", &secret.to_string()).await),
            ("HOOK_SECRET_PREFIX", format!("{}hooks/", aws.secret_prefix())),
            ("JOB_QUEUE_URL", queue_url.clone()),
            ("PAYLOAD_BUCKET", aws.bucket().await),
            ("COUNTER_TABLE", aws.counter_table().await),
            ("PUBLIC_BASE_URL", BASE_URL.to_owned()),
            ("AUTH_ISSUER", ISSUER.to_owned()),
        ]);
        Self { database, aws, settings, queue_url, app: None }
    }

    pub async fn with_secret(mut self, secret: Value) -> Self {
        let name = self.aws.secret("webhook-other", &secret.to_string()).await;
        self.settings.insert("FUNCTION_SECRET_ARN", name);
        self.app = None;
        self
    }

    pub async fn without_postgres(self) -> Self {
        self.with_secret(secret_at(NOWHERE)).await
    }

    pub fn without_queue(mut self) -> Self {
        self.settings.insert("JOB_QUEUE_URL", format!("{}-gone", self.queue_url));
        self.app = None;
        self
    }

    /// One instance of the function, for as long as nothing about the door is changed.
    pub fn running(mut self) -> Self {
        self.app = Some(self.start());
        self
    }

    /// With this instance of the function behind it.
    pub fn through(mut self, app: &Arc<App>) -> Self {
        self.app = Some(Arc::clone(app));
        self
    }

    /// With one setting that is another.
    pub fn with_setting(mut self, name: &'static str, value: &str) -> Self {
        self.settings.insert(name, value.to_owned());
        self.app = None;
        self
    }

    /// The counters do not answer.
    pub fn without_counters(self) -> Self {
        self.with_setting("COUNTER_TABLE", "no-such-table")
    }

    /// A tenant with every workflow on that is connected to a Xero organisation.
    pub async fn tenant(&self, organisation_id: &str) -> TenantId {
        self.tenant_at(Provider::Xero, organisation_id).await
    }

    pub async fn tenant_at(&self, provider: Provider, account_id: &str) -> TenantId {
        let tenant_id = self.database.tenant(account_id).await;
        self.database.connect_account(tenant_id, provider, account_id).await;
        tenant_id
    }

    /// An Asana endpoint of a new tenant's workspace, for a handshake until then.
    pub async fn endpoint(&self, workspace: &str, registering_until: Option<Timestamp>) -> String {
        let tenant_id = self.database.tenant(workspace).await;
        let (connection_id, _) = self.database.connect_account(tenant_id, Provider::Asana, workspace).await;
        let endpoint = format!("endpoint-{}-{}", UserId::new().0.simple(), workspace);
        let new = NewEndpoint {
            endpoint: &endpoint,
            tenant_id,
            connection_id,
            provider: Provider::Asana,
            resource_id: "project",
            registering_until,
        };
        let store = self.database.superuser_store();
        let mut session = store.session().await.unwrap();
        let tx = session.begin(tenant_id).unwrap();
        webhook_endpoints::insert(&tx, &new).await.unwrap();
        tx.commit().await.unwrap();
        endpoint
    }

    /// An Asana endpoint whose handshake is over.
    pub async fn registered_endpoint(&self, workspace: &str) -> String {
        let endpoint = self.endpoint(workspace, None).await;
        assert!(self.hook_secrets().create(&endpoint, &SecretString::from(ASANA_SECRET)).await.unwrap());
        endpoint
    }

    pub fn hook_secrets(&self) -> HookSecrets {
        HookSecrets::new(&self.aws.config, self.settings["HOOK_SECRET_PREFIX"].clone())
    }

    pub async fn api_key(&self, tenant_id: TenantId) -> String {
        let (key, store) = (ApiKey::generate(), self.database.superuser_store());
        let mut session = store.session().await.unwrap();
        let tx = session.begin(tenant_id).unwrap();
        let new =
            NewKey { tenant_id, name: "test", key_hash: &key.hash(), job_types: None, created_by: None };
        api_keys::insert(&tx, &new).await.unwrap();
        tx.commit().await.unwrap();
        format!("Bearer {}", key.expose())
    }

    /// A signed-in user of the tenant, as an `Authorization` header.
    pub async fn user(&self, tenant_id: TenantId, role: UserRole) -> String {
        let (user_id, store) = (UserId::new(), self.database.superuser_store());
        let mut session = store.session().await.unwrap();
        let tx = session.begin(tenant_id).unwrap();
        let email = format!("{user_id}@example.com");
        users::insert(&tx, tenant_id, user_id, &email, role).await.unwrap();
        tx.commit().await.unwrap();
        token(user_id, Timestamp::now() + SignedDuration::from_hours(1))
    }

    pub async fn switch(&self, tenant_id: TenantId, workflow: Workflow, enabled: bool) {
        let store = self.database.superuser_store();
        let mut session = store.session().await.unwrap();
        let tx = session.begin(tenant_id).unwrap();
        workflow_settings::set(&tx, tenant_id, workflow, enabled, &WorkflowSettings::default())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// A new job of the tenant, which nobody has looked at yet.
    pub async fn job(&self, tenant_id: TenantId, workflow: Workflow) -> JobId {
        let request = JobRequest { workflow, parameters: json!({}), business_key: None };
        let store = self.database.superuser_store();
        let mut session = store.session().await.unwrap();
        let tx = session.begin(tenant_id).unwrap();
        let job_id = triggers::start_once(&tx, tenant_id, &request).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        job_id
    }

    /// A job that a worker has brought as far as this status.
    pub async fn job_that_is(&self, tenant_id: TenantId, status: JobStatus) -> JobId {
        let job_id = self.job(tenant_id, Workflow::XeroInvoiceToHubspot).await;
        if status == JobStatus::Queued {
            return job_id;
        }
        let nothing = json!({});
        self.as_worker(tenant_id, job_id, async |session, claim| {
            if status == JobStatus::Completed {
                return jobs::complete(session, claim, None, &nothing, &nothing).await.unwrap();
            }
            let tx = session.begin(tenant_id).unwrap();
            match status {
                JobStatus::Failed => jobs::fail(&tx, claim, "The contact is gone.", &nothing).await.unwrap(),
                JobStatus::Cancelled => jobs::cancel(&tx, claim, &nothing).await.unwrap(),
                JobStatus::Completed | JobStatus::Queued | JobStatus::Running => {}
            }
            tx.commit().await.unwrap();
        })
        .await;
        job_id
    }

    /// A trading sweep that waits to be called back until then, with the `Authorization` header that does it.
    pub async fn job_that_waits(&self, tenant_id: TenantId, expires_at: Timestamp) -> (JobId, String) {
        let (job_id, token) = (self.job(tenant_id, Workflow::TradingSweep).await, CallbackToken::generate());
        self.as_worker(tenant_id, job_id, async |session, claim| {
            let tx = session.begin(tenant_id).unwrap();
            callbacks::issue(&tx, claim, &token.hash(), expires_at).await.unwrap();
            let due_at = Timestamp::now() + SignedDuration::from_hours(1);
            jobs::wait(&tx, claim, WaitingReason::Callback, Some(due_at)).await.unwrap();
            tx.commit().await.unwrap();
        })
        .await;
        (job_id, format!("Bearer {}", token.expose()))
    }

    async fn as_worker(
        &self,
        tenant_id: TenantId,
        job_id: JobId,
        work: impl AsyncFnOnce(&mut Session<'_>, &Claim),
    ) {
        let store: Store = self.database.store(Role::Worker);
        let mut session = store.session().await.unwrap();
        let claimed =
            jobs::claim(&mut session, tenant_id, job_id, Duration::from_secs(60), 20).await.unwrap();
        let Claimed::Ours(claim) = claimed else { panic!("the job is there to be claimed: {claimed:?}") };
        work(&mut session, &claim).await;
    }

    /// Changes the scene.
    pub async fn sql(&self, statements: &str) {
        self.database.superuser().await.batch_execute(statements).await.unwrap();
    }

    pub fn start(&self) -> Arc<App> {
        let config = WebhookConfig::from_lookup(|name| self.settings.get(name).cloned()).unwrap();
        Arc::new(App::new(config, &self.aws.config))
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response<Body> {
        let mut request =
            http::Request::builder().method(method.clone()).uri(format!("http://proxy.internal{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let raw_path = path.split('?').next().unwrap_or(path);
        let request = request.body(Body::Binary(body.to_vec())).unwrap().with_raw_http_path(raw_path);
        let app = self.app.clone().unwrap_or_else(|| self.start());
        let answer = routes::answer(&app, request).await;
        contract::check(&method, path, &answer);
        answer
    }

    pub async fn deliver(&self, delivery: &Delivery) -> Response<Body> {
        let headers: Vec<(&str, &str)> =
            delivery.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.send(Method::POST, &delivery.path, &headers, delivery.body.as_bytes()).await
    }

    pub async fn post(&self, body: &str, signature: Option<&str>) -> Response<Body> {
        let headers: Vec<(&str, &str)> = signature.map(|it| ("x-xero-signature", it)).into_iter().collect();
        self.send(Method::POST, "/webhook/xero", &headers, body.as_bytes()).await
    }

    pub async fn post_signed(&self, body: &str) -> Response<Body> {
        self.post(body, Some(&sign(XERO_KEY, &[body.as_bytes()]))).await
    }

    pub async fn get(&self, path: &str, authorization: Option<&str>) -> Response<Body> {
        let headers: Vec<(&str, &str)> = authorization.map(|it| ("authorization", it)).into_iter().collect();
        self.send(Method::GET, path, &headers, b"").await
    }

    /// A call without a body.
    pub async fn steer(&self, path: &str, authorization: &str) -> Response<Body> {
        self.send(Method::POST, path, &[("authorization", authorization)], b"").await
    }

    /// A call with a JSON body.
    pub async fn call(&self, path: &str, authorization: &str, body: &Value) -> Response<Body> {
        let headers = [("authorization", authorization), ("content-type", "application/json")];
        self.send(Method::POST, path, &headers, body.to_string().as_bytes()).await
    }

    /// The one job that there is.
    pub async fn job_id(&self) -> JobId {
        self.database.text("select job_id::text from pipeline_jobs").await.parse().unwrap()
    }

    pub async fn rows(&self, table: &str) -> i64 {
        self.database.count(&format!("select count(*) from {table}")).await
    }

    /// The tables with a row that has this text in it somewhere.
    pub async fn rows_with(&self, text: &str) -> Vec<String> {
        let tables =
            "select string_agg(table_name, ' ') from information_schema.tables where table_schema = 'public'";
        let mut found = Vec::new();
        for table in self.database.text(tables).await.split(' ') {
            // Bytes are shown in hex.
            let with_text = format!(
                "select count(*) from {table} as r
                  where position('{text}' in r::text) > 0 or position('{}' in r::text) > 0",
                hex::encode(text)
            );
            if self.database.count(&with_text).await > 0 {
                found.push(table.to_owned());
            }
        }
        found
    }

    pub async fn rung(&self) -> Vec<Message> {
        let messages = self.aws.receive(&self.queue_url).await;
        messages.iter().map(|message| Message::parse(message.body().unwrap()).unwrap()).collect()
    }

    pub async fn refusals(&self, provider: Provider, reason: &str) -> Option<u64> {
        self.aws.count(&format!("refused/{provider}/{reason}/{}", Timestamp::now().strftime("%F"))).await
    }
}

/// A delivery as its provider sends it.
#[derive(Clone)]
pub struct Delivery {
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Delivery {
    pub fn xero(body: &str) -> Self {
        Self {
            path: "/webhook/xero".to_owned(),
            headers: vec![("x-xero-signature", sign(XERO_KEY, &[body.as_bytes()]))],
            body: body.to_owned(),
        }
    }

    pub fn hubspot(body: &str) -> Self {
        Self::hubspot_to("/webhook/hubspot", &format!("{BASE_URL}/webhook/hubspot"), Timestamp::now(), body)
    }

    /// Signed over `url`, as HubSpot writes it.
    pub fn hubspot_to(path: &str, url: &str, sent_at: Timestamp, body: &str) -> Self {
        let sent_ms = sent_at.as_millisecond().to_string();
        let parts = [b"POST", url.as_bytes(), body.as_bytes(), sent_ms.as_bytes()];
        Self {
            path: path.to_owned(),
            headers: vec![
                ("x-hubspot-signature-v3", sign(HUBSPOT_SECRET, &parts)),
                ("x-hubspot-request-timestamp", sent_ms),
            ],
            body: body.to_owned(),
        }
    }

    pub fn shopify(shop: &str, topic: &str, webhook_id: &str, body: &Value) -> Self {
        let body = body.to_string();
        Self {
            path: "/webhook/shopify".to_owned(),
            headers: vec![
                ("x-shopify-hmac-sha256", sign(SHOPIFY_SECRET, &[body.as_bytes()])),
                ("x-shopify-topic", topic.to_owned()),
                ("x-shopify-shop-domain", shop.to_owned()),
                ("x-shopify-webhook-id", webhook_id.to_owned()),
            ],
            body,
        }
    }

    pub fn asana(endpoint: &str, body: &str) -> Self {
        Self {
            path: format!("/webhook/asana/{endpoint}"),
            headers: vec![("x-hook-signature", hex::encode(mac(ASANA_SECRET, &[body.as_bytes()])))],
            body: body.to_owned(),
        }
    }

    /// With this header, in the place of one of the same name.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(header, _)| *header != name);
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// What Xero says of changed invoices: organisation and invoice of each.
pub fn xero_invoices(invoices: &[(&str, &str)]) -> String {
    let events: Vec<Value> = invoices
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

/// What HubSpot says of a deal that was won.
pub fn hubspot_deal(portal_id: u64, deal_id: u64) -> String {
    json!([{
        "eventId": 100, "subscriptionId": 5_100_003, "portalId": portal_id, "appId": 7_100_001,
        "occurredAt": 1_790_000_000_000_u64, "subscriptionType": "deal.propertyChange", "attemptNumber": 0,
        "objectId": deal_id, "propertyName": "dealstage", "propertyValue": "closedwon",
    }])
    .to_string()
}

/// A paid order as Shopify sends it.
pub fn shopify_order(order_id: u64) -> Value {
    json!({
        "id": order_id, "admin_graphql_api_id": format!("gid://shopify/Order/{order_id}"),
        "financial_status": "paid", "test": false, "name": "#1002",
    })
}

/// What Asana says of a completed task.
pub fn asana_task(task: &str) -> String {
    json!({ "events": [{
        "action": "changed", "created_at": "2026-10-01T02:44:21.987Z",
        "change": { "field": "completed", "action": "changed" },
        "resource": { "gid": task, "resource_type": "task" },
    }] })
    .to_string()
}

pub fn token(user_id: UserId, expires_at: Timestamp) -> String {
    let session = LocalSession {
        issuer: ISSUER,
        audience: "authenticated",
        user_id,
        email: "user@example.com",
        issued_at: expires_at - SignedDuration::from_hours(1),
        expires_at,
    };
    format!("Bearer {}", local_token(&SecretString::from(JWT_SECRET), &session).expose_secret())
}

/// The function's secret, with the database at `url`.
pub fn secret_at(url: &str) -> Value {
    json!({
        "database_url": url, "xero_webhook_key": XERO_KEY, "hubspot_client_secret": HUBSPOT_SECRET,
        "shopify_client_secret": SHOPIFY_SECRET, "auth_jwt_secret": JWT_SECRET,
    })
}

/// Base64 of HMAC-SHA256.
pub fn sign(key: &str, parts: &[&[u8]]) -> String {
    STANDARD.encode(mac(key, parts))
}

pub fn mac(key: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// A delivery is answered without a body and without a cookie.
#[track_caller]
pub fn assert_empty(answer: &Response<Body>, status: StatusCode) {
    assert_eq!(answer.status(), status);
    assert!(answer.body().is_empty());
    assert!(!answer.headers().contains_key("set-cookie"));
}

pub fn json_of(answer: &Response<Body>) -> Value {
    serde_json::from_slice(answer.body().as_ref()).unwrap()
}
