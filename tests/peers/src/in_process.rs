//! The cost of sessions per request in process, without a network: instructions, allocations, time, memory and store calls.

use std::path::Path;

use crate::{
    at_once,
    bars::{self, Part},
    contestants::{ALL, BEST_PEER, HAND_WRITTEN, OURS},
    correctness,
    figures::{self, FULL, QUICK},
    report, sealed, tables,
};

/// Writes the page into this folder. Returns whether all missed bars are known misses.
pub fn run(directory: &Path, date: &str) -> bool {
    measure(false, Some((directory, date)))
}

/// Prints only the most important figures.
pub fn quick() -> bool {
    measure(true, None)
}

fn measure(quick: bool, report: Option<(&Path, &str)>) -> bool {
    let (contestants, effort) = if quick { (vec![HAND_WRITTEN, OURS, BEST_PEER], QUICK) } else { (ALL.to_vec(), FULL) };
    let figures = figures::measure(&contestants, effort);
    eprintln!("correctness");
    let faults: Vec<_> =
        contestants.iter().filter_map(|of| Some((of.name, correctness::judge(of, effort.pairs)?))).collect();
    let ours = contestants.iter().position(|of| of.name == OURS.name).unwrap();
    eprintln!("sessions in cookies");
    let cookies = sealed::measure(effort);
    eprintln!("updates at once");
    let calls = at_once::measure();
    let bars = bars::bars(&figures[ours], &faults[ours].1, sealed::ours(&cookies), &calls);
    let verdicts = bars::verdicts(Part::InProcess, &bars);
    let table = tables::bars(&bars, &verdicts);
    if let Some((directory, date)) = report {
        let tables = (&*sealed::table(&cookies), &*tables::faults(&faults), &*at_once::table(&calls), &*table);
        report::write(directory, date, effort, &figures, tables).unwrap();
    }
    println!("Instructions per request above the bare handler, without hashing\n");
    println!("{}", tables::works(&figures, tables::instructions));
    println!("The same with hashing in software\n\n{}", tables::works(&figures, tables::instructions_with_hashing));
    println!("Heap allocations\n\n{}", tables::works(&figures, tables::allocations));
    println!("Nanoseconds\n\n{}", tables::works(&figures, tables::nanoseconds));
    println!("{}\n{}", tables::bytes(&figures), sealed::table(&cookies));
    println!("{}", tables::faults(&faults));
    println!("{} updates of one session at once\n\n{}", at_once::UPDATES, at_once::table(&calls));
    println!("{table}");
    bars::is_fine(&verdicts)
}
