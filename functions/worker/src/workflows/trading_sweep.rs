//! A trading strategy is tried with many parameters by the trading API. It calls back when it is done, and is asked from
//! time to time when that call does not come.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zixly_auth::CallbackToken;
use zixly_connectors::{
    ConnectorError,
    trading::{Sweep, SweepOrder, SweepRow},
};
use zixly_domain::{Provider, WaitingReason, Workflow};
use zixly_store::{
    callbacks,
    trading_sweep_results::{self, SweepResult},
};

use super::{
    Definition,
    notify::{self, News},
    report,
};
use crate::{
    effects::Write,
    error::StepError,
    steps::{Done, Halt, JobRun, StepContext},
};

/// What the dataset is called among the results of its job.
const DATASET: &str = "rows.ndjson";

#[derive(Serialize, Deserialize)]
struct Parameters {
    ticker: String,
    fast_range: [u32; 2],
    slow_range: [u32; 2],
    step: u32,
    strategy_type: String,
}

#[derive(Serialize, Deserialize)]
struct Submitted {
    sweep_id: String,
    submitted_at: Timestamp,
}

/// What was kept of a sweep.
#[derive(Serialize, Deserialize)]
struct Stored {
    rows: usize,
    best: Option<Best>,
    dataset: Dataset,
}

/// The combination with the largest score.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Best {
    fast_window: u32,
    slow_window: u32,
    score: Decimal,
}

/// Where all rows are, a line of JSON each.
#[derive(Serialize, Deserialize)]
struct Dataset {
    bucket: String,
    key: String,
    size_bytes: usize,
}

pub(super) const DEFINITION: Definition = Definition {
    workflow: Workflow::TradingSweep,
    version: 1,
    steps: &["submit-sweep", "await-sweep", "store-results", report::STEP, notify::STEP],
    run: |job| Box::pin(run(job)),
};

/// Runs the steps; gives the job's result.
async fn run(job: &mut JobRun<'_>) -> Result<Value, Halt> {
    let parameters: Parameters = job.parameters()?;
    let submitted = job.step("submit-sweep", async |context| submit(context, &parameters).await).await?;
    job.step("await-sweep", async |context| await_sweep(context, &submitted).await).await?;
    let stored =
        job.step("store-results", async |context| store(context, &parameters, &submitted).await).await?;
    let facts = json!({ "sweep": parameters, "submitted": submitted, "stored": stored });
    let report = report::leave(job, facts).await?;
    let summary = summary(&parameters.ticker, stored.rows, stored.best.as_ref());
    let key = format!("sweep/{}", job.context.claim.job_id);
    let notified = notify::tell(job, &News { key: &key, summary: &summary }).await?;
    Ok(json!({
        "outcome": "swept",
        "summary": summary,
        "rows": stored.rows,
        "dataset": stored.dataset,
        "report": report,
        "notified": notified,
    }))
}

/// Submits the sweep under the job's id: whatever becomes of the answer, to submit it again is to submit the same one.
/// That holds for the same bytes only, which is why the callback token is derived.
async fn submit(context: &StepContext<'_>, parameters: &Parameters) -> Result<Done<Submitted>, StepError> {
    let trading = context.connectors.trading()?;
    let token = CallbackToken::derive(&trading.key, context.claim.job_id);
    // It may be used before the answer is here.
    expect_callback(context, &token).await?;
    let order = SweepOrder {
        ticker: &parameters.ticker,
        fast_range: parameters.fast_range,
        slow_range: parameters.slow_range,
        step: parameters.step,
        strategy_type: &parameters.strategy_type,
        callback_url: &trading.callback_url,
        callback_token: &SecretString::from(token.expose()),
    };
    let idempotency_key = context.claim.job_id.to_string();
    let write = Write {
        effect_key: &format!("trading/sweep/{idempotency_key}"),
        step: "submit-sweep",
        provider: Provider::Trading,
        connection: None,
        target: &format!("sweep of job {idempotency_key}"),
        action: "POST sweep",
        request: &json!(parameters),
    };
    let look = async |_| timed(context, "find_by_key", trading.api.find_by_key(&idempotency_key)).await;
    let submit = async || timed(context, "submit", trading.api.submit(&idempotency_key, &order)).await;
    let sweep_id = context.once(write, look, submit).await?;
    let about = format!("{} {}", parameters.ticker, parameters.strategy_type);
    Ok(Done::new(Submitted { sweep_id, submitted_at: Timestamp::now() }).about(Some(about)))
}

