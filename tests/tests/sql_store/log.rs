//! The log of the process, which all tests write to.

use std::sync::OnceLock;

use tests::log::Lines;
use tracing_subscriber::filter::LevelFilter;

#[derive(Clone)]
pub(crate) struct Log(Lines);

impl Log {
    /// Starts capturing the log, unless another test has.
    pub(crate) fn start() -> Self {
        static LOG: OnceLock<Lines> = OnceLock::new();
        let start = || {
            session_runtime::testing::unlimited_log();
            Lines::of_the_process(LevelFilter::INFO)
        };
        Self(LOG.get_or_init(start).clone())
    }

    /// Counts the lines with this sentence about this table.
    pub(crate) fn count(&self, sentence: &str, table: &str) -> usize {
        self.0.text().lines().filter(|line| line.contains(sentence) && line.contains(table)).count()
    }
}
