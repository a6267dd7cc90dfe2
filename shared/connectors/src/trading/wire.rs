//! The trading API's JSON.

use rust_decimal::Decimal;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::SweepOrder;

#[derive(Serialize)]
pub(super) struct Order<'a> {
    ticker: &'a str,
    fast_range: [u32; 2],
    slow_range: [u32; 2],
    step: u32,
    strategy_type: &'a str,
    callback_url: &'a str,
    callback_token: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Submitted {
    pub(super) sweep_id: String,
}

/// At most one: a key is one sweep's.
#[derive(Deserialize)]
pub(super) struct Found {
    pub(super) sweeps: Vec<Submitted>,
}

#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub(super) enum Sweep {
    Running,
    Done { rows: Vec<Row> },
    Failed { error: String },
}

#[derive(Deserialize)]
pub(super) struct Row {
    fast_window: u32,
    slow_window: u32,
    score: Decimal,
    total_return: Decimal,
    max_drawdown: Decimal,
    trades: u32,
}

#[derive(Default, Deserialize)]
pub(super) struct Problem {
    pub(super) error: Option<String>,
}

impl<'a> From<&SweepOrder<'a>> for Order<'a> {
    fn from(order: &SweepOrder<'a>) -> Self {
        Self {
            ticker: order.ticker,
            fast_range: order.fast_range,
            slow_range: order.slow_range,
            step: order.step,
            strategy_type: order.strategy_type,
            callback_url: order.callback_url,
            callback_token: order.callback_token.expose_secret(),
        }
    }
}

impl From<Row> for super::SweepRow {
    fn from(row: Row) -> Self {
        let Row { fast_window, slow_window, score, total_return, max_drawdown, trades } = row;
        Self { fast_window, slow_window, score, total_return, max_drawdown, trades }
    }
}
