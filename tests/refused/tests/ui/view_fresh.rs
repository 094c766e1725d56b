//! A view that requires a recent sign-in, of a session without an identity.

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