async fn expect_callback(context: &StepContext<'_>, token: &CallbackToken) -> Result<(), StepError> {
    let expires_at = Timestamp::now() + context.app.config.sweep_waits.deadline;
    let mut session = context.store.session().await?;
    let tx = session.begin(context.claim.tenant_id)?;
    callbacks::issue(&tx, context.claim, &token.hash(), expires_at).await?;
    Ok(tx.commit().await?)
}

/// Gives the number of rows once the sweep is done. A callback is no more than a hint to look: what counts is what the API
/// says when it is asked.
async fn await_sweep(context: &StepContext<'_>, submitted: &Submitted) -> Result<Done<usize>, StepError> {
    let waits = context.app.config.sweep_waits;
    let waited =
        Duration::try_from(Timestamp::now().duration_since(submitted.submitted_at)).unwrap_or_default();
    if waited < waits.callback_window && !is_called_back(context).await? {
        let look_again = waits.callback_window - waited;
        return Err(StepError::NotReady { reason: WaitingReason::Callback, look_again });
    }
    match fetch(context, submitted).await? {
        Some(rows) => Ok(Done::new(rows.len())),
        None if waited >= waits.deadline => Err(StepError::SweepOverdue(waits.deadline)),
        None => {
            let look_again = waits.poll_every.min(waits.deadline - waited);
            Err(StepError::NotReady { reason: WaitingReason::Poll, look_again })
        }
    }
}

async fn is_called_back(context: &StepContext<'_>) -> Result<bool, StepError> {
    let mut session = context.store.session().await?;
    let tx = session.begin(context.claim.tenant_id)?;
    let answer = callbacks::answer(&tx, context.claim).await?;
    tx.commit().await?;
    Ok(answer.is_some())
}

/// Keeps the rows in the database and as a dataset in S3. A second time it changes nothing.
async fn store(
    context: &StepContext<'_>,
    parameters: &Parameters,
    submitted: &Submitted,
) -> Result<Done<Stored>, StepError> {
    let Some(rows) = fetch(context, submitted).await? else {
        let look_again = context.app.config.sweep_waits.poll_every;
        return Err(StepError::NotReady { reason: WaitingReason::Poll, look_again });
    };
    let dataset = store_dataset(context, parameters, &rows).await?;
    let (best, count) = (best(&rows), rows.len());
    let results: Vec<SweepResult> = rows.into_iter().map(result).collect();
    let Parameters { ticker, strategy_type, .. } = parameters;
    let mut session = context.store.session().await?;
    let tx = session.begin(context.claim.tenant_id)?;
    trading_sweep_results::insert(&tx, context.claim, ticker, strategy_type, &results).await?;
    tx.commit().await?;
    Ok(Done::new(Stored { rows: count, best, dataset }))
}

async fn store_dataset(
    context: &StepContext<'_>,
    parameters: &Parameters,
    rows: &[SweepRow],
) -> Result<Dataset, StepError> {
    let content = lines(parameters, rows).into_bytes();
    let size_bytes = content.len();
    let (payloads, claim) = (&context.app.payloads, context.claim);
    let key =
        payloads.put_result(claim.tenant_id, claim.job_id, DATASET, "application/x-ndjson", content).await?;
    Ok(Dataset { bucket: payloads.bucket().to_owned(), key, size_bytes })
}

