//! What functions have logged, line by line.

use serde_json::{Map, Value};

/// What stands in each line; see `docs/logging.md`.
const MANDATORY: [&str; 4] = ["timestamp", "level", "message", "target"];

/// The lines of one or several functions' logs, without their metrics.
#[derive(Debug)]
pub struct LogLines(Vec<(String, Map<String, Value>)>);

impl LogLines {
    /// Reads a log. Panics if a line is no JSON object with all that a line must have.
    pub fn read(log: &str) -> Self {
        let lines = log.lines().filter(|line| !line.trim().is_empty()).filter_map(|line| {
            let fields: Map<String, Value> = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("this line is no JSON object ({error}): {line}"));
            if fields.contains_key("_aws") {
                return None;
            }
            for name in MANDATORY {
                assert!(fields.get(name).is_some_and(Value::is_string), "this line has no {name}: {line}");
            }
            Some((line.to_owned(), fields))
        });
        Self(lines.collect())
    }

    /// The lines with this message, as the names of units of work are.
    pub fn called<'a>(&'a self, message: &'a str) -> impl Iterator<Item = &'a Map<String, Value>> {
        self.with("message", message)
    }

    /// The lines with this text in the field.
    pub fn with<'a>(&'a self, field: &'a str, text: &'a str) -> impl Iterator<Item = &'a Map<String, Value>> {
        self.0
            .iter()
            .map(|(_, fields)| fields)
            .filter(move |fields| fields.get(field).is_some_and(|it| it == text))
    }

    /// Panics if one of these texts stands anywhere. They come with what they are, which is said instead of them.
    pub fn assert_without<T: AsRef<str>>(&self, markers: impl IntoIterator<Item = (&'static str, T)>) {
        assert!(!self.0.is_empty(), "nothing was logged");
        for (what, marker) in markers {
            let marker = marker.as_ref();
            assert!(marker.len() > 3, "{what} {marker:?} is too short to be looked for");
            let found = self.0.iter().find(|(line, _)| line.contains(marker));
            assert!(found.is_none(), "{what} {marker:?} stands in {}", found.map_or("", |(line, _)| line));
        }
    }
}
