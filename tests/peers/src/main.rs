//! This project's sessions beside those of others, in one run: see `tests/bench`.
#![allow(clippy::unwrap_used)]
#![forbid(unsafe_code)]

use std::{env, path::Path, process::ExitCode};

use peers::{growth, in_process, instructions, loopback};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let fine = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // A process of its own, in which instructions are counted.
        ["serve", subject, work, times] => {
            instructions::serve(subject, work, times);
            true
        }
        // A process of its own, which is asked over HTTP.
        ["served", name, store, url] => {
            loopback::served::run(name, store, url);
            true
        }
        ["--quick"] => in_process::quick(),
        ["in-process", directory, date] => in_process::run(Path::new(directory), date),
        ["loopback", directory, date] => loopback::run(Path::new(directory), date),
        ["all", directory, date] => {
            // Each of them, whatever became of the others.
            let fine = [in_process::run, loopback::run].map(|run| run(Path::new(directory), date));
            growth::run(Path::new(directory), date);
            fine.into_iter().all(|fine| fine)
        }
        ["growth", arguments @ ..] => {
            growth::command(arguments);
            true
        }
        _ => {
            eprintln!(
                "start it as `tests/bench`, `tests/bench in-process`, `tests/bench loopback`, `tests/bench growth` or \
                 `tests/bench --quick`"
            );
            false
        }
    };
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
