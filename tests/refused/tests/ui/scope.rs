//! Invalid names of a kind and of an application.

use session_runtime::Session;

#[derive(Session)]
#[session(kind = "", app = "")]
struct Empty {
    visits: u64,
}

#[derive(Session)]
#[session(
    kind = "the shop that remembers what visitors put into their carts, and much more",
    app = "shop\n",
)]
struct Unfit {
    visits: u64,
}

#[derive(Session)]
#[session(kind, app = shop)]
struct Unquoted {
    visits: u64,
}

#[derive(Session)]
#[session(application = "shop")]
struct Called {
    visits: u64,
}

fn main() {}
