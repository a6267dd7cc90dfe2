//! How fast the dashboard answers over many jobs: the release binary, driven through the Runtime API, on a real
//! PostgreSQL through the pooler. Each view of the largest tenant is asked for many times, and must be there within
//! 200 ms in 95 of 100.
//!
//! `JOBS` says how many jobs there are; `make bench-dashboard` has ten million, and prints the plans as well.

mod plans;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use zixly_auth::{LocalSession, local_token};
use zixly_domain::{Role as UserRole, TenantId, UserId};
use zixly_store::{load, users};
use zixly_testkit::{
    AWS_ENVIRONMENT, FunctionProcess, LocalAws, Role, TestDatabase, post::api_gateway_event, query,
    release_function_binary,
};

const JWT_SECRET: &str = "auth-jwt-secret-marker-of-32-characters";
const ISSUER: &str = "https://project.example.com/auth/v1";
const TENANTS: u32 = 100;
const FEW_JOBS: u64 = 20_000;
const REQUESTS: usize = 60;
const P95_AT_MOST: Duration = Duration::from_millis(200);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // A filter of `cargo test` that means other tests.
    if std::env::args().skip(1).any(|filter| !filter.starts_with('-') && !"dashboard_speed".contains(&filter))
    {
        return ExitCode::SUCCESS;
    }
    #[expect(clippy::disallowed_methods, reason = "this is where the run takes its setting, once")]
    let jobs = std::env::var("JOBS").ok().filter(|text| !text.is_empty());
    let jobs = jobs.map_or(FEW_JOBS, |text| text.parse().expect("JOBS is a number"));

    let database = TestDatabase::create().await;
    let began = Instant::now();
    let store = database.superuser_store();
    let tenants = load::jobs(&mut store.session().await.expect("the server is up"), TENANTS, jobs, |_| ())
        .await
        .expect("they are copied in");
    say(&format!("{jobs} jobs over {TENANTS} tenants in {:.0} s", began.elapsed().as_secs_f64()));
    let dashboard = Dashboard::start(&database, tenants[0]).await;
    let is_quick = dashboard.measure(&views(&database, tenants[0]).await).await;
    if jobs > FEW_JOBS {
        plans::print(&database, tenants[0]).await;
    }
    if is_quick { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Dashboard {
    function: FunctionProcess,
    authorization: String,
}

impl Dashboard {
    async fn start(database: &TestDatabase, tenant_id: TenantId) -> Self {
        let aws = LocalAws::new();
        let secret = json!({ "database_url": database.url(Role::Dashboard), "auth_jwt_secret": JWT_SECRET });
        let settings = [
            ("FUNCTION_SECRET_ARN", aws.secret("dashboard", &secret.to_string()).await),
            ("PAYLOAD_BUCKET", aws.bucket().await),
            ("PAYLOAD_ORIGIN", aws.endpoint.clone()),
            ("COUNTER_TABLE", aws.counter_table().await),
            ("DEAD_LETTER_QUEUE_URL", aws.queue("dead-letters").await),
            ("WEBHOOK_URL", "https://hooks.example.com".to_owned()),
            ("AUTH_ISSUER", ISSUER.to_owned()),
            ("AWS_ENDPOINT_URL", aws.endpoint.clone()),
        ];
        let environment = settings.into_iter().map(|(name, value)| (name.to_owned(), value));
        let aws_environment = AWS_ENVIRONMENT.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let function = FunctionProcess::start(
            &release_function_binary("zixly-dashboard"),
            environment.chain(aws_environment),
            Duration::from_secs(10),
        )
        .await;
        Self { function, authorization: viewer(database, tenant_id).await }
    }

    /// Prints a line for each view; whether all are quick enough.
    async fn measure(&self, views: &[(&str, String)]) -> bool {
        say("| view | p50 ms | p95 ms | worst ms | answer kB |");
        say("| --- | ---: | ---: | ---: | ---: |");
        let mut is_quick = true;
        for (name, path) in views {
            // The first one opens the connection, or reads what is on disk.
            let size = self.get(path).await.len();
            let mut times = Vec::new();
            for _ in 0..REQUESTS {
                let began = Instant::now();
                self.get(path).await;
                times.push(began.elapsed());
            }
            times.sort();
            let ms =
                |part: usize| times[(times.len() * part / 100).min(times.len() - 1)].as_secs_f64() * 1000.0;
            say(&format!(
                "| {name} | {:.1} | {:.1} | {:.1} | {:.1} |",
                ms(50),
                ms(95),
                ms(100),
                size as f64 / 1000.0
            ));
            is_quick &= times[times.len() * 95 / 100] <= P95_AT_MOST;
        }
        is_quick
    }

    async fn get(&self, path: &str) -> String {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut event = api_gateway_event("GET", path, &[("authorization", self.authorization.clone())], "");
        event["rawQueryString"] = query.into();
        let answer: Value = self.function.invoke(event).await.expect("it answers");
        assert_eq!(answer["statusCode"], 200, "{path}?{query}: {answer}");
        answer["body"].as_str().unwrap_or_default().to_owned()
    }
}

/// What a person looks at and looks for.
async fn views(database: &TestDatabase, tenant_id: TenantId) -> Vec<(&'static str, String)> {
    let jobs = "/api/pipelines/jobs";
    let of = |order: &str| {
        format!(
            "select job_id, about from pipeline_jobs where tenant_id = '{tenant_id}' and about like 'INV%'
              order by job_id {order} limit 1"
        )
    };
    let url = database.url_as("zixly", database.name());
    let (newest, oldest) = (query(&url, &of("desc")).await, query(&url, &of("asc")).await);
    let middle = format!(
        "select job_id from pipeline_jobs where tenant_id = '{tenant_id}' order by job_id offset
                          (select count(*) / 2 from pipeline_jobs where tenant_id = '{tenant_id}') limit 1"
    );
    let middle = &query(&url, &middle).await[0][0];
    let ago = |days: i64| (Timestamp::now() - SignedDuration::from_hours(days * 24)).to_string();
    vec![
        ("list", jobs.to_owned()),
        ("list, a page in the middle", format!("{jobs}?cursor={middle}")),
        ("status=FAILED", format!("{jobs}?status=FAILED")),
        ("status=CANCELLED (rare)", format!("{jobs}?status=CANCELLED")),
        ("status=WAITING", format!("{jobs}?status=WAITING")),
        (
            "status=FAILED,CANCELLED and a workflow",
            format!("{jobs}?status=FAILED,CANCELLED&workflow=trading-sweep"),
        ),
        ("workflow", format!("{jobs}?workflow=hubspot-deal-to-asana")),
        ("workflow that has no jobs", format!("{jobs}?workflow=shopify-privacy-request")),
        ("provider", format!("{jobs}?provider=xero")),
        ("time range, 30 days ago", format!("{jobs}?from={}&to={}", ago(31), ago(30))),
        ("record:, newest", format!("{jobs}?q=record:{}", newest[0][1])),
        ("record:, oldest", format!("{jobs}?q=record:{}", oldest[0][1])),
        ("record:, what very many begin with", format!("{jobs}?q=record:inv")),
        ("record: that there is not", format!("{jobs}?q=record:INV-999999999")),
        ("job: by id", format!("{jobs}?q={}", oldest[0][0])),
        ("free text, found", format!("{jobs}?q=Validation")),
        ("free text, not found", format!("{jobs}?q=nothing+like+it")),
        ("free text and status", format!("{jobs}?q=status:failed+404")),
        ("job, with steps", format!("{jobs}/{}", newest[0][0])),
        ("job, the oldest", format!("{jobs}/{}", oldest[0][0])),
        ("overview, a day", "/api/dashboards".to_owned()),
        ("overview, a week", format!("/api/dashboards?from={}", ago(7))),
        ("errors, a day", "/api/pipelines/errors".to_owned()),
        ("errors, a month", format!("/api/pipelines/errors?from={}", ago(30))),
        ("sync-status", "/api/sync-status".to_owned()),
        ("service-metrics", "/api/service-metrics".to_owned()),
    ]
}

/// A signed-in VIEWER of the tenant, as an `Authorization` header.
async fn viewer(database: &TestDatabase, tenant_id: TenantId) -> String {
    let (user_id, store) = (UserId::new(), database.superuser_store());
    let mut session = store.session().await.expect("the server is up");
    let tx = session.begin(tenant_id).expect("it is");
    users::insert(&tx, tenant_id, user_id, "viewer@example.com", UserRole::Viewer)
        .await
        .expect("it is taken");
    tx.commit().await.expect("it is");
    let now = Timestamp::now();
    let session = LocalSession {
        issuer: ISSUER,
        audience: "authenticated",
        user_id,
        email: "viewer@example.com",
        issued_at: now,
        expires_at: now + SignedDuration::from_hours(12),
    };
    format!("Bearer {}", local_token(&SecretString::from(JWT_SECRET), &session).expose_secret())
}

fn say(line: &str) {
    #[expect(clippy::print_stdout, reason = "the run's report")]
    {
        println!("{line}");
    }
}
