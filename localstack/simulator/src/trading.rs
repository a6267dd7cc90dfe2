//! The trading API: a sweep tries a strategy with many parameters, takes its time, and calls back when it is done.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    call::{Answer, Call, Provider},
    errand::{self, Errand},
    faults::BeforeFault,
    ledger::{Written, milliseconds},
    state::{Shared, State},
};

/// The one account: the house itself.
pub const ACCOUNT: &str = "desk";
const MOST_COMBINATIONS: usize = 10_000;

/// The sweeps that were ever submitted.
#[derive(Default)]
pub struct TradingRecords {
    sweeps: BTreeMap<String, Sweep>,
    /// Sweep and body by idempotency key, for ever.
    by_key: BTreeMap<String, (String, Vec<u8>)>,
    /// Why sweeps of a ticker come to nothing.
    failures: BTreeMap<String, String>,
}

struct Sweep {
    order: Order,
    submitted_at: Timestamp,
    done_at: Timestamp,
    failure: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    ticker: String,
    fast_range: [u32; 2],
    slow_range: [u32; 2],
    step: u32,
    strategy_type: String,
    callback_url: Option<String>,
    callback_token: Option<String>,
}

/// How one pair of windows did.
#[derive(Serialize)]
struct Row {
    ticker: String,
    strategy_type: String,
    fast_window: u32,
    slow_window: u32,
    /// Decimals as text, so that no digit gets lost.
    score: String,
    total_return: String,
    max_drawdown: String,
    trades: u32,
}

/// The call that says that a sweep is done.
#[derive(Clone)]
pub struct Callback {
    sweep_id: String,
    url: String,
    token: Option<String>,
}

impl TradingRecords {
    /// Lets every later sweep of a ticker come to nothing, for this reason; without a reason it goes well again.
    pub fn seed(&mut self, kind: &str, record: &str) -> Result<Value, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Failure {
            ticker: String,
            error: Option<String>,
        }
        if kind != "failure" {
            return Err(format!("trading has no kind {kind:?} here; known is failure"));
        }
        let Failure { ticker, error } = serde_json::from_str(record).map_err(|error| error.to_string())?;
        let failure = json!({ "ticker": ticker, "error": error });
        match error {
            Some(error) => self.failures.insert(ticker, error),
            None => self.failures.remove(&ticker),
        };
        Ok(failure)
    }
}

/// Answers one call.
pub fn handle(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    // There is no consent to withdraw; a revocation blocks the key for as long as it stands.
    let is_blocked = state.faults.is_revoked(Provider::Trading);
    if is_blocked || call.authorization("Bearer") != Some(state.config.trading_api_key.as_str()) {
        return refusal(401, "unknown API key; send it as a bearer token");
    }
    match (call.method.as_str(), call.segments().as_slice()) {
        ("POST", ["sweeps"]) => submit(state, call, now),
        ("GET", ["sweeps"]) => find(&state.trading, call, now),
        ("GET", ["sweeps", id]) => match state.trading.sweeps.get(*id) {
            Some(sweep) => Answer::json(200, &sweep.show(id, now)),
            None => refusal(404, &format!("there is no sweep {id}")),
        },
        _ => refusal(404, "known are POST /sweeps, GET /sweeps?idempotency_key= and GET /sweeps/{sweep_id}"),
    }
}

/// A refusal as the trading API words it.
pub fn refusal(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": message }))
}

/// The sweep that was submitted with a key, in a list of one or none.
fn find(records: &TradingRecords, call: &Call, now: Timestamp) -> Answer {
    let Some(key) = call.query("idempotency_key") else {
        return refusal(422, "say which sweep by its idempotency_key");
    };
    let found = records.by_key.get(key).and_then(|(id, _)| Some(records.sweeps.get(id)?.show(id, now)));
    Answer::json(200, &json!({ "sweeps": found.as_slice() }))
}

fn submit(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    if !call.has_content_type("application/json") {
        return refusal(415, "the body must be application/json");
    }
    let key = call.header("idempotency-key");
    if let Some((sweep_id, body)) = key.and_then(|key| state.trading.by_key.get(key)) {
        return match body == &*call.body {
            true => accepted(sweep_id),
            false => refusal(409, "this Idempotency-Key came with another body before"),
        };
    }
    let order: Order = match serde_json::from_slice(&call.body) {
        Ok(order) => order,
        Err(error) => return refusal(400, &error.to_string()),
    };
    if let Err(problem) = order.check() {
        return refusal(422, &problem);
    }
    let sweep_id = Uuid::now_v7().to_string();
    let takes = SignedDuration::try_from(state.config.trading_sweep_takes).unwrap_or(SignedDuration::MAX);
    let callback = order.callback_url.clone().map(|url| {
        let token = order.callback_token.clone();
        Box::new(Errand::Callback(Callback { sweep_id: sweep_id.clone(), url, token }))
    });
    let failure = state.trading.failures.get(&order.ticker).cloned();
    let sweep = Sweep { order, submitted_at: now, done_at: now + takes, failure };
    state.trading.sweeps.insert(sweep_id.clone(), sweep);
    if let Some(key) = key {
        state.trading.by_key.insert(key.to_owned(), (sweep_id.clone(), call.body.to_vec()));
    }
    let written = Written::new("sweep", key.unwrap_or(&sweep_id), Some(&sweep_id));
    state.ledger.note_effect(call, ACCOUNT, written, now);
    let mut answer = accepted(&sweep_id);
    answer.errand = callback;
    answer
}

