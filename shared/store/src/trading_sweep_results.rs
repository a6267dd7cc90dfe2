//! How each combination of a sweep did: rows that are written once and only read from then on.

use rust_decimal::Decimal;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::{
    StoreError, TenantTx,
    jobs::{self, Claim},
};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[("trading_sweep_results::INSERT", INSERT)];

/// The numbers go as text, since the driver knows no decimals.
const INSERT: &str = "
    insert into trading_sweep_results
           (tenant_id, result_id, job_id, ticker, strategy_type, fast_window, slow_window, score, total_return,
            max_drawdown, trades)
    select $1, r.result_id, $2, $3, $4, r.fast_window, r.slow_window, r.score::numeric, r.total_return::numeric,
           r.max_drawdown::numeric, r.trades
      from unnest($5::uuid[], $6::int8[], $7::int8[], $8::text[], $9::text[], $10::text[], $11::int8[])
           as r (result_id, fast_window, slow_window, score, total_return, max_drawdown, trades)
    on conflict on constraint trading_sweep_results_once do nothing";

/// How one combination did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepResult {
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

/// Stores the results of the claimed job's sweep, while its claim is the latest. A combination that is there already stays
/// as it is.
pub async fn insert(
    tx: &TenantTx<'_>,
    claim: &Claim,
    ticker: &str,
    strategy_type: &str,
    results: &[SweepResult],
) -> Result<(), StoreError> {
    jobs::hold(tx, claim).await?;
    let ids: Vec<Uuid> = results.iter().map(|_| Uuid::now_v7()).collect();
    let counts = |of: fn(&SweepResult) -> u32| -> Vec<i64> {
        results.iter().map(|result| of(result).into()).collect()
    };
    let decimals = |of: fn(&SweepResult) -> Decimal| -> Vec<String> {
        results.iter().map(|result| of(result).to_string()).collect()
    };
    tx.inner
        .execute_typed(
            INSERT,
            &[
                (&claim.tenant_id.0, Type::UUID),
                (&claim.job_id.0, Type::UUID),
                (&ticker, Type::TEXT),
                (&strategy_type, Type::TEXT),
                (&ids, Type::UUID_ARRAY),
                (&counts(|result| result.fast_window), Type::INT8_ARRAY),
                (&counts(|result| result.slow_window), Type::INT8_ARRAY),
                (&decimals(|result| result.score), Type::TEXT_ARRAY),
                (&decimals(|result| result.total_return), Type::TEXT_ARRAY),
                (&decimals(|result| result.max_drawdown), Type::TEXT_ARRAY),
                (&counts(|result| result.trades), Type::INT8_ARRAY),
            ],
        )
        .await?;
    Ok(())
}
