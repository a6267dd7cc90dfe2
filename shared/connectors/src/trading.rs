//! The trading API: tries a strategy with many parameters ("a sweep"), which takes its time. It is the installation's
//! own service: one key opens it for all tenants, and nobody connects it.

mod wire;

use reqwest::{Client, RequestBuilder};
use rust_decimal::Decimal;
use secrecy::{ExposeSecret, SecretString};

use zixly_domain::Provider;

use crate::http::{self, Answer};
use crate::{Connector, ConnectorError, ProviderUrl, ProviderWords};

const PROVIDER: Provider = Provider::Trading;

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
    /// It has ended without a result, for the reason that the API gives.
    Failed(ProviderWords),
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
    ) -> Result<String, ConnectorError> {
        let request = self
            .http
            .post(self.api_url.join(&["sweeps"]))
            .header("idempotency-key", idempotency_key)
            .json(&wire::Order::from(order));
        // The API may repeat what it was given in its words.
        let answer = self.send(request, std::slice::from_ref(order.callback_token)).await?;
        let submitted: wire::Submitted = answer.parse(PROVIDER)?;
        Ok(submitted.sweep_id)
    }

    /// The id of the sweep that was submitted with this key, however long ago, or nothing.
    pub async fn find_by_key(&self, idempotency_key: &str) -> Result<Option<String>, ConnectorError> {
        let request =
            self.http.get(self.api_url.join(&["sweeps"])).query(&[("idempotency_key", idempotency_key)]);
        let found: wire::Found = self.send(request, &[]).await?.parse(PROVIDER)?;
        Ok(found.sweeps.into_iter().next().map(|sweep| sweep.sweep_id))
    }

    /// How far the sweep is.
    pub async fn fetch_sweep(&self, sweep_id: &str) -> Result<Sweep, ConnectorError> {
        let answer = self.send(self.http.get(self.api_url.join(&["sweeps", sweep_id])), &[]).await?;
        Ok(match answer.parse(PROVIDER)? {
            wire::Sweep::Running => Sweep::Running,
            wire::Sweep::Done { rows } => Sweep::Done(rows.into_iter().map(SweepRow::from).collect()),
            wire::Sweep::Failed { error } => {
                Sweep::Failed(ProviderWords::new(&error, std::slice::from_ref(&self.key)))
            }
        })
    }

    async fn send(
        &self,
        request: RequestBuilder,
        secrets: &[SecretString],
    ) -> Result<Answer, ConnectorError> {
        let answer = http::send(PROVIDER, request.bearer_auth(self.key.expose_secret())).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let problem: wire::Problem = answer.parse_problem();
        let secrets = [secrets, std::slice::from_ref(&self.key)].concat();
        Err(answer.failure(PROVIDER, problem.error, &secrets))
    }
}

impl Connector for TradingApi {
    fn provider(&self) -> Provider {
        PROVIDER
    }
}
