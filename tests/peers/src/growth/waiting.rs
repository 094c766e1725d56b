//! Measures the duration of a clean-up, and how long requests wait during it.

use std::time::Instant;

use session_runtime::{Timestamp, store::Store as _};

use super::{
    eight,
    shelf::{Shelf, What},
    turns::share,
};

/// Durations of a client's reads or writes, in seconds.
#[derive(Clone, Copy, Default)]
pub struct Waits {
    pub median: f64,
    pub of_a_hundred: f64,
    pub longest: f64,
}

impl Waits {
    fn of(waited: Vec<f64>) -> Self {
        let of = |part| share(waited.clone(), part);
        Self { median: of(0.5), of_a_hundred: of(0.99), longest: of(1.0) }
    }
}

pub struct CleanUp {
    pub what: What,
    pub size: u64,
    pub removed: u64,
    pub seconds: f64,
    /// Reads and writes of one client: before the clean-up, and during it.
    pub before: [Waits; 2],
    pub meanwhile: [Waits; 2],
}

/// Removes the sessions that have expired at `now`, while a client reads and writes the sessions that stay.
pub async fn clean_up(shelf: &Shelf, now: Timestamp) -> CleanUp {
    let idle = Instant::now();
    let before = requests(shelf, || idle.elapsed().as_secs_f64() > 0.3).await;
    let store = shelf.store.clone();
    let cleaning = tokio::spawn(async move {
        let from = Instant::now();
        let removed = store.delete_expired(now).await.unwrap();
        (removed, from.elapsed().as_secs_f64())
    });
    let meanwhile = requests(shelf, || cleaning.is_finished()).await;
    let (removed, seconds) = cleaning.await.unwrap();
    CleanUp { what: shelf.what, size: shelf.size, removed, seconds, before, meanwhile }
}

async fn requests(shelf: &Shelf, done: impl Fn() -> bool) -> [Waits; 2] {
    let (mut reads, mut writes) = (Vec::new(), Vec::new());
    let mut step = 0;
    while !done() {
        // The last session of each hundred stays.
        let n = eight::mix(step) % (shelf.size / 100) * 100 + 99;
        let from = Instant::now();
        shelf.read(n).await;
        reads.push(from.elapsed().as_secs_f64());
        let from = Instant::now();
        shelf.write(n).await;
        writes.push(from.elapsed().as_secs_f64());
        step += 1;
    }
    [reads, writes].map(Waits::of)
}
