//! Measures the instructions that a session adds to a request: `cargo bench -p tests --bench instructions`.
//!
//! Valgrind's callgrind counts them exactly. It does not emulate SHA instructions, so hashes run in software. The token's HMAC
//! hashes two blocks to check a token and two to sign one, and the verifier's digest hashes one block. The cost of a block is
//! printed first.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod load;

use std::{env, process::Command};

use load::{Load, REQUESTS, WORKS};
use sha2::{Digest as _, Sha256};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["hash", blocks] => {
            let _ = std::hint::black_box(Sha256::digest(vec![0; blocks.parse::<usize>().unwrap() * 64]));
            return;
        }
        [work, kind, part] => {
            let load = Load::new(work, *kind == "bare");
            return if *part == "all" { load.send() } else { drop(load) };
        }
        _ => {}
    }
    let Some(block) = total(&["hash", "1100"]).zip(total(&["hash", "100"])).map(|(many, few)| (many - few) / 1000.0)
    else {
        return println!("SKIPPED instructions: valgrind is not installed");
    };
    println!("a block of SHA-256: {block:.0} instructions");
    for work in WORKS {
        if let (Some(ours), Some(bare)) = (instructions(work, "ours"), instructions(work, "bare")) {
            println!("{work} {:+.0} instructions", ours - bare);
        }
    }
}

/// Returns the instructions per request: those of a run that sends requests, minus those of a run that only prepares them.
fn instructions(work: &str, kind: &str) -> Option<f64> {
    Some((total(&[work, kind, "all"])? - total(&[work, kind, "preparation"])?) / REQUESTS as f64)
}

fn total(arguments: &[&str]) -> Option<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().ok()?)
        .args(arguments)
        .output()
        .ok()?;
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    report.lines().find_map(|line| line.split("Collected :").nth(1))?.trim().parse().ok()
}
