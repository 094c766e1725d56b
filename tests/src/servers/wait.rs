//! Waiting for what other processes do, with a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Nothing here takes long; two busy processors may make it so.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until there is something to see, and says what.
///
/// # Panics
/// When that takes longer than [`PATIENCE`].
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain until {what}");
        thread::sleep(Duration::from_millis(5)); // between two looks
    }
}
