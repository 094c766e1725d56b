//! Counts heap allocations. This is a separate program because counting would add to the instructions and the time that the
//! main program measures.
#![forbid(unsafe_code)]

use std::env;

use allocation_counter::measure;
use peers::{
    growth,
    load::{Load, Subject},
};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [what, subject] = arguments.as_slice()
        && what == "growth"
        && let Some(subject) = Subject::named(subject)
    {
        return bytes_at_sizes(subject);
    }
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

/// Prints the bytes on the heap per session, for each size.
fn bytes_at_sizes(subject: Subject) {
    let load = Load::new(subject, "/begin", 0);
    let (mut there, mut bytes) = (0, 0);
    for size in growth::SIZES {
        if bytes as f64 / there.max(1) as f64 * size as f64 > growth::MOST_BYTES {
            return;
        }
        bytes += measure(|| load.make_and_serve("/begin", (size - there) as usize)).bytes_current;
        there = size;
        println!("{size} {:.0}", bytes as f64 / size as f64);
    }
}
