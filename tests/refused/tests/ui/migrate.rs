//! Invalid forms of `migrate`, which takes a function and the stored names of its arguments.

use session_runtime::Session;

#[derive(Session)]
struct Written {
    #[session(migrate = in_cents)]
    bare: u64,
    #[session(migrate = "in_cents")]
    quoted: u64,
    #[session(migrate = in_cents(price))]
    unquoted: u64,
    #[session(migrate = in_cents())]
    of_nothing: u64,
    #[session(migrate = sum("one", "two", "three", "four", "five"))]
    of_five: u64,
    #[session(migrate)]
    alone: u64,
}

#[derive(Session)]
struct Names {
    #[session(migrate = in_cents("price"))]
    price: u64,
    #[session(alias = "cost", migrate = in_cents("cost"))]
    amount: u64,
    #[session(migrate = in_cents("cost"))]
    sum: u64,
    #[session(migrate = in_cents("sum"))]
    total: u64,
    #[session(migrate = in_cents(""))]
    empty: u64,
}

#[derive(Session)]
struct Fields {
    #[session(identity, migrate = user("name"))]
    user_id: Option<u64>,
    #[session(skip, migrate = in_cents("price"))]
    scratch: u64,
}

fn in_cents(price: f64) -> u64 {
    (price * 100.0) as u64
}

fn user(_: String) -> Option<u64> {
    None
}

// The use of the sessions adds no errors.
fn handler(mut written: Session<Written>, names: Session<Names>) {
    *written.bare_mut() += 1;
    let _ = names.amount();
}

fn main() {}
