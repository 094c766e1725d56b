//! Limits the log lines that a request can cause. A stranger can send any number of requests, so a process writes at most one
//! line of a kind per second, and says how many it left out (B6, F13).
//!
//! `warn_limited!` and `error_limited!` are `tracing::warn!` and `tracing::error!` with that limit, and with this crate's target.
//! Each place in the code has its own kind of line. If its level is disabled, a line costs no more than with `tracing` itself.
//! Lines that are written at start-up, or by a background task, go to `tracing` directly.

#[cfg(feature = "testing")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a line suppresses others of its kind.
const QUIET: Duration = Duration::from_secs(1);

/// Whether a test needs every line.
#[cfg(feature = "testing")]
pub(crate) static UNLIMITED: AtomicBool = AtomicBool::new(false);

/// The limit of one kind of line.
pub(crate) struct Limit(Mutex<State>);

struct State {
    written_at: Option<Instant>,
    left_out: u64,
}

/// Permission to write a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// How many lines were left out since the last one. `None` if there were none, so that the line does not mention it.
    pub(crate) left_out: Option<u64>,
}

impl Limit {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(State { written_at: None, left_out: 0 }))
    }

    /// Permits a line, unless one was written within the last second.
    pub(crate) fn admit(&self) -> Option<Admitted> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<Admitted> {
        #[cfg(feature = "testing")]
        if UNLIMITED.load(Ordering::Relaxed) {
            return Some(Admitted { left_out: None });
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.written_at.is_some_and(|before| now.saturating_duration_since(before) < QUIET) {
            state.left_out = state.left_out.saturating_add(1);
            return None;
        }
        state.written_at = Some(now);
        let left_out = std::mem::take(&mut state.left_out);
        Some(Admitted { left_out: (left_out > 0).then_some(left_out) })
    }
}

/// Returns the [`Limit`] of the place that invokes the macro.
macro_rules! limit {
    () => {{
        static LIMIT: $crate::log::Limit = $crate::log::Limit::new();
        &LIMIT
    }};
}

macro_rules! limited {
    ($level:ident, $($line:tt)+) => {
        if tracing::enabled!(target: "session_runtime", tracing::Level::$level)
            && let Some($crate::log::Admitted { left_out }) = $crate::log::limit!().admit()
        {
            tracing::event!(target: "session_runtime", tracing::Level::$level, left_out, $($line)+);
        }
    };
}

/// Writes a line at WARN, unless this place wrote one within the last second.
macro_rules! warn_limited {
    ($($line:tt)+) => { $crate::log::limited!(WARN, $($line)+) };
}

/// Writes a line at ERROR, unless this place wrote one within the last second.
macro_rules! error_limited {
    ($($line:tt)+) => { $crate::log::limited!(ERROR, $($line)+) };
}

pub(crate) use {limit, limited};

#[cfg(test)]
mod tests {
    use super::*;

    // F13
    #[test]
    fn a_line_counts_the_lines_that_were_left_out() {
        let (limit, start) = (Limit::new(), Instant::now());
        let at = |millis| limit.admit_at(start + Duration::from_millis(millis)).map(|line| line.left_out);
        assert_eq!(at(0), Some(None));
        assert_eq!((at(1), at(500), at(999)), (None, None, None));
        assert_eq!(at(1000), Some(Some(3)));
        assert_eq!(at(1500), None);
        assert_eq!(at(9000), Some(Some(1)));
        assert_eq!(at(10_000), Some(None));
    }

    // F13: threads read the clock before they take the lock, so an earlier time may come second.
    #[test]
    fn an_earlier_time_that_comes_second_admits_no_line() {
        let (limit, start) = (Limit::new(), Instant::now());
        assert!(limit.admit_at(start + QUIET).is_some());
        assert!(limit.admit_at(start).is_none());
    }

    // F13
    #[test]
    fn each_place_has_a_limit_of_its_own() {
        let lines = [limit!(), limit!()];
        assert!(lines.iter().all(|limit| limit.admit().is_some()));
    }
}
