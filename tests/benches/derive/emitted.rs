//! Measures the size of the emitted code, as the compiler counts it.

use std::{fmt::Write as _, process::Command};

use crate::{figure, subject::Subject};

/// Lines and bytes.
type Emitted = [f64; 2];

/// Returns the table of sizes. `None` without a nightly compiler.
pub(crate) fn table(subjects: &[Subject; 4]) -> Option<String> {
    let mut table = String::from(
        "# What is emitted\n\nThe compiler counts the output with `-Zmacro-stats`. The figures for a field are a twentieth of \
         the difference between structs of 21 fields and of one; the rest is the struct's own.\n\n\
         | derive | lines a field | bytes a field | lines a struct |\n|---|---|---|---|\n",
    );
    for subject in &subjects[1..] {
        let (one, many) = (emitted(subject, 1)?, emitted(subject, 21)?);
        let [lines, bytes] = [0, 1].map(|unit| (many[unit] - one[unit]) / 20.0);
        let (field, rest) = ([lines, bytes].map(figure), figure(one[0] - lines));
        let _ = writeln!(table, "| {} | {} | {} | {rest} |", subject.name, field[0], field[1]);
    }
    table.push('\n');
    Some(table)
}

fn emitted(subject: &Subject, fields: usize) -> Option<Emitted> {
    subject.write(1, fields);
    let output = Command::new("cargo")
        .args(["+nightly", "rustc", "--lib", "--profile", "check", "--", "-Zmacro-stats"])
        .current_dir(&subject.folder)
        .env("CARGO_TARGET_DIR", subject.folder.join("nightly"))
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTC")
        .env_remove("CARGO")
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    let rows = report.lines().filter_map(|line| line.strip_prefix("macro-stats ")).collect::<Vec<_>>();
    let mut sum = [0.0; 2];
    for derive in subject.derives {
        // A name that is too long for its column has a row to itself.
        let at = rows.iter().position(|row| row.starts_with(derive))?;
        let row = format!("{} {}", rows[at], rows.get(at + 1)?);
        let mut numbers = row.strip_prefix(derive)?.split_whitespace();
        let mut number = || numbers.next()?.replace('_', "").parse::<f64>().ok();
        let (_uses, lines, _, bytes) = (number()?, number()?, number()?, number()?);
        sum = [sum[0] + lines, sum[1] + bytes];
    }
    Some(sum)
}
