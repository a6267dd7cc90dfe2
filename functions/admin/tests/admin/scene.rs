//! A tenant with its ADMIN, in front of the function, with providers that play their part.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use lambda_http::http::{self, Method, StatusCode};
use lambda_http::{Body, RequestExt, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;
use zixly_admin::{AdminConfig, App, answer};
use zixly_auth::{LocalSession, local_token};
use zixly_domain::{Role as UserRole, TenantId, UserId};
use zixly_simulator::{ClientCredentials, Running, Simulator, SimulatorConfig};
use zixly_store::users;
use zixly_testkit::{Contract, LocalAws, Role, TestDatabase};

pub static CONTRACT: LazyLock<Contract> = LazyLock::new(|| Contract::new(include_str!("../../openapi.json")));

const JWT_SECRET: &str = "auth-jwt-secret-marker-of-32-characters";
/// The simulated providers send a browser to this machine only.
pub const APP_URL: &str = "http://127.0.0.1:9";
pub const CLIENT_SECRET: &str = "client-secret-marker";

pub struct Scene {
    pub database: TestDatabase,
    pub aws: LocalAws,
    pub simulator: Running,
    pub job_queue_url: String,
    pub job_event_queue_url: String,
    pub http: reqwest::Client,
    app: Arc<App>,
    issuer: String,
}

/// What there is of Supabase Auth.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Invitations {
    Sent,
    NotConfigured,
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(Invitations::Sent).await
    }

    pub async fn with(invitations: Invitations) -> Self {
        let (database, aws) = (TestDatabase::create().await, LocalAws::new());
        let app = |id: &str| ClientCredentials { id: id.to_owned(), secret: CLIENT_SECRET.to_owned() };
        let mut config = SimulatorConfig::new(app("xero-app"), app("hubspot-app"), Uuid::new_v4(), 4711);
        config.shopify_client = app("shopify-app");
        config.asana_client = app("asana-app");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let simulator = Simulator::start(config, address).await.unwrap();
        let url = simulator.url.clone();
        let issuer = format!("{url}/auth/v1");
        let mut secret = json!({
            "database_url": database.url(Role::Admin),
            "auth_jwt_secret": JWT_SECRET,
            "xero_client_id": "xero-app", "xero_client_secret": CLIENT_SECRET,
            "hubspot_client_id": "hubspot-app", "hubspot_client_secret": CLIENT_SECRET,
            "shopify_client_id": "shopify-app", "shopify_client_secret": CLIENT_SECRET,
            "asana_client_id": "asana-app", "asana_client_secret": CLIENT_SECRET,
        });
        if invitations == Invitations::Sent {
            secret["auth_service_key"] = "sb_secret_local".into();
        }
        let job_queue_url = aws.queue("jobs").await;
        let job_event_queue_url = aws.queue("job-events").await;
        let settings = [
            ("FUNCTION_SECRET_ARN", aws.secret("admin", &secret.to_string()).await),
            ("JOB_QUEUE_URL", job_queue_url.clone()),
            ("JOB_EVENT_QUEUE_URL", job_event_queue_url.clone()),
            ("TOKEN_SET_PREFIX", aws.secret_prefix()),
            ("APP_URL", APP_URL.to_owned()),
            ("AUTH_ISSUER", issuer.clone()),
            ("XERO_AUTHORIZE_URL", format!("{url}/xero/identity/connect/authorize")),
            ("XERO_TOKEN_URL", format!("{url}/xero/connect/token")),
            ("XERO_CONNECTIONS_URL", format!("{url}/xero/connections")),
            ("HUBSPOT_AUTHORIZE_URL", format!("{url}/hubspot/oauth/authorize")),
            ("HUBSPOT_API_URL", format!("{url}/hubspot")),
            ("SHOPIFY_SHOP_URL", format!("{url}/shopify/{{shop}}")),
            ("SHOPIFY_API_VERSION", "2026-07".to_owned()),
            ("ASANA_AUTHORIZE_URL", format!("{url}/asana/-/oauth_authorize")),
            ("ASANA_TOKEN_URL", format!("{url}/asana/-/oauth_token")),
            ("ASANA_REVOKE_URL", format!("{url}/asana/-/oauth_revoke")),
            ("ASANA_API_URL", format!("{url}/asana/api/1.0")),
            ("SLACK_API_URL", format!("{url}/slack/api")),
            ("SLACK_HOOKS_URL", format!("{url}/slack")),
        ];
        let lookup =
            |name: &str| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let config = AdminConfig::from_lookup(lookup).unwrap();
        let app = Arc::new(App::new(config, &aws.config));
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { database, aws, simulator, job_queue_url, job_event_queue_url, http, app, issuer }
    }

    /// A signed-in user of the tenant, as an `Authorization` header.
    pub async fn user(&self, tenant_id: TenantId, role: UserRole) -> (UserId, String) {
        self.user_who_is(tenant_id, role, false).await
    }

    pub async fn admin(&self, tenant_id: TenantId) -> String {
        self.user(tenant_id, UserRole::Admin).await.1
    }

    pub async fn platform_admin(&self, tenant_id: TenantId) -> String {
        self.user_who_is(tenant_id, UserRole::Viewer, true).await.1
    }

    async fn user_who_is(
        &self,
        tenant_id: TenantId,
        role: UserRole,
        is_platform_admin: bool,
    ) -> (UserId, String) {
        let (user_id, store) = (UserId::new(), self.database.superuser_store());
        let mut session = store.session().await.unwrap();
        let tx = session.begin(tenant_id).unwrap();
        users::insert(&tx, tenant_id, user_id, &format!("{user_id}@example.com"), role).await.unwrap();
        if is_platform_admin {
            users::make_platform_admin(&tx, user_id).await.unwrap();
        }
        tx.commit().await.unwrap();
        (user_id, self.token(user_id, Timestamp::now() + SignedDuration::from_hours(1)))
    }

    pub fn token(&self, user_id: UserId, expires_at: Timestamp) -> String {
        let session = LocalSession {
            issuer: &self.issuer,
            audience: "authenticated",
            user_id,
            email: "a@b.example",
            issued_at: expires_at - SignedDuration::from_hours(1),
            expires_at,
        };
        format!("Bearer {}", local_token(&SecretString::from(JWT_SECRET), &session).expose_secret())
    }

    /// Asks as somebody, or as nobody, and holds the answer against the OpenAPI file.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        authorization: &str,
        body: Option<&Value>,
    ) -> Response<Body> {
        let body = body.map(Value::to_string);
        let headers = [("authorization", authorization), ("content-type", "application/json")];
        self.ask_with(method, path, &headers, body.as_deref().unwrap_or_default()).await
    }

    pub async fn ask_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response<Body> {
        let (raw_path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut request = http::Request::builder().method(&method).uri(format!("{APP_URL}{path}"));
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let parameters: std::collections::HashMap<String, Vec<String>> =
            form_urlencoded::parse(query.as_bytes()).fold(Default::default(), |mut all, (name, value)| {
                all.entry(name.into_owned()).or_insert_with(Vec::new).push(value.into_owned());
                all
            });
        let request = request
            .body(Body::from(body))
            .unwrap()
            .with_raw_http_path(raw_path)
            .with_query_string_parameters(parameters);
        let answer = answer(&self.app, request).await;
        CONTRACT.check(&method, path, &answer);
        assert_eq!(answer.headers()["x-frame-options"], "DENY");
        answer
    }

    /// The JSON of an answer that must have this status.
    pub async fn json(
        &self,
        method: Method,
        path: &str,
        authorization: &str,
        body: Option<&Value>,
        status: StatusCode,
    ) -> Value {
        let answer = self.ask(method.clone(), path, authorization, body).await;
        assert_eq!(answer.status(), status, "{method} {path}: {}", text(&answer));
        serde_json::from_str(&text(&answer)).unwrap_or_default()
    }

    pub async fn get(&self, path: &str, authorization: &str) -> Value {
        self.json(Method::GET, path, authorization, None, StatusCode::OK).await
    }

    /// What the audit log of the tenant says was done, oldest first.
    pub async fn deeds(&self, tenant_id: TenantId) -> Vec<String> {
        let sql = format!("select action from audit_log where tenant_id = '{tenant_id}' order by entry_id");
        let url = self.database.url_as("zixly", self.database.name());
        zixly_testkit::query(&url, &sql).await.into_iter().map(|row| row[0].clone()).collect()
    }

    /// What the person does who controls the simulated providers.
    pub async fn control(&self, path: &str, body: &Value) -> Value {
        let request = self.http.post(format!("{}/_sim/{path}", self.simulator.url)).json(body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap_or_default()
    }
}

pub fn text(answer: &Response<Body>) -> String {
    String::from_utf8(answer.body().to_vec()).unwrap()
}

/// A browser at a provider, on its way back.
pub struct Way {
    /// Where the provider sends it: the callback with its query.
    pub path: String,
    /// The cookie that it has from the start.
    pub cookie: String,
}

impl Scene {
    /// Begins a consent and gives the provider's address, and the cookie.
    pub async fn start(&self, provider: &str, admin: &str, body: &Value) -> (String, String) {
        let path = format!("/oauth/{provider}/start");
        let answer = self.ask(Method::POST, &path, admin, Some(body)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{}", text(&answer));
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        for attribute in ["Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=600"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let body: Value = serde_json::from_str(&text(&answer)).unwrap();
        (body["authorize_url"].as_str().unwrap().to_owned(), cookie)
    }

    /// Answers the provider's page: `allow`, or `cancel`.
    pub async fn decide(&self, authorize_url: &str, answer: &str, accounts: &[&str]) -> String {
        let mut form = vec![("answer", answer)];
        form.extend(accounts.iter().map(|account| ("account", *account)));
        let sent = self.http.post(authorize_url).form(&form).send().await.unwrap();
        let location = sent.headers().get("location").map(|it| it.to_str().unwrap().to_owned());
        let location = location.unwrap_or_default();
        location.strip_prefix(APP_URL).unwrap_or_else(|| panic!("it leads to {location:?}")).to_owned()
    }

    /// A consent up to the moment in which the browser comes back.
    pub async fn way(&self, provider: &str, admin: &str, body: &Value, accounts: &[&str]) -> Way {
        let (url, cookie) = self.start(provider, admin, body).await;
        Way { path: self.decide(&url, "allow", accounts).await, cookie }
    }

    /// The browser comes back.
    pub async fn come_back(&self, path: &str, cookie: &str) -> Response<Body> {
        self.ask_with(Method::GET, path, &[("cookie", cookie)], "").await
    }

    /// A whole consent that goes well.
    pub async fn connect(&self, provider: &str, admin: &str, body: &Value, accounts: &[&str]) {
        let way = self.way(provider, admin, body, accounts).await;
        let answer = self.come_back(&way.path, &way.cookie).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", text(&answer));
        let target = format!("{APP_URL}/connections?connected={provider}");
        assert_eq!(answer.headers()["location"], target.as_str());
        assert!(answer.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    }

    /// Names and states of the tenant's connections.
    pub async fn connections(&self, admin: &str) -> Vec<String> {
        let list = self.get("/api/admin/connections", admin).await;
        let word = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
        let line = |it: &Value| {
            format!("{} {} {}", word(it, "provider"), word(it, "account_name"), word(it, "state"))
        };
        list["connections"].as_array().unwrap().iter().map(line).collect()
    }

    /// Puts an account into a provider.
    pub async fn account(&self, provider: &str, kind: &str, record: Value) {
        self.control("seed", &json!({ "provider": provider, "kind": kind, "record": record })).await;
    }
}
