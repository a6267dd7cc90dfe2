//! What has to hold on two cores, beside what was measured.

use crate::measured::ms;
use crate::report::{Line, Report, section};
use crate::worker::STEPS;

/// What stands in the way of the limits that do not hold, by profile.
const EXPLAINED: &str = include_str!("explained.md");

struct Limit {
    what: &'static str,
    is: f64,
    may_be: Bound,
}

enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Limit {
    fn row(&self) -> Vec<String> {
        let (words, holds) = match self.may_be {
            Bound::AtLeast(bound) => (format!("at least {bound}"), self.is >= bound),
            Bound::AtMost(bound) => (format!("at most {bound}"), self.is <= bound),
        };
        let holds = if holds { "yes" } else { "no" };
        vec![self.what.to_owned(), words, format!("{:.2}", self.is), holds.to_owned()]
    }
}

/// The table, and the explanation.
pub fn text(report: &Report) -> String {
    let table = section(
        "Limits",
        "On two cores. Of several figures the one that is furthest from the limit, but the best rate.",
        "limit | may be | is | holds",
        all(report).iter().map(Limit::row),
    );
    format!("{table}\n\n{}", EXPLAINED.trim_end())
}

fn all(report: &Report) -> Vec<Limit> {
    use Bound::{AtLeast, AtMost};
    let most = |figures: &mut dyn Iterator<Item = f64>| figures.fold(0.0, f64::max);
    let share = report
        .webhook
        .iter()
        .map(|Line { is: (served, pgbench), .. }| served.rate() / pgbench.deliveries * 100.0);
    let alone = &report.webhook[0].is.0;
    let deliveries = alone.took.count() as f64;
    let through = |is_slow| {
        most(
            &mut report
                .through
                .iter()
                .filter(|line| line.is_slow == is_slow)
                .map(|line| line.is.worked.rate()),
        )
    };
    let step = ms(report.alone[0].is.worked.took.per_mille(500)) / f64::from(STEPS);
    let functions = || report.functions.iter();
    let limit = |what, is, may_be| Limit { what, is, may_be };
    vec![
        limit("deliveries, of what pgbench reaches, %", share.fold(f64::INFINITY, f64::min), AtLeast(80.0)),
        limit("a delivery, p50 ms", ms(alone.took.per_mille(500)), AtMost(0.5)),
        limit("a delivery, p99 ms", ms(alone.took.per_mille(990)), AtMost(3.0)),
        limit(
            "processor ms a delivery, function and PostgreSQL",
            ms(alone.used.functions + alone.used.postgres) / deliveries,
            AtMost(0.2),
        ),
        limit(
            "deliveries a second",
            most(&mut report.webhook.iter().map(|line| line.is.0.rate())),
            AtLeast(6000.0),
        ),
        limit("our own ms a step", step, AtMost(0.5)),
        limit("jobs a second, webhook to done", through(false), AtLeast(1200.0)),
        limit("the same, a millisecond added to each flush", through(true), AtLeast(750.0)),
        limit("start ms", most(&mut functions().map(|it| ms(it.init.1))), AtMost(10.0)),
        limit("zip MB", most(&mut functions().map(|it| it.zip_bytes as f64 / 1e6)), AtMost(4.0)),
        limit("resident MB", most(&mut functions().map(|it| it.resident_bytes as f64 / 1e6)), AtMost(25.0)),
    ]
}
