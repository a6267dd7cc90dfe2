//! Two businesses, a door at which their providers deliver, a worker that is called when the test wants it, and another
//! instance of the webhook function that is scraped.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use zixly_domain::{JobStatus, Provider};
use zixly_testkit::post::{self, api_gateway_event};
use zixly_testkit::{
    AWS_ENVIRONMENT, FunctionProcess, LocalAws, Post, Role, TestDatabase, function_binary, sqs_event,
};

use crate::business::{Business, Message};
use crate::doors::{Doors, listen_for_callbacks};
use crate::prometheus::until;
use crate::world::{VISIBILITY, World};

/// What the webhook function wants to be shown before it tells its numbers.
pub const METRICS_TOKEN: &str = "metrics-token-of-the-test";

/// The trading API cannot compute this one.
const DOOMED_TICKER: &str = "DOOM-USD";

pub struct Scene {
    /// Where `/metrics` is.
    pub address: SocketAddr,
    world: World,
    business: Business,
    doors: Arc<Doors>,
    worker: FunctionProcess,
    scraped: Arc<FunctionProcess>,
    scrapes: JoinHandle<()>,
    /// The number of the next invoice.
    next: AtomicUsize,
}

impl Scene {
    pub async fn new() -> Self {
        let business = Business::new(7, 1, 60);
        let world =
            World::new(TestDatabase::create().await, LocalAws::new(), &business.tenants, function_binary)
                .await;
        world.seed(&business.records).await;
        let failure = json!({ "ticker": DOOMED_TICKER, "error": "no prices" });
        world.control("seed", &json!({ "provider": "trading", "kind": "failure", "record": failure })).await;

        let doors = Doors::open(&world, 1).await;
        let settings = world.worker_settings(&listen_for_callbacks(doors.clone()).await).await;
        let worker = world.worker(&settings, None).await;
        let scraped = Arc::new(webhook_without_counters(&world).await);
        let (address, scrapes) = serve_metrics(scraped.clone()).await;
        Self { address, world, business, doors, worker, scraped, scrapes, next: AtomicUsize::new(0) }
    }

    /// Half of what the businesses' providers and people send, a sweep that fails, a caller who is lost, and one who comes
    /// while nobody can count him.
    pub async fn let_everything_happen(&self, half: usize) {
        let (first, second) = self.business.messages.split_at(self.business.messages.len() / 2);
        for message in [first, second][half] {
            match message {
                Message::Post(post) => self.deliver(post).await,
                Message::Sweep { tenant, key, body } => self.ask_for_sweep(*tenant, key, body).await,
            }
        }
        let doomed = |fast: usize| {
            json!({
                "ticker": DOOMED_TICKER, "fast_range": [fast, 15], "slow_range": [20, 30], "step": 5,
                "strategy_type": "SMA",
            })
        };
        self.ask_for_sweep(0, &format!("doomed-{half}"), &doomed(5)).await;
        let (status, ..) = self.doors.ask(api_gateway_event("GET", "/nothing", &[], "")).await;
        assert_eq!(status, 404);
        let key = format!("uncounted-{half}");
        let sweep = self.sweep_event(0, &key, &doomed(10));
        assert_eq!(self.scraped.invoke(sweep).await.unwrap()["statusCode"], 202);
    }

    /// Xero tells of invoices, and knows nothing of them when it is asked, so that their jobs have little to do.
    pub async fn deliver_invoices(&self, count: usize) {
        let next = self.next.fetch_add(count, Ordering::Relaxed);
        let organisation = &self.business.tenants[0].organisation;
        let event = |number: usize| {
            let invoice_id = format!("a03ffcd2-5d91-4c7e-b483-{number:012}");
            json!({
                "resourceUrl": format!("https://api.xero.com/api.xro/2.0/Invoices/{invoice_id}"),
                "resourceId": invoice_id, "tenantId": organisation, "tenantType": "ORGANISATION",
                "eventCategory": "INVOICE", "eventType": "UPDATE", "eventDateUtc": "2026-10-01T09:12:44.917",
            })
        };
        let events: Vec<Value> = (next..next + count).map(event).collect();
        let body = json!({
            "events": events, "firstEventSequence": 1, "lastEventSequence": events.len(), "entropy": "x",
        });
        let post = Post {
            provider: Provider::Xero,
            path: "/webhook/xero".to_owned(),
            body: body.to_string(),
            headers: Vec::new(),
        };
        self.deliver(&post).await;
    }

    async fn deliver(&self, post: &Post) {
        let (status, _, body) = self.doors.ask(post.event()).await;
        assert_eq!(status, 200, "{body}");
    }

    async fn ask_for_sweep(&self, tenant: usize, key: &str, body: &Value) {
        let (status, _, body) = self.doors.ask(self.sweep_event(tenant, key, body)).await;
        assert_eq!(status, 202, "{body}");
    }

