//! Finds programs that a test needs and that a machine may lack. Such a test is skipped with a message; with `CI=true` it fails.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write as _},
    path::PathBuf,
    thread,
};

/// Returns the path of `program`. Reports a missing program and returns `None`.
pub fn program(program: &str) -> Option<PathBuf> {
    let found = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .chain(["/usr/sbin".into(), "/usr/local/bin".into()])
        .chain(debians_postgres())
        .map(|folder| folder.join(program))
        .find(|path| path.is_file());
    if found.is_none() {
        skip(&format!("`{program}` is not installed"));
    }
    found
}

/// Returns the folders in which Debian installs PostgreSQL's server programs, one for each version.
fn debians_postgres() -> impl Iterator<Item = PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.map(|version| version.path().join("bin"))
}

/// Reports that the running test is skipped.
///
/// # Panics
/// Panics in CI, where no test may be skipped.
pub fn skip(reason: &str) {
    let line = format!("SKIPPED {}: {reason}\n", thread::current().name().unwrap_or("a test"));
    // Writes past the test harness, which hides the output of tests that pass.
    io::stderr().write_all(line.as_bytes()).unwrap();
    // `tests/run` collects the lines in this file.
    if let Some(file) = env::var_os("SKIPPED_TESTS") {
        OpenOptions::new().append(true).create(true).open(file).unwrap().write_all(line.as_bytes()).unwrap();
    }
    assert!(env::var("CI").as_deref() != Ok("true"), "in CI, no test may be skipped: {line}");
}
