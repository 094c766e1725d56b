//! Measures the processor time that the derive costs.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    fields, figure,
    subject::{FIELDS, STRUCTS, Subject, write},
};

const ROUNDS: usize = 7;
const BUILDS: usize = 3;

/// Measures `cargo check` of a crate with many structs, compared with the same structs without a derive.
pub(crate) fn checks(subjects: &[Subject; 4]) -> String {
    for subject in subjects {
        subject.write(STRUCTS, FIELDS);
        cpu(&subject.folder, "check"); // builds the dependencies too
    }
    let mut seconds = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        for (subject, seconds) in subjects.iter().zip(&mut seconds) {
            touch(&subject.folder);
            seconds.push(cpu(&subject.folder, "check"));
        }
    }
    let [none, others @ ..] = seconds.map(median);
    let mut table = format!(
        "# Checking\n\n`cargo check` of a crate with {STRUCTS} structs of {FIELDS} fields, without incremental compilation. \
         Without a derive it takes {} s of processor time. The median of {ROUNDS} rounds.\n\n\
         | derive | ms a field | s in all |\n|---|---|---|\n",
        figure(none)
    );
    for (subject, seconds) in subjects[1..].iter().zip(others) {
        let each = (seconds - none) * 1000.0 / fields();
        let _ = writeln!(table, "| {} | {} | {} |", subject.name, figure(each), figure(seconds));
    }
    table.push('\n');
    table
}

/// Measures a clean build of all the crates that a derive brings in, next to serde's derive.
pub(crate) fn builds(subjects: &[Subject; 4]) -> String {
    let macros = concat!(env!("CARGO_MANIFEST_DIR"), "/../session-macros");
    let serde = "serde_derive = \"1\"\n";
    let crates = [
        ("serde_derive", serde.to_owned()),
        ("serde_derive and session-macros", format!("{serde}session-macros = {{ path = \"{macros}\" }}\n")),
        ("serde_derive and bon", format!("{serde}bon = \"3\"\n")),
    ];
    let folder = subjects[0].folder.with_file_name("build");
    let mut seconds = [const { Vec::new() }; 3];
    for _ in 0..BUILDS {
        for ((_, dependencies), seconds) in crates.iter().zip(&mut seconds) {
            let _ = fs::remove_dir_all(&folder);
            write(&folder, dependencies, "");
            seconds.push(cpu(&folder, "build"));
        }
    }
    let seconds = seconds.map(median);
    let mut table = format!(
        "# Building\n\n`cargo build` from scratch, of an empty crate that depends on the derive: it builds the derive and \
         its dependencies. The median of {BUILDS} rounds.\n\n| depends on | s of processor time | above `serde_derive` |\n|---|---|---|\n"
    );
    for ((name, _), all) in crates.iter().zip(seconds) {
        let _ = writeln!(table, "| {name} | {} | {} |", figure(all), figure(all - seconds[0]));
    }
    table
}

fn touch(folder: &Path) {
    let path = folder.join("src/lib.rs");
    fs::write(&path, fs::read(&path).unwrap()).unwrap();
}

/// Returns the processor time, user and system, of cargo and its children, in seconds.
fn cpu(folder: &Path, command: &str) -> f64 {
    let output = Command::new("bash")
        .args(["-c", &format!("TIMEFORMAT='%U %S'; time cargo {command} --quiet 2>/dev/null")])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("CARGO_INCREMENTAL", "0")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo {command} in {}", folder.display());
    let times = String::from_utf8(output.stderr).unwrap();
    times.split_whitespace().map(|seconds| seconds.replace(',', ".").parse::<f64>().unwrap()).sum()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
