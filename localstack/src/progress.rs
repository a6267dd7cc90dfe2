//! What a person sees while a command works: one line a step, with its time; a spinner where there is a terminal.
//!
//! Progress goes to standard error, so that a command's own output stays clean.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The steps of one command.
pub struct Progress {
    /// Draws the spinners of the running steps; absent where lines are not redrawn.
    bars: Option<MultiProgress>,
}

impl Progress {
    /// Spinners on a terminal, plain lines elsewhere.
    pub fn new() -> Self {
        Self { bars: stderr().is_terminal().then(MultiProgress::new) }
    }

    /// Starts a step; steps may run side by side.
    pub fn step(&self, title: &str) -> Step<'_> {
        let bar = self.bars.as_ref().map(|bars| {
            let style = ProgressStyle::with_template("{spinner} {prefix} {wide_msg:.dim} {elapsed:.dim}");
            let bar = bars.add(ProgressBar::new_spinner().with_prefix(title.to_owned()));
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Step { progress: self, title: title.to_owned(), bar, started: Instant::now() }
    }

    /// A line above the running steps.
    pub fn line(&self, text: &str) {
        match &self.bars {
            // Only fails when the terminal is gone, and then nobody reads the line.
            Some(bars) => drop(bars.println(text)),
            None => print_line(text),
        }
    }
}

/// A running step; dropped without [`Step::done`] it leaves no line, since an error follows that says more.
pub struct Step<'a> {
    progress: &'a Progress,
    title: String,
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Step<'_> {
    /// Says how far the step is.
    pub fn say(&self, how_far: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(how_far);
        }
    }

    /// Says how much of a known number is done, and draws it as a bar.
    pub fn count(&self, done: usize, of: usize) {
        let Some(bar) = &self.bar else { return };
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {prefix} {bar:40} {pos} of {len} {elapsed:.dim}")
        {
            bar.set_style(style);
        }
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    }

    /// Ends the step and leaves its line: what there is now, and how long it took.
    pub fn done(self, outcome: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        self.progress.line(&format!("✓ {:<12} {outcome:<60} {seconds:>6.1} s", self.title));
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Tells why a command failed, with all causes.
pub fn complain(error: &anyhow::Error) {
    print_line(&format!("zixly: {error:#}"));
}

/// A line of a command's own output.
#[expect(clippy::print_stdout, reason = "the only place that writes a command's output")]
pub fn answer(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "the only place that writes lines for a person")]
fn print_line(text: &str) {
    eprintln!("{text}");
}
