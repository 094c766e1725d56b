//! Compares this project's sessions with those of other projects, in one run: see `tests/bench`.
#![allow(clippy::unwrap_used)]
#![forbid(unsafe_code)]

use std::{env, path::Path, process::ExitCode};

use peers::{growth, in_process, instructions, loopback};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let fine = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // A separate process in which instructions are counted.
        ["serve", subject, work, times] => {
            instructions::serve(subject, work, times);
            true
        }
        // A separate process that answers over HTTP.
        ["served", name, store, url] => {
            loopback::served::run(name, store, url);
            true
        }
        ["--quick"] => in_process::quick(),
        ["in-process", directory, date] => in_process::run(Path::new(directory), date),
        ["loopback", directory, date] => loopback::run(Path::new(directory), date),
        ["all", directory, date] => {
            // Runs each of them, even if another has failed.
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
