//! What a field that is not stored must be able to do all the same.

use session_runtime::Session;

struct NoDefault;

#[derive(Session)]
struct Shop {
    visits: u64,
    #[session(skip)]
    scratch: NoDefault,
}

fn main() {}
