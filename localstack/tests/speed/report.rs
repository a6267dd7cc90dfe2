//! The table.

use std::fmt::Write;
use std::time::Duration;

use crate::counted::AllCounted;
use crate::functions::Fresh;
use crate::limit::Limit;
use crate::machine;
use crate::webhook::Served;

#[derive(Default)]
pub struct Report {
    pub functions: Vec<Fresh>,
    pub webhook: Vec<Line>,
}

/// The door, with so many environments.
pub struct Line {
    /// With a millisecond added to each flush of the log.
    pub is_slow: bool,
    pub environments: usize,
    pub served: Served,
    pub limit: Limit,
}

impl Report {
    /// As Markdown.
    pub fn text(&self, counted: &AllCounted) -> String {
        let mut text = String::new();
        self.write(&mut text, counted).expect("a text takes everything");
        text
    }

    fn write(&self, text: &mut String, counted: &AllCounted) -> std::fmt::Result {
        writeln!(text, "# Benchmarks\n")?;
        writeln!(text, "Written by `make bench`: {}.\n", machine::description())?;
        writeln!(
            text,
            "The functions are driven through the Lambda Runtime API by a driver of our own, on the same machine as PostgreSQL and an AWS that answers at once, so all of them share its processors."
        )?;
        writeln!(text, "\n## Each function\n")?;
        writeln!(text, "| function | starts in, quickest / median ms | first answer ms | resident MB |")?;
        writeln!(text, "| --- | ---: | ---: | ---: |")?;
        for Fresh { name, init, first, resident_bytes } in &self.functions {
            let (quickest, median) = (ms(init.0), ms(init.1));
            let resident = *resident_bytes as f64 / 1e6;
            writeln!(text, "| {name} | {quickest:.1} / {median:.1} | {:.1} | {resident:.1} |", ms(*first))?;
        }
        writeln!(text, "\n## A delivery, from the event to the answer\n")?;
        writeln!(
            text,
            "Each is new, is filed with its event, job and doorbell in one commit, and rings. Processor time is that of the function and of PostgreSQL; pgbench files the same deliveries, with as many clients as there are environments.\n"
        )?;
        writeln!(
            text,
            "| flush | environments | a second | p50 ms | p95 ms | p99 ms | function ms | PostgreSQL ms | WAL bytes | pgbench a second | of it | pgbench, a row |"
        )?;
        writeln!(
            text,
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
        )?;
        for Line { is_slow, environments, served, limit } in &self.webhook {
            let flush = if *is_slow { "+ 1 ms" } else { "as it is" };
            let wal = served.wal_bytes as f64 / served.count as f64;
            writeln!(
                text,
                "| {flush} | {environments} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {wal:.0} | {:.0} | {:.0} % | {:.0} |",
                served.rate(),
                ms(served.per_mille(500)),
                ms(served.per_mille(950)),
                ms(served.per_mille(990)),
                served.processor_ms(served.function),
                served.processor_ms(served.postgres),
                limit.deliveries,
                served.rate() / limit.deliveries * 100.0,
                limit.rows,
            )?;
        }
        writeln!(text, "\n## Counted\n")?;
        writeln!(text, "| figure | is | may be |\n| --- | ---: | ---: |")?;
        for figure in &counted.0 {
            writeln!(text, "| {} | {:.2} | {} |", figure.what, figure.is, figure.at_most)?;
        }
        Ok(())
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
