//! A view of who has just signed in, of a session in which nobody can.

use session_runtime::{Session, view};

#[derive(Session)]
struct Anonymous {
    theme: String,
}

#[view(Anonymous, fresh = 10m)]
struct Fresh {
    theme: String,
}

fn main() {}
