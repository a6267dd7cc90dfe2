//! The tables.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::counted::{AllCounted, Counted};
use crate::functions::{Floor, Fresh};
use crate::measured::{Times, ms};
use crate::pgbench::Pgbench;
use crate::through::Through;
use crate::webhook::Served;
use crate::worker::{STEPS, Worked};
use crate::{limits, machine};

pub struct Report {
    pub functions: Vec<Fresh>,
    pub floor: Floor,
    pub webhook: Vec<Line<(Served, Pgbench)>>,
    pub worker: Vec<Line<Worked>>,
    pub through: Vec<Line<Through>>,
    pub alone: Vec<Line<Through>>,
    pub counted: AllCounted,
}

/// What was measured with so many environments.
pub struct Line<T> {
    /// With a millisecond added to each flush of the log.
    pub is_slow: bool,
    pub environments: usize,
    pub is: T,
}

impl<T> Line<T> {
    fn begin(&self) -> Vec<String> {
        let flush = if self.is_slow { "+ 1 ms" } else { "as it is" };
        vec![flush.to_owned(), self.environments.to_string()]
    }
}

impl Report {
    /// As Markdown.
    pub fn text(&self) -> String {
        let parts = [
            "# Benchmarks".to_owned(),
            format!("Written by `make bench`: {}.", machine::description()),
            "The functions are driven through the Lambda Runtime API by a driver of our own, on the same machine as \
             PostgreSQL, an AWS and providers that answer at once, so all of them share its processors."
                .to_owned(),
            "`make bench-sustained` and `make bench-large` write their own tables beside this one."
                .to_owned(),
            limits::text(self),
            self.functions(),
            self.webhook(),
            self.worker(),
            self.through(),
            self.alone(),
            self.counted(),
        ];
        parts.join("\n\n") + "\n"
    }

    fn functions(&self) -> String {
        let Floor { fresh, took, in_all } = &self.floor;
        let rows = self.functions.iter().chain([fresh]).map(|fresh| {
            let (quickest, median) = (ms(fresh.init.0), ms(fresh.init.1));
            vec![
                fresh.name.to_owned(),
                format!("{:.2}", fresh.zip_bytes as f64 / 1e6),
                format!("{quickest:.1} / {median:.1}"),
                format!("{:.1}", ms(fresh.first)),
                format!("{:.1}", fresh.resident_bytes as f64 / 1e6),
            ]
        });
        let table = section(
            "Each function",
            "The last is what no function is better than: one that does nothing, on the same runtime. A zip is that of the binary that is measured, so for this machine's kind of processor.",
            "function | zip MB | starts in, quickest / median ms | first answer ms | resident MB",
            rows,
        );
        let [p50, p95, p99] = percentiles(took);
        let rate = took.count() as f64 / in_all.as_secs_f64();
        format!(
            "{table}\n\nThe function that does nothing answers {rate:.0} events a second in one environment, with a p50 of {p50} ms, a p95 of {p95} ms and a p99 of {p99} ms."
        )
    }

    fn webhook(&self) -> String {
        let rows = self.webhook.iter().map(|line| {
            let (served, pgbench) = &line.is;
            let (Served { took, used }, rate) = (served, served.rate());
            let each = |total: f64| total / took.count() as f64;
            let mut row = line.begin();
            row.push(format!("{rate:.0}"));
            row.extend(percentiles(took));
            row.extend([
                format!("{:.2}", each(ms(used.functions))),
                format!("{:.2}", each(ms(used.postgres))),
                format!("{:.2}", each(ms(used.driver))),
                format!("{:.0}", each(used.wal_bytes as f64)),
                format!("{:.0}", pgbench.deliveries),
                format!("{:.0} %", rate / pgbench.deliveries * 100.0),
                format!("{:.0}", pgbench.rows),
            ]);
            row
        });
        section(
            "A delivery, from the event to the answer",
            "Each is new, is filed with its event, job and doorbell in one commit, and rings. Processor time is that of the function, of PostgreSQL and, as its clients in the world would take it elsewhere, of the driver; pgbench files the same deliveries, with as many clients as there are environments.",
            "flush | environments | a second | p50 ms | p95 ms | p99 ms | function ms | PostgreSQL ms | driver ms | WAL bytes | pgbench a second | of it | pgbench, a row",
            rows,
        )
    }

