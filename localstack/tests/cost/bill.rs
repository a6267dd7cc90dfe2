//! What AWS asks for what was used: the table of prices, and bills that are made with it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;

use crate::recorder::Record;

#[derive(Deserialize)]
pub struct Prices {
    pub date: String,
    pub regions: Vec<String>,
    prices: BTreeMap<String, Price>,
    stated: BTreeMap<String, Stated>,
}

#[derive(Deserialize)]
struct Price {
    /// So many of them cost so much.
    r#for: f64,
    #[serde(default)]
    unsure: Vec<String>,
    #[serde(flatten)]
    by_region: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Stated {
    value: f64,
}

impl Prices {
    pub fn load() -> Self {
        serde_json::from_str(include_str!("../../cost/prices.json")).expect("the table of prices is one")
    }

    /// What cannot be measured here, and stands beside the prices.
    pub fn stated(&self, name: &str) -> f64 {
        self.stated.get(name).unwrap_or_else(|| panic!("{name} is not stated")).value
    }

    fn of(&self, item: &str, region: &str) -> f64 {
        let price = self.prices.get(item).unwrap_or_else(|| panic!("{item} has no price"));
        let amount = price.by_region.get(region).and_then(serde_json::Value::as_f64);
        amount.unwrap_or_else(|| panic!("{item} has no price in {region}")) / price.r#for
    }

    fn is_unsure(&self, item: &str, region: &str) -> bool {
        self.prices[item].unsure.iter().any(|unsure| unsure == region)
    }
}

/// How much was used of what, each with a word on what for.
#[derive(Clone, Default)]
pub struct Bill {
    lines: BTreeMap<(&'static str, String), f64>,
}

impl Bill {
    pub fn add(&mut self, item: &'static str, what: impl Into<String>, quantity: f64) {
        *self.lines.entry((item, what.into())).or_default() += quantity;
    }

    /// The requests to AWS that `who` made.
    pub fn add_calls(&mut self, who: &str, record: &Record) {
        for (operation, calls) in record {
            for (index, item) in items_of(operation).iter().enumerate() {
                let on_top = if index == 0 { String::new() } else { format!(", {}", item.replace('_', " ")) };
                self.add(item, format!("{who}, {operation}{on_top}"), calls.count as f64);
            }
        }
    }

    pub fn add_all(&mut self, other: &Self) {
        for ((item, what), quantity) in &other.lines {
            self.add(item, what, *quantity);
        }
    }

    pub fn times(&self, factor: f64) -> Self {
        let lines = self.lines.iter().map(|(line, quantity)| (line.clone(), quantity * factor));
        Self { lines: lines.collect() }
    }

    pub fn total(&self, prices: &Prices, region: &str) -> f64 {
        self.lines.iter().map(|((item, _), quantity)| prices.of(item, region) * quantity).sum()
    }

    /// A line each, the dearest first, and the sum.
    pub fn table(&self, prices: &Prices) -> String {
        let mut text = format!("| {:<64} | {:>13} |", "", "quantity");
        for region in &prices.regions {
            let _ = write!(text, " {region:>14} |");
        }
        let _ = writeln!(
            text,
            "\n| {:-<64} | {:->12}: |{}",
            "",
            "",
            " -------------: |".repeat(prices.regions.len())
        );
        let first = &prices.regions[0];
        let mut lines: Vec<_> = self.lines.iter().collect();
        lines.sort_by(|((one, _), a), ((other, _), b)| {
            (prices.of(other, first) * **b).total_cmp(&(prices.of(one, first) * **a))
        });
        for ((item, what), quantity) in lines {
            let _ = write!(text, "| {what:<64} | {quantity:>13.2} |");
            for region in &prices.regions {
                let mark = if prices.is_unsure(item, region) { "?" } else { " " };
                let _ = write!(text, " {:>12.3} {mark} |", prices.of(item, region) * quantity);
            }
            text.push('\n');
        }
        let _ = write!(text, "| {:<64} | {:>13} |", "total, US$", "");
        for region in &prices.regions {
            let _ = write!(text, " {:>12.3}   |", self.total(prices, region));
        }
        text
    }
}

/// What a request to AWS is billed as. One that is not here fails the run: somebody has to find out what it costs.
fn items_of(operation: &str) -> &'static [&'static str] {
    match operation {
        "sqs:SendMessage"
        | "sqs:SendMessageBatch"
        | "sqs:ChangeMessageVisibility"
        | "sqs:GetQueueAttributes" => &["sqs_requests"],
        "sqs:SendMessage with a group" | "sqs:SendMessageBatch with a group" => {
            &["sqs_requests", "sqs_fair_requests"]
        }
        // Counters, budgets and sockets are items of some hundred bytes.
        "dynamodb:UpdateItem" | "dynamodb:PutItem" | "dynamodb:DeleteItem" => &["dynamodb_writes"],
        "dynamodb:GetItem" | "dynamodb:Query" => &["dynamodb_reads"],
        // A secret is encrypted with the installation's own key.
        "secretsmanager:GetSecretValue" | "secretsmanager:PutSecretValue" => {
            &["secrets_manager_calls", "kms_requests"]
        }
        "secretsmanager:UpdateSecretVersionStage" => &["secrets_manager_calls"],
        "s3:PUT" => &["s3_writes"],
        "s3:GET" | "s3:HEAD" => &["s3_reads"],
        "execute-api:POST" => &["websocket_messages"],
        _ => panic!("{operation} is not in the bill: nobody has said what it costs"),
    }
}