/// The rows, once the sweep is done.
async fn fetch(context: &StepContext<'_>, submitted: &Submitted) -> Result<Option<Vec<SweepRow>>, StepError> {
    let api = &context.connectors.trading()?.api;
    match timed(context, "fetch_sweep", api.fetch_sweep(&submitted.sweep_id)).await? {
        Sweep::Running => Ok(None),
        Sweep::Done(rows) => Ok(Some(rows)),
        Sweep::Failed(words) => Err(StepError::SweepFailed(words)),
    }
}

/// Makes a call to the trading API, whose key all tenants share, and takes note of how long it took, whatever came of it.
async fn timed<T>(
    context: &StepContext<'_>,
    endpoint: &'static str,
    call: impl Future<Output = Result<T, ConnectorError>>,
) -> Result<T, StepError> {
    let timed = async || {
        let began = Instant::now();
        let outcome = call.await;
        context.app.measurements.observe_trading_call(endpoint, began.elapsed());
        outcome
    };
    Ok(context.access().within_budget(Provider::Trading, "", timed).await?)
}

fn lines(parameters: &Parameters, rows: &[SweepRow]) -> String {
    let Parameters { ticker, strategy_type, .. } = parameters;
    let line = |row: &SweepRow| {
        let line = json!({
            "ticker": ticker,
            "strategy_type": strategy_type,
            "fast_window": row.fast_window,
            "slow_window": row.slow_window,
            "score": row.score,
            "total_return": row.total_return,
            "max_drawdown": row.max_drawdown,
            "trades": row.trades,
        });
        format!("{line}\n")
    };
    rows.iter().map(line).collect()
}

fn result(row: SweepRow) -> SweepResult {
    let SweepRow { fast_window, slow_window, score, total_return, max_drawdown, trades } = row;
    SweepResult { fast_window, slow_window, score, total_return, max_drawdown, trades }
}

/// Of two with the same score the one with the shorter windows, so that it is the same each time.
fn best(rows: &[SweepRow]) -> Option<Best> {
    let windows = |row: &SweepRow| (row.fast_window, row.slow_window);
    let best =
        rows.iter().max_by(|one, two| one.score.cmp(&two.score).then(windows(two).cmp(&windows(one))))?;
    Some(Best { fast_window: best.fast_window, slow_window: best.slow_window, score: best.score })
}

fn summary(ticker: &str, rows: usize, best: Option<&Best>) -> String {
    let Some(Best { fast_window, slow_window, score }) = best else {
        return format!("No combination of {ticker} has a fast window that is shorter than the slow one.");
    };
    let combinations = if rows == 1 { "combination" } else { "combinations" };
    format!(
        "{rows} {combinations} of {ticker}; the best is {fast_window}/{slow_window} with a score of {score}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fast_window: u32, slow_window: u32, score: &str) -> SweepRow {
        let zero = Decimal::ZERO;
        SweepRow {
            fast_window,
            slow_window,
            score: score.parse().unwrap(),
            total_return: zero,
            max_drawdown: zero,
            trades: 1,
        }
    }

    #[test]
    fn the_best_is_by_score_and_then_by_the_shorter_windows() {
        let rows = [row(5, 20, "9.99"), row(10, 30, "10.0"), row(10, 20, "10.00"), row(12, 20, "-3")];
        let best = best(&rows).unwrap();
        assert_eq!((best.fast_window, best.slow_window), (10, 20));
        assert_eq!(
            summary("BTC-USD", 4, Some(&best)),
            "4 combinations of BTC-USD; the best is 10/20 with a score of 10.00."
        );
    }

    #[test]
    fn a_sweep_without_combinations_says_why() {
        assert_eq!(best(&[]), None);
        assert_eq!(
            summary("BTC-USD", 0, None),
            "No combination of BTC-USD has a fast window that is shorter than the slow one."
        );
    }
}
