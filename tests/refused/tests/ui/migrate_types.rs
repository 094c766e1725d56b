//! `migrate`: a function that does not return the field's type, or does not take the stored type.

use session_runtime::Session;

#[derive(Session)]
struct Types {
    #[session(migrate = in_cents("price"))]
    text: String,
    #[session(migrate = in_cents("one", "two"))]
    of_two: u64,
    #[session(migrate = no_such_function("three"))]
    missing: u64,
    #[session(migrate = halves("four", "five"))]
    halves: u32,
}

fn in_cents(price: f64) -> u64 {
    (price * 100.0) as u64
}

fn halves(first: u32, second: u32) -> u32 {
    first + second
}

fn main() {}
