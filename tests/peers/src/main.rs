//! This project's sessions beside those of others, in one run: see `tests/bench`.
#![allow(clippy::unwrap_used)]
#![forbid(unsafe_code)]

use std::{env, path::PathBuf, process::ExitCode};

use peers::{
    bars::{self, Verdict},
    contestants::{ALL, BEST_PEER, HAND_WRITTEN, OURS},
    correctness,
    figures::{self, FULL, QUICK},
    growth, instructions, report, sealed, tables,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // A process of its own, in which instructions are counted.
        ["serve", subject, work, times] => {
            instructions::serve(subject, work, times);
            ExitCode::SUCCESS
        }
        ["growth", arguments @ ..] => {
            growth::command(arguments);
            ExitCode::SUCCESS
        }
        ["--quick"] => run(true, None),
        [directory, date] => run(false, Some((PathBuf::from(directory), date))),
        _ => {
            eprintln!("start it as `tests/bench`, `tests/bench growth` or `tests/bench --quick`");
            ExitCode::FAILURE
        }
    }
}

fn run(quick: bool, report: Option<(PathBuf, &str)>) -> ExitCode {
    let (contestants, effort) = if quick { (vec![HAND_WRITTEN, OURS, BEST_PEER], QUICK) } else { (ALL.to_vec(), FULL) };
    let figures = figures::measure(&contestants, effort);
    eprintln!("correctness");
    let faults: Vec<_> =
        contestants.iter().filter_map(|of| Some((of.name, correctness::judge(of, effort.pairs)?))).collect();
    let ours = contestants.iter().position(|of| of.name == OURS.name).unwrap();
    eprintln!("sessions in cookies");
    let cookies = sealed::measure(effort);
    let bars = bars::bars(&figures[ours], &faults[ours].1, sealed::bytes_of_ours(&cookies));
    let verdicts = bars::verdicts(&bars);
    let table = tables::bars(&bars, &verdicts);
    if let Some((directory, date)) = report {
        report::write(&directory, date, effort, &figures, (&sealed::table(&cookies), &tables::faults(&faults), &table))
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
    if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Missed(_))) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
