//! Each attribute may appear once, even across several lists.

use session_runtime::Session;

#[derive(Session)]
#[session(idle = 30m, idle = 1h)]
#[session(cookie = "shop")]
#[session(cookie = "store")]
struct Shop {
    #[session(expires = 5m, expires = 6m, counter, counter)]
    visits: u64,
    #[session(alias = "a", alias = "b")]
    repeated: u64,
}

fn main() {}
