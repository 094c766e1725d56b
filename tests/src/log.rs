//! Captures log lines for tests, of the test's own thread or of the whole process.

use std::{
    io,
    sync::{Arc, Mutex},
};

use session_runtime::testing::unlimited_log;
use tracing_subscriber::{
    filter::LevelFilter,
    fmt::{MakeWriter, SubscriberBuilder, fmt},
};

/// The lines that were logged.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Captures the log of the process from now on, at this level and above. A process can do so once.
    pub fn of_the_process(level: LevelFilter) -> Self {
        let lines = Self::default();
        lines.subscriber().with_max_level(level).init();
        lines
    }

    /// Returns all lines so far.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn subscriber(
        &self,
    ) -> SubscriberBuilder<
        tracing_subscriber::fmt::format::DefaultFields,
        tracing_subscriber::fmt::format::Format,
        LevelFilter,
        Self,
    > {
        fmt().with_writer(self.clone()).with_ansi(false)
    }
}

/// Captures every line that this thread logs, at level INFO and above, until this value is dropped.
pub struct Log {
    lines: Lines,
    _guard: tracing::subscriber::DefaultGuard,
}

impl Log {
    pub fn of_this_thread() -> Self {
        unlimited_log();
        let lines = Lines::default();
        let _guard = tracing::subscriber::set_default(lines.subscriber().finish());
        Self { lines, _guard }
    }

    /// Returns the lines since the last call.
    pub fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.lines.0.lock().unwrap())).unwrap()
    }
}

/// Returns the lines that this thread logs during `work`.
pub fn logged(work: impl FnOnce()) -> String {
    let log = Log::of_this_thread();
    work();
    log.take()
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
