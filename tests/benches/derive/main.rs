//! Measures the compile-time cost of the derive, next to `serde_derive` and `bon`, on one machine in one run:
//! `cargo bench -p tests --bench derive`. With `-- --write`, it also writes `session-runtime/docs/cost.md`.
//!
//! The compiler counts the emitted code (`-Zmacro-stats`, which needs a nightly), so that figure is exact. Times are processor
//! time, user and system: the median of rounds in which all subjects take turns.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod emitted;
mod subject;
mod time;

use std::{env, fmt::Write as _, fs, path::Path};

use subject::{FIELDS, STRUCTS, Subject};

/// Our budget: lines and bytes per field, lines per struct, milliseconds per field, seconds for the crate itself.
const BARS: [f64; 5] = [28.0, 1200.0, 90.0, 0.6, 1.0];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("derive-cost");
    let subjects = Subject::all(&folder);
    let mut page = String::from(PREFACE);
    match emitted::table(&subjects) {
        Some(table) => page.push_str(&table),
        None => println!("SKIPPED what is emitted: there is no nightly compiler"),
    }
    page.push_str(&time::checks(&subjects));
    page.push_str(&time::builds(&subjects));
    let _ = write!(
        page,
        "\nOur own budget is {} lines and {} bytes a field, {} lines a struct, {} ms a field, {} s for the crate. Where a figure \
         above is larger, the budget is missed.\n",
        BARS[0], BARS[1], BARS[2], BARS[3], BARS[4]
    );
    println!("{page}");
    if arguments.iter().any(|argument| argument == "--write") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../session-runtime/docs/cost.md");
        fs::write(path, page).unwrap();
    }
}

const PREFACE: &str = "\
Compile-time cost of the derive, next to `serde_derive` and `bon`. One command measures all of them on one machine in one run,
and writes this page:

```console
$ cargo bench -p tests --bench derive -- --write
```

";

/// Formats a number for a table.
fn figure(number: f64) -> String {
    match number {
        _ if number >= 100.0 => format!("{number:.0}"),
        _ if number >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

const fn fields() -> f64 {
    (STRUCTS * FIELDS) as f64
}
