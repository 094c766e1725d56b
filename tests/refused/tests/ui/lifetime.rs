//! Lifetimes that contradict each other.

use session_runtime::Session;

#[derive(Session)]
#[session(idle = 2d, absolute = 12h, touch = 2d, remember = 1h, rotate_every = 12h)]
struct Shop {
    #[session(expires = 7d)]
    code: Option<String>,
    #[session(expires = 12h)]
    as_long: Option<String>,
    #[session(expires = 11h)]
    fine: Option<String>,
}

#[derive(Session)]
#[session(idle = 7d)]
struct Defaults {
    #[session(expires = 1d)]
    code: Option<String>,
}

#[derive(Session)]
#[session(remember = 30d)]
struct Remembered {
    #[session(expires = 7d)]
    fine: Option<String>,
    #[session(expires = 30d)]
    too_long: Option<String>,
}

// F14
#[derive(Session)]
#[session(rotate_every = 59s)]
struct Hasty {
    name: String,
}

#[derive(Session)]
#[session(rotate_every = 1m)]
struct Quick {
    name: String,
}

fn main() {}
