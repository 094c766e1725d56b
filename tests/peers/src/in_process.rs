//! What sessions cost a request in process, without any network: instructions, allocations, time and memory.

use std::path::Path;

use crate::{
    bars::{self, Part},
    contestants::{ALL, BEST_PEER, HAND_WRITTEN, OURS},
    correctness,
    figures::{self, FULL, QUICK},
    report, sealed, tables,
};

/// Writes the page into this folder; says whether no bar is missed but those that are known.
pub fn run(directory: &Path, date: &str) -> bool {
    measure(false, Some((directory, date)))
}

/// Only says what is most important.
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
    let bars = bars::bars(&figures[ours], &faults[ours].1, sealed::ours(&cookies));
    let verdicts = bars::verdicts(Part::InProcess, &bars);
    let table = tables::bars(&bars, &verdicts);
    if let Some((directory, date)) = report {
        report::write(directory, date, effort, &figures, (&sealed::table(&cookies), &tables::faults(&faults), &table))
            .unwrap();
    }
    println!("Instructions per request above the bare handler, without hashing\n");
    println!("{}", tables::works(&figures, tables::instructions));
    println!("The same with hashing in software\n\n{}", tables::works(&figures, tables::instructions_with_hashing));
    println!("Heap allocations\n\n{}", tables::works(&figures, tables::allocations));
    println!("Nanoseconds\n\n{}", tables::works(&figures, tables::nanoseconds));
    println!("{}\n{}", tables::bytes(&figures), sealed::table(&cookies));
    println!("{}", tables::faults(&faults));
    println!("{table}");
    bars::is_fine(&verdicts)
}
