//! Logs: a JSON object a line on standard output, where Lambda takes them. `docs/logging.md` lists the lines.
//!
//! **Invariant:** only what our own code says is written. What the crates below us say, and what a panic says that was put
//! together from values, may quote what they had in hand; of those a line tells only where in the code it was said.

use std::{fmt::Debug, io::Write, panic::PanicHookInfo};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer, Registry,
    filter::filter_fn,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::settings::environment;

/// The prefix of all our crates.
const OURS: &str = "zixly";

/// Where the runtime opens the span of an invocation, which has its ids.
const INVOCATION: &str = "lambda_runtime::layers::trace";

/// What Lambda, X-Ray and we call the id of a trace.
const TRACE_ID: &str = "xrayTraceId";

/// Starts logging at the level of Lambda's own logging settings (`AWS_LAMBDA_LOG_LEVEL`, default `info`).
pub fn init() {
    let level = level(environment("AWS_LAMBDA_LOG_LEVEL"));
    let to_stdout = |line: &[u8]| {
        // Nobody can be told that nothing can be told.
        let _ = std::io::stdout().write_all(line);
    };
    subscriber(level, to_stdout).init();
    std::panic::set_hook(Box::new(log_panic));
}

/// What makes the lines, and hands each to `write`; for a test, which wants to see them.
pub fn subscriber(
    level: LevelFilter,
    write: impl Fn(&[u8]) + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    let is_wanted = move |metadata: &Metadata<'_>| {
        let is_ours = metadata.target().starts_with(OURS);
        if metadata.is_span() {
            // A line of any level has the fields of all that goes on around it.
            return is_ours || metadata.target() == INVOCATION;
        }
        *metadata.level() <= if is_ours { level } else { level.min(LevelFilter::WARN) }
    };
    let filter = filter_fn(is_wanted).with_max_level_hint(level.max(LevelFilter::INFO));
    Registry::default().with(Lines(write).with_filter(filter))
}

/// The trace that an `X-Amzn-Trace-Id` belongs to, as X-Ray shows it.
pub(crate) fn trace_of(header: &str) -> &str {
    header.split(';').find_map(|part| part.trim().strip_prefix("Root=")).unwrap_or(header)
}

fn level(setting: Option<String>) -> LevelFilter {
    match setting.unwrap_or_default().to_lowercase().as_str() {
        "fatal" => LevelFilter::ERROR,
        // Which `tracing` reads as `error`.
        "" => LevelFilter::INFO,
        level => level.parse().unwrap_or(LevelFilter::INFO),
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    // One that stands in the code as it is; any other may quote values.
    let words = panic.payload().downcast_ref::<&'static str>();
    tracing::error!(location, words, "panicked");
}

struct Lines<W>(W);

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: Fn(&[u8]) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        context.span(id).expect("it is new").extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        let span = context.span(id).expect("it is open");
        let mut extensions = span.extensions_mut();
        let known = extensions.get_mut::<Fields>().expect("each span has them since it is new");
        fields.add(known);
        *known = fields;
    }

    /// A field of the event stands for those of the same name of the spans around it, and an inner span's for an outer's.
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        if event.metadata().target().starts_with(OURS) {
            event.record(&mut fields);
        } else {
            fields.push("message", &where_it_was_said(event.metadata()));
        }
        for span in context.event_scope(event).into_iter().flatten() {
            fields.add(span.extensions().get::<Fields>().expect("each span has them since it is new"));
        }
        (self.0)(&fields.line(event.metadata()));
    }
}

fn where_it_was_said(metadata: &Metadata<'_>) -> String {
    format!("{}, line {}, has something to say", metadata.target(), metadata.line().unwrap_or_default())
}

