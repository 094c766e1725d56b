//! Counts and measures, for the `metrics` facade. Without the feature `metrics`, every function here is empty.
//!
//! [`guide::events`](crate::guide::events) has a table of the names and labels, and a test compares that table with the metrics. A
//! label is the kind of session or a word from this crate, and never an id, a user, a path or a key, so there are few series.

#[cfg(feature = "metrics")]
use std::time::Instant;

use crate::{event::Event, store::StoreError};

/// Counts an event of the sessions of this kind.
pub(crate) fn event(kind: &'static str, event: &Event) {
    #[cfg(feature = "metrics")]
    metrics::counter!(
        "session_events_total",
        "kind" => kind, "event" => event.as_str(), "reason" => event.reason().unwrap_or("")
    )
    .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (kind, event);
}

/// Counts a request that loaded its session.
pub(crate) fn load(kind: &'static str, outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("session_loads_total", "kind" => kind, "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (kind, outcome);
}

/// Counts a commit.
pub(crate) fn commit(kind: &'static str, outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("session_commits_total", "kind" => kind, "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (kind, outcome);
}

/// Counts a swap that failed because another write had replaced the value.
pub(crate) fn retry(kind: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("session_retries_total", "kind" => kind).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = kind;
}

/// Records the size of the fields of a session that was stored, in bytes.
pub(crate) fn size(kind: &'static str, bytes: usize) {
    #[cfg(feature = "metrics")]
    metrics::histogram!("session_size_bytes", "kind" => kind).record(bytes as f64);
    #[cfg(not(feature = "metrics"))]
    let _ = (kind, bytes);
}

/// Measures one call of the store.
pub(crate) struct Timer {
    #[cfg(feature = "metrics")]
    start: Instant,
}

impl Timer {
    pub(crate) fn start() -> Self {
        Self {
            #[cfg(feature = "metrics")]
            start: Instant::now(),
        }
    }

    /// Records how long the call took, and whether it failed.
    pub(crate) fn stop<T>(self, kind: &'static str, operation: &'static str, answer: &Result<T, StoreError>) {
        #[cfg(feature = "metrics")]
        {
            let seconds = self.start.elapsed();
            metrics::histogram!("session_store_seconds", "kind" => kind, "operation" => operation).record(seconds);
            if let Err(error) = answer {
                let reason = if error.is_timeout() { "timeout" } else { "error" };
                metrics::counter!(
                    "session_store_failures_total",
                    "kind" => kind, "operation" => operation, "reason" => reason
                )
                .increment(1);
            }
        }
        #[cfg(not(feature = "metrics"))]
        let _ = (kind, operation, answer);
    }
}

/// Describes the metrics to a recorder that shows descriptions.
pub(crate) fn describe() {
    #[cfg(feature = "metrics")]
    {
        use metrics::{Unit, describe_counter, describe_histogram};

        describe_counter!("session_events_total", "What happened to sessions");
        describe_counter!("session_loads_total", "Requests that loaded their session");
        describe_counter!("session_commits_total", "Commits of requests that changed their session");
        describe_counter!("session_retries_total", "Swaps that failed because another write had replaced the value");
        describe_counter!("session_store_failures_total", "Calls of the store that failed or took too long");
        describe_histogram!("session_store_seconds", Unit::Seconds, "How long a call of the store took");
        describe_histogram!("session_size_bytes", Unit::Bytes, "The size of a session's fields when they were stored");
    }
}
