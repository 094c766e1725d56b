//! Policies on types that do not support them: visible in the spelling, or behind an alias.

use session_runtime::Session;

type Name = String;
type Notice = Option<String>;

#[derive(Session)]
struct Spelled {
    #[session(counter)]
    a: String,
    #[session(counter)]
    b: f64,
    #[session(counter)]
    c: Option<u64>,
    #[session(counter)]
    d: std::collections::HashMap<String, u64>,
    #[session(counter)]
    e: u128,
    #[session(flash)]
    f: String,
    #[session(flash)]
    g: (u8, u8),
    #[session(flash)]
    h: Notice,
    #[session(identity)]
    i: u64,
}

#[derive(Session)]
struct Aliased {
    #[session(counter)]
    hits: Name,
    visits: u64,
}

fn hit(mut session: Session<Aliased>) {
    session.visits_mut().set(session_visits());
    let _ = session.hits_mut();
}

fn session_visits() -> u64 {
    1
}

fn main() {}
