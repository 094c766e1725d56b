//! The log of this test program, with all its threads.

use std::sync::OnceLock;

use tests::log::Lines;
use tracing_subscriber::filter::LevelFilter;

fn lines() -> &'static Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    LINES.get_or_init(|| {
        session_runtime::testing::unlimited_log();
        Lines::of_the_process(LevelFilter::INFO)
    })
}

/// Starts capturing the log, unless another test has.
pub(crate) fn listen() {
    lines();
}

/// Returns the lines that contain `what`. Tests run in parallel, so `what` should be in the lines of one test only.
pub(crate) fn about(what: &str) -> Vec<String> {
    lines().text().lines().filter(|line| line.contains(what)).map(str::to_owned).collect()
}
