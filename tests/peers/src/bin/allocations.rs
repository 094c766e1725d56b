//! Counts heap allocations, in a program of its own: counting takes instructions and time, which others count.
#![forbid(unsafe_code)]

use std::env;

use allocation_counter::measure;
use peers::load::{Load, Subject};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [what, subject, path, times] = arguments.as_slice() else { return };
    let Some((subject, times)) = Subject::named(subject).zip(times.parse().ok()) else { return };
    let counted = if what == "requests" {
        let mut load = Load::new(subject, path, times);
        measure(|| load.serve_the_requests()).count_total as i64
    } else {
        let load = Load::new(subject, path, 0);
        measure(|| load.make_and_serve(path, times)).bytes_current
    };
    println!("{counted}");
}