fn accepted(sweep_id: &str) -> Answer {
    Answer::json(202, &json!({ "sweep_id": sweep_id }))
}

impl Order {
    fn check(&self) -> Result<(), String> {
        for (name, [from, to]) in [("fast_range", self.fast_range), ("slow_range", self.slow_range)] {
            if from == 0 || from > to {
                return Err(format!("{name} must be two windows from 1, the smaller first"));
            }
        }
        if self.step == 0 {
            return Err("step must be at least 1".to_owned());
        }
        if self.ticker.is_empty() || self.ticker.len() > 20 {
            return Err("ticker must have 1 to 20 characters".to_owned());
        }
        if !["SMA", "EMA", "MACD"].contains(&self.strategy_type.as_str()) {
            return Err(format!("strategy_type must be SMA, EMA or MACD, not {:?}", self.strategy_type));
        }
        if self.callback_url.as_deref().is_some_and(|url| !errand::is_on_this_machine(url)) {
            return Err("callback_url must be on this machine".to_owned());
        }
        if self.callback_url.is_none() && self.callback_token.is_some() {
            return Err("callback_token needs a callback_url".to_owned());
        }
        let count = |[from, to]: [u32; 2]| ((to - from) / self.step) as usize + 1;
        if count(self.fast_range).saturating_mul(count(self.slow_range)) > MOST_COMBINATIONS {
            return Err(format!("a sweep has at most {MOST_COMBINATIONS} combinations"));
        }
        Ok(())
    }

    /// One row for each pair with a fast window shorter than the slow one. The numbers are made up, and the same for
    /// the same order each time.
    fn rows(&self) -> Vec<Row> {
        let windows = |[from, to]: [u32; 2]| (from..=to).step_by(self.step as usize);
        let pairs =
            windows(self.fast_range).flat_map(|fast| windows(self.slow_range).map(move |slow| (fast, slow)));
        pairs.filter(|(fast, slow)| fast < slow).map(|(fast, slow)| self.row(fast, slow)).collect()
    }

    fn row(&self, fast: u32, slow: u32) -> Row {
        let seed = self
            .ticker
            .bytes()
            .chain(self.strategy_type.bytes())
            .fold(17, |seed: u32, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        let mixed = seed.wrapping_add(fast.wrapping_mul(7919)).wrapping_add(slow.wrapping_mul(104_729));
        let hundredths = |number: u32| format!("{}.{:02}", number / 100, number % 100);
        Row {
            ticker: self.ticker.clone(),
            strategy_type: self.strategy_type.clone(),
            fast_window: fast,
            slow_window: slow,
            score: hundredths(mixed % 20_000),
            total_return: hundredths(mixed / 7 % 30_000),
            max_drawdown: hundredths(mixed / 11 % 6_000),
            trades: mixed / 13 % 200 + 1,
        }
    }
}

impl Sweep {
    fn show(&self, sweep_id: &str, now: Timestamp) -> Value {
        let has_ended = now >= self.done_at;
        let mut shown = json!({
            "sweep_id": sweep_id,
            "status": if has_ended { self.ends_as() } else { "running" },
            "submitted_at": milliseconds(self.submitted_at),
        });
        if has_ended {
            shown["done_at"] = json!(milliseconds(self.done_at));
            match &self.failure {
                Some(error) => shown["error"] = json!(error),
                None => shown["rows"] = json!(self.order.rows()),
            }
        }
        shown
    }

    fn ends_as(&self) -> &'static str {
        if self.failure.is_some() { "failed" } else { "done" }
    }
}

impl Callback {
    /// Waits for the sweep to be done by the simulator's clock, then calls once. A fault that lies in wait for
    /// `POST /sweeps/{sweep_id}/callback` delays the call (`slow`) or loses it (any other).
    pub async fn send(self, shared: &Arc<Shared>) {
        // Gone after a reset.
        let done_at = shared.lock().trading.sweeps.get(&self.sweep_id).map(|sweep| sweep.done_at);
        let Some(done_at) = done_at else { return };
        if !shared.wait_until(done_at).await {
            return;
        }
        let status = {
            let state = shared.lock();
            let Some(sweep) = state.trading.sweeps.get(&self.sweep_id) else { return };
            sweep.ends_as()
        };
        let call = Call::outgoing(Provider::Trading, format!("/sweeps/{}/callback", self.sweep_id));
        let fault = shared.lock().faults.take_before(&call);
        match fault {
            None => {}
            Some(BeforeFault::Slow(by)) => tokio::time::sleep(by).await,
            Some(BeforeFault::Timeout | BeforeFault::Answer(_)) => return,
        }
        let answered = self.call(shared, status).await;
        let mut state = shared.lock();
        let now = state.now();
        state.ledger.note_call(&call, answered, now);
    }

    /// The status of the answer; none when no answer came.
    async fn call(&self, shared: &Shared, status: &str) -> Option<u16> {
        let mut headers = vec![("content-type", "application/json".to_owned())];
        headers.extend(self.token.as_ref().map(|token| ("authorization", format!("Bearer {token}"))));
        let body = json!({ "sweep_id": self.sweep_id, "status": status }).to_string();
        let answer = errand::post(&shared.client, &self.url, &headers, body).await;
        answer.ok().map(|answer| answer.status().as_u16())
    }
}
