//! Runs the program `allocations`, which counts heap allocations and the bytes that are left on the heap.

use std::{env, process::Command};

use crate::{contestants::Contestant, load::Subject};

/// Returns the allocations per request.
pub fn per_request(subject: Subject, work: &str, times: usize) -> f64 {
    counted(["requests", &subject.name(), &format!("/{work}"), &times.to_string()]) / times as f64
}

/// Returns the bytes on the heap per session, with this many full sessions.
pub fn bytes_per_session(contestant: &'static Contestant, sessions: usize) -> f64 {
    counted(["bytes", contestant.name, "/begin", &sessions.to_string()]) / sessions as f64
}

fn counted(arguments: [&str; 4]) -> f64 {
    let program = env::current_exe().unwrap().with_file_name("allocations");
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap()
}
