//! Counts instructions with valgrind's callgrind, in a separate process for each load.
//!
//! The count is exact. But valgrind does not emulate SHA instructions, so hashing runs in software; its share is reported
//! separately.

use std::{
    env, fs,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{
    load::{Load, Subject},
    parts::{Parts, parts},
};

/// Instructions per request.
#[derive(Clone, Copy, Default)]
pub struct Instructions {
    pub all: f64,
    /// The part that the compression function of SHA-256 takes.
    pub hashing: f64,
    /// The rest, by part.
    pub parts: Parts,
}

impl Instructions {
    pub fn without_hashing(self) -> f64 {
        self.all - self.hashing
    }

    pub fn above(self, bare: Self) -> Self {
        let mut parts = self.parts;
        parts.iter_mut().zip(bare.parts).for_each(|(part, bare)| *part -= bare);
        Self { all: self.all - bare.all, hashing: self.hashing - bare.hashing, parts }
    }
}

/// Serves the requests that are counted. Runs in a process of its own.
pub fn serve(subject: &str, work: &str, times: &str) {
    let subject = Subject::named(subject).unwrap();
    Load::new(subject, &format!("/{work}"), times.parse().unwrap()).serve_the_requests();
}

/// Returns valgrind's version, if it is installed.
pub fn countable() -> Option<String> {
    let output = Command::new("valgrind").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Counts the instructions of this many requests.
pub fn count(subject: Subject, work: &str, times: usize) -> Option<Instructions> {
    counted(&["serve", &subject.name(), work, &times.to_string()], "*serve_the_requests*", times)
}

/// Counts the instructions inside `function`, in a process with these arguments, and divides them by `times`.
pub fn counted(arguments: &[&str], function: &str, times: usize) -> Option<Instructions> {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let at = FILES.fetch_add(1, Ordering::Relaxed);
    let file = env::temp_dir().join(format!("peers-{}-{at}.callgrind", std::process::id()));
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--toggle-collect={function}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(env::current_exe().ok()?)
        .args(arguments)
        // Without this, glibc copies long blocks with a single instruction, which valgrind counts once for each byte.
        .env("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=1073741824")
        .output()
        .ok()?;
    let costs = fs::read_to_string(&file).ok()?;
    let _ = fs::remove_file(&file);
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    let all: f64 = report.lines().find_map(|line| line.split("Collected :").nth(1))?.trim().parse().ok()?;
    let each = |sum: f64| sum / times as f64;
    Some(Instructions { all: each(all), hashing: each(hashing(&costs)), parts: parts(&costs).map(each) })
}

/// Returns the instructions that callgrind's file reports for the compression function of SHA-256 itself, in any of its versions.
fn hashing(costs: &str) -> f64 {
    let (mut here, mut call, mut sum) = (false, false, 0.0);
    let mut ids = Vec::new();
    for line in costs.lines() {
        if let Some(function) = line.strip_prefix("fn=") {
            // The file defines a name once, `(12) name`, and then refers to it as `(12)`.
            let (id, name) = function.split_once(' ').unwrap_or((function, ""));
            if name.contains("sha256") {
                ids.push(id.to_owned());
            }
            here = ids.iter().any(|known| known == id);
        } else if let Some(function) = line.strip_prefix("cfn=") {
            let (id, name) = function.split_once(' ').unwrap_or((function, ""));
            if name.contains("sha256") {
                ids.push(id.to_owned());
            }
        } else if line.starts_with("calls=") {
            // The next line is the cost of the callee.
            call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || first == '+' || first == '-' || first == '*')
        {
            if here && !call {
                sum += line.split(' ').nth(1).and_then(|cost| cost.parse::<f64>().ok()).unwrap_or(0.0);
            }
            call = false;
        }
    }
    sum
}
