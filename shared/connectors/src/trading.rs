//! The trading API: tries a strategy with many parameters ("a sweep"), which takes its time. It is the installation's
//! own service and no [`Provider`](zixly_domain::Provider): one key opens it for all tenants, and nobody connects it.

mod wire;

use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use rust_decimal::Decimal;
use secrecy::{ExposeSecret, SecretString};

use crate::http::{self, Answer, NoAnswer};
use crate::{MalformedAnswer, ProviderUrl, ProviderWords};

/// A client for the trading API.
#[derive(Debug)]
pub struct TradingApi {
    http: Client,
    api_url: ProviderUrl,
    key: SecretString,
}

/// What is tried.
#[derive(Debug, Clone, Copy)]
pub struct SweepOrder<'a> {
    /// `BTC-USD`.
    pub ticker: &'a str,
    /// From, to: the fast window, in bars.
    pub fast_range: [u32; 2],
    /// From, to: the slow window, in bars.
    pub slow_range: [u32; 2],
    /// From one window to the next, in bars.
    pub step: u32,
    /// `SMA`, `EMA` or `MACD`.
    pub strategy_type: &'a str,
    /// Where the API calls when the sweep is done.
    pub callback_url: &'a str,
    /// What it calls with, as a bearer token.
    pub callback_token: &'a SecretString,
}

/// How far a sweep is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sweep {
    /// It goes on.
    Running,
    /// It is done: a row for each combination.
    Done(Vec<SweepRow>),
}

/// How one combination did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepRow {
    /// In bars.
    pub fast_window: u32,
    /// In bars.
    pub slow_window: u32,
    /// The larger, the better.
    pub score: Decimal,
    /// What it gained.
    pub total_return: Decimal,
    /// What it lost at its worst.
    pub max_drawdown: Decimal,
    /// How many trades it made.
    pub trades: u32,
}

/// Why a call gave no result, in classes by what the caller can do. No variant holds the key or a body.
#[derive(Debug, thiserror::Error)]
pub enum TradingError {
    /// Wait, then repeat the call.
    #[error("the trading API is limiting our requests")]
    RateLimited {
        /// How long to wait, at most a day, where it says.
        retry_after: Option<Duration>,
    },
    /// Nothing works until the operator puts the key right.
    #[error("the trading API does not accept our key")]
    Unauthorised,
    /// Repeating the call cannot help.
    #[error("the trading API rejected the request with status {status}")]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// Its own words.
        #[source]
        words: ProviderWords,
    },
    /// It has a problem of its own; repeat the call later.
    #[error("the trading API cannot answer now (status {status})")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// How long to wait, where it says.
        retry_after: Option<Duration>,
    },
    /// No whole answer arrived: no connection, a broken one, or a timeout.
    #[error("the trading API cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It reported success, but in an answer that we cannot read.
    #[error("the answer of the trading API cannot be read")]
    Malformed(#[source] MalformedAnswer),
}

impl TradingApi {
    /// A client that speaks to the API at `api_url` with this key.
    pub fn new(http: Client, api_url: ProviderUrl, key: SecretString) -> Self {
        Self { http, api_url, key }
    }

    /// Submits a sweep and gives its id. With the same idempotency key and the same order again, it is the same sweep;
    /// with the same key and another order the API refuses.
    pub async fn submit(
        &self,
        idempotency_key: &str,
        order: &SweepOrder<'_>,
    ) -> Result<String, TradingError> {
        let request = self
            .http
            .post(self.api_url.join(&["sweeps"]))
            .header("idempotency-key", idempotency_key)
            .json(&wire::Order::from(order));
        // The API may repeat what it was given in its words.
        let answer = self.send(request, std::slice::from_ref(order.callback_token)).await?;
        let submitted: wire::Submitted = answer.read().map_err(TradingError::Malformed)?;
        Ok(submitted.sweep_id)
    }

    /// How far the sweep is.
    pub async fn fetch_sweep(&self, sweep_id: &str) -> Result<Sweep, TradingError> {
        let answer = self.send(self.http.get(self.api_url.join(&["sweeps", sweep_id])), &[]).await?;
        let sweep: wire::Sweep = answer.read().map_err(TradingError::Malformed)?;
        Ok(sweep.into())
    }

    async fn send(&self, request: RequestBuilder, secrets: &[SecretString]) -> Result<Answer, TradingError> {
        let request = request.bearer_auth(self.key.expose_secret());
        let answer = http::exchange("trading", request).await.map_err(|no_answer| match no_answer {
            NoAnswer::Lost(source) => TradingError::Unreachable(source),
            NoAnswer::Unreadable(source) => TradingError::Malformed(source),
        })?;
        if answer.status.is_success() { Ok(answer) } else { Err(self.failure(&answer, secrets)) }
    }

    fn failure(&self, answer: &Answer, secrets: &[SecretString]) -> TradingError {
        match answer.status.as_u16() {
            401 => TradingError::Unauthorised,
            429 => TradingError::RateLimited { retry_after: answer.retry_after() },
            status @ 500.. => TradingError::Unavailable { status, retry_after: answer.retry_after() },
            status => {
                let problem: wire::Problem = answer.parse_problem();
                let secrets = [secrets, std::slice::from_ref(&self.key)].concat();
                TradingError::Rejected { status, words: answer.words(problem.error, &secrets) }
            }
        }
    }
}
