//! Waits for other processes, with a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long to wait. Everything here is quick, except on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Calls `look` until it returns a value, and returns that value.
///
/// # Panics
/// Panics after [`PATIENCE`].
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain until {what}");
        thread::sleep(Duration::from_millis(5)); // polls
    }
}
