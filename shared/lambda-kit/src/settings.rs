//! Reads a function's settings once, and reports all that are missing together.

use std::{str::FromStr, time::Duration};

use anyhow::{Result, bail};

/// The settings of one function, read through a lookup so that a test passes a map.
pub struct Settings<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl<'a> Settings<'a> {
    /// Reads from `lookup`; an empty value counts as missing.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    /// A setting without a default. What is missing is reported by [`Self::finish`], under its name.
    pub fn required(&mut self, name: &str) -> String {
        self.value(name).unwrap_or_else(|| {
            self.problems.push(format!("{name} is not set"));
            String::new()
        })
    }

    /// A setting that may be absent.
    pub fn optional(&mut self, name: &str) -> Option<String> {
        self.value(name)
    }

    /// A whole number of milliseconds, by default `default_ms`.
    pub fn duration_ms(&mut self, name: &str, default_ms: u64) -> Duration {
        Duration::from_millis(self.parsed(name, default_ms))
    }

    /// A whole number, by default `default`.
    pub fn number(&mut self, name: &str, default: u32) -> u32 {
        self.parsed(name, default)
    }

    /// `settings` if everything that it needed was there and readable, and otherwise every problem at once.
    pub fn finish<T>(self, settings: T) -> Result<T> {
        if self.problems.is_empty() {
            return Ok(settings);
        }
        bail!("the function is not configured: {}", self.problems.join(", "))
    }

    fn parsed<T: FromStr>(&mut self, name: &str, default: T) -> T {
        let Some(text) = self.value(name) else { return default };
        text.parse().unwrap_or_else(|_| {
            self.problems.push(format!("{name} is not a whole number: {text:?}"));
            default
        })
    }

    fn value(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }
}

/// The lookup of a deployed function: its environment.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_missing_is_named_together() {
        let lookup = |name: &str| match name {
            "QUEUE" => Some(String::new()),
            "LIMIT" => Some("many".to_owned()),
            _ => None,
        };
        let mut settings = Settings::new(&lookup);
        let read =
            (settings.required("QUEUE"), settings.required("BUCKET"), settings.duration_ms("LIMIT", 5));
        let error = settings.finish(read).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"the function is not configured: QUEUE is not set, BUCKET is not set, LIMIT is not a whole number: "many""#
        );
    }
}
