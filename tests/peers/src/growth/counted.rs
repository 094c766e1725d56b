//! Counts the instructions of a read and a write in the memory store, with growing numbers of sessions.

use futures_util::future::FutureExt as _;

use super::{
    eight,
    fields::in_parallel,
    fill::fill,
    shelf::{Shelf, What},
};
use crate::instructions;

/// The numbers of sessions. Larger stores take too long to fill while instructions are counted.
pub const SIZES: [u64; 3] = [1_000, 10_000, 100_000];
pub const TIMES: u64 = 1000;

/// Returns the instructions of a read and a write, for each size.
pub fn count() -> Vec<[Option<f64>; 2]> {
    let cases = SIZES.into_iter().flat_map(|size| ["read", "write"].map(|work| (size, work))).collect();
    let counted = in_parallel(cases, |(size, work)| {
        let arguments = ["growth", "count", work, &size.to_string()];
        instructions::counted(&arguments, "*calls_that_are_counted*", TIMES as usize).map(|counted| counted.all)
    });
    counted.chunks(2).map(|of| [of[0], of[1]]).collect()
}

/// Makes the calls that are counted. Runs in a process of its own.
pub fn serve(work: &str, size: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let shelf = runtime.block_on(async {
        let shelf = Shelf::open(What::Memory, size, &None).await.unwrap();
        fill(&shelf).await;
        shelf
    });
    calls_that_are_counted(&shelf, work);
}

#[inline(never)]
fn calls_that_are_counted(shelf: &Shelf, work: &str) {
    for step in 0..TIMES {
        let n = eight::mix(step) % shelf.size;
        // The memory store never waits.
        let done = if work == "read" { shelf.read(n).now_or_never() } else { shelf.write(n).now_or_never() };
        assert!(done.is_some());
    }
}