/// Names with values that are JSON already.
#[derive(Default)]
struct Fields(Vec<(&'static str, Vec<u8>)>);

impl Fields {
    fn push(&mut self, name: &'static str, value: &(impl Serialize + ?Sized)) {
        self.0.push((name, serde_json::to_vec(value).expect("texts and numbers serialise")));
    }

    /// Adds what is not there yet.
    fn add(&mut self, others: &Self) {
        for (name, value) in &others.0 {
            if self.0.iter().all(|(known, _)| known != name) {
                self.0.push((name, value.clone()));
            }
        }
    }

    fn line(&self, metadata: &Metadata<'_>) -> Vec<u8> {
        let mut line = Vec::with_capacity(512);
        let (now, level, target) = (Timestamp::now(), metadata.level(), metadata.target());
        write!(line, r#"{{"timestamp":"{now:.6}","level":"{level}""#).expect("memory takes what is written");
        // What it is comes first, for who reads.
        let (message, others): (Vec<_>, Vec<_>) = self.0.iter().partition(|(name, _)| *name == "message");
        for (name, value) in message.into_iter().chain(others) {
            line.extend_from_slice(b",\"");
            line.extend_from_slice(name.as_bytes());
            line.extend_from_slice(b"\":");
            line.extend_from_slice(value);
        }
        line.extend_from_slice(b",\"target\":\"");
        line.extend_from_slice(target.as_bytes());
        line.extend_from_slice(b"\"}\n");
        line
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = serde_json::Serializer::new(Vec::with_capacity(48));
        text.collect_str(&format_args!("{value:?}")).expect("memory takes what is written");
        self.0.push((field.name(), text.into_inner()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let is_trace = field.name() == TRACE_ID;
        self.push(field.name(), if is_trace { trace_of(value) } else { value });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field.name(), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field.name(), &value);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing::{field::Empty, info_span, subscriber::with_default};

    use super::*;

    /// What is logged by `work`, without what no two runs have in common.
    fn logged(level: LevelFilter, work: impl FnOnce()) -> Vec<Value> {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&bytes);
        let write = move |line: &[u8]| written.lock().unwrap().extend_from_slice(line);
        with_default(subscriber(level, write), work);
        let text = String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
        let read = |line: &str| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let fields = line.as_object_mut().unwrap();
            assert!(fields.remove("timestamp").unwrap().as_str().unwrap().parse::<Timestamp>().is_ok());
            fields.remove("target").unwrap();
            line
        };
        text.lines().map(read).collect()
    }

    #[test]
    fn a_line_has_the_fields_of_the_spans_around_it_each_once() {
        let lines = logged(LevelFilter::INFO, || {
            let invocation = info_span!(
                target: INVOCATION, "Lambda runtime invoke",
                requestId = "r-1", xrayTraceId = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
            );
            let job = info_span!(parent: &invocation, "job", job.id = 7, provider = Empty);
            job.record("provider", "xero").record("provider", "hubspot");
            job.in_scope(|| tracing::info!(duration_ms = 5_u64, is_late = false, "job.finished"));
            job.in_scope(|| tracing::warn!(provider = "slack", error = None::<&str>, "not \"quoted\"\n"));
        });
        let ids =
            json!({ "requestId": "r-1", "xrayTraceId": "1-5759e988-bd862e3fe1be46a994272793", "job.id": 7 });
        let with = |mut fields: Value| {
            fields.as_object_mut().unwrap().extend(ids.as_object().unwrap().clone());
            fields
        };
        assert_eq!(
            lines,
            [
                with(json!({
                    "level": "INFO", "message": "job.finished", "duration_ms": 5, "is_late": false, "provider": "hubspot"
                })),
                with(json!({ "level": "WARN", "message": "not \"quoted\"\n", "provider": "slack" })),
            ]
        );
    }

    #[test]
    fn the_level_is_lambdas_or_info() {
        for (setting, expected) in [
            (None, LevelFilter::INFO),
            (Some(""), LevelFilter::INFO),
            (Some("nonsense"), LevelFilter::INFO),
            (Some("FATAL"), LevelFilter::ERROR),
            (Some("WARN"), LevelFilter::WARN),
            (Some("TRACE"), LevelFilter::TRACE),
        ] {
            assert_eq!(level(setting.map(str::to_owned)), expected, "{setting:?}");
        }
    }

    #[test]
    fn a_line_has_them_at_any_level() {
        let lines = logged(LevelFilter::ERROR, || {
            let span = info_span!("job", job.id = 7);
            span.in_scope(|| tracing::warn!("not wanted"));
            span.in_scope(|| tracing::error!("message.put_off"));
        });
        assert_eq!(lines, [json!({ "level": "ERROR", "message": "message.put_off", "job.id": 7 })]);
    }

    #[test]
    fn of_what_others_say_the_place_is_logged_and_no_word() {
        let lines = logged(LevelFilter::TRACE, || {
            tracing::error!(target: "lambda_runtime::layers", event = "jo@example.com", "cannot read jo@example.com");
            tracing::info!(target: "aws_smithy_runtime", "jo@example.com");
        });
        assert_eq!(lines.len(), 1);
        let message = lines[0]["message"].as_str().unwrap();
        assert!(message.starts_with("lambda_runtime::layers, line "), "{message}");
        assert_eq!(lines[0].as_object().unwrap().len(), 2);
    }

    #[test]
    fn a_panic_is_a_line_without_the_values_in_its_words() {
        let name = "jo@example.com";
        let lines = logged(LevelFilter::INFO, || {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(log_panic));
            let _ = std::panic::catch_unwind(|| panic!("no customer {name}"));
            let _ = std::panic::catch_unwind(|| panic!("no customer"));
            std::panic::set_hook(before);
        });
        let words: Vec<&Value> = lines.iter().map(|line| &line["words"]).collect();
        assert_eq!(words, [&Value::Null, &json!("no customer")]);
        assert!(lines.iter().all(|line| line["location"].as_str().unwrap().contains("telemetry.rs:")));
    }
}
