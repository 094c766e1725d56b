//! Where the instructions of a request go, from callgrind's file.

use std::collections::HashMap;

/// The parts of a request's work, in the order of the table.
pub const PARTS: [&str; 10] = [
    "the allocator",
    "copies and comparisons of bytes",
    "the framework and the runtime",
    "header maps and the request's extensions",
    "SHA-256, without its compression function",
    "`cookie` and `id`: finding, checking and making the cookie",
    "`web`: the layer and the response's headers",
    "`engine`, `record` and `value`: opening and committing",
    "`session`, `fields`, `view` and `schema`: the handle",
    "`store`: the memory store",
];

/// Instructions by part. The compression function of SHA-256 is in none.
pub type Parts = [f64; PARTS.len()];

/// Adds up what callgrind's file says about the functions themselves.
pub fn parts(costs: &str) -> Parts {
    let mut sums = [0.0; PARTS.len()];
    let (mut files, mut functions) = (Names::default(), Names::default());
    let (mut file, mut function, mut is_call) = (String::new(), String::new(), false);
    for line in costs.lines() {
        if let Some((kind, name)) = line.split_once('=') {
            match kind {
                "fl" | "fi" | "fe" => file = files.name(name),
                "fn" => function = functions.name(name),
                "cfl" | "cfi" => drop(files.name(name)),
                "cfn" => drop(functions.name(name)),
                // The next line is the cost of the callee.
                "calls" => is_call = true,
                _ => {}
            }
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<f64>().ok()).unwrap_or(0.0);
            if !is_call && !function.contains("compress") {
                sums[part(&file, &function)] += cost;
            }
            is_call = false;
        }
    }
    sums
}

/// The names in callgrind's file, which defines a name once, `(12) name`, and then refers to it as `(12)`.
#[derive(Default)]
struct Names(HashMap<String, String>);

impl Names {
    fn name(&mut self, text: &str) -> String {
        match text.split_once(' ') {
            Some((id, name)) => {
                self.0.insert(id.to_owned(), name.to_owned());
                name.to_owned()
            }
            None => self.0.get(text).cloned().unwrap_or_default(),
        }
    }
}

/// Returns the part that a line of code belongs to. The file says more than the function, into which others are inlined; only the
/// standard library's lines count for the function.
fn part(file: &str, function: &str) -> usize {
    let has = |text: &str, names: &[&str]| names.iter().any(|name| text.contains(name));
    if has(file, &["malloc.c", "arena.c"]) || has(function, &["__rdl_", "__rust_"]) {
        return 0;
    }
    if has(file, &["memmove", "memcpy", "memset", "memcmp"]) {
        return 1;
    }
    let own = file.split_once("/session-runtime/src/").map(|(_, path)| path.to_owned());
    let of_function = || {
        let (_, path) = function.split_once("session_runtime::")?;
        Some(path.to_owned())
    };
    let own = own.or_else(|| if file.contains("/library/") { of_function() } else { None });
    if let Some(own) = own {
        let module = own.split(['/', ':', '.']).next().unwrap_or_default();
        return match module {
            "cookie" | "id" | "keys" | "key" => 5,
            "web" => 6,
            "session" | "fields" | "view" | "schema" | "access" => 8,
            "store" => 9,
            _ => 7,
        };
    }
    let of = if file.contains("/library/") { function } else { file };
    if has(of, &["/http-1", "hashbrown", "http::header", "http::extensions"]) {
        3
    } else if has(of, &["/sha2-", "/digest-", "/hmac-", "/block-buffer-", "sha2::", "digest::", "hmac::"]) {
        4
    } else {
        2
    }
}
