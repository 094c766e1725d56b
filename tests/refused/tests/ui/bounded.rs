//! Sessions that must fit into a cookie: some are too large, others cannot be bounded.

use serde::{Deserialize, Serialize};
use session_runtime::Session;

#[derive(Session)]
#[session(bounded)]
struct Big {
    theme: bool,
    #[session(max_len = 700)]
    history: Vec<u64>,
    #[session(max_len = 200)]
    name: String,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Line {
    sku: String,
}

#[derive(Session)]
#[session(bounded)]
struct Unknown {
    line: Line,
    #[session(max_len = 5)]
    lines: Vec<Line>,
    keyed: std::collections::BTreeMap<String, u8>,
}

#[derive(Session)]
#[session(bounded)]
struct Unbounded {
    name: String,
    notes: Option<Vec<u8>>,
    #[session(with = hexadecimal)]
    colour: u32,
    #[session(max_len = 64)]
    visits: u64,
    #[session(max_len = 0)]
    nothing: String,
    #[session(max_len = "64")]
    text: String,
    #[session(skip, max_len = 5)]
    scratch: String,
    #[session(maxlen = 5)]
    short: String,
}

#[derive(Session)]
#[session(bound)]
struct Misspelt {
    #[session(bounded)]
    name: String,
}

fn main() {}
