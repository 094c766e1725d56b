//! Measures the heap allocations that a session adds to a request: `cargo bench -p tests --bench allocations`.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod load;

use load::{Load, REQUESTS, WORKS};

fn main() {
    for work in WORKS {
        println!("{work} {:+.1} allocations", count(work, false) - count(work, true));
    }
}

fn count(work: &str, bare: bool) -> f64 {
    let load = Load::new(work, bare);
    allocation_counter::measure(|| load.send()).count_total as f64 / REQUESTS as f64
}