    fn worker(&self) -> String {
        let rows = self.worker.iter().map(|line| {
            let mut row = line.begin();
            row.extend(work(&line.is));
            row
        });
        let table = section(
            "A job, from the doorbell to the end",
            "The main workflow, `xero-invoice-to-hubspot`: three calls to providers, a report in S3, each step and the one effect recorded. The doorbells wait already, and an invocation is one batch of as many as the mapping hands over.",
            "flush | environments | jobs a second | p50 ms | p95 ms | p99 ms | function ms | PostgreSQL ms | driver ms | WAL bytes | provider calls",
            rows,
        );
        let operations: BTreeSet<&String> =
            self.worker.iter().flat_map(|line| line.is.calls.keys()).collect();
        let calls = operations.into_iter().map(|operation| {
            let (mut calls, mut jobs) = (0, 0);
            for Worked { calls: of, jobs: done, .. } in self.worker.iter().map(|line| &line.is) {
                calls += of.get(operation).copied().unwrap_or_default();
                jobs += done;
            }
            format!("{operation} {:.2}", calls as f64 / jobs as f64)
        });
        format!("{table}\n\nCalls to AWS a job: {}.", calls.collect::<Vec<_>>().join(", "))
    }

    fn through(&self) -> String {
        let rows = self.through.iter().map(|line| {
            let Through { worked, doors, first_step, done } = &line.is;
            let each = |total: f64| format!("{:.2}", total / worked.jobs as f64);
            let mut row = line.begin();
            row.push(format!("{:.0}", worked.rate()));
            row.extend(percentiles(done));
            row.extend(percentiles(first_step));
            row.extend([each(ms(*doors)), each(ms(worked.used.functions)), each(ms(worked.used.postgres))]);
            row
        });
        section(
            "From the webhook to the end of its job",
            "Doors ring for workers, half as many as these, as long as no more than two jobs a worker are under way. The first step begins with the first call to a provider, and waits for a worker that is free.",
            "flush | workers | jobs a second | done p50 ms | p95 ms | p99 ms | first step p50 ms | p95 ms | p99 ms | webhook ms | worker ms | PostgreSQL ms",
            rows,
        )
    }

    fn alone(&self) -> String {
        let rows = self.alone.iter().map(|line| {
            let Through { worked, first_step, done, .. } = &line.is;
            let mut row = line.begin();
            row.remove(1);
            row.extend(percentiles(&worked.took));
            row.push(format!("{:.2}", ms(worked.took.per_mille(500)) / f64::from(STEPS)));
            row.extend(percentiles(first_step));
            row.extend(percentiles(done));
            row
        });
        section(
            "One job at a time",
            "The providers cost nothing, so the time of a job is our own.",
            "flush | job p50 ms | p95 ms | p99 ms | a step, p50 ms | first step p50 ms | p95 ms | p99 ms | done p50 ms | p95 ms | p99 ms",
            rows,
        )
    }

    fn counted(&self) -> String {
        let rows =
            self.counted.0.iter().map(|Counted { what, is, at_most }| {
                vec![what.clone(), format!("{is:.2}"), at_most.to_string()]
            });
        section("Counted", "", "figure | is | may be", rows)
    }
}

fn work(worked: &Worked) -> Vec<String> {
    let each = |total: f64| total / worked.jobs as f64;
    let mut row = vec![format!("{:.0}", worked.rate())];
    row.extend(percentiles(&worked.took));
    row.extend([
        format!("{:.2}", each(ms(worked.used.functions))),
        format!("{:.2}", each(ms(worked.used.postgres))),
        format!("{:.2}", each(ms(worked.used.driver))),
        format!("{:.0}", each(worked.used.wal_bytes as f64)),
        format!("{:.1}", each(worked.heard.calls as f64)),
    ]);
    row
}

fn percentiles(times: &Times) -> [String; 3] {
    [500, 950, 990].map(|part| format!("{:.2}", ms(times.per_mille(part))))
}

/// A heading, what there is to say, and a table: words in the first column, numbers in the others.
pub fn section(title: &str, words: &str, columns: &str, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!("## {title}\n\n");
    if !words.is_empty() {
        text += &format!("{words}\n\n");
    }
    let numbers = " ---: |".repeat(columns.matches('|').count());
    write!(text, "| {columns} |\n| --- |{numbers}").expect("a text takes everything");
    for row in rows {
        write!(text, "\n| {} |", row.join(" | ")).expect("a text takes everything");
    }
    text
}
