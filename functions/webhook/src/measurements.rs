//! What this instance measures, saved for the one that is scraped, and the answer to a scrape.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lambda_http::{
    Body, Request, Response,
    http::{StatusCode, header},
};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;
use zixly_lambda_kit::{
    Chain,
    metrics::{HTTP_REQUEST_DURATION, JOB_LAG, JOBS, Labels, Metrics, exposition},
    problem::Problem,
};
use zixly_store::{
    StoreError, jobs,
    metric_shards::{Shard, load_all},
};

use crate::{
    App,
    app::OpenError,
    callers::{credential, unauthorised},
};

/// At most so often is anything saved: a busy instance saves its numbers once for many requests.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// How long saving may take.
const SAVE_TIMEOUT: Duration = Duration::from_millis(500);

pub(crate) struct Measurements {
    pub(crate) metrics: Metrics,
    shard: Mutex<Shard>,
    is_saving: AtomicBool,
}

impl Measurements {
    pub(crate) fn new() -> Self {
        Self {
            metrics: Metrics::default(),
            shard: Mutex::new(Shard::new("webhook")),
            is_saving: AtomicBool::new(false),
        }
    }

    /// Takes note of an answered request.
    pub(crate) fn observe_request(&self, method: &str, route: &str, status: StatusCode, took: Duration) {
        let labels: Labels<'_> = &[("method", method), ("route", route), ("status", status.as_str())];
        self.metrics.observe(&HTTP_REQUEST_DURATION, labels, took.as_secs_f64());
    }
}

/// Has the numbers saved after the answer is out. A frozen instance saves them when it is next called.
pub(crate) fn save_soon(app: &Arc<App>) {
    if app.measurements.is_saving.swap(true, Ordering::AcqRel) {
        return;
    }
    let app = Arc::clone(app);
    tokio::spawn(async move {
        if let Err(error) = save(&app).await {
            tracing::debug!(error = %Chain(&error), "the numbers are saved with the next request");
        }
        tokio::time::sleep(SAVE_EVERY).await;
        app.measurements.is_saving.store(false, Ordering::Release);
        // What came in the meantime.
        if let Err(error) = save(&app).await {
            tracing::debug!(error = %Chain(&error), "the numbers are saved with the next request");
        }
    });
}

async fn save(app: &App) -> Result<(), OpenError> {
    // Held until it is done, so that no older numbers overtake newer ones.
    let mut shard = app.measurements.shard.lock().await;
    let saved = app.measurements.metrics.save_with(async |series| {
        let store = app.store().await?;
        let mut session = store.session().await?;
        Ok(shard.save(&mut session, series).await?)
    });
    // A delivery may be waiting for the connection.
    match tokio::time::timeout(SAVE_TIMEOUT, saved).await {
        Ok(saved) => saved,
        Err(_) => {
            app.store().await?.disconnect();
            Err(StoreError::TimedOut.into())
        }
    }
}

/// `GET /metrics`: the numbers of all instances of all functions, in Prometheus' text format. Where the function's secret
/// has a `metrics_token`, only for who shows it.
pub(crate) async fn answer(app: &App, request: &Request) -> Response<Body> {
    match scrape(app, request).await {
        Ok(Some(text)) => Response::builder()
            .header(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")
            .body(Body::from(text))
            .expect("the header is valid"),
        Ok(None) => unauthorised("This needs the metrics token, as the header Authorization: Bearer ….")
            .into_response(),
        Err(error) => {
            Problem::unavailable("The metrics cannot be added up at the moment. Try again.", 5, error)
                .into_response()
        }
    }
}

async fn scrape(app: &App, request: &Request) -> Result<Option<String>, OpenError> {
    if !may_scrape(app, request).await? {
        return Ok(None);
    }
    save(app).await?;
    let store = app.store().await?;
    let mut session = store.session().await?;
    let saved = load_all(&mut session).await?;
    let counts = jobs::count(&mut session).await?;
    let statuses: Vec<(String, f64)> = zixly_domain::JobStatus::ALL
        .iter()
        .map(|status| {
            let count = counts.iter().find(|(counted, _)| counted == status).map_or(0, |(_, count)| *count);
            (status.as_str().to_lowercase(), count as f64)
        })
        .collect();
    let labels: Vec<[(&'static str, &str); 1]> =
        statuses.iter().map(|(status, _)| [("status", status.as_str())]).collect();
    let lag: (_, Labels<'_>, _) = (&JOB_LAG, &[], jobs::lag_seconds(&mut session).await?);
    let counted = labels.iter().zip(&statuses);
    let gauges: Vec<_> =
        counted.map(|(labels, (_, count))| (&JOBS, labels.as_slice(), *count)).chain([lag]).collect();
    Ok(Some(exposition(&saved, &gauges)))
}

async fn may_scrape(app: &App, request: &Request) -> Result<bool, OpenError> {
    let Some(token) = app.behind.secret().get("metrics_token").await? else { return Ok(true) };
    Ok(credential(request)
        .is_some_and(|given| given.as_bytes().ct_eq(token.expose_secret().as_bytes()).into()))
}
