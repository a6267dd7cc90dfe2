//! A dashboard with tenants, their users and jobs of every kind.

use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use lambda_http::http::{self, Method, StatusCode};
use lambda_http::{Body, RequestExt, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;
use zixly_auth::{LocalSession, local_token};
use zixly_dashboard::{App, DashboardConfig, routes};
use zixly_domain::{JobId, Provider, Role as UserRole, TenantId, UserId};
use zixly_store::users;
use zixly_testkit::{Contract, LocalAws, Role, TestDatabase};

pub static CONTRACT: LazyLock<Contract> = LazyLock::new(|| Contract::new(include_str!("../../openapi.json")));

const JWT_SECRET: &str = "auth-jwt-secret-marker-of-32-characters";
const ISSUER: &str = "https://project.example.com/auth/v1";
/// A text as a provider could send it, with all that could go wrong when it is shown.
pub const HOSTILE: &str = "<script>alert(1)</script> \u{202e}\u{7} \"INV\\u0000\" ' ; --";

pub struct Scene {
    pub database: TestDatabase,
    pub aws: LocalAws,
    pub counter_table: String,
    app: Arc<App>,
}

/// A job with everything that a job can have.
pub struct RichJob {
    pub job_id: JobId,
    pub delivery_id: Uuid,
}

impl Scene {
    pub async fn new() -> Self {
        let (database, aws) = (TestDatabase::create().await, LocalAws::new());
        let secret = json!({
            "database_url": database.url(Role::Dashboard),
            "auth_jwt_secret": JWT_SECRET,
            "realtime_ticket_key": "ticket-key-marker-of-32-characters-or-more",
        });
        let counter_table = aws.counter_table().await;
        let settings = [
            ("FUNCTION_SECRET_ARN", aws.secret("dashboard", &secret.to_string()).await),
            ("PAYLOAD_BUCKET", aws.bucket().await),
            ("PAYLOAD_ORIGIN", "https://payloads.example.com".to_owned()),
            ("COUNTER_TABLE", counter_table.clone()),
            ("DEAD_LETTER_QUEUE_URL", aws.queue("dead-letters").await),
            ("WEBHOOK_URL", "https://hooks.example.com".to_owned()),
            ("WEBSOCKET_URL", "wss://live.example.com/v1".to_owned()),
            ("AUTH_ISSUER", ISSUER.to_owned()),
            ("AUTH_KEY", "sb_publishable_test".to_owned()),
        ];
        let lookup =
            |name: &str| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let config = DashboardConfig::from_lookup(lookup).unwrap();
        let app = Arc::new(App::new(config, &aws.config));
        Self { database, aws, counter_table, app }
    }

    /// A signed-in user of the tenant, as an `Authorization` header.
    pub async fn user(&self, tenant_id: TenantId, role: UserRole) -> String {
        self.user_who_is(tenant_id, role, false).await
    }

    pub async fn platform_admin(&self, tenant_id: TenantId) -> String {
        self.user_who_is(tenant_id, UserRole::Viewer, true).await
    }

    async fn user_who_is(&self, tenant_id: TenantId, role: UserRole, is_platform_admin: bool) -> String {
        let (user_id, store) = (UserId::new(), self.database.superuser_store());
        let mut session = store.session().await.unwrap();
        let tx = session.begin(tenant_id).unwrap();
        users::insert(&tx, tenant_id, user_id, &format!("{user_id}@example.com"), role).await.unwrap();
        if is_platform_admin {
            users::make_platform_admin(&tx, user_id).await.unwrap();
        }
        tx.commit().await.unwrap();
        token(user_id, Timestamp::now() + SignedDuration::from_hours(1))
    }

    /// Asks as somebody, or as nobody, and holds the answer against the OpenAPI file.
    pub async fn get(&self, path: &str, authorization: &str) -> Response<Body> {
        self.ask(Method::GET, path, &[("authorization", authorization)]).await
    }

    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let answer = self.ask_only(method.clone(), path, headers).await;
        if path.starts_with("/api/") {
            CONTRACT.check(&method, path, &answer);
        }
        answer
    }

    /// As [`Self::ask`], for what the OpenAPI file says nothing about.
    pub async fn ask_only(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let (raw_path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut request =
            http::Request::builder().method(&method).uri(format!("https://app.example.com{path}"));
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let parameters: std::collections::HashMap<String, Vec<String>> =
            form_urlencoded::parse(query.as_bytes()).fold(Default::default(), |mut all, (name, value)| {
                all.entry(name.into_owned()).or_insert_with(Vec::new).push(value.into_owned());
                all
            });
        let request = request
            .body(Body::Empty)
            .unwrap()
            .with_raw_http_path(raw_path)
            .with_query_string_parameters(parameters);
        routes::answer(&self.app, request).await
    }

    /// The JSON of an answer that must be 200.
    pub async fn json(&self, path: &str, authorization: &str) -> Value {
        let answer = self.get(path, authorization).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}: {}", text(&answer));
        serde_json::from_str(&text(&answer)).unwrap()
    }

    /// A job as a line of a list shows it, of that status, that came so many minutes ago.
    pub async fn job(
        &self,
        tenant_id: TenantId,
        job_type: &str,
        status: &str,
        about: &str,
        minutes_ago: i64,
    ) -> JobId {
        let at = Timestamp::now() - SignedDuration::from_mins(minutes_ago);
        let job_id = id_at(at);
        let sql = format!(
            "insert into pipeline_jobs (tenant_id, job_id, job_type, workflow_version, parameters, about, status, created_at,
                                        started_at, completed_at, lease_expires_at, error_message)
             select '{tenant_id}', '{job_id}', '{job_type}', 1, '{{}}', '{about}', status, at,
                    case when status <> 'QUEUED' then at end,
                    case when status in ('COMPLETED', 'FAILED', 'CANCELLED') then at + interval '2 seconds' end,
                    case when status = 'RUNNING' then now() + interval '1 hour' end,
                    case when status = 'FAILED' then 'Xero refused invoice {about} with status 404' end
               from (values ('{status}', timestamptz '{at}')) as job (status, at)"
        );
        self.database.superuser().await.batch_execute(&sql).await.unwrap();
        job_id
    }

    /// A failed job with event, delivery, steps, attempts, waits, effects, records, a result, and somebody who wants it
    /// tried again.
    pub async fn rich_job(&self, tenant_id: TenantId) -> RichJob {
        let (connection_id, _) = self
            .database
            .connect_account(tenant_id, Provider::HubSpot, &format!("4711{}", tenant_id.0.simple()))
            .await;
        let (job_id, event_id, delivery_id) = (JobId::new(), Uuid::now_v7(), Uuid::now_v7());
        let key = format!("tenants/{tenant_id}/jobs/{job_id}/report.json");
        let text = HOSTILE.replace('\'', "''");
        let sql = format!(
            "insert into deliveries (delivery_id, tenant_id, provider, received_at, headers, body, outcome, event_count,
                                     new_event_count)
             values ('{delivery_id}', '{tenant_id}', 'hubspot', now(),
                     '{{\"content-type\": \"application/json\", \"x-hubspot-signature-v3\": \"signature-marker\"}}',
                     convert_to('[{text}]', 'UTF8'), 'ACCEPTED', 1, 1);
             insert into events (tenant_id, event_id, connection_id, delivery_id, provider, account_id, category, action,
                                 resource_id, received_at, dedupe_key, payload)
             values ('{tenant_id}', '{event_id}', '{connection_id}', '{delivery_id}', 'hubspot', '4711', 'deal',
                     'propertyChange', '{text}', now(), sha256('{event_id}'), '{{\"a\": [1, null]}}');
             insert into pipeline_jobs (tenant_id, job_id, event_id, job_type, workflow_version, status, parameters, about,
                                        result, error_message, request, requested_by, requested_at, created_at, started_at,
                                        completed_at, triggered_by)
             values ('{tenant_id}', '{job_id}', '{event_id}', 'hubspot-deal-to-asana', 1, 'FAILED', '{{\"deal_id\": \"1\"}}',
                     '{text}', '{{\"report\": {{\"bucket\": \"b\", \"key\": \"{key}\", \"size_bytes\": 12}},
                                  \"other\": {{\"key\": \"tenants/other/jobs/x/secret.json\"}}}}',
                     'failed: {text}', 'RETRY', 'user/1', now(), now() - interval '9 seconds', now() - interval '8 seconds',
                     now(), null);
             insert into steps (tenant_id, job_id, name, position, status, attempts, output, started_at, finished_at)
             values ('{tenant_id}', '{job_id}', 'read-deal', 1, 'DONE', 1, '{{}}', now() - interval '8 seconds',
                     now() - interval '7 seconds');
             insert into steps (tenant_id, job_id, name, position, status, attempts, failures, error, started_at,
                                finished_at)
             values ('{tenant_id}', '{job_id}', 'create-project', 2, 'FAILED', 3, 3, '{text}', now() - interval '7 seconds',
                     now());
             insert into attempts (tenant_id, job_id, step, started_at, ended_at, error)
             values ('{tenant_id}', '{job_id}', 'create-project', now() - interval '7 seconds',
                     now() - interval '6 seconds', 'first');
             insert into waits (tenant_id, job_id, started_at, reason, due_at, ended_at)
             values ('{tenant_id}', '{job_id}', now() - interval '6 seconds', 'backoff', now() - interval '4 seconds',
                     now() - interval '4 seconds');
             insert into effects (tenant_id, effect_id, effect_key, job_id, step, connection_id, target, provider, action,
                                  request, status, provider_record_id, settled_by, settled_at)
             values ('{tenant_id}', '{event_id}', 'key', '{job_id}', 'create-project', '{connection_id}', 'contact 100451',
                     'hubspot', 'PATCH contact 100451', '{{}}', 'DONE', '100451', 'answer', now());
             insert into workflow_related_records (tenant_id, related_record_id, job_id, system_name, record_type, record_id,
                                                   action)
             values ('{tenant_id}', '{event_id}', '{job_id}', 'hubspot', 'deal', '1', 'READ');
             insert into audit_log (tenant_id, entry_id, actor, action, subject)
             values ('{tenant_id}', '{event_id}', 'user/1', 'job.retry', 'job/{job_id}');"
        );
        self.database.superuser().await.batch_execute(&sql).await.unwrap();
        RichJob { job_id, delivery_id }
    }
}

/// An id as it is made at that time.
pub fn id_at(at: Timestamp) -> JobId {
    let ms = u128::from(at.as_millisecond().unsigned_abs());
    let random = Uuid::new_v4().as_u128() & ((1 << 80) - 1);
    let versioned = (ms << 80 | random) & !(0xF << 76) | 7 << 76;
    JobId(Uuid::from_u128(versioned & !(0b11 << 62) | 0b10 << 62))
}

pub fn token(user_id: UserId, expires_at: Timestamp) -> String {
    let session = LocalSession {
        issuer: ISSUER,
        audience: "authenticated",
        user_id,
        email: "a@b.example",
        issued_at: expires_at - SignedDuration::from_hours(1),
        expires_at,
    };
    format!("Bearer {}", local_token(&SecretString::from(JWT_SECRET), &session).expose_secret())
}

pub fn text(answer: &Response<Body>) -> String {
    String::from_utf8(answer.body().to_vec()).unwrap()
}

/// The ids of a list's jobs, in its order.
pub fn ids(page: &Value) -> Vec<String> {
    page["jobs"].as_array().unwrap().iter().map(|job| job["job_id"].as_str().unwrap().to_owned()).collect()
}
