//! Requirements for fields that are not stored.

use session_runtime::Session;

struct NoDefault;

#[derive(Session)]
struct Shop {
    visits: u64,
    #[session(skip)]
    scratch: NoDefault,
}

fn main() {}
