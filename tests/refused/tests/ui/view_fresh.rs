//! A view that requires a recent sign-in, although its session has no identity.

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
