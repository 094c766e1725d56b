//! A field that is not stored still needs a default value.

use session_runtime::Session;

struct NoDefault;

#[derive(Session)]
struct Shop {
    visits: u64,
    #[session(skip)]
    scratch: NoDefault,
}

fn main() {}