    fn sweep_event(&self, tenant: usize, key: &str, body: &Value) -> Value {
        let headers = [
            ("authorization", self.world.tenants[tenant].api_key.clone()),
            ("content-type", "application/json".to_owned()),
            ("idempotency-key", key.to_owned()),
        ];
        api_gateway_event("POST", "/webhook/trading-sweep", &headers, &body.to_string())
    }

    /// Hands the worker what is in the queue until every job has ended.
    pub async fn work_until_all_is_done(&self) {
        let is_done = until(async || {
            loop {
                let batch = self.world.aws.receive_for(&self.world.job_queue_url, VISIBILITY).await;
                if batch.is_empty() {
                    break;
                }
                let answer = self.worker.invoke(sqs_event(&batch)).await;
                assert_eq!(answer, Ok(json!({ "batchItemFailures": [] })));
                self.world.aws.delete(&self.world.job_queue_url, &batch).await;
            }
            let left = "select count(*) from pipeline_jobs where status in ('QUEUED', 'RUNNING')";
            self.world.database.count(left).await == 0
        });
        assert!(is_done.await, "some jobs do not end; logs in {}", self.world.log_path.display());
    }

    /// What the database says of jobs: how many there are of each status, were made of each workflow, and have ended.
    pub async fn counts(&self) -> BTreeMap<String, f64> {
        let counted = "select 'jobs ' || lower(status), count(*) from pipeline_jobs group by 1
             union all select 'queued ' || job_type, count(*) from pipeline_jobs group by 1
             union all select 'processed ' || job_type || ' ' || lower(status), count(*) from pipeline_jobs
                        where completed_at is not null group by 1";
        let rows = self.world.database.try_query(counted).await.unwrap();
        let none =
            JobStatus::ALL.iter().map(|status| (format!("jobs {}", status.as_str().to_lowercase()), 0.0));
        let mut counts: BTreeMap<String, f64> = none.collect();
        counts.extend(rows.into_iter().map(|row| (row[0].clone(), row[1].parse().unwrap())));
        counts
    }

    pub async fn execute(&self, statement: &str) {
        self.world.database.superuser().await.batch_execute(statement).await.unwrap();
    }

    /// From now on Xero refuses what it is asked, or answers again.
    pub async fn let_xero_refuse(&self, refuses: bool) {
        if refuses {
            let fault = json!({ "provider": "xero", "fault": "status", "status": 400, "times": 1_000_000 });
            self.world.control("faults", &fault).await;
        } else {
            self.world.clear_faults().await;
        }
    }

    /// Nobody is at the address any more.
    pub fn stop_answering(&self) {
        self.scrapes.abort();
    }
}

/// An instance of the webhook function that wants a token to tell its numbers, and finds no counters.
async fn webhook_without_counters(world: &World) -> FunctionProcess {
    let secret = json!({
        "database_url": world.database.url(Role::Webhook), "xero_webhook_key": post::XERO_KEY,
        "hubspot_client_secret": post::HUBSPOT_SECRET, "shopify_client_secret": post::SHOPIFY_SECRET,
        "metrics_token": METRICS_TOKEN,
    });
    let settings = [
        ("FUNCTION_SECRET_ARN", world.aws.secret("scraped-webhook", &secret.to_string()).await),
        ("HOOK_SECRET_PREFIX", format!("{}hooks/", world.aws.secret_prefix())),
        ("PUBLIC_BASE_URL", post::BASE_URL.to_owned()),
        ("JOB_QUEUE_URL", world.job_queue_url.clone()),
        ("PAYLOAD_BUCKET", "no-such-bucket".to_owned()),
        ("COUNTER_TABLE", "no-such-table".to_owned()),
        ("AWS_ENDPOINT_URL", world.aws.endpoint.clone()),
    ];
    let aws = AWS_ENVIRONMENT.map(|(name, value)| (name, value.to_owned()));
    let all = settings.into_iter().chain(aws).map(|(name, value)| (name.to_owned(), value));
    FunctionProcess::start(&function_binary("zixly-webhook"), all, Duration::from_secs(10)).await
}

/// The one route that Prometheus asks for, as API Gateway hands it on.
async fn serve_metrics(scraped: Arc<FunctionProcess>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/metrics", get(hand_on)).with_state(scraped);
    (address, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
}

async fn hand_on(State(scraped): State<Arc<FunctionProcess>>, headers: HeaderMap) -> Response {
    let headers: Vec<(&str, String)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    let answer = scraped.invoke(api_gateway_event("GET", "/metrics", &headers, "")).await.unwrap();
    let status =
        StatusCode::from_u16(u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap()).unwrap();
    let content_type = answer["headers"]["content-type"].as_str().unwrap().to_owned();
    // An open connection would outlive whoever listens.
    let headers = [(header::CONTENT_TYPE, content_type), (header::CONNECTION, "close".to_owned())];
    (status, headers, answer["body"].as_str().unwrap().to_owned()).into_response()
}
