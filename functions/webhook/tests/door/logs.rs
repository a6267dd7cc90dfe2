//! What the function logs, as Lambda would get it.

use std::{
    cell::RefCell,
    io::{self, Write},
    sync::Once,
};

use tracing_subscriber::{
    Registry,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

thread_local! {
    /// A test has a thread of its own, with all that it starts.
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The log of this test.
pub struct Logs(());

impl Logs {
    /// Begins with nothing.
    pub fn capture() -> Self {
        static STARTED: Once = Once::new();
        // One subscriber for all threads: with one for this thread only, whatever another thread logs first is off for
        // every thread.
        STARTED.call_once(|| {
            let filter =
                Targets::new().with_default(LevelFilter::WARN).with_target("zixly", LevelFilter::TRACE);
            Registry::default().with(filter).with(fmt::layer().json().with_writer(|| Lines)).init();
            tracing::callsite::rebuild_interest_cache();
        });
        LINES.take();
        Self(())
    }

    pub fn text(&self) -> String {
        String::from_utf8(LINES.with_borrow(Clone::clone)).unwrap()
    }
}

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
